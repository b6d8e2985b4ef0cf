"""What is wrong with a file as a whole; apart, so that the command line starts fast."""

from __future__ import annotations


class FileUnfitError(Exception):
    """The file as a whole cannot be read."""
