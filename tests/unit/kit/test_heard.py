"""The rules of hearing: a stream's versions follow one another, whatever Kafka delivers."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.bus import Record
from shared.kit.cloudevents import Heartbeat, heartbeat_record
from shared.kit.heard import (
    BEHIND,
    CONTENT_REFUSED,
    HeardBatch,
    HeardPart,
    Judged,
    Outcome,
    dead_letter,
    halves,
    judge,
    needed_versions,
    record_of,
    refused,
    stop_kind,
)
from shared.kit.ports import StreamHead
from tests.fixtures.wire import NOON, SERVICE, TOPIC, event_id, part_of, record

A, B = "wishes/request/a", "wishes/request/b"
OTHER = UUID(int=99)


def broken(stream: str) -> Record:
    return Record(stream.encode(), b"\x00", (("ce_id", b"\xff"), ("odd\0", None)))


def heads_of(**versions: int) -> dict[str, StreamHead]:
    streams = {"a": A, "b": B}
    return {
        streams[name]: StreamHead(version, event_id(streams[name], version), "c-1")
        for name, version in versions.items()
    }


def hear(
    records: list[Record],
    heads: dict[str, StreamHead] | None = None,
    *,
    parked: frozenset[str] = frozenset(),
) -> Judged:
    batch = HeardBatch((part_of(records),), parked)
    known = heads or {}
    stored = {key: event_id(*key) for key in needed_versions(batch, known)}
    return judge(batch, known, stored)


def outcomes(judged: Judged) -> list[str]:
    return [outcome.value for outcome in judged.outcomes.values()]


@pytest.mark.parametrize(
    ("records", "heads", "parked", "expected", "stop"),
    [
        pytest.param([record(A, 1), record(A, 2)], {}, (), "appended appended", "", id="new"),
        pytest.param([record(A, 4)], heads_of(a=3), (), "appended", "", id="next"),
        pytest.param([record(A, 3)], heads_of(a=3), (), "known", "", id="the last again"),
        pytest.param(
            [record(A, 1), record(A, 2), record(A, 4)],
            heads_of(a=3),
            (),
            "known known appended",
            "",
            id="replayed from the start",
        ),
        pytest.param(
            [record(A, 1), record(A, 1)], {}, (), "appended known", "", id="twice in one batch"
        ),
        pytest.param(
            [record(A, 2, event_id=OTHER)], heads_of(a=3), (), "", "fork", id="another past"
        ),
        pytest.param(
            [record(A, 3, event_id=OTHER)], heads_of(a=3), (), "", "fork", id="another last"
        ),
        pytest.param(
            [record(A, 1), record(A, 1, event_id=OTHER), record(B, 1)],
            {},
            (),
            "appended",
            "fork",
            id="fork within a batch: what precedes it stays, the partition stands",
        ),
        pytest.param(
            [record(A, 4)],
            {A: StreamHead(3, OTHER, "c-1")},
            (),
            "",
            "fork",
            id="the next one follows another event",
        ),
        pytest.param([record(B, 1), record(A, 3)], heads_of(a=1), (), "appended", "gap", id="gap"),
        pytest.param([record(A, 2)], {}, (), "", "gap", id="a stream that does not start"),
        pytest.param(
            [broken(A), record(A, 2), record(B, 1)],
            heads_of(a=1),
            (),
            "parked appended appended",
            "",
            id="a dead letter claims no version",
        ),
        pytest.param(
            [broken(A), record(A, 3), record(A, 4), record(B, 1)],
            heads_of(a=1),
            (),
            "parked parked parked appended",
            "",
            id="behind a dead letter the stream is parked, others go on",
        ),
        pytest.param(
            [record(A, 4), record(B, 1)],
            heads_of(a=1),
            (A,),
            "parked appended",
            "",
            id="behind a dead letter of an earlier batch",
        ),
        pytest.param(
            [broken("ledger/x"), record(A, 3)],
            heads_of(a=1),
            (),
            "parked",
            "gap",
            id="a dead letter of an unknown stream explains no gap",
        ),
        pytest.param(
            [record(A, 2, scope="c-2"), record(A, 3)],
            heads_of(a=1),
            (),
            "parked parked",
            "",
            id="a stream keeps its scope",
        ),
        pytest.param(
            [record(A, 1, type="cogov.wishes.never_seen.v7")],
            {},
            (),
            "appended",
            "",
            id="unknown types are stored",
        ),
    ],
)
def test_each_record_has_its_outcome(
    records: list[Record],
    heads: dict[str, StreamHead],
    parked: tuple[str, ...],
    expected: str,
    stop: str,
) -> None:
    judged = hear(records, heads, parked=frozenset(parked))
    assert outcomes(judged) == expected.split()
    (offset,) = judged.offsets
    assert (offset.stopped or "").startswith(stop)
    assert bool(judged.stops) == bool(stop)
    assert offset.next == (len(expected.split()) if stop else len(records))


def test_the_offset_tells_how_far_the_source_was_heard() -> None:
    beat = Heartbeat(position=40, epoch=6, generation=3, time=NOON)
    judged = hear([record(A, 1, position=7, epoch=5), heartbeat_record(beat, service=SERVICE)])
    (offset,) = judged.offsets
    assert (offset.source_position, offset.source_epoch, offset.source_time) == (40, 6, NOON)
    assert (offset.generation, offset.expected, offset.next) == (3, None, 2)
    assert outcomes(judged) == ["appended", "heartbeat"]


def test_a_heard_event_keeps_everything_and_names_its_source() -> None:
    (event,) = hear([record(A, 1, position=7, actor="resident-1", grant_id="g")]).events
    assert (event.source, event.source_position, event.public) == (SERVICE, 7, True)
    assert (event.event_id, event.actor, event.grant_id) == (event_id(A, 1), "resident-1", "g")


def test_records_driven_again_move_no_offset() -> None:
    part = replace(part_of([record(A, 2)]), move=None)
    judged = judge(HeardBatch((part,)), heads_of(a=1), {})
    assert outcomes(judged) == ["appended"]
    assert judged.offsets == ()


def test_a_part_may_only_stop_its_partition() -> None:
    part = replace(part_of([]), stop="offset_lost")
    (offset,) = judge(HeardBatch((part,)), {}, {}).offsets
    assert (offset.stopped, offset.next) == ("offset_lost", 0)


def test_a_dead_letter_keeps_the_record_bytes_and_all() -> None:
    part = part_of([broken(A)])
    (letter,) = judge(HeardBatch((part,)), {}, {}).dead_letters
    assert (letter.stream, letter.code) == (A, "missing_attribute")
    back = record_of(letter)
    assert (back.key, back.value, back.offset) == (A.encode(), b"\x00", 0)
    assert back.headers == (("ce_id", b"\xff"), ("odd\ufffd", None))
    assert "\0" not in letter.headers


def test_halves_meet_and_the_refused_record_becomes_a_dead_letter() -> None:
    part = part_of([record(A, 1), record(A, 2), record(A, 3)], start=10, first=False)
    first, second = halves(part)
    assert first.move is not None
    assert second.move is not None
    assert (first.move.expected, first.move.next) == (10, 11)
    assert (second.move.expected, second.move.next) == (11, 13)
    assert first.items + second.items == part.items

    (letter,) = judge(HeardBatch((refused(first, "22P05"),)), {}, {}).dead_letters
    assert (letter.code, letter.reason, letter.stream) == (CONTENT_REFUSED, "22P05", A)


STREAMS = [f"wishes/request/{number}" for number in range(4)]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[tuple[str, int]], list[list[tuple[str, int]]]]:
    """Draw a source's log, and batches in which Kafka delivers it, prefixes again and again."""
    versions = dict.fromkeys(STREAMS, 0)
    log: list[tuple[str, int]] = []
    for stream in draw(st.lists(st.sampled_from(STREAMS), max_size=25)):
        versions[stream] += 1
        log.append((stream, versions[stream]))
    wire: list[tuple[str, int]] = []
    sent = 0
    while sent < len(log):
        back = draw(st.integers(0, sent))
        end = draw(st.integers(sent + 1, len(log)))
        wire.extend(log[back:end])
        sent = end
    batches: list[list[tuple[str, int]]] = []
    while wire:
        size = draw(st.integers(1, len(wire)))
        batches.append(wire[:size])
        wire = wire[size:]
    return log, batches


@given(deliveries())
def test_whatever_is_sent_again_the_log_is_the_same(
    case: tuple[list[tuple[str, int]], list[list[tuple[str, int]]]],
) -> None:
    log, batches = case
    heads: dict[str, StreamHead] = {}
    ids: dict[tuple[str, int], UUID] = {}
    heard: list[tuple[str, int]] = []
    offset = 0
    for batch in batches:
        part = part_of([record(*each) for each in batch], start=offset, first=offset == 0)
        offset += len(batch)
        asked = HeardBatch((part,))
        judged = judge(asked, heads, {key: ids[key] for key in needed_versions(asked, heads)})
        assert judged.stops == ()
        for event in judged.events:
            assert event.version == heads.get(event.stream, StreamHead()).version + 1
            heads[event.stream] = StreamHead(event.version, event.event_id, event.scope)
            ids[event.stream, event.version] = event.event_id
            heard.append((event.stream, event.version))
        assert judged.offsets[0].next == offset
    assert heard == log


@given(
    st.lists(
        st.tuples(st.sampled_from(STREAMS), st.integers(1, 5), st.booleans(), st.booleans()),
        max_size=30,
    )
)
def test_whatever_arrives_every_stream_is_one_to_n(
    wire: list[tuple[str, int, bool, bool]],
) -> None:
    records: list[Record] = []
    for stream, version, bad, other in wire:
        each = event_id(stream, version) if not other else OTHER
        records.append(broken(stream) if bad else record(stream, version, event_id=each))
    judged = hear(records)
    versions: dict[str, int] = {}
    for event in judged.events:
        assert event.version == versions.get(event.stream, 0) + 1
        versions[event.stream] = event.version
    (offset,) = judged.offsets
    assert offset.next == len(judged.outcomes)
    assert (offset.stopped is None) == (offset.next == len(records))
    parked = [item for item in judged.outcomes.values() if item is Outcome.PARKED]
    assert len(parked) == len(judged.dead_letters)
    assert all(letter.code == BEHIND or letter.value == b"\x00" for letter in judged.dead_letters)


def test_a_letter_of_a_part_names_its_place() -> None:
    part = HeardPart(TOPIC, 5, part_of([broken(A)], start=8).items, None)
    item = part.items[0]
    assert not hasattr(item.what, "event")
    letter = dead_letter(part, item, item.what)  # pyright: ignore[reportArgumentType]
    assert (letter.topic, letter.part, letter.record_offset) == (TOPIC, 5, 8)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("", ""),
        ("fork: garden/bed/1 version 2 is another", "fork"),
        ("gap: garden/bed/1 version 3 follows version 1", "gap"),
        ("offset_lost: expected 5, the first there is is 9", "range"),
        ("offset_gap: expected 5, got 7", "range"),
        ("unreadable: the client cannot decode offset 3", "content"),
        ("content_refused: 22P05", "content"),
    ],
)
def test_a_stop_s_reason_has_a_kind_to_be_counted_by(reason: str, kind: str) -> None:
    assert stop_kind(reason) == kind
