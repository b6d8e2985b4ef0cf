"""The rules of hearing (R3), pure: what becomes of each record that another service sent.

In each stream, versions follow one another and each event names the one before it. So a record is
the next event, one that is known, a fork of history, or behind a gap:

- next, and it names our last event: appended, whatever its type (R2);
- known version, same id: dropped; another id, or a next one that names another past: a **fork**,
  which stops the partition;
- behind a gap: stops the partition, unless a dead letter of that stream came before it; then it is
  parked behind that one, and other streams go on;
- no event at all: a dead letter; it claims no version, so a stream that continues goes on.

A partition that stops keeps everything before the record it stopped at, and stays at that record.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from uuid import UUID

from shared.kit.acts import Act, Place
from shared.kit.bus import Record
from shared.kit.cloudevents import HeardEvent, Heartbeat, Malformed, Parsed
from shared.kit.ports import DeadLetter, NewEvent, Offset, StreamHead

BEHIND = "behind_dead_letter"
CONTENT_REFUSED = "content_refused"


@dataclass(frozen=True, slots=True)
class Item:
    """A record at its offset, and what it was read as."""

    offset: int
    record: Record
    what: Parsed


@dataclass(frozen=True, slots=True)
class Move:
    """The place a partition goes to; `expected` null: it was never heard before."""

    generation: int
    expected: int | None
    next: int


@dataclass(frozen=True, slots=True)
class HeardPart:
    """Records of one partition, in order.

    `move` null: they were heard before and the place stays (dead letters driven again). `stop`:
    the partition stands still after these, for that reason.
    """

    topic: str
    part: int
    items: tuple[Item, ...]
    move: Move | None
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class HeardBatch:
    """What goes to the writer at once; `parked` are the streams that have open dead letters.

    `act` null: nobody asked for it, it came.
    """

    parts: tuple[HeardPart, ...]
    parked: frozenset[str] = frozenset()
    act: Act | None = None

    @property
    def streams(self) -> tuple[str, ...]:
        """Name every stream whose head decides about a record or an act, once each."""
        streams = dict.fromkeys(event.event.stream for event in _events(self))
        if self.act is not None:
            streams[self.act.stream] = None
        return tuple(streams)


class Outcome(Enum):
    """What became of a record."""

    APPENDED = "appended"
    KNOWN = "known"
    PARKED = "parked"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Stop:
    """A partition that has to stand still, and why."""

    topic: str
    part: int
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What to append for a batch; `outcomes` are those of the records before any stop."""

    events: tuple[NewEvent, ...]
    dead_letters: tuple[DeadLetter, ...]
    offsets: tuple[Offset, ...]
    outcomes: Mapping[Place, Outcome]
    stops: tuple[Stop, ...]

    @property
    def stored(self) -> frozenset[Place]:
        """Name the records that are in the log now, or need not be."""
        return frozenset(
            place for place, outcome in self.outcomes.items() if outcome is not Outcome.PARKED
        )


class Fate(Enum):
    """How the writer answered."""

    STORED = "stored"
    MOVED = "moved"
    CLOSED = "closed"
    CONTENT_REFUSED = "content_refused"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class HeardResult:
    """The writer's answer to a batch; unless it is `STORED`, nothing is known to be written."""

    fate: Fate
    judged: Judged | None = None
    reason: str = ""

    @classmethod
    def stored(cls, judged: Judged) -> HeardResult:
        """Say that all of it is in the log."""
        return cls(Fate.STORED, judged)

    @classmethod
    def moved(cls, partitions: tuple[str, ...]) -> HeardResult:
        """Say that the stored offsets are not the expected ones."""
        return cls(Fate.MOVED, reason=", ".join(partitions))

    @classmethod
    def closed(cls) -> HeardResult:
        """Say that what the act would settle is not open."""
        return cls(Fate.CLOSED)

    @classmethod
    def content_refused(cls, reason: str) -> HeardResult:
        """Say that the log cannot store some record of it."""
        return cls(Fate.CONTENT_REFUSED, reason=reason)

    @classmethod
    def unavailable(cls) -> HeardResult:
        """Say that it could not be taken now."""
        return cls(Fate.UNAVAILABLE)


def needed_versions(batch: HeardBatch, heads: Mapping[str, StreamHead]) -> list[tuple[str, int]]:
    """Name the (stream, version) whose stored ids `judge` must compare: versions known already.

    The last event's id is in the head, so only replays of older ones cost a look-up.
    """
    wanted = {
        (heard.event.stream, heard.event.version): None
        for heard in _events(batch)
        if heard.event.version < heads.get(heard.event.stream, _NO_STREAM).version
    }
    return list(wanted)


def judge(
    batch: HeardBatch,
    heads: Mapping[str, StreamHead],
    stored: Mapping[tuple[str, int], UUID],
) -> Judged:
    """Decide about every record; streams missing from `heads` do not exist."""
    # A head moves on within the batch; the id it had stays known.
    last_ids = {
        (stream, head.version): head.last_event_id
        for stream, head in heads.items()
        if head.last_event_id is not None
    }
    bench = _Bench(dict(heads), {**stored, **last_ids}, set(batch.parked))
    for part in batch.parts:
        bench.take(part)
    return Judged(
        events=tuple(bench.events),
        dead_letters=tuple(bench.dead_letters),
        offsets=tuple(bench.offsets),
        outcomes=bench.outcomes,
        stops=tuple(bench.stops),
    )


def dead_letter(part: HeardPart, item: Item, why: Malformed) -> DeadLetter:
    """Keep a record bytes and all."""
    # A header's name may hold what jsonb refuses; the value is safe in base64.
    headers = [
        [name.replace("\0", "\ufffd"), None if value is None else b64encode(value).decode()]
        for name, value in item.record.headers
    ]
    return DeadLetter(
        topic=part.topic,
        part=part.part,
        record_offset=item.offset,
        record_key=item.record.key,
        headers=json.dumps(headers),
        value=item.record.value,
        stream=why.stream,
        code=why.code,
        reason=why.reason,
    )


def record_of(letter: DeadLetter) -> Record:
    """Give the record back that a dead letter kept."""
    headers: list[tuple[str, str | None]] = json.loads(letter.headers)
    return Record(
        key=letter.record_key,
        value=letter.value,
        headers=tuple((name, None if text is None else b64decode(text)) for name, text in headers),
        offset=letter.record_offset,
    )


def halves(part: HeardPart) -> tuple[HeardPart, HeardPart]:
    """Split a part of two records or more, to find the one whose content the log refuses."""
    middle = len(part.items) // 2
    first, second = part.items[:middle], part.items[middle:]
    if part.move is None:
        return replace(part, items=first, stop=None), replace(part, items=second)
    at = second[0].offset
    return (
        replace(part, items=first, stop=None, move=replace(part.move, next=at)),
        replace(part, items=second, move=replace(part.move, expected=at)),
    )


def refused(part: HeardPart, reason: str) -> HeardPart:
    """Make a dead letter of the one record of a part, whose content the log refused."""
    (item,) = part.items
    stream = item.what.event.stream if isinstance(item.what, HeardEvent) else None
    malformed = Malformed(CONTENT_REFUSED, reason.replace("\0", ""), stream)
    return replace(part, items=(replace(item, what=malformed),))


def stop_kind(reason: str) -> str:
    """Name the kind of a partition's stop: fork, gap, range, content; empty: it runs."""
    code = reason.partition(":")[0]
    return {"offset_lost": "range", "offset_gap": "range"}.get(
        code, code if code in {"", "fork", "gap"} else "content"
    )


_NO_STREAM = StreamHead()


def _events(batch: HeardBatch) -> list[HeardEvent]:
    return [
        item.what
        for part in batch.parts
        for item in part.items
        if isinstance(item.what, HeardEvent)
    ]


@dataclass(slots=True)
class _Reached:
    """How far a partition got, by its records' own words."""

    generation: int
    position: int = 0
    epoch: int = 0
    time: datetime | None = None

    def note(self, what: HeardEvent | Heartbeat) -> None:
        self.generation = max(self.generation, what.generation)
        self.position = max(self.position, what.position)
        self.epoch = max(self.epoch, what.epoch)
        if isinstance(what, Heartbeat):
            self.time = what.time


@dataclass(slots=True)
class _Bench:
    """The state of one judgement."""

    heads: dict[str, StreamHead]
    ids: dict[tuple[str, int], UUID]
    parked: set[str]
    events: list[NewEvent] = field(default_factory=list[NewEvent])
    dead_letters: list[DeadLetter] = field(default_factory=list[DeadLetter])
    offsets: list[Offset] = field(default_factory=list[Offset])
    outcomes: dict[Place, Outcome] = field(default_factory=dict[Place, Outcome])
    stops: list[Stop] = field(default_factory=list[Stop])

    def take(self, part: HeardPart) -> None:
        reached = _Reached(part.move.generation if part.move else 1)
        stopped, at = part.stop, part.move.next if part.move else 0
        for item in part.items:
            outcome = self._judge(part, item)
            if isinstance(outcome, str):
                stopped, at = outcome, item.offset
                break
            self.outcomes[part.topic, part.part, item.offset] = outcome
            if not isinstance(item.what, Malformed):
                reached.note(item.what)
        if stopped is not None:
            self.stops.append(Stop(part.topic, part.part, stopped))
        if part.move is not None:
            self.offsets.append(
                Offset(
                    topic=part.topic,
                    part=part.part,
                    generation=reached.generation,
                    expected=part.move.expected,
                    next=at,
                    source_position=reached.position,
                    source_epoch=reached.epoch,
                    source_time=reached.time,
                    stopped=stopped,
                )
            )

    def _judge(self, part: HeardPart, item: Item) -> Outcome | str:
        """Give the record's outcome, or the reason why its partition must stop at it."""
        match item.what:
            case Heartbeat():
                return Outcome.HEARTBEAT
            case Malformed() as malformed:
                return self._park(part, item, malformed)
            case HeardEvent() as heard:
                return self._hear(part, item, heard)

    def _hear(self, part: HeardPart, item: Item, heard: HeardEvent) -> Outcome | str:
        event = heard.event
        head = self.heads.get(event.stream, _NO_STREAM)
        if event.version <= head.version:
            return self._known(event)
        if event.version == head.version + 1:
            return self._next(part, item, heard, head)
        if event.stream in self.parked:
            reason = f"version {event.version} waits for version {head.version + 1}"
            return self._park(part, item, Malformed(BEHIND, reason, event.stream))
        return f"gap: {_place(event)} follows version {head.version}"

    def _known(self, event: NewEvent) -> Outcome | str:
        known = self.ids.get((event.stream, event.version))
        if known == event.event_id:
            return Outcome.KNOWN
        return f"fork: {_place(event)} is {event.event_id}, known as {known}"

    def _next(
        self, part: HeardPart, item: Item, heard: HeardEvent, head: StreamHead
    ) -> Outcome | str:
        event = heard.event
        if heard.previous_id != head.last_event_id:
            return f"fork: {_place(event)} follows {heard.previous_id}, not {head.last_event_id}"
        if head.version and event.scope != head.scope:
            reason = "the stream has another scope"
            return self._park(part, item, Malformed("scope_differs", reason, event.stream))
        self.events.append(event)
        self.heads[event.stream] = StreamHead(event.version, event.event_id, event.scope)
        self.ids[event.stream, event.version] = event.event_id
        return Outcome.APPENDED

    def _park(self, part: HeardPart, item: Item, why: Malformed) -> Outcome:
        self.dead_letters.append(dead_letter(part, item, why))
        if why.stream is not None:
            self.parked.add(why.stream)
        return Outcome.PARKED


def _place(event: NewEvent) -> str:
    return f"{event.stream} version {event.version}"
