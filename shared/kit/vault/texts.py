"""What a personal text may be."""

from __future__ import annotations

import unicodedata
from typing import Final

from shared.decider import RefusalKind, Refused

TEXT_CHARS_MAX: Final = 20_000


class TextEmpty(Refused):
    """A text is empty."""

    kind = RefusalKind.INVALID


class TextTooLong(Refused):
    """A text is longer than 20 000 characters."""

    kind = RefusalKind.INVALID


class TextHasNul(Refused):
    """A text holds the character U+0000, which cannot be stored."""

    kind = RefusalKind.INVALID


class TextNotUnicode(Refused):
    """A text holds half of a character (a lone surrogate)."""

    kind = RefusalKind.INVALID


def checked(field: str, text: str) -> bytes:
    """Give the text in Unicode's normal form C, as UTF-8; raise a refusal that names the field."""
    normal = unicodedata.normalize("NFC", text) if len(text) <= 2 * TEXT_CHARS_MAX else text
    if not normal:
        raise TextEmpty(field=field)
    if len(normal) > TEXT_CHARS_MAX:
        raise TextTooLong(field=field, chars_max=TEXT_CHARS_MAX)
    if "\0" in normal:
        raise TextHasNul(field=field)
    try:
        return normal.encode()
    except UnicodeEncodeError:
        raise TextNotUnicode(field=field) from None
