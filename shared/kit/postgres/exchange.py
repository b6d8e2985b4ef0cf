"""What the relay and ingest keep in Postgres: the cursor, heard offsets, dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString

import asyncpg

from shared.kit.ingest import HeardPlace
from shared.kit.letters import OpenLetter
from shared.kit.ports import DeadLetter
from shared.kit.postgres.log import EVENT_COLUMNS, stored, translated
from shared.kit.relay import Outgoing, Page, RelayCursor

# One statement claims the cursor for an epoch: a later one's claim makes every older move fail.
_CLAIM: Final = """
INSERT INTO kit.cursor AS c (name, position, epoch) VALUES ('relay', 0, $1)
ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch WHERE c.epoch <= excluded.epoch
RETURNING c.position, c.generation
"""

_MOVE: Final = """
UPDATE kit.cursor AS c SET position = $2, epoch = $3
WHERE c.name = 'relay' AND c.position = $1 AND c.generation = $4 AND c.epoch <= $3
RETURNING c.position
"""

_PUBLIC: Final = (
    "SELECT "  # noqa: S608 - constants only
    + EVENT_COLUMNS
    + """,
       (SELECT p.event_id FROM kit.event AS p
        WHERE p.stream = e.stream AND p.version = e.version - 1 LIMIT 1) AS previous_id
FROM kit.event AS e
WHERE e.position > $1 AND e.position <= $2 AND e.public AND e.source IS NULL
ORDER BY e.position
"""
)

_HEARD: Final = """
SELECT h.topic, h.part, h.generation, h.next_offset, h.source_position, h.source_epoch,
       h.source_time, h.stopped
FROM kit.heard AS h WHERE h.topic = ANY($1::text[])
"""

_PARKED: Final = """
SELECT DISTINCT d.stream FROM kit.dead_letter AS d
WHERE d.settled IS NULL AND d.stream = ANY($1::text[])
"""

_LETTER_COLUMNS: Final = """
SELECT d.id, d.topic, d.part, d.record_offset, d.record_key, d.headers::text AS headers, d.value,
       d.stream, d.code, d.reason, d.parked_at
FROM kit.dead_letter AS d
WHERE d.settled IS NULL
"""
_LETTERS: Final = _LETTER_COLUMNS + " AND d.id > $1 ORDER BY d.id LIMIT $2"
_LETTERS_BY_ID: Final = _LETTER_COLUMNS + " AND d.id = ANY($1::bigint[]) ORDER BY d.id"
_LETTERS_OF: Final = _LETTER_COLUMNS + " AND d.stream = $1 ORDER BY d.id LIMIT $2"


class PostgresRelaySource:
    """The relay's view of its service's database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def claim(self, epoch: int) -> RelayCursor | None:
        """Take the cursor for an epoch, at 0 if it never moved; None: a later epoch has it."""
        rows = await _fetch(self._pool, _CLAIM, epoch)
        return RelayCursor(rows[0]["position"], rows[0]["generation"]) if rows else None

    async def move(self, old: RelayCursor, position: int, epoch: int) -> bool:
        """Move the cursor on if it is where it was left and no later epoch has it."""
        return bool(await _fetch(self._pool, _MOVE, old.position, position, epoch, old.generation))

    async def page(self, after: int, limit: int) -> Page:
        """Read our own public events among the next `limit` positions."""
        head = (await _fetch(self._pool, "SELECT h.position FROM kit.head AS h"))[0]["position"]
        upto = min(after + limit, head)
        if upto <= after:
            return Page(after, ())
        rows = await _fetch(self._pool, _PUBLIC, after, upto)
        return Page(upto, tuple(Outgoing(stored(row), row["previous_id"]) for row in rows))

    async def now(self) -> datetime:
        """Give the database's time."""
        return (await _fetch(self._pool, "SELECT clock_timestamp() AS now"))[0]["now"]


class PostgresHeardSource:
    """Ingest's and the operators' view of what was heard."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def places(self, topics: Sequence[str]) -> list[HeardPlace]:
        """Give the stored place of every partition that was ever heard."""
        return [
            HeardPlace(
                topic=row["topic"],
                part=row["part"],
                generation=row["generation"],
                next=row["next_offset"],
                source_position=row["source_position"],
                source_epoch=row["source_epoch"],
                source_time=row["source_time"],
                stopped=row["stopped"],
            )
            for row in await _fetch(self._pool, _HEARD, list(topics))
        ]

    async def parked(self, streams: Sequence[str]) -> frozenset[str]:
        """Give those of the streams that have open dead letters."""
        rows = await _fetch(self._pool, _PARKED, list(streams))
        return frozenset(row["stream"] for row in rows)

    async def letters(self, after: int, limit: int) -> list[OpenLetter]:
        """List open dead letters past an id, in the order they were parked."""
        return [_letter(row) for row in await _fetch(self._pool, _LETTERS, after, limit)]

    async def letters_by_id(self, ids: Sequence[int]) -> list[OpenLetter]:
        """Give those open dead letters, in the order they were parked."""
        return [_letter(row) for row in await _fetch(self._pool, _LETTERS_BY_ID, list(ids))]

    async def letters_of(self, stream: str, limit: int) -> list[OpenLetter]:
        """Give the open dead letters of a stream, in the order they were parked."""
        return [_letter(row) for row in await _fetch(self._pool, _LETTERS_OF, stream, limit)]


def _letter(row: asyncpg.Record) -> OpenLetter:
    return OpenLetter(
        id=row["id"],
        parked_at=row["parked_at"],
        letter=DeadLetter(
            topic=row["topic"],
            part=row["part"],
            record_offset=row["record_offset"],
            record_key=row["record_key"],
            headers=row["headers"],
            value=row["value"],
            stream=row["stream"],
            code=row["code"],
            reason=row["reason"],
        ),
    )


async def _fetch(
    pool: asyncpg.Pool, sql: LiteralString, *arguments: object
) -> list[asyncpg.Record]:
    try:
        return await pool.fetch(sql, *arguments)
    except Exception as error:
        raise translated(error, unknown=False) from error
