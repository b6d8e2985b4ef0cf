"""Which files are taken: few types, and each must be what its first bytes say."""

from __future__ import annotations

from typing import Final

import puremagic

from shared.decider import RefusalKind, Refused

# Nothing that a browser runs; each with the ending that a download's name gets.
MEDIA_TYPES: Final = {
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
}


class AttachmentEmpty(Refused):
    """The file is empty."""

    kind = RefusalKind.INVALID


class MediaTypeRefused(Refused):
    """Files of this type are not taken."""

    kind = RefusalKind.INVALID


class MediaTypeDiffers(Refused):
    """The file is not of the type that it is said to be."""

    kind = RefusalKind.INVALID


def check_media_type(content: bytes, declared: str) -> None:
    """Refuse what is empty, of no accepted type, or of another one than declared."""
    if declared not in MEDIA_TYPES:
        raise MediaTypeRefused(accepted=", ".join(MEDIA_TYPES))
    if not content:
        raise AttachmentEmpty
    try:
        found = puremagic.magic_string(content)
    except (puremagic.PureError, ValueError):
        raise MediaTypeDiffers from None
    # The surest comes first; a file may begin as one thing and hold another further on.
    best = found[0].confidence if found else 0
    if declared not in {one.mime_type for one in found if one.confidence == best}:
        raise MediaTypeDiffers
