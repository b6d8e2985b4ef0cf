"""Operators' acts in PostgreSQL: read from the log, by its index of streams and versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from shared.kit.acts import Told
from shared.kit.postgres.log import translated

_ACTS: Final = """
SELECT e.version, e.type, e.at, e.actor, e.data::text AS data, e.correlation_id
FROM kit.event AS e
WHERE e.stream = $1 AND e.version < $2
ORDER BY e.version DESC LIMIT $3
"""


class PostgresActSource:
    """The `ActSource` of one service's database."""

    def __init__(self, pool: asyncpg.Pool, stream: str) -> None:
        self._pool = pool
        self._stream = stream

    async def acts(self, before: int, limit: int) -> Sequence[Told]:
        """List acts numbered below `before`, the newest first."""
        try:
            rows = await self._pool.fetch(_ACTS, self._stream, before, limit)
        except Exception as error:
            raise translated(error, unknown=False) from error
        return [
            Told(
                number=row["version"],
                act=row["type"].split(".")[2],
                at=row["at"],
                actor=row["actor"],
                what=row["data"],
                correlation_id=UUID(int=row["correlation_id"].int),
            )
            for row in rows
        ]
