"""Where each read model stands: one row per name and revision, served or being built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.kit.read_models.model import ReadModel

_LOOK: Final = """
SELECT w.name, w.revision, m.position, m.failure, b.position AS build_position,
       b.failure AS build_failure, b.indexed, h.position AS head
FROM unnest($1::text[], $2::integer[]) AS w (name, revision)
CROSS JOIN kit.head AS h
LEFT JOIN kit.read_model AS m ON m.name = w.name AND m.revision = w.revision
LEFT JOIN kit.model_build AS b ON b.name = w.name AND b.revision = w.revision
ORDER BY w.name, w.revision
"""

# Locked in one order, so that projectors of two releases wait for each other, never crosswise.
_MOVE: Final = """
WITH locked AS MATERIALIZED (
    SELECT m.name, m.revision, m.position, w.expected, w.position AS next, w.failure
    FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[])
         AS w (name, revision, expected, position, failure)
    JOIN {cursors} AS m ON m.name = w.name AND m.revision = w.revision
    ORDER BY m.name, m.revision
    FOR UPDATE OF m
)
UPDATE {cursors} AS m
SET position = l.next, failure = l.failure
FROM locked AS l
WHERE m.name = l.name AND m.revision = l.revision AND m.position = l.expected AND m.failure IS NULL
RETURNING m.name
"""


Connection = asyncpg.Connection | PoolConnectionProxy


class CursorMovedError(Exception):
    """Another projector moved the cursor (or a rebuild set it back); nothing was written."""


@dataclass(frozen=True, slots=True)
class Build:
    """A table that is being built: how far it is, and why it stands still, if it does."""

    position: int
    indexed: bool = False
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Where a model stands: `lag` in events behind the log's head, `failure` null while it runs.

    `served`: it has a table that queries see; without one it stands at 0. `build` is the table
    that is being built for it, the first one or another.
    """

    name: str
    revision: int
    position: int
    lag: int
    failure: str | None
    served: bool = True
    build: Build | None = None

    @property
    def caught_up(self) -> bool:
        """Tell whether it runs and has folded all there is."""
        return self.served and self.failure is None and self.lag <= 0

    @property
    def head(self) -> int:
        """Give the log's head."""
        return self.position + self.lag

    @property
    def stopped(self) -> str | None:
        """Say why its table stands still, or the one that is being built."""
        return self.failure or (self.build.failure if self.build else None)


@dataclass(frozen=True, slots=True)
class Move:
    """A cursor's way: from `expected` to `position`, and to a standstill if there is a failure."""

    model: ReadModel[Any]
    expected: int
    position: int
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Cursors:
    """The cursors of one kind of tables, and what is added to their names."""

    rows: LiteralString
    suffix: str

    def table(self, model: ReadModel[Any]) -> str:
        """Give the model's table of this kind."""
        return f"public.{model.table}{self.suffix}"

    async def move(self, connection: Connection, moves: Sequence[Move]) -> None:
        """Move all the cursors or raise CursorMovedError; call it inside the folds' transaction.

        Whoever would move one of them, too, waits until the transaction ends.
        """
        moved = await connection.fetch(
            _MOVE.format(cursors=self.rows),
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


SERVED: Final = Cursors("kit.read_model", "")
BUILDING: Final = Cursors("kit.model_build", "_building")


async def status(
    connection: Connection | asyncpg.Pool, models: Sequence[ReadModel[Any]]
) -> list[ModelStatus]:
    """Say where each model stands, sorted by name; one without a table stands at 0."""
    rows = await connection.fetch(
        _LOOK, [model.name for model in models], [model.revision for model in models]
    )
    return [_status(row) for row in rows]


async def resume(connection: Connection | asyncpg.Pool, name: str, revision: int) -> bool:
    """Let a stopped model, or its build, go on from where it stands; tell whether one stood."""
    going = [
        await connection.fetchval(
            f"UPDATE {cursors.rows} AS m SET failure = NULL"  # noqa: S608 - constants only
            " WHERE m.name = $1 AND m.revision = $2 AND m.failure IS NOT NULL RETURNING true",
            name,
            revision,
        )
        for cursors in (SERVED, BUILDING)
    ]
    return any(going)


def _status(row: asyncpg.Record) -> ModelStatus:
    build = None
    if row["build_position"] is not None:
        build = Build(row["build_position"], row["indexed"], row["build_failure"])
    served = row["position"] is not None
    position = row["position"] or 0
    return ModelStatus(
        name=row["name"],
        revision=row["revision"],
        position=position,
        lag=row["head"] - position,
        failure=row["failure"] if served or build is None else build.failure,
        served=served,
        build=build,
    )
