"""Messages of residents as NDJSON: every line is read by itself, a broken one spoils no other.

A line is one JSON object with exactly the fields of `Message`. Nothing is guessed or repaired:
what does not fit is reported with its line number and the reason, in words without its content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec

_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_When = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLimits:
    """What a line may hold at most; the texts' limits are those of the API."""

    line_bytes_max: int = 256 * 1024
    lines_max: int = 1_000_000
    user_chars_max: int = 64
    area_chars_max: int = 64
    subject_chars_max: int = 200
    text_chars_max: int = 20_000


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a resident wrote, and the answer where there is one; `replied_at` may be unknown."""

    id: str
    user: str
    area: str | None
    subject: str
    submitted_at: _When
    text: str
    reply: str | None
    replied_at: _When | None


@dataclass(frozen=True, slots=True)
class Line:
    """A message and the number of its line, from 1."""

    number: int
    message: Message


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that is not imported, or not to its end, and why."""

    number: int
    reason: str


class _BrokenError(Exception):
    """The line cannot be a message."""


_DECODER: Final = msgspec.json.Decoder(Message)


def read_messages(
    path: Path, limits: MessageLimits, *, now: datetime
) -> Iterator[Line | BrokenLine]:
    """Read a file line by line, in its order; empty lines are passed over. Raises OSError."""
    seen: dict[str, int] = {}
    with path.open("rb") as file:
        for number in range(1, limits.lines_max + 1):
            raw = file.readline(limits.line_bytes_max + 1)
            if not raw:
                return
            if len(raw) > limits.line_bytes_max and not raw.endswith(b"\n"):
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(limits.line_bytes_max)
                yield BrokenLine(number, f"longer than {limits.line_bytes_max} bytes")
            elif raw.strip():
                yield _read_line(number, raw, seen, limits, now)
        if file.read(1):
            yield BrokenLine(limits.lines_max + 1, f"more than {limits.lines_max} lines")


def _read_line(
    number: int, raw: bytes, seen: dict[str, int], limits: MessageLimits, now: datetime
) -> Line | BrokenLine:
    try:
        message = _parse(raw)
        _check_texts(message, limits)
        _check_times(message, now)
    except _BrokenError as error:
        return BrokenLine(number, str(error))
    first = seen.setdefault(message.id, number)
    if first != number:
        return BrokenLine(number, f"duplicate id: line {first} has it already")
    return Line(number, message)


def _parse(raw: bytes) -> Message:
    try:
        return _DECODER.decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise _BrokenError(_plain(str(error))) from None
    except (UnicodeDecodeError, RecursionError):
        raise _BrokenError("not JSON in UTF-8") from None


def _plain(text: str) -> str:
    return text.replace("`", "").replace(" - at $.", " in ")


def _check_texts(message: Message, limits: MessageLimits) -> None:
    if _ID.fullmatch(message.id) is None:
        raise _BrokenError("id is not 1 to 64 letters, digits, dots, dashes or underscores")
    texts = {
        "user": (message.user, limits.user_chars_max),
        "area": (message.area, limits.area_chars_max),
        "subject": (message.subject, limits.subject_chars_max),
        "text": (message.text, limits.text_chars_max),
        "reply": (message.reply, limits.text_chars_max),
    }
    for name, (text, chars_max) in texts.items():
        if text is None:
            continue
        if not text.strip():
            raise _BrokenError(f"{name} is empty")
        if len(text) > chars_max:
            raise _BrokenError(f"{name} is longer than {chars_max} characters")
        if "\0" in text:
            raise _BrokenError(f"{name} holds a NUL character")


def _check_times(message: Message, now: datetime) -> None:
    replied_at = message.replied_at
    if message.submitted_at > now:
        raise _BrokenError("submitted_at is in the future")
    if replied_at is None:
        return
    if message.reply is None:
        raise _BrokenError("replied_at is given, but no reply")
    if replied_at > now:
        raise _BrokenError("replied_at is in the future")
    if replied_at < message.submitted_at:
        raise _BrokenError("replied_at is before submitted_at")
