"""I1: nothing acknowledged is lost, refused commands left nothing, no command happened twice."""

from __future__ import annotations

from typing import Final

import asyncpg

from shared.kit.verify.findings import Check
from shared.kit.verify.site import Scene, ServiceUnderTest

_COUNT: Final = """
SELECT (SELECT count(*) FROM kit.receipt AS r)
     + (SELECT count(*) FROM kit.event AS e WHERE e.source IS NULL AND e.command_id IS NOT NULL)
       AS checked
"""

# A command's events are one run of positions, so count, first and last say where each one is.
# A timer's command has no receipt: its row, gone with the append, is what keeps it from happening
# twice, and a second time would not be one run.
_DIFFERING: Final = """
SELECT coalesce(r.command_id, e.command_id)::text AS command_id,
       r.command_id IS NOT NULL AS answered, r.refusal, r.events AS promised, r.first_position,
       r.stream AS answered_stream, coalesce(e.events, 0) AS found, e.first, e.last,
       (SELECT k.stream FROM kit.event AS k WHERE k.position = e.first) AS stream
FROM (SELECT k.command_id, k.events, k.first_position, k.outcome ->> 'refusal' AS refusal,
             k.outcome ->> 'stream' AS stream
      FROM kit.receipt AS k) AS r
FULL JOIN (SELECT k.command_id, count(*) AS events, min(k.position) AS first,
                  max(k.position) AS last, bool_and(k.actor LIKE 'timer:%') AS by_timer
           FROM kit.event AS k
           WHERE k.source IS NULL AND k.command_id IS NOT NULL
           GROUP BY k.command_id) AS e ON e.command_id = r.command_id
WHERE r.command_id IS NULL AND NOT (e.by_timer AND e.last - e.first + 1 = e.events)
   OR r.refusal IS NOT NULL AND (r.events > 0 OR e.events > 0)
   OR coalesce(e.events, 0) <> r.events
   OR e.first <> r.first_position
   OR e.last <> r.first_position + r.events - 1
ORDER BY coalesce(e.first, r.first_position), 1
"""

_VERSION_MISSING: Final = """
SELECT r.command_id::text AS command_id, r.outcome ->> 'stream' AS stream,
       (r.outcome ->> 'version')::integer AS version,
       r.first_position + greatest(r.events - 1, 0) AS position
FROM kit.receipt AS r
WHERE (r.outcome ->> 'version')::integer > 0
  AND NOT EXISTS (SELECT FROM kit.event AS e
                  WHERE e.stream = r.outcome ->> 'stream'
                    AND e.version = (r.outcome ->> 'version')::integer
                    AND e.position <= r.first_position + greatest(r.events - 1, 0))
ORDER BY r.first_position, r.command_id
"""


async def check_receipts(scene: Scene, check: Check) -> None:
    """Compare receipts with the events under their command ids, both ways."""
    for site in scene.sites:
        async with scene.snapshot(site) as snapshot:
            check.looked_at((await snapshot.row(_COUNT))["checked"])
            async for row in snapshot.rows(_DIFFERING):
                _tell(site, row, check)
            async for row in snapshot.rows(_VERSION_MISSING):
                check.violated(
                    site.name,
                    f"was answered with version {row['version']}, which was not in the log then",
                    stream=row["stream"],
                    version=row["version"],
                    position=row["position"],
                    command_id=row["command_id"],
                )


def _tell(site: ServiceUnderTest, row: asyncpg.Record, check: Check) -> None:
    promised, found = row["promised"], row["found"]
    if not row["answered"]:
        what = f"has {found} events, but no receipt"
    elif row["refusal"] is not None:
        what = f"was refused ({row['refusal']}), but has {found} events"
        if not found:
            what = f"was refused ({row['refusal']}), but its receipt claims {promised} events"
    elif found < promised:
        what = f"was acknowledged with {promised} events, of which the log has {found}"
    elif found > promised:
        what = f"was acknowledged with {promised} events, the log has {found}"
    else:
        what = (
            f"was acknowledged at {row['first_position']}, "
            f"its events are at {row['first']} to {row['last']}"
        )
    check.violated(
        site.name,
        what,
        stream=row["stream"] or row["answered_stream"],
        position=row["first"] or row["first_position"],
        command_id=row["command_id"],
    )
