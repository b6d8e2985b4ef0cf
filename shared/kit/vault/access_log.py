"""The access log, read: who revealed what of whom, for which purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import asyncpg

_LIST: Final[LiteralString] = """
SELECT a.id, a.at, a.scope, a.purpose, a.identity, a.item, a.field, a.subject
FROM vault.access AS a
WHERE a.service = $1
  AND ($2::text IS NULL OR a.scope = $2)
  AND ($3::uuid IS NULL OR a.subject = $3)
  AND ($4::text IS NULL OR a.item = $4)
  AND ($5::bigint IS NULL OR a.id < $5)
ORDER BY a.id DESC
LIMIT $6
"""


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One field of one item, revealed to one login; `item` is a record's id or a hash."""

    id: int
    at: datetime
    scope: str
    purpose: str
    identity: UUID
    item: str
    field: str
    subject: UUID


class AccessLog:
    """One service's part of the access log."""

    def __init__(self, keys_pool: asyncpg.Pool, service: str) -> None:
        self._pool = keys_pool
        self._service = service

    async def entries(
        self,
        *,
        scope: str | None,
        subject: UUID | None,
        item: str | None,
        before: int | None,
        limit: int,
    ) -> list[AccessEntry]:
        """Give entries, the latest first, of all scopes or of one."""
        rows = await self._pool.fetch(_LIST, self._service, scope, subject, item, before, limit)
        return [AccessEntry(**dict(row)) for row in rows]
