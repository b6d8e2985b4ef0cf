"""I10: leases have living holders, and nothing stands still below the heads of the first look."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from shared.kit.lease import PROJECT, WRITE
from shared.kit.read_models.cursors import status
from shared.kit.verify.findings import Check, Note
from shared.kit.verify.site import Scene, ServiceUnderTest

RELAY: Final = "relay"

_HEAD: Final = "SELECT h.position, h.epoch FROM kit.head AS h"

_LEASES: Final = """
SELECT l.role, l.holder, l.epoch, l.until, l.until < clock_timestamp() AS expired,
       h.epoch AS head_epoch
FROM kit.lease AS l CROSS JOIN kit.head AS h ORDER BY l.role
"""

_CURSORS: Final = "SELECT c.name, c.position FROM kit.cursor AS c ORDER BY c.name"

_LAST_OF_SCOPES: Final = """
SELECT e.scope, max(e.position) AS last FROM kit.event AS e
WHERE e.source IS NULL AND e.public AND e.position <= $1
GROUP BY e.scope
"""

_HEARD: Final = """
SELECT h.part, h.next_offset, h.source_position FROM kit.heard AS h WHERE h.topic = $1
"""


async def check_liveness(scene: Scene, check: Check) -> None:
    """Look again and again until all has caught up, or `settle_s` is over; name what has not."""
    goals = [await _goal(scene, site) for site in scene.sites]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + scene.limits.settle_s
    while True:
        looks = [await _look(scene, goal) for goal in goals]
        if loop.time() > deadline or not any(look.troubles for look in looks):
            break
        await asyncio.sleep(scene.limits.poll_s)
    for look in looks:
        check.looked_at(look.count)
        for trouble in look.troubles:
            check.violated(trouble.service, trouble.what, **trouble.where)


@dataclass(frozen=True, slots=True)
class _Goal:
    """Where a service has to come: its head, and each source's last event in each partition.

    `until` are the leases' ends at the first look: a living holder moves them.
    """

    site: ServiceUnderTest
    head: int
    until: Mapping[str, datetime]
    sources: Mapping[str, Mapping[int, int]]


@dataclass(slots=True)
class _Look:
    """What was looked at, and what was not as it must be."""

    service: str
    count: int
    troubles: list[Note]

    def at(self, what: str, **where: str | int) -> None:
        self.count += 1
        if what:
            self.troubles.append(Note(self.service, where, what))


async def _goal(scene: Scene, site: ServiceUnderTest) -> _Goal:
    sources: dict[str, dict[int, int]] = {}
    for hearer, source in scene.hearings():
        if hearer is site:
            sources[source.topic.name] = await _ends(scene, source)
    async with scene.snapshot(site) as snapshot:
        head = (await snapshot.row(_HEAD))["position"]
        until = {row["role"]: row["until"] for row in await snapshot.all(_LEASES)}
    return _Goal(site, head, until, sources)


async def _ends(scene: Scene, source: ServiceUnderTest) -> dict[int, int]:
    """Give the last public position of each partition that has one."""
    ends: dict[int, int] = {}
    async with scene.snapshot(source) as snapshot:
        head = (await snapshot.row(_HEAD))["position"]
        for row in await snapshot.all(_LAST_OF_SCOPES, head):
            part = scene.bus.partition(source.topic.name, row["scope"])
            ends[part] = max(row["last"], ends.get(part, 0))
    return ends


async def _look(scene: Scene, goal: _Goal) -> _Look:
    look = _Look(goal.site.name, 0, [])
    async with scene.snapshot(goal.site) as snapshot:
        leases = await snapshot.all(_LEASES)
        cursors = {row["name"]: row["position"] for row in await snapshot.all(_CURSORS)}
        heard = {topic: await snapshot.all(_HEARD, topic) for topic in goal.sources}
    if all(row["role"] != WRITE for row in leases):
        look.at("nobody ever held the lease", role=WRITE)
    for row in leases:
        lease = {"role": row["role"], "holder": row["holder"], "epoch": row["epoch"]}
        if _given_back(row, leases):
            look.at("")
        elif row["expired"]:
            look.at("the lease has expired: nobody holds it", **lease)
        elif row["role"] == WRITE and row["epoch"] != row["head_epoch"]:
            look.at(f"the log's epoch is {row['head_epoch']}", **lease)
        elif row["until"] == goal.until.get(row["role"]):
            look.at("the holder does not renew its lease", **lease)
        else:
            look.at("")
    for name, position in {RELAY: 0, **cursors}.items():
        what = _behind(position, goal.head)
        look.at(what, cursor=name, position=position)
    for topic, ends in goal.sources.items():
        places = {row["part"]: row for row in heard[topic]}
        for part, end in ends.items():
            place = places.get(part)
            reached, offset = (
                (0, 0) if place is None else (place["source_position"], place["next_offset"])
            )
            what = f"heard up to {reached}, published up to {end}" if reached < end else ""
            look.at(what, topic=topic, part=part, offset=offset, source_position=reached)
    await _look_at_models(goal, look)
    return look


def _given_back(row: asyncpg.Record, leases: Sequence[asyncpg.Record]) -> bool:
    """Tell whether a release that is over gave its projector's lease back to a later one."""
    projects = row["role"].startswith(PROJECT) and not row["holder"]
    return projects and any(
        other["role"].startswith(PROJECT) and not other["expired"] for other in leases
    )


async def _look_at_models(goal: _Goal, look: _Look) -> None:
    if not goal.site.read_models:
        return
    for model in await status(goal.site.pool, goal.site.read_models):
        what = _behind(model.position, goal.head)
        if model.failure is not None:
            what = f"stands still: {model.failure}"
        look.at(what, read_model=f"{model.name}_r{model.revision}", position=model.position)


def _behind(position: int, head: int) -> str:
    return f"stands below the head {head} of the first look" if position < head else ""
