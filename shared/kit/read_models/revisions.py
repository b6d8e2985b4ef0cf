"""The tables of every revision that the database holds, of this release or of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from shared.kit.read_models.ddl import check_identifier

_LIST: Final = """
SELECT coalesce(m.name, b.name) AS name, coalesce(m.revision, b.revision) AS revision,
       m.position, m.failure, b.position AS build_position, b.failure AS build_failure,
       h.position AS head,
       array(SELECT r.release || ' (' || r.roles || ' at ' || r.holder || ')'
             FROM kit.replica AS r
             WHERE r.seen_at > clock_timestamp() - $1 * interval '1 second'
               AND coalesce(m.name, b.name) || '_r' || coalesce(m.revision, b.revision)
                   = ANY (r.tables)
             ORDER BY r.release, r.holder) AS needed_by
FROM kit.read_model AS m
FULL JOIN kit.model_build AS b ON b.name = m.name AND b.revision = m.revision
CROSS JOIN kit.head AS h
ORDER BY name, revision
"""

# Its rows are locked, so that no projector moves it meanwhile.
_HOLD: Final = """
SELECT m.position FROM kit.read_model AS m WHERE m.name = $1 AND m.revision = $2 FOR UPDATE
"""
_SHOWN: Final = """
SELECT u.view_name FROM information_schema.view_table_usage AS u
WHERE u.view_schema = 'public' AND u.table_schema = 'public' AND u.table_name = $1
"""
_FORGET: Final = tuple(
    f"DELETE FROM {rows} AS m WHERE m.name = $1 AND m.revision = $2"  # noqa: S608 - constants only
    for rows in ("kit.read_model", "kit.model_build")
)


class TableNeededError(Exception):
    """A table is not dropped: something alive needs it; the message says what."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A model's table in the database; `needed_by` names the living processes that use it.

    `position` is null while no table of it is served; `building` while none is being built.
    """

    name: str
    revision: int
    position: int | None
    failure: str | None
    building: int | None
    build_failure: str | None
    head: int
    needed_by: tuple[str, ...]

    @property
    def table(self) -> str:
        """Give the name of its table."""
        return f"{self.name}_r{self.revision}"


async def list_revisions(connection: Any, *, gone_after_s: float) -> list[Revision]:
    """Give every revision of every model, by name and number."""
    rows = await connection.fetch(_LIST, gone_after_s)
    return [
        Revision(
            name=row["name"],
            revision=row["revision"],
            position=row["position"],
            failure=row["failure"],
            building=row["build_position"],
            build_failure=row["build_failure"],
            head=row["head"],
            needed_by=tuple(row["needed_by"]),
        )
        for row in rows
    ]


async def drop_revision(
    connection: asyncpg.Connection, name: str, revision: int, *, gone_after_s: float
) -> bool:
    """Drop a revision's tables and cursors; tell whether there was anything to drop.

    Raises TableNeededError while a living process uses it or a view shows it.
    """
    async with connection.transaction():
        await connection.fetch(_HOLD, name, revision)
        found = [
            one
            for one in await list_revisions(connection, gone_after_s=gone_after_s)
            if (one.name, one.revision) == (name, revision)
        ]
        if not found:
            return False
        table = check_identifier(found[0].table)
        if found[0].needed_by:
            raise TableNeededError(f"{table} is used by {', '.join(found[0].needed_by)}")
        if shown := await connection.fetchval(_SHOWN, table):
            raise TableNeededError(f"{table} is shown by the view {shown}; migrate first")
        for name_of_table in (table, f"{table}_building"):
            await connection.execute(f"DROP TABLE IF EXISTS public.{name_of_table}")
        for statement in _FORGET:
            await connection.execute(statement, name, revision)
    return True
