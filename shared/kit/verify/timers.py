"""I4 for timers: what must happen later is what the states of the streams say, row by row (R4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from shared.decider import Decider
from shared.kit.ports import SPENT, Stored
from shared.kit.postgres.log import EVENT_COLUMNS, stored
from shared.kit.verify.findings import Check
from shared.kit.verify.site import Scene, ServiceUnderTest, Snapshot

_STREAMS: Final = """
SELECT s.stream FROM kit.stream AS s
WHERE s.stream > $1 AND s.stream LIKE ANY ($2::text[]) ORDER BY s.stream LIMIT $3
"""
_EVENTS: Final = (
    "SELECT "
    + EVENT_COLUMNS
    + "FROM kit.event AS e WHERE e.stream = ANY($1::text[]) ORDER BY e.stream, e.version"
)
_TIMERS: Final = "SELECT t.stream, t.name, t.due_at FROM kit.timer AS t WHERE t.stream = ANY($1)"
_FOREIGN: Final = """
SELECT t.stream, t.name FROM kit.timer AS t WHERE NOT t.stream LIKE ANY ($1::text[])
"""
_STUCK: Final = """
SELECT s.id, s.kind, s.rule, s.target, s.code FROM kit.stuck AS s
WHERE s.settled IS NULL ORDER BY s.id
"""


async def check_timers(
    scene: Scene, site: ServiceUnderTest, snapshot: Snapshot, check: Check
) -> None:
    """Fold every stream that can have timers and compare; one that has fired is not owed again.

    A timer whose time had come when the log was last written may be gone: it was refused, or is
    being fired. A row that no state names is a violation at any time.
    """
    owners = site.views.timed
    prefixes = [f"{prefix}/%" for prefix in owners]
    for row in await snapshot.all(_FOREIGN, prefixes):
        check.violated(site.name, f"no state names the timer {row['name']}", stream=row["stream"])
    after = ""
    while prefixes:
        streams = [
            row["stream"]
            for row in await snapshot.all(_STREAMS, after, prefixes, scene.limits.page_rows)
        ]
        if not streams:
            return
        after = streams[-1]
        await _compare(site, snapshot, streams, check)


async def list_stuck(site: ServiceUnderTest, snapshot: Snapshot, check: Check) -> None:
    """List the work that waits for an operator (I8)."""
    for row in await snapshot.all(_STUCK):
        check.looked_at()
        what = f"stuck {row['kind']} {row['rule']} {row['id']}: {row['code']}"
        check.excuse(site.name, what, stream=row["target"])


async def _compare(
    site: ServiceUnderTest, snapshot: Snapshot, streams: list[str], check: Check
) -> None:
    stored_rows: dict[str, dict[str, datetime]] = {stream: {} for stream in streams}
    for row in await snapshot.all(_TIMERS, streams):
        stored_rows[row["stream"]][row["name"]] = row["due_at"]
    latest: datetime | None = None
    events: dict[str, list[Stored]] = {stream: [] for stream in streams}
    async for row in snapshot.rows(_EVENTS, streams):
        event = stored(row)
        events[event.stream].append(event)
        latest = event.at if latest is None else max(latest, event.at)
    for stream in streams:
        check.looked_at()
        owner = site.views.owner(stream)
        assert owner is not None
        try:
            due = _due(site, owner, events[stream])
        except ValidationError:
            check.violated(site.name, "an event of it cannot be read", stream=stream)
            continue
        _judge(site, stream, (due, stored_rows[stream], latest), check)


def _due(
    site: ServiceUnderTest, owner: Decider[Any, Any], events: list[Stored]
) -> Mapping[str, datetime]:
    assert owner.timers is not None
    return owner.timers.due(site.views.fold(owner.view, owner.view.initial, events))


def _judge(
    site: ServiceUnderTest,
    stream: str,
    found: tuple[Mapping[str, datetime], Mapping[str, datetime], datetime | None],
    check: Check,
) -> None:
    due, rows, latest = found
    for name, due_at in rows.items():
        if due.get(name) != due_at and not (due_at == SPENT and name in due):
            check.violated(site.name, f"no state names the timer {name}", stream=stream)
    for name, due_at in due.items():
        if name not in rows and (latest is None or due_at > latest):
            check.violated(site.name, f"the timer {name} is missing", stream=stream)
