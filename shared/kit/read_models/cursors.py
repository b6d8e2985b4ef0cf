"""Where each read model stands: one row per name and revision in kit.read_model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.kit.read_models.model import ReadModel

_LOOK: Final = """
SELECT w.name, w.revision, m.position, m.failure, h.position AS head
FROM unnest($1::text[], $2::integer[]) AS w (name, revision)
CROSS JOIN kit.head AS h
LEFT JOIN kit.read_model AS m ON m.name = w.name AND m.revision = w.revision
ORDER BY w.name, w.revision
"""

_MOVE: Final = """
UPDATE kit.read_model AS m
SET position = w.position, failure = w.failure
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[])
     AS w (name, revision, expected, position, failure)
WHERE m.name = w.name AND m.revision = w.revision AND m.position = w.expected AND m.failure IS NULL
RETURNING m.name
"""


Connection = asyncpg.Connection | PoolConnectionProxy


class CursorMovedError(Exception):
    """Another projector moved the cursor (or a rebuild set it back); nothing was written."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Where a model stands: `lag` in events behind the log's head, `failure` null while it runs."""

    name: str
    revision: int
    position: int
    lag: int
    failure: str | None

    @property
    def caught_up(self) -> bool:
        """Tell whether it runs and has folded all there is."""
        return self.failure is None and self.lag <= 0


@dataclass(frozen=True, slots=True)
class Move:
    """A cursor's way: from `expected` to `position`, and to a standstill if there is a failure."""

    model: ReadModel[Any]
    expected: int
    position: int
    failure: str | None = None


async def status(
    connection: Connection | asyncpg.Pool, models: Sequence[ReadModel[Any]]
) -> list[ModelStatus]:
    """Say where each model stands, sorted by name; one without a cursor stands at 0."""
    rows = await connection.fetch(
        _LOOK, [model.name for model in models], [model.revision for model in models]
    )
    return [
        ModelStatus(
            name=row["name"],
            revision=row["revision"],
            position=row["position"] or 0,
            lag=row["head"] - (row["position"] or 0),
            failure=row["failure"],
        )
        for row in rows
    ]


async def move(connection: Connection, moves: Sequence[Move]) -> None:
    """Move all the cursors or raise CursorMovedError; call it inside the folds' transaction."""
    moved = await connection.fetch(
        _MOVE,
        [one.model.name for one in moves],
        [one.model.revision for one in moves],
        [one.expected for one in moves],
        [one.position for one in moves],
        [one.failure for one in moves],
    )
    if len(moved) != len(moves):
        raise CursorMovedError(
            sorted({one.model.name for one in moves} - {r["name"] for r in moved})
        )


async def resume(connection: Connection | asyncpg.Pool, model: ReadModel[Any]) -> None:
    """Let a stopped model go on from where it stands."""
    await connection.execute(
        "UPDATE kit.read_model AS m SET failure = NULL WHERE m.name = $1 AND m.revision = $2",
        model.name,
        model.revision,
    )
