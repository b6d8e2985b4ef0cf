"""I2: nothing applied twice or missed: what was heard is what was published, row by row."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from shared.kit.letters import SKIPPED_TYPE
from shared.kit.verify.findings import Check
from shared.kit.verify.site import Scene, ServiceUnderTest, Snapshot

_COUNT: Final = "SELECT count(*) AS events FROM kit.event AS e"

_TWICE: Final = """
SELECT e.event_id::text AS event_id, e.stream, e.position, t.first
FROM kit.event AS e
JOIN (SELECT k.event_id, min(k.position) AS first FROM kit.event AS k
      GROUP BY k.event_id HAVING count(*) > 1) AS t ON t.event_id = e.event_id
WHERE e.position > t.first
ORDER BY e.position
"""

_PLACES: Final = """
SELECT h.part, h.source_position FROM kit.heard AS h WHERE h.topic = $1
"""

_HEARD_UPTO: Final = """
SELECT coalesce(max(e.source_position), 0) AS upto FROM kit.event AS e WHERE e.source = $1
"""

_COLUMNS: Final = """
e.stream, e.version, e.event_id, e.type, e.scope, e.occurred_at, e.at, e.actor, e.on_behalf_of,
e.channel, e.grant_id, e.command_id, e.correlation_id, e.causation_id, e.traceparent,
e.data::text AS data
"""

_COMPARED: Final = (
    "stream", "version", "event_id", "type", "scope", "occurred_at", "at", "actor",
    "on_behalf_of", "channel", "grant_id", "command_id", "correlation_id", "causation_id",
    "traceparent",
)  # fmt: skip

_PUBLISHED: Final = (
    "SELECT e.position AS source_position, "
    + _COLUMNS
    + """
FROM kit.event AS e
WHERE e.source IS NULL AND e.public AND e.position <= $1
ORDER BY e.position
"""
)

_HEARD: Final = (
    "SELECT e.position, e.source_position, "
    + _COLUMNS
    + """
FROM kit.event AS e
WHERE e.source = $1 AND e.source_position IS NOT NULL
ORDER BY e.source_position, e.position
"""
)

_PLACELESS: Final = """
SELECT e.position, e.stream, e.version, e.type FROM kit.event AS e
WHERE e.source = $1 AND e.source_position IS NULL
ORDER BY e.position
"""

# What waits as a dead letter, or was skipped as one, by its event id as the record had it.
_PARKED: Final = """
SELECT h.header ->> 1 AS event_id, bool_or(d.settled IS NULL) AS open
FROM kit.dead_letter AS d
CROSS JOIN LATERAL jsonb_array_elements(d.headers) AS h (header)
WHERE d.topic = $1 AND h.header ->> 0 = 'ce_id' AND h.header ->> 1 IS NOT NULL
  AND (d.settled IS NULL OR d.settled = 'skipped')
GROUP BY 1
"""


async def check_hearing(scene: Scene, check: Check) -> None:
    """Look for event ids that are there twice; compare each hearer with each of its sources."""
    for site in scene.sites:
        async with scene.snapshot(site) as snapshot:
            check.looked_at((await snapshot.row(_COUNT))["events"])
            async for row in snapshot.rows(_TWICE):
                check.violated(
                    site.name,
                    f"event {row['event_id']} is in the log twice, first at {row['first']}",
                    stream=row["stream"],
                    position=row["position"],
                )
    for hearer, source in scene.hearings():
        # The hearer first: whatever it has heard is in the source's log by then.
        async with scene.snapshot(hearer) as heard, scene.snapshot(source) as published:
            hearing = await _Hearing.begin(scene, hearer, source, heard, check)
            await hearing.compare(heard, published)


@dataclass(slots=True)
class _Hearing:
    """One hearer's copy of one source's public events."""

    scene: Scene
    hearer: ServiceUnderTest
    source: ServiceUnderTest
    check: Check
    places: Mapping[int, int]
    skipped: Mapping[tuple[str, int], int]
    parked: Mapping[str, bool]

    @classmethod
    async def begin(
        cls,
        scene: Scene,
        hearer: ServiceUnderTest,
        source: ServiceUnderTest,
        heard: Snapshot,
        check: Check,
    ) -> _Hearing:
        topic = source.topic.name
        skipped: dict[tuple[str, int], int] = {}
        async for row in heard.rows(_PLACELESS, source.name):
            if row["type"] == SKIPPED_TYPE:
                skipped[row["stream"], row["version"]] = row["position"]
                continue
            what = f"was heard from {source.name}, but has no position there"
            check.violated(hearer.name, what, stream=row["stream"], position=row["position"])
        places = {row["part"]: row["source_position"] for row in await heard.all(_PLACES, topic)}
        parked = {row["event_id"]: row["open"] async for row in heard.rows(_PARKED, topic)}
        return cls(scene, hearer, source, check, places, skipped, parked)

    async def compare(self, heard: Snapshot, published: Snapshot) -> None:
        """Walk both in the order of the source's positions."""
        last = await heard.row(_HEARD_UPTO, self.source.name)
        upto = max(last["upto"], *self.places.values(), 0)
        ours = heard.rows(_HEARD, self.source.name)
        theirs = published.rows(_PUBLISHED, upto)
        our, their = await anext(ours, None), await anext(theirs, None)
        while our is not None or their is not None:
            if our is None or (their is not None and _place(their) < _place(our)):
                assert their is not None
                self._missing(their)
                their = await anext(theirs, None)
            elif their is None or _place(our) < _place(their):
                self._surplus(our)
                our = await anext(ours, None)
            else:
                self._both(our, their)
                our, their = await anext(ours, None), await anext(theirs, None)

    def _missing(self, their: asyncpg.Record) -> None:
        """Judge a published event that was not heard."""
        part = self.scene.bus.partition(self.source.topic.name, their["scope"])
        if _place(their) > self.places.get(part, 0):
            return
        self.check.looked_at()
        stream, version = their["stream"], their["version"]
        where = {
            "source": self.source.name,
            "stream": stream,
            "version": version,
            "source_position": _place(their),
        }
        skipped_at = self.skipped.get((stream, version))
        event_id = b64encode(str(their["event_id"]).encode()).decode()
        if skipped_at is not None:
            self.check.excuse(self.hearer.name, "skipped", position=skipped_at, **where)
        elif event_id in self.parked:
            what = "parked" if self.parked[event_id] else "skipped"
            self.check.excuse(self.hearer.name, what, **where)
        else:
            what = f"published at {_place(their)}, heard up to {self.places[part]}, but missing"
            self.check.violated(self.hearer.name, what, **where)

    def _surplus(self, our: asyncpg.Record) -> None:
        self.check.violated(
            self.hearer.name,
            f"is in the hearer's log, but not published by {self.source.name} (or heard twice)",
            source=self.source.name,
            stream=our["stream"],
            version=our["version"],
            position=our["position"],
            source_position=_place(our),
        )

    def _both(self, our: asyncpg.Record, their: asyncpg.Record) -> None:
        self.check.looked_at()
        differing = [name for name in _COMPARED if our[name] != their[name]]
        if our["data"] != their["data"] and json.loads(our["data"]) != json.loads(their["data"]):
            differing.append("data")
        part = self.scene.bus.partition(self.source.topic.name, our["scope"])
        if _place(our) > self.places.get(part, 0):
            differing.append(f"the partition's place, {self.places.get(part, 0)}")
        if not differing:
            return
        fork = "a fork: " if "event_id" in differing else ""
        self.check.violated(
            self.hearer.name,
            f"{fork}heard and published differ in {', '.join(differing)}",
            source=self.source.name,
            stream=our["stream"],
            version=our["version"],
            position=our["position"],
            source_position=_place(our),
        )


def _place(row: asyncpg.Record) -> int:
    return row["source_position"]
