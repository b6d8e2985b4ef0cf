"""Words that several features of wishes use: the name of no category, and the form of a unit."""

from __future__ import annotations

UNCATEGORISED = "uncategorised"
UNIT_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
