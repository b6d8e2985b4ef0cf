"""The engine's tables in the database: made, built beside those served, swapped, dropped, shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from shared.kit.read_models.cursors import BUILDING, SERVED, Connection
from shared.kit.read_models.ddl import columns, create, create_indexes
from shared.kit.read_models.model import ReadModel

_LOCK: Final = 0x0C061  # one process at a time makes tables

_FOUND: Final = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS filled
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_HEAD: Final = "SELECT h.position FROM kit.head AS h"

_SERVE: Final = """
INSERT INTO kit.read_model AS m (name, revision, position, failure) VALUES ($1, $2, $3, NULL)
ON CONFLICT (name, revision) DO UPDATE SET position = excluded.position, failure = NULL
"""

_KNOWN: Final = "SELECT true FROM kit.read_model AS m WHERE m.name = $1 AND m.revision = $2"
_FORGET: Final = "DELETE FROM kit.read_model AS m WHERE m.name = $1 AND m.revision = $2"

_BEGIN: Final = """
INSERT INTO kit.model_build AS b (name, revision, position, failure, indexed, publish)
VALUES ($1, $2, 0, NULL, false, false)
ON CONFLICT (name, revision) DO UPDATE
SET position = 0, failure = NULL, indexed = false, requested_at = clock_timestamp()
"""
_BUILT: Final = """
DELETE FROM kit.model_build AS b WHERE b.name = $1 AND b.revision = $2 RETURNING b.publish
"""
_BEGUN: Final = "SELECT true FROM kit.model_build AS b WHERE b.name = $1 AND b.revision = $2"
_PUBLISH_LATER: Final = """
UPDATE kit.model_build AS b SET publish = (b.revision = $2) WHERE b.name = $1
"""

_SHOWN: Final = """
SELECT EXISTS (
    SELECT FROM information_schema.view_table_usage AS u
    WHERE u.view_schema = 'public' AND u.view_name = $1
      AND u.table_schema = 'public' AND u.table_name = $2
)
"""


class TableChangedError(Exception):
    """A table has other columns than its row type: the row type changed without a new revision."""


async def ensure_tables(connection: Connection, models: Sequence[ReadModel[Any]]) -> None:
    """Make the tables that are missing: at once while the log is empty, else by asking for a build.

    A table and its cursor exist together: one without the other is built anew. Raises
    TableChangedError when a row type changed and its revision did not.
    """
    async with connection.transaction():
        await _lock(connection)
        head = await connection.fetchval(_HEAD)
        for model in models:
            found = await connection.fetch(_FOUND, SERVED.table(model))
            known = await connection.fetchval(_KNOWN, model.name, model.revision)
            if found and known:
                if not _fits(model, found):
                    message = (
                        f"{model.table} has other columns than its row type: raise the revision"
                    )
                    raise TableChangedError(message)
            elif head == 0:
                await _make_empty(connection, model)
            else:
                await connection.execute(_FORGET, model.name, model.revision)
                await _begin(connection, model, anew=False)


async def ask_for_build(connection: Connection, model: ReadModel[Any], *, anew: bool) -> None:
    """Have a table built beside the one served; `anew`: from the start, if one is being built."""
    async with connection.transaction():
        await _lock(connection)
        await _begin(connection, model, anew=anew)


async def index_build(connection: Connection, model: ReadModel[Any]) -> None:
    """Make the secondary indexes of a table that is being built, and its statistics."""
    table = BUILDING.table(model)
    for statement in create_indexes(model, table):
        await connection.execute(statement)
    await connection.execute(f"ANALYZE {table}")
    await connection.execute(
        "UPDATE kit.model_build AS b SET indexed = true WHERE b.name = $1 AND b.revision = $2",
        model.name,
        model.revision,
    )


async def swap_tables(connection: Connection, model: ReadModel[Any], position: int) -> None:
    """Let the table that was built up to `position` take the place of the one served.

    Call it in a transaction that holds the model's cursors. Queries that run are waited for, those
    that come wait; both see one of the two tables, whole. A view that showed the old one shows the
    new one, with the rights it has.
    """
    shown = await connection.fetchval(_SHOWN, model.name, model.table)
    retired = f"{model.table}_retired"
    table = SERVED.table(model)
    await connection.execute(f"ALTER TABLE IF EXISTS {table} RENAME TO {retired}")
    await connection.execute(f"ALTER TABLE {BUILDING.table(model)} RENAME TO {model.table}")
    publish = await connection.fetchval(_BUILT, model.name, model.revision)
    if shown:
        await connection.execute(f"CREATE OR REPLACE {_view(model)}")
    elif publish:
        await _publish(connection, model)
    await connection.execute(f"DROP TABLE IF EXISTS public.{retired}")
    await connection.execute(_SERVE, model.name, model.revision, position)


async def publish_views(connection: Connection, models: Sequence[ReadModel[Any]]) -> None:
    """Show each table of this release under its model's plain noun, for readers outside.

    Tables that are missing are made; a view changes over to one that must be built first once it
    is. The connection's role must own the tables, so it is the application's. Rights given on a
    view end with it and must be given again.
    """
    async with connection.transaction():
        await ensure_tables(connection, models)
        for model in models:
            await connection.execute(_PUBLISH_LATER, model.name, model.revision)
            if await connection.fetchval(_KNOWN, model.name, model.revision):
                await _publish(connection, model)


async def _lock(connection: Connection) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def _begin(connection: Connection, model: ReadModel[Any], *, anew: bool) -> None:
    table = BUILDING.table(model)
    if not anew and await connection.fetchval(_BEGUN, model.name, model.revision):
        found = await connection.fetch(_FOUND, table)
        if found and _fits(model, found):
            return
    await connection.execute(f"DROP TABLE IF EXISTS {table}")
    await connection.execute(create(model, table))
    await connection.execute(_BEGIN, model.name, model.revision)


async def _make_empty(connection: Connection, model: ReadModel[Any]) -> None:
    table = SERVED.table(model)
    await connection.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in (create(model, table), *create_indexes(model, table)):
        await connection.execute(statement)
    await connection.execute(_SERVE, model.name, model.revision, 0)


def _fits(model: ReadModel[Any], found: Sequence[Any]) -> bool:
    declared = [(column.name, column.type, not column.nullable) for column in columns(model)]
    return [tuple(row) for row in found] == declared


async def _publish(connection: Connection, model: ReadModel[Any]) -> None:
    await connection.execute(f"DROP VIEW IF EXISTS public.{model.name}")
    await connection.execute(f"CREATE {_view(model)}")


def _view(model: ReadModel[Any]) -> str:
    names = ", ".join(column.name for column in columns(model))
    return f"VIEW public.{model.name} AS SELECT {names} FROM public.{model.table}"  # noqa: S608
