"""Looking into the logs: the latest events, one event, and everything that belongs to its cause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final
from uuid import UUID

import asyncpg

from shared.cli.connections import connected
from shared.kit.settings import ServiceSettings

PAGE_MAX: Final = 500
LINEAGE_MAX: Final = 1000
_POLL_S: Final = 0.3

_COLUMNS: Final = """
SELECT e.position, e.stream, e.version, e.event_id, e.type, e.source, e.source_position, e.scope,
       e.occurred_at, e.at, e.recorded_at, e.actor, e.on_behalf_of, e.channel, e.grant_id,
       e.command_id, e.correlation_id, e.causation_id, e.traceparent, e.epoch, e.public,
       e.data::text AS data
FROM kit.event AS e
"""
_AFTER: Final = _COLUMNS + " WHERE e.position > $1 ORDER BY e.position LIMIT $2"
_BY_ID: Final = _COLUMNS + " WHERE e.event_id = $1 LIMIT 1"
_BY_POSITION: Final = _COLUMNS + " WHERE e.position = $1"
_BY_CORRELATION: Final = _COLUMNS + " WHERE e.correlation_id = $1 ORDER BY e.position LIMIT $2"


async def tail(
    settings: ServiceSettings, *, last: int, follow: bool
) -> AsyncGenerator[asyncpg.Record]:
    """Give the last events of a log, and then, if asked to follow, each new one."""
    async with connected(settings) as connection:
        head: int = await connection.fetchval("SELECT h.position FROM kit.head AS h")
        position = max(0, head - last)
        while True:
            rows = await connection.fetch(_AFTER, position, PAGE_MAX)
            for row in rows:
                yield row
                position = row["position"]
            if not rows and not follow:
                return
            if not rows:
                await asyncio.sleep(_POLL_S)


async def find(settings: Mapping[str, ServiceSettings], wanted: UUID) -> dict[str, asyncpg.Record]:
    """Give every service's copy of an event: the one who decided it, and those who heard it."""
    return await _ask_all(settings, _BY_ID, wanted)


async def at_position(settings: ServiceSettings, position: int) -> asyncpg.Record | None:
    """Give the event at a position of one log."""
    async with connected(settings) as connection:
        return await connection.fetchrow(_BY_POSITION, position)


async def correlated(
    settings: Mapping[str, ServiceSettings], correlation: UUID
) -> dict[str, list[asyncpg.Record]]:
    """Give all events of one correlation, by service, each log in its order."""
    found: dict[str, list[asyncpg.Record]] = {}
    for service, each in settings.items():
        async with connected(each) as connection:
            found[service] = await connection.fetch(_BY_CORRELATION, correlation, LINEAGE_MAX)
    return found


async def _ask_all(
    settings: Mapping[str, ServiceSettings], query: str, wanted: UUID
) -> dict[str, asyncpg.Record]:
    found: dict[str, asyncpg.Record] = {}
    for service, each in settings.items():
        async with connected(each) as connection:
            row = await connection.fetchrow(query, wanted)
        if row is not None:
            found[service] = row
    return found


def plain(row: asyncpg.Record) -> dict[str, Any]:
    """Give an event as plain JSON values; `data` stays as it is stored."""
    import orjson  # noqa: PLC0415 - a command line starts fast

    values = {
        name: value if isinstance(value, int | bool) or value is None else str(value)
        for name, value in row.items()
        if name != "data"
    }
    return {**values, "data": orjson.loads(row["data"])}
