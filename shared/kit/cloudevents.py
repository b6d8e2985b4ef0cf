"""Events on the wire: CloudEvents 1.0, Kafka binding, binary mode, JSON value.

`to_record` writes what the log holds; `parse` is total: it gives an event, a heartbeat, or says why
the record is neither, and never raises. Attributes beside those of CloudEvents are extensions
(lower-case, no separators); an attribute that would be empty is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from shared.contracts.envelope import PREFIX, source_of
from shared.kit.bus import Record
from shared.kit.ports import NewEvent, Stored

HEARTBEAT_TYPE: Final = f"{PREFIX}.kit.heartbeat.v1"
HEARTBEAT_KEY: Final = b"heartbeat"
RECORD_BYTES_MAX: Final = 1024 * 1024

_ATTRIBUTE_BYTES_MAX: Final = 1024  # a stream's name must fit an index row
_CONTENT_TYPE: Final = "application/json"
_INT16_MAX: Final = 2**15 - 1
_INT32_MAX: Final = 2**31 - 1
_INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class HeardEvent:
    """An event of another service, as it will be stored, and its place in that service's log.

    `previous_id` is the event before it in its stream; null for the stream's first.
    """

    event: NewEvent
    previous_id: UUID | None
    position: int
    epoch: int
    generation: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Everything of the source up to `position` precedes this record; `time` is its database's."""

    position: int
    epoch: int
    generation: int
    time: datetime


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that is no event; `stream` is the one it belongs to, where the key says so."""

    code: str
    reason: str
    stream: str | None


Parsed = HeardEvent | Heartbeat | Malformed


def to_record(event: Stored, previous_id: UUID | None, *, service: str, generation: int) -> Record:
    """Write an event of our own as a record whose key is its stream."""
    attributes = {
        "id": str(event.event_id),
        "type": event.type,
        "time": _text_of(event.occurred_at),
        "subject": event.stream,
        "scope": event.scope,
        "streamversion": str(event.version),
        "position": str(event.position),
        "previousid": _id_text(previous_id),
        "epoch": str(event.epoch),
        "generation": str(generation),
        "at": _text_of(event.at),
        "actor": event.actor,
        "onbehalfof": event.on_behalf_of,
        "channel": event.channel,
        "grantid": event.grant_id,
        "commandid": _id_text(event.command_id),
        "correlationid": str(event.correlation_id),
        "causationid": _id_text(event.causation_id),
        "traceparent": event.traceparent,
        "hops": str(event.hops) if event.hops else "",
    }
    return Record(
        key=event.stream.encode(),
        value=event.data.encode(),
        headers=_headers(service, attributes),
    )


def heartbeat_record(beat: Heartbeat, *, service: str) -> Record:
    """Write a heartbeat: a CloudEvent too, so that no consumer of the topic stumbles over it."""
    attributes = {
        "id": f"heartbeat-{beat.epoch}-{beat.position}-{_text_of(beat.time)}",
        "type": HEARTBEAT_TYPE,
        "time": _text_of(beat.time),
        "position": str(beat.position),
        "epoch": str(beat.epoch),
        "generation": str(beat.generation),
    }
    return Record(key=HEARTBEAT_KEY, value=b"{}", headers=_headers(service, attributes))


def parse(record: Record, *, service: str) -> Parsed:
    """Read a record of that service's topic; never raise.

    An event must name its source and one of that service's streams, so no topic can write into
    another service's streams or into ours.
    """
    try:
        return _parse(record, service)
    except _BrokenError as broken:
        return Malformed(broken.code, broken.reason, _stream_of(record, service))


class _BrokenError(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def _parse(record: Record, service: str) -> HeardEvent | Heartbeat:
    attributes = _Attributes(record.headers)
    if attributes.text("specversion") != "1.0":
        raise _BrokenError("not_cloudevents", "ce_specversion is not 1.0")
    if attributes.text("source") != source_of(service):
        raise _BrokenError("foreign_source", f"ce_source is not {source_of(service)}")
    if attributes.text("type") == HEARTBEAT_TYPE:
        return Heartbeat(
            position=attributes.integer("position", 0, _INT64_MAX),
            epoch=attributes.integer("epoch", 0, _INT64_MAX),
            generation=attributes.integer("generation", 1, _INT32_MAX),
            time=attributes.time("time"),
        )
    return _event(record, attributes, service)


def _event(record: Record, attributes: _Attributes, service: str) -> HeardEvent:
    stream = attributes.text("subject")
    if not stream.startswith(f"{service}/"):
        raise _BrokenError("foreign_stream", f"ce_subject is no stream of {service}")
    if record.key != stream.encode():
        raise _BrokenError("key_differs", "the key is not the stream")
    version = attributes.integer("streamversion", 1, _INT32_MAX)
    previous_id = attributes.maybe_uuid("previousid")
    if (previous_id is None) != (version == 1):
        raise _BrokenError("previous_id", "ce_previousid must be there from version 2 on, only")
    position = attributes.integer("position", 1, _INT64_MAX)
    event = NewEvent(
        stream=stream,
        version=version,
        event_id=attributes.uuid("id"),
        type=attributes.text("type"),
        scope=attributes.text("scope"),
        occurred_at=attributes.time("time"),
        at=attributes.time("at"),
        correlation_id=attributes.uuid("correlationid"),
        data=_json_object(record.value, attributes.content_type),
        public=True,
        actor=attributes.maybe_text("actor"),
        on_behalf_of=attributes.maybe_text("onbehalfof"),
        channel=attributes.maybe_text("channel"),
        grant_id=attributes.maybe_text("grantid"),
        command_id=attributes.maybe_uuid("commandid"),
        causation_id=attributes.maybe_uuid("causationid"),
        traceparent=attributes.maybe_text("traceparent"),
        hops=attributes.integer("hops", 1, _INT16_MAX) if attributes.maybe_text("hops") else 0,
        source=service,
        source_position=position,
    )
    return HeardEvent(
        event=event,
        previous_id=previous_id,
        position=position,
        epoch=attributes.integer("epoch", 0, _INT64_MAX),
        generation=attributes.integer("generation", 1, _INT32_MAX),
    )


class _Attributes:
    """The CloudEvents attributes of a record; each accessor says what is wrong by raising."""

    def __init__(self, headers: Sequence[tuple[str, bytes | None]]) -> None:
        self._raw: dict[str, bytes | None] = {}
        for name, value in headers:
            if (name.startswith("ce_") or name == "content-type") and name in self._raw:
                raise _BrokenError("repeated_attribute", "a header appears twice")
            self._raw[name] = value

    @property
    def content_type(self) -> str:
        return self._text("content-type")

    def text(self, name: str) -> str:
        value = self.maybe_text(name)
        if not value:
            raise _BrokenError("missing_attribute", f"ce_{name} is missing")
        return value

    def maybe_text(self, name: str) -> str:
        return self._text(f"ce_{name}")

    def integer(self, name: str, low: int, high: int) -> int:
        value = self.text(name)
        if not (value.isascii() and value.isdigit() and len(value) <= len(str(high))):
            raise _BrokenError("bad_attribute", f"ce_{name} is no whole number")
        if not low <= int(value) <= high:
            raise _BrokenError("bad_attribute", f"ce_{name} is not within {low}..{high}")
        return int(value)

    def uuid(self, name: str) -> UUID:
        try:
            return UUID(self.text(name))
        except ValueError:
            raise _BrokenError("bad_attribute", f"ce_{name} is no UUID") from None

    def maybe_uuid(self, name: str) -> UUID | None:
        return self.uuid(name) if self.maybe_text(name) else None

    def time(self, name: str) -> datetime:
        try:
            value = datetime.fromisoformat(self.text(name))
            if value.tzinfo is not None:
                return value.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise _BrokenError("bad_attribute", f"ce_{name} is no time with a zone")

    def _text(self, header: str) -> str:
        raw = self._raw.get(header)
        if raw is None:
            return ""
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            raise _BrokenError("bad_attribute", f"{header} is not UTF-8") from None
        if len(raw) > _ATTRIBUTE_BYTES_MAX or "\0" in value:
            raise _BrokenError("bad_attribute", f"{header} is too long or holds NUL")
        return value


def _json_object(value: bytes | None, content_type: str) -> str:
    """Give the value as JSON text that the log can store."""
    if content_type.partition(";")[0].strip().lower() != _CONTENT_TYPE:
        raise _BrokenError("not_json", "the content type is not application/json")
    if value is None:
        raise _BrokenError("no_value", "the record has no value")
    if len(value) > RECORD_BYTES_MAX:
        raise _BrokenError("too_large", f"the value is larger than {RECORD_BYTES_MAX} bytes")
    try:
        parsed: Any = msgspec.json.decode(value)
        text = value.decode()
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _BrokenError("not_json", "the value is no JSON that can be stored") from None
    if not isinstance(parsed, dict):
        raise _BrokenError("not_json", "the value is no JSON object")
    if "\\u0000" in text and _holds_nul(parsed):
        raise _BrokenError("nul_in_text", "a text in the value holds NUL")
    return text


def _holds_nul(value: object) -> bool:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text if "\0" in text:
                return True
            case dict() as mapping:
                waiting.extend(cast("dict[object, object]", mapping).keys())
                waiting.extend(cast("dict[object, object]", mapping).values())
            case list() as items:
                waiting.extend(cast("list[object]", items))
            case _:
                pass
    return False


def _stream_of(record: Record, service: str) -> str | None:
    """Give the stream a broken record's key names, if it can be one of that service."""
    key = record.key or b""
    try:
        stream = key.decode()
    except UnicodeDecodeError:
        return None
    fits = stream.startswith(f"{service}/") and len(key) <= _ATTRIBUTE_BYTES_MAX
    return stream if fits and "\0" not in stream else None


def _headers(service: str, attributes: dict[str, str]) -> tuple[tuple[str, bytes], ...]:
    return (
        ("content-type", _CONTENT_TYPE.encode()),
        ("ce_specversion", b"1.0"),
        ("ce_source", source_of(service).encode()),
        *((f"ce_{name}", text.encode()) for name, text in attributes.items() if text),
    )


def _text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _id_text(value: UUID | None) -> str:
    return "" if value is None else str(value)
