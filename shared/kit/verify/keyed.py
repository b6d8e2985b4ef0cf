"""I4 for keyed views: each key that the log touched has the state of its last event, no other."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from shared.decider import View
from shared.kit.postgres.log import EVENT_COLUMNS, stored
from shared.kit.verify.findings import Check
from shared.kit.verify.site import ServiceUnderTest, Snapshot

_KEPT: Final = """
SELECT b.epoch = h.epoch AS kept FROM kit.head AS h
LEFT JOIN kit.state_build AS b ON b.view = $1 AND b.revision = $2
"""
_STREAMS: Final = """
SELECT s.stream FROM kit.stream AS s
WHERE s.stream > $1 AND starts_with(s.stream, $2) ORDER BY s.stream LIMIT 1
"""
_EVENTS: Final = (
    "SELECT " + EVENT_COLUMNS + "FROM kit.event AS e WHERE e.stream = $1 ORDER BY e.version"
)
_STATES: Final = """
SELECT s.key, s.version FROM kit.state AS s
WHERE s.stream = $1 AND s.view = $2 AND s.revision = $3
"""


async def check_keyed(site: ServiceUnderTest, snapshot: Snapshot, check: Check) -> None:
    """Name the keys whose state is missing, behind, or of no event.

    Only the revision that the writer's appends keep is at the head: where another release leads,
    there is nothing to say of this one's. What the states hold is compared elsewhere.
    """
    for prefix, view in site.views.keyed.items():
        if not (await snapshot.row(_KEPT, view.name, view.revision))["kept"]:
            what = "no writer keeps this revision's states now"
            check.excuse(site.name, what, view=f"{view.name} r{view.revision}")
            continue
        after = f"{prefix}/"
        while rows := await snapshot.all(_STREAMS, after, f"{prefix}/"):
            after = rows[0]["stream"]
            await _compare(site, snapshot, (after, view), check)


async def _compare(
    site: ServiceUnderTest, snapshot: Snapshot, slots: tuple[str, View[Any]], check: Check
) -> None:
    stream, view = slots
    assert view.key_of is not None
    touched: dict[str, int] = {}
    async for row in snapshot.rows(_EVENTS, stream):
        event = stored(row)
        if not site.views.knows(event.type):
            continue
        try:
            if key := view.key_of(site.views.fact(event)):
                touched[key] = event.version
        except ValidationError:
            check.violated(site.name, "an event of it cannot be read", stream=stream)
            return
    rows = await snapshot.all(_STATES, stream, view.name, view.revision)
    found = {row["key"]: row["version"] for row in rows}
    for key in touched.keys() | found.keys():
        check.looked_at()
        # An append stores it as of the stream's last event, which may be another key's.
        if key not in touched or found.get(key, 0) < touched[key]:
            check.violated(
                site.name,
                f"the key's state is of version {found.get(key, 0)}, its last event of"
                f" {touched.get(key, 0)}",
                stream=stream,
                version=touched.get(key, 0),
                view=view.slot(key),
            )
