"""Opaque tokens that name a place in a service's log, so that a caller can read its own writes."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from shared.decider import Refused

_PREFIX: Final = "p1."
_TOKEN_CHARS_MAX: Final = 600
_NUMBER_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log of `service`, as a reader of one scope sees it."""

    service: str
    epoch: int
    position: int
    scope: str


class PositionInvalidError(ValueError):
    """The text is no position token."""


class TokenVoid(Refused):
    """This position lies beyond what the service's log was restored to."""


def format_token(position: Position) -> str:
    """Write a token; opaque to clients."""
    text = f"{position.service}:{position.epoch}:{position.position}:{position.scope}"
    return _PREFIX + urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def parse_token(token: str) -> Position:
    """Read a token; raise PositionInvalidError for anything `format_token` did not write."""
    encoded = token.removeprefix(_PREFIX)
    if encoded == token or len(token) > _TOKEN_CHARS_MAX:
        raise PositionInvalidError
    try:
        text = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        service, epoch, position, scope = text.split(":", 3)
        found = Position(service, _number(epoch), _number(position), scope)
    except (ValueError, binascii.Error):
        raise PositionInvalidError from None
    if "\0" in text or not service or not scope or format_token(found) != token:
        raise PositionInvalidError
    return found


def _number(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _NUMBER_MAX:
        raise PositionInvalidError
    return number
