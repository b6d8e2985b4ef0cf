"""The search index: digests of the pairs of characters of each searchable text (ADR 11).

It lies in the key database and is filled by the role `project`, not by the append. It only names
candidates: the vault opens them and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

import asyncpg

from shared.contracts.envelope import Event
from shared.decider import RefusalKind, Refused
from shared.kit.vault.folding import REVISION

CANDIDATES_MAX: Final = 200
QUERY_CHARS_MAX: Final = 100

_CANDIDATES: Final[LiteralString] = """
SELECT s.record, s.field
FROM vault.search AS s
WHERE s.grams @> $5::bigint[] AND s.service = $1 AND s.revision = $2 AND s.scope = $3
  AND s.field = ANY ($4::text[])
LIMIT $6
"""
_BEGIN: Final[LiteralString] = """
INSERT INTO vault.search_cursor (service, revision, position) VALUES ($1, $2, 0)
ON CONFLICT (service, revision) DO NOTHING
"""
_POSITION: Final[LiteralString] = """
SELECT c.position FROM vault.search_cursor AS c WHERE c.service = $1 AND c.revision = $2
"""
_MOVE: Final[LiteralString] = """
UPDATE vault.search_cursor SET position = $4
WHERE service = $1 AND revision = $2 AND position = $3
RETURNING position
"""
# A person whose key is being destroyed: the lock waits for it, and then there is no row.
_PUT: Final[LiteralString] = """
INSERT INTO vault.search AS s (service, revision, record, field, subject, scope, grams)
SELECT $1, $2, $3, $4, k.subject, $6, $7::bigint[]
FROM vault.subject_key AS k
WHERE k.subject = $5
FOR KEY SHARE
ON CONFLICT (service, revision, record, field) DO UPDATE
SET subject = excluded.subject, scope = excluded.scope, grams = excluded.grams
"""


class SearchTooBroad(Refused):
    """Too many texts contain this: give more of it."""

    kind = RefusalKind.INVALID


class SearchTextEmpty(Refused):
    """There is nothing to search for."""

    kind = RefusalKind.INVALID


class SearchTextTooLong(Refused):
    """The text to search for is too long."""

    kind = RefusalKind.INVALID


@dataclass(frozen=True, slots=True)
class Searchable:
    """Which fields of the vault record that an event names can be searched."""

    event: type[Event]
    record: Callable[[Any], UUID]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Indexed:
    """One text's row of the index."""

    record: UUID
    field: str
    subject: UUID
    scope: str
    digests: Sequence[int]


class SearchIndex:
    """One service's part of the index."""

    def __init__(self, keys_pool: asyncpg.Pool, service: str) -> None:
        self._pool = keys_pool
        self._service = service

    async def candidates(
        self, scope: str, fields: Collection[str], digests: Sequence[int], limit: int
    ) -> set[tuple[UUID, str]]:
        """Give up to `limit` places (record, field) whose text has all the digests."""
        rows = await self._pool.fetch(
            _CANDIDATES, self._service, REVISION, scope, list(fields), digests, limit
        )
        return {(UUID(int=row["record"].int), row["field"]) for row in rows}

    async def position(self) -> int:
        """Give the position in the log up to which texts are indexed."""
        await self._pool.execute(_BEGIN, self._service, REVISION)
        return await self._pool.fetchval(_POSITION, self._service, REVISION)

    async def put(self, rows: Sequence[Indexed], *, after: int, through: int) -> bool:
        """Add rows and move on from one position to another; False: another was faster.

        A row whose person has no key any more is left out.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            place = (self._service, REVISION)
            if await connection.fetchval(_MOVE, *place, after, through) is None:
                return False
            await connection.executemany(
                _PUT,
                [
                    (*place, row.record, row.field, row.subject, row.scope, row.digests)
                    for row in rows
                ],
            )
        return True
