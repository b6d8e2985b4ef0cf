"""The engine's tables in the database: made, remade, checked, and shown to outsiders as views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from shared.kit.read_models.cursors import Connection
from shared.kit.read_models.ddl import columns, create
from shared.kit.read_models.model import ReadModel

_LOCK: Final = 0x0C061  # one process at a time makes tables

_FOUND: Final = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS filled
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_START: Final = """
INSERT INTO kit.read_model AS m (name, revision, position, failure) VALUES ($1, $2, 0, NULL)
ON CONFLICT (name, revision) DO UPDATE SET position = 0, failure = NULL
"""

_KNOWN: Final = "SELECT true FROM kit.read_model AS m WHERE m.name = $1 AND m.revision = $2"

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
    """Make the tables that are missing, with their cursors at 0.

    A table and its cursor exist together: one without the other is made anew. Raises
    TableChangedError when a row type changed and its revision did not.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        for model in models:
            found = await connection.fetch(_FOUND, f"public.{model.table}")
            known = await connection.fetchval(_KNOWN, model.name, model.revision)
            if not (found and known):
                await _remake(connection, model)
                continue
            declared = [
                (column.name, column.type, not column.nullable) for column in columns(model)
            ]
            if [tuple(row) for row in found] != declared:
                message = f"{model.table} has other columns than its row type: raise the revision"
                raise TableChangedError(message)


async def remake_table(connection: Connection, model: ReadModel[Any]) -> None:
    """Drop the model's table with all it holds and make it anew, its cursor at 0."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await _remake(connection, model)


async def publish_views(connection: Connection, models: Sequence[ReadModel[Any]]) -> None:
    """Show each table of this release under its model's plain noun, for readers outside.

    Tables that are missing are made. The connection's role must own the tables, so it is the
    application's. Rights given on a view end with it and must be given again.
    """
    async with connection.transaction():
        await ensure_tables(connection, models)
        for model in models:
            await _publish(connection, model)


async def _publish(connection: Connection, model: ReadModel[Any]) -> None:
    names = ", ".join(column.name for column in columns(model))
    await connection.execute(f"DROP VIEW IF EXISTS public.{model.name}")
    await connection.execute(
        f"CREATE VIEW public.{model.name} AS SELECT {names} FROM public.{model.table}"  # noqa: S608
    )


async def _remake(connection: Connection, model: ReadModel[Any]) -> None:
    # A query that runs on shows up as a lock we wait for; better to fail than to stop all others.
    await connection.execute("SET LOCAL lock_timeout = '4s'")
    shown = await connection.fetchval(_SHOWN, model.name, model.table)
    if shown:
        await connection.execute(f"DROP VIEW public.{model.name}")
    await connection.execute(f"DROP TABLE IF EXISTS public.{model.table}")
    for statement in create(model, f"public.{model.table}"):
        await connection.execute(statement)
    if shown:
        await _publish(connection, model)
    await connection.execute(_START, model.name, model.revision)
