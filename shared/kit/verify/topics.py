"""I6: Kafka holds every public event below the relay's cursor, in log order, and no private one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, LiteralString

import asyncpg

from shared.kit.bus import Consumer, OffsetLostError, Record, RecordUnreadableError
from shared.kit.cloudevents import HeardEvent, Heartbeat, Malformed, parse
from shared.kit.verify.findings import Check
from shared.kit.verify.site import Scene, ServiceUnderTest

_FETCH_RECORDS_MAX: Final = 1000
_FETCH_TIMEOUT_MS: Final = 250

_CURSOR: Final = """
SELECT coalesce((SELECT c.position FROM kit.cursor AS c WHERE c.name = 'relay'), 0) AS cursor,
       h.position AS head, clock_timestamp() AS now
FROM kit.head AS h
"""

_SCOPES: Final = """
SELECT e.scope, coalesce(max(e.position) FILTER (WHERE e.position <= $1), 0) AS last
FROM kit.event AS e
WHERE e.source IS NULL AND e.public
GROUP BY e.scope
"""

_EXPECTED: Final = """
SELECT e.position, e.stream, e.version FROM kit.event AS e
WHERE e.position > $1 AND e.position <= $2 AND e.source IS NULL AND e.public
  AND e.scope = ANY($3::text[])
ORDER BY e.position
LIMIT $4
"""

_KNOWN: Final = """
SELECT e.position, e.stream, e.version, e.event_id, e.scope, e.source, e.public
FROM unnest($1::bigint[]) AS w (position)
JOIN kit.event AS e ON e.position = w.position
"""


async def check_topics(scene: Scene, check: Check) -> None:
    """Read each service's topic from its beginning and hold it against the log."""
    for site in scene.sites:
        walk = await _Topic.begin(scene, site, check)
        consumer = await scene.bus.consumer(
            [(site.topic.name, part) for part in range(site.topic.partitions)]
        )
        try:
            await walk.read(consumer)
        finally:
            await consumer.close()
        await walk.finish()


@dataclass(slots=True)
class _Partition:
    """How far a partition was walked.

    `reached` is the highest position seen, `last` that of the last event which must be there, and
    `cut` tells that its beginning has passed retention.
    """

    scopes: set[str] = field(default_factory=set[str])
    last: int = 0
    reached: int = 0
    cut: bool = False
    at_end: bool = False

    @property
    def complete(self) -> bool:
        """Tell whether all that must be there was seen, or may have passed retention."""
        return self.reached >= self.last or (self.cut and not self.reached)


class _Topic:
    """One topic on its way past the log."""

    def __init__(
        self, scene: Scene, site: ServiceUnderTest, check: Check, begin: asyncpg.Record
    ) -> None:
        self._scene = scene
        self._site = site
        self._check = check
        self._cursor: int = begin["cursor"]
        self._began: datetime = begin["now"]
        self._parts = {part: _Partition() for part in range(site.topic.partitions)}

    @classmethod
    async def begin(cls, scene: Scene, site: ServiceUnderTest, check: Check) -> _Topic:
        async with scene.snapshot(site) as snapshot:
            begin = await snapshot.row(_CURSOR)
            scopes = await snapshot.all(_SCOPES, begin["cursor"])
        if begin["cursor"] > begin["head"]:
            what = f"the relay's cursor is beyond the log's head {begin['head']}"
            check.violated(site.name, what, position=begin["cursor"])
        topic = cls(scene, site, check, begin)
        for row in scopes:
            part = topic._parts[scene.bus.partition(site.topic.name, row["scope"])]
            part.scopes.add(row["scope"])
            part.last = max(part.last, row["last"])
        return topic

    async def read(self, consumer: Consumer) -> None:
        """Read until a heartbeat later than the begin, or until nothing more comes."""
        limits = self._scene.limits
        loop = asyncio.get_running_loop()
        await consumer.seek({(self._site.topic.name, part): 0 for part in self._parts})
        heard_at = loop.time()
        while not all(part.at_end for part in self._parts.values()):
            fetched = await self._fetch(consumer)
            for (_, part), records in fetched.items():
                await self._walk(part, records)
            if fetched:
                heard_at = loop.time()
            complete = all(part.complete for part in self._parts.values())
            patience = limits.quiet_s if complete else limits.settle_s
            if loop.time() - heard_at > patience:
                return

    async def finish(self) -> None:
        """Name what must be there and is not."""
        for number, part in self._parts.items():
            if part.cut and not part.reached:
                what = "everything in this partition has passed retention"
                self._check.excuse(self._site.name, what, topic=self._site.topic.name, part=number)
                continue
            async for row in self._expected(part, part.reached, self._cursor):
                self._missing(number, row, f"is below the relay's cursor {self._cursor}")

    async def _fetch(self, consumer: Consumer) -> dict[tuple[str, int], list[Record]]:
        try:
            return await consumer.fetch(_FETCH_RECORDS_MAX, _FETCH_TIMEOUT_MS)
        except OffsetLostError as lost:
            self._parts[lost.part].cut = True
            await consumer.seek({(lost.topic, lost.part): lost.earliest})
        except RecordUnreadableError as broken:
            self._excuse(broken.part, broken.offset, "cannot be decoded")
            await consumer.seek({(broken.topic, broken.part): broken.offset + 1})
        return {}

    async def _walk(self, number: int, records: Sequence[Record]) -> None:
        part = self._parts[number]
        events: list[tuple[int, HeardEvent]] = []
        for record in records:
            match parse(record, service=self._site.name):
                case HeardEvent() as event:
                    events.append((record.offset, event))
                case Heartbeat() as beat:
                    part.at_end = part.at_end or beat.time >= self._began
                    if part.cut and not part.reached and not events:
                        part.reached = beat.position
                case Malformed() as broken:
                    self._excuse(number, record.offset, f"is no event ({broken.code})")
        if not events:
            return
        if part.cut and not part.reached:
            part.reached = events[0][1].position - 1
        genuine = await self._genuine(number, events)
        await self._in_order(number, part, genuine)

    async def _genuine(
        self, number: int, events: Iterable[tuple[int, HeardEvent]]
    ) -> list[HeardEvent]:
        """Give the events that are ours and public; name the others."""
        events = list(events)
        rows = await self._fetch_rows(_KNOWN, [event.position for _, event in events])
        known = {row["position"]: row for row in rows}
        genuine: list[HeardEvent] = []
        for offset, heard in events:
            row, event = known.get(heard.position), heard.event
            if row is None:
                what = "is on Kafka, but not in the log"
            elif not row["public"] or row["source"] is not None:
                what = "is on Kafka, but private"
            elif (row["stream"], row["version"]) != (event.stream, event.version):
                what = f"is on Kafka as {event.stream}, but another stream's in the log"
            elif row["event_id"] != event.event_id:
                what = f"is on Kafka as {event.event_id}, in the log as {row['event_id']}"
            elif row["scope"] != event.scope:
                what = f"is on Kafka with scope {event.scope}, in the log with {row['scope']}"
            elif self._scene.bus.partition(self._site.topic.name, event.scope) != number:
                what = "is on Kafka in another partition than its scope's"
            else:
                genuine.append(heard)
                continue
            self._check.violated(
                self._site.name,
                what,
                stream=event.stream if row is None else row["stream"],
                version=event.version if row is None else row["version"],
                position=heard.position,
                part=number,
                offset=offset,
            )
        return genuine

    async def _in_order(self, number: int, part: _Partition, events: Sequence[HeardEvent]) -> None:
        """Walk first occurrences along the log; a position seen before is a duplicate."""
        # A scope may be newer than the begin.
        part.scopes.update(event.event.scope for event in events)
        upto = max((event.position for event in events), default=0)
        expected = self._expected(part, part.reached, upto)
        row = await anext(expected, None)
        for event in events:
            self._check.looked_at()
            if event.position <= part.reached:
                continue
            while row is not None and row["position"] < event.position:
                self._missing(number, row, f"{event.position} is there already")
                row = await anext(expected, None)
            row = await anext(expected, None)
            part.reached = event.position

    async def _expected(
        self, part: _Partition, after: int, upto: int
    ) -> AsyncIterator[asyncpg.Record]:
        """Give the public events of a partition's scopes within (after, upto], in log order."""
        limit = self._scene.limits.page_rows
        while after < upto:
            rows = await self._fetch_rows(_EXPECTED, after, upto, list(part.scopes), limit)
            for row in rows:
                yield row
            if len(rows) < limit:
                return
            after = rows[-1]["position"]

    async def _fetch_rows(self, sql: LiteralString, *arguments: object) -> list[asyncpg.Record]:
        # A snapshot of its own, now: whatever was read from Kafka was in the log before.
        async with self._scene.snapshot(self._site) as snapshot:
            return await snapshot.all(sql, *arguments)

    def _missing(self, number: int, row: asyncpg.Record, why: str) -> None:
        self._check.violated(
            self._site.name,
            f"is not on Kafka in its place: {why}",
            stream=row["stream"],
            version=row["version"],
            position=row["position"],
            part=number,
        )

    def _excuse(self, number: int, offset: int, what: str) -> None:
        self._check.excuse(
            self._site.name,
            f"a record of the topic {what}",
            topic=self._site.topic.name,
            part=number,
            offset=offset,
        )
