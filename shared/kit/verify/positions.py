"""I5: positions without gaps, versions without gaps, `kit.stream` and `kit.head` equal to both."""

from __future__ import annotations

from typing import Final

import asyncpg

from shared.kit.verify.findings import Check
from shared.kit.verify.site import Scene, ServiceUnderTest, Snapshot

_COUNT: Final = """
SELECT (SELECT count(*) FROM kit.event AS e) + (SELECT count(*) FROM kit.stream AS s) AS checked
"""

_POSITIONS: Final = """
SELECT w.position, w.stream, w.version, w.before, w.recorded_at < w.recorded_before AS earlier,
       w.epoch < w.epoch_before AS fenced
FROM (SELECT e.position, e.stream, e.version, e.recorded_at, e.epoch,
             lag(e.position, 1, 0::bigint) OVER o AS before,
             lag(e.recorded_at) OVER o AS recorded_before,
             lag(e.epoch) OVER o AS epoch_before
      FROM kit.event AS e
      WINDOW o AS (ORDER BY e.position)) AS w
WHERE w.position <> w.before + 1 OR w.recorded_at < w.recorded_before OR w.epoch < w.epoch_before
ORDER BY w.position
"""

_VERSIONS: Final = """
SELECT w.position, w.stream, w.version, w.before, w.position < w.position_before AS overtaken,
       w.scope <> w.scope_before AS moved
FROM (SELECT e.position, e.stream, e.version, e.scope,
             lag(e.version, 1, 0) OVER o AS before,
             lag(e.position) OVER o AS position_before,
             lag(e.scope) OVER o AS scope_before
      FROM kit.event AS e
      WINDOW o AS (PARTITION BY e.stream ORDER BY e.version, e.position)) AS w
WHERE w.version <> w.before + 1 OR w.position < w.position_before OR w.scope <> w.scope_before
ORDER BY w.position
"""

# Backwards in the index of (stream, version): the last event of each stream, without a sort.
_STREAMS: Final = """
SELECT coalesce(s.stream, e.stream) AS stream, s.version, s.last_event_id::text AS last_event_id,
       s.scope, e.position, e.version AS last, e.event_id::text AS event_id,
       e.scope AS event_scope
FROM kit.stream AS s
FULL JOIN (SELECT DISTINCT ON (k.stream) k.stream, k.version, k.event_id, k.scope, k.position
           FROM kit.event AS k
           ORDER BY k.stream DESC, k.version DESC) AS e ON e.stream = s.stream
WHERE s.version IS DISTINCT FROM e.version OR s.last_event_id IS DISTINCT FROM e.event_id
   OR s.scope IS DISTINCT FROM e.scope
ORDER BY 1
"""

_HEAD: Final = """
SELECT h.position, coalesce(max(e.position), 0) AS last,
       h.recorded_at < max(e.recorded_at) AS earlier, h.epoch < max(e.epoch) AS fenced
FROM kit.head AS h
LEFT JOIN (SELECT k.position, k.recorded_at, k.epoch FROM kit.event AS k
           ORDER BY k.position DESC LIMIT 1) AS e ON true
GROUP BY h.position, h.recorded_at, h.epoch
"""


async def check_positions(scene: Scene, check: Check) -> None:
    """Walk each log by position and by stream."""
    for site in scene.sites:
        async with scene.snapshot(site) as snapshot:
            check.looked_at((await snapshot.row(_COUNT))["checked"])
            async for row in snapshot.rows(_POSITIONS):
                _tell_position(site, row, check)
            async for row in snapshot.rows(_VERSIONS):
                _tell_version(site, row, check)
            async for row in snapshot.rows(_STREAMS):
                _tell_stream(site, row, check)
            await _check_head(site, snapshot, check)


def _tell_position(site: ServiceUnderTest, row: asyncpg.Record, check: Check) -> None:
    stream, version, position = row["stream"], row["version"], row["position"]
    before = row["before"]
    if position != before + 1:
        what = f"positions {before + 1} to {position - 1} are missing before {stream}"
        check.violated(site.name, what, position=before + 1, next_stream=stream)
    for wrong, what in (
        (row["earlier"], "recorded_at is earlier than at the position before"),
        (row["fenced"], "the epoch is lower than at the position before"),
    ):
        if wrong:
            check.violated(site.name, what, stream=stream, version=version, position=position)


def _tell_version(site: ServiceUnderTest, row: asyncpg.Record, check: Check) -> None:
    stream, version, position = row["stream"], row["version"], row["position"]
    before = row["before"]
    wrongs = (
        (version > before + 1, f"follows version {before}: {version - before - 1} missing"),
        (version <= before, "the version is there twice"),
        (row["overtaken"], "lies before the version before it"),
        (row["moved"], "the scope differs from the version before"),
    )
    for wrong, what in wrongs:
        if wrong:
            check.violated(site.name, what, stream=stream, version=version, position=position)


def _tell_stream(site: ServiceUnderTest, row: asyncpg.Record, check: Check) -> None:
    if row["version"] is None:
        what = "has events, but is not in kit.stream"
    elif row["last"] is None:
        what = f"kit.stream says version {row['version']}, the log has no event"
    elif row["version"] != row["last"]:
        what = f"kit.stream says version {row['version']}, the log ends at {row['last']}"
    elif row["last_event_id"] != row["event_id"]:
        what = f"kit.stream says {row['last_event_id']} is last, the log {row['event_id']}"
    else:
        what = f"kit.stream says scope {row['scope']}, the log {row['event_scope']}"
    check.violated(
        site.name,
        what,
        stream=row["stream"],
        version=row["last"] or row["version"],
        position=row["position"],
    )


async def _check_head(site: ServiceUnderTest, snapshot: Snapshot, check: Check) -> None:
    head = await snapshot.row(_HEAD)
    if head["position"] != head["last"]:
        what = f"kit.head says position {head['position']}, the log ends at {head['last']}"
        check.violated(site.name, what, position=head["last"])
    if head["earlier"]:
        what = "kit.head is recorded earlier than the last event"
        check.violated(site.name, what, position=head["last"])
    if head["fenced"]:
        check.violated(
            site.name, "kit.head's epoch is lower than the last event's", position=head["last"]
        )
