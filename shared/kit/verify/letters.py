"""I8: dead letters hold exactly what could not be done, and nothing behind one was skipped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from shared.contracts.topics import Topic
from shared.kit.bus import Consumer, OffsetLostError, Record, RecordUnreadableError
from shared.kit.cloudevents import HeardEvent, Malformed, parse
from shared.kit.heard import record_of
from shared.kit.letters import SKIPPED_TYPE
from shared.kit.ports import DeadLetter, NewEvent
from shared.kit.verify.findings import Check
from shared.kit.verify.site import Scene, ServiceUnderTest, Snapshot
from shared.kit.verify.timers import list_stuck

_FETCH_RECORDS_MAX: Final = 1000
_FETCH_TIMEOUT_MS: Final = 250

_HEARD: Final = """
SELECT h.topic, h.part, h.generation, h.next_offset, h.source_position, h.stopped
FROM kit.heard AS h ORDER BY h.topic, h.part
"""

_LETTERS: Final = """
SELECT d.topic, d.part, d.record_offset, d.record_key, d.headers::text AS headers, d.value,
       d.stream, d.code, d.reason, d.settled
FROM kit.dead_letter AS d ORDER BY d.id
"""

_THERE: Final = """
SELECT (SELECT e.position FROM kit.event AS e WHERE e.stream = $1 AND e.version >= $2
        ORDER BY e.version LIMIT 1) AS position,
       e.event_id, e.type
FROM (SELECT 1) AS one
LEFT JOIN kit.event AS e ON e.stream = $1 AND e.version = $2
LIMIT 1
"""


async def check_letters(scene: Scene, check: Check) -> None:
    """Judge every dead letter and every heard partition; look at what lies before its offset."""
    for site in scene.sites:
        async with scene.snapshot(site) as snapshot:
            places = await snapshot.all(_HEARD)
            await _check_letters(site, snapshot, places, check)
            await list_stuck(site, snapshot, check)
        for row in places:
            check.looked_at()
            if row["stopped"] is not None:
                check.violated(
                    site.name,
                    f"the partition stands still: {row['stopped']}",
                    topic=row["topic"],
                    part=row["part"],
                    offset=row["next_offset"],
                )
        for topic in site.hears:
            heard = [row for row in places if row["topic"] == topic.name and row["next_offset"]]
            if heard:
                await _Tails(scene, site, topic, heard, check).read()


async def _check_letters(
    site: ServiceUnderTest, snapshot: Snapshot, places: Sequence[asyncpg.Record], check: Check
) -> None:
    services = {topic.name: topic.service for topic in site.hears}
    # Only the first generation's offsets are comparable: a later one may have begun at 0 again.
    upto = {
        (row["topic"], row["part"]): row["next_offset"] for row in places if row["generation"] == 1
    }
    async for row in snapshot.rows(_LETTERS):
        check.looked_at()
        letter = _letter(row)
        place = {"topic": letter.topic, "part": letter.part, "offset": letter.record_offset}
        if letter.record_offset >= upto.get((letter.topic, letter.part), letter.record_offset + 1):
            what = "is parked, but its partition stands before it"
            check.violated(site.name, what, stream=letter.stream, **place)
        service = services.get(letter.topic)
        if service is None:
            check.excuse(site.name, "a dead letter of a topic not heard any more", **place)
            continue
        what = parse(record_of(letter), service=service)
        if isinstance(what, HeardEvent):
            found = await snapshot.row(_THERE, what.event.stream, what.event.version)
            wrong = _judge(what.event, row["settled"], found)
        elif isinstance(what, Malformed) and row["settled"] == "redriven":
            wrong, found = f"was redriven, but is no event ({what.code})", None
        else:
            wrong, found = "", None
        if row["settled"] is None:
            check.excuse(site.name, f"waits ({letter.code})", stream=letter.stream, **place)
        if wrong:
            check.violated(
                site.name,
                wrong,
                stream=letter.stream,
                version=what.event.version if isinstance(what, HeardEvent) else None,
                position=None if found is None else found["position"],
                **place,
            )


def _judge(event: NewEvent, settled: str | None, found: asyncpg.Record) -> str:
    """Say what is wrong with a dead letter that reads as an event; `found` is what the log has."""
    same = found["event_id"] == event.event_id
    match settled:
        case None if same:
            return "waits as a dead letter, but is in the log"
        case None if found["position"] is not None:
            return "waits as a dead letter, but its stream goes on in the log"
        case "redriven" if not same:
            return "was redriven, but is not in the log"
        # Skipped with nothing behind it leaves nothing in the log.
        case "skipped" if found["position"] is not None and not (
            same or found["type"] == SKIPPED_TYPE
        ):
            return "was skipped, but the log has something else in its place"
        case _:
            return ""


def _letter(row: asyncpg.Record) -> DeadLetter:
    return DeadLetter(
        topic=row["topic"],
        part=row["part"],
        record_offset=row["record_offset"],
        record_key=row["record_key"],
        headers=row["headers"],
        value=row["value"],
        stream=row["stream"],
        code=row["code"],
        reason=row["reason"],
    )


@dataclass(slots=True)
class _Tail:
    """The records before a partition's stored offset; `last` is the last offset seen."""

    next: int
    source_position: int
    begin: int
    last: int


class _Tails:
    """The ends of what was heard of a topic.

    Whatever lies before the stored offset was judged, and judging it moved the stored source
    position; so a record beyond that position before that offset was passed over. What was passed
    over earlier is missing among what was heard (I2).
    """

    def __init__(
        self,
        scene: Scene,
        site: ServiceUnderTest,
        topic: Topic,
        heard: Sequence[asyncpg.Record],
        check: Check,
    ) -> None:
        self._scene = scene
        self._site = site
        self._topic = topic
        self._check = check
        self._tails: dict[int, _Tail] = {}
        for row in heard:
            begin = max(0, row["next_offset"] - scene.limits.tail_records)
            self._tails[row["part"]] = _Tail(
                row["next_offset"], row["source_position"], begin, begin - 1
            )

    async def read(self) -> None:
        """Read up to the stored offsets, or until nothing more comes."""
        consumer = await self._scene.bus.consumer(
            [(self._topic.name, part) for part in self._tails]
        )
        try:
            await consumer.seek(
                {(self._topic.name, part): tail.begin for part, tail in self._tails.items()}
            )
            await self._read(consumer)
        finally:
            await consumer.close()
        for part, tail in self._tails.items():
            if tail.last < tail.next - 1:
                what = f"the stored offset is {tail.next}, but the topic ends at {tail.last + 1}"
                self._violated(part, tail.next, what)

    async def _read(self, consumer: Consumer) -> None:
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while any(tail.last < tail.next - 1 for tail in self._tails.values()):
            try:
                fetched = await consumer.fetch(_FETCH_RECORDS_MAX, _FETCH_TIMEOUT_MS)
            except OffsetLostError as lost:
                await self._begin_again(consumer, lost)
                continue
            except RecordUnreadableError as broken:
                self._tails[broken.part].last = broken.offset
                await consumer.seek({(broken.topic, broken.part): broken.offset + 1})
                continue
            for (_, part), records in fetched.items():
                self._judge(part, self._tails[part], records)
            if fetched:
                heard_at = loop.time()
            elif loop.time() - heard_at > self._scene.limits.quiet_s:
                return

    async def _begin_again(self, consumer: Consumer, lost: OffsetLostError) -> None:
        """Go to the topic's first record: retention took earlier ones, or the topic is another."""
        tail = self._tails[lost.part]
        if lost.earliest > tail.next:
            what = f"the topic begins at {lost.earliest}, what lay before it was never heard"
            self._violated(lost.part, tail.next, what)
            tail.last = tail.next - 1
        else:
            tail.last = lost.earliest - 1
        await consumer.seek({(lost.topic, lost.part): lost.earliest})

    def _judge(self, part: int, tail: _Tail, records: Sequence[Record]) -> None:
        for record in records:
            if record.offset >= tail.next:
                tail.last = max(tail.last, tail.next - 1)
                return
            tail.last = record.offset
            what = parse(record, service=self._topic.service)
            if isinstance(what, Malformed) or what.position <= tail.source_position:
                continue
            stream = what.event.stream if isinstance(what, HeardEvent) else None
            self._violated(
                part,
                record.offset,
                f"was passed over: the stored offset is {tail.next}, "
                f"heard is only up to {tail.source_position}",
                stream=stream,
                source_position=what.position,
            )

    def _violated(self, part: int, offset: int, what: str, **where: str | int | None) -> None:
        self._check.violated(
            self._site.name, what, topic=self._topic.name, part=part, offset=offset, **where
        )
