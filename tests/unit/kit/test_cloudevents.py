"""Events on the wire: what is written is read back, and nothing makes the reader raise."""

from datetime import timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.bus import Record
from shared.kit.cloudevents import (
    RECORD_BYTES_MAX,
    HeardEvent,
    Heartbeat,
    Malformed,
    heartbeat_record,
    parse,
    to_record,
)
from tests.fixtures.wire import NOON, SERVICE, event_id, record, stored_event

STREAM = "wishes/request/1"


def changed(name: str, value: bytes | None) -> Record:
    made = record(STREAM, 2)
    headers = [(key, old) for key, old in made.headers if key != name]
    return Record(made.key, made.value, (*headers, (name, value)))


def without(name: str) -> Record:
    made = record(STREAM, 2)
    headers = tuple((key, value) for key, value in made.headers if key != name)
    return Record(made.key, made.value, headers)


def test_an_event_read_back_is_the_event_written() -> None:
    event = stored_event(
        STREAM,
        3,
        position=41,
        scope="社区",
        actor="resident-1",
        on_behalf_of="resident-2",
        channel="counter",
        grant_id="grant-1",
        command_id=UUID(int=5),
        causation_id=UUID(int=6),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        epoch=9,
        data='{"说明": "灯"}',
    )
    written = to_record(event, event_id(STREAM, 2), service=SERVICE, generation=4)
    heard = parse(written, service=SERVICE)
    assert isinstance(heard, HeardEvent)
    assert (heard.previous_id, heard.position, heard.epoch, heard.generation) == (
        event_id(STREAM, 2),
        41,
        9,
        4,
    )
    kept = set(heard.event.__struct_fields__) - {"source", "source_position"}
    assert {name: getattr(heard.event, name) for name in kept} == {
        name: getattr(event, name) for name in kept
    }
    assert (heard.event.source, heard.event.source_position) == (SERVICE, 41)


def test_the_record_is_a_cloudevent_in_binary_mode_keyed_by_its_stream() -> None:
    written = record(STREAM, 1)
    headers = dict(written.headers)
    assert written.key == STREAM.encode()
    assert headers["content-type"] == b"application/json"
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_source"] == b"/cogov/wishes"
    assert headers["ce_time"] == b"2026-05-04T12:00:00Z"
    assert "ce_previousid" not in headers
    assert all(value for value in headers.values())
    names = [name.removeprefix("ce_") for name in headers if name != "content-type"]
    assert all(name.isalnum() and name.islower() for name in names)


def test_a_heartbeat_read_back_is_the_one_written() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=8)))
    beat = Heartbeat(position=12, epoch=3, generation=2, time=east)
    assert parse(heartbeat_record(beat, service=SERVICE), service=SERVICE) == beat


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (Record(None, None, ()), "missing_attribute"),
        (Record(b"\xff", b"{}", ()), "missing_attribute"),
        (without("ce_subject"), "missing_attribute"),
        (without("ce_previousid"), "previous_id"),
        (without("content-type"), "not_json"),
        (changed("ce_specversion", b"0.3"), "not_cloudevents"),
        (changed("ce_source", b"/cogov/ledger"), "foreign_source"),
        (changed("ce_subject", b"ledger/account/1"), "foreign_stream"),
        (changed("ce_subject", b"wishes/request/2"), "key_differs"),
        (changed("ce_scope", None), "missing_attribute"),
        (changed("ce_type", b"\xc3\x28"), "bad_attribute"),
        (changed("ce_actor", b"a\x00b"), "bad_attribute"),
        (changed("ce_actor", b"a" * 1025), "bad_attribute"),
        (changed("ce_streamversion", b"0"), "bad_attribute"),
        (changed("ce_streamversion", b"1_0"), "bad_attribute"),
        (changed("ce_streamversion", "\uff12".encode()), "bad_attribute"),
        (changed("ce_position", b"9" * 5000), "bad_attribute"),
        (changed("ce_id", b"one"), "bad_attribute"),
        (changed("ce_time", b"2026-05-04T12:00:00"), "bad_attribute"),
        (changed("ce_time", b"0001-01-01T00:00:00+14:00"), "bad_attribute"),
        (changed("ce_at", b"noon"), "bad_attribute"),
        (changed("content-type", b"application/cloudevents+json"), "not_json"),
        (record(STREAM, 2, data="[1]"), "not_json"),
        (record(STREAM, 2, data='{"a": NaN}'), "not_json"),
        (record(STREAM, 2, data='{"a": "\\ud800"}'), "not_json"),
        (record(STREAM, 2, data='{"a":' + "[" * 5000 + "]" * 5000 + "}"), "not_json"),
        (record(STREAM, 2, data='{"a": ["\\u0000"]}'), "nul_in_text"),
        (record(STREAM, 2, data='{"\\u0000": 1}'), "nul_in_text"),
        (record(STREAM, 2, data='{"a": "' + "x" * RECORD_BYTES_MAX + '"}'), "too_large"),
    ],
)
def test_a_broken_record_is_named(broken: Record, code: str) -> None:
    read = parse(broken, service=SERVICE)
    assert isinstance(read, Malformed)
    assert read.code == code


def test_a_broken_record_belongs_to_the_stream_its_key_names() -> None:
    assert parse(without("ce_id"), service=SERVICE) == Malformed(
        "missing_attribute", "ce_id is missing", STREAM
    )
    foreign = Record(b"ledger/account/1", None, ())
    read = parse(foreign, service=SERVICE)
    assert isinstance(read, Malformed)
    assert read.stream is None


def test_a_repeated_attribute_is_refused() -> None:
    made = record(STREAM, 1)
    twice = Record(made.key, made.value, (*made.headers, ("ce_id", b"x")))
    read = parse(twice, service=SERVICE)
    assert isinstance(read, Malformed)
    assert read.code == "repeated_attribute"


def test_a_backslash_before_u0000_is_no_nul() -> None:
    heard = parse(record(STREAM, 2, data='{"a": "\\\\u0000"}'), service=SERVICE)
    assert isinstance(heard, HeardEvent)


ATTRIBUTES = [name for name, _ in record(STREAM, 2).headers]


@given(
    key=st.none() | st.binary(max_size=40) | st.just(STREAM.encode()),
    value=st.none() | st.binary(max_size=80) | st.just(b"{}"),
    changes=st.dictionaries(
        st.sampled_from(ATTRIBUTES) | st.text(max_size=8),
        st.none() | st.binary(max_size=40),
        max_size=6,
    ),
)
def test_no_record_makes_the_reader_raise(
    key: bytes | None, value: bytes | None, changes: dict[str, Any]
) -> None:
    headers = dict(record(STREAM, 2).headers) | changes
    read = parse(Record(key, value, tuple(headers.items())), service=SERVICE)
    assert isinstance(read, HeardEvent | Heartbeat | Malformed)
