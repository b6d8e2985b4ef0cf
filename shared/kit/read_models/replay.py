"""Proves a table against the log: folds the log anew beside it and compares row by row (I4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from shared.contracts.registry import Registry
from shared.kit.read_models.codec import Codec
from shared.kit.read_models.cursors import Connection, status
from shared.kit.read_models.ddl import columns, create
from shared.kit.read_models.folding import Page, Vocabulary, fold, plan
from shared.kit.read_models.model import R, ReadModel
from shared.kit.read_models.tail import Tail

_COPY: Final = "replayed"

# Their parts are generated: checked identifiers, no text from outside.
_COUNT: Final = "SELECT count(*) FROM {table} AS s FULL JOIN pg_temp.{copy} AS f ON {match}"
_DIFFERING: Final = """
SELECT to_json(s)::text AS stored, to_json(f)::text AS fresh
FROM {table} AS s FULL JOIN pg_temp.{copy} AS f ON {match}
WHERE ROW({stored}) IS DISTINCT FROM ROW({fresh})
LIMIT $1
"""


class ReplayStoppedError(Exception):
    """The log cannot be folded up to the table's cursor."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not what the log makes of it.

    `columns` maps each column that differs to (stored, replayed); a row that is missing in the
    table has null as every stored value, one too many has null as every replayed value.
    """

    model: str
    key: Mapping[str, Any]
    columns: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: `rows` compared as of `position`; `differences` is cut at a limit."""

    model: str
    revision: int
    position: int
    rows: int
    differences: tuple[Difference, ...]


async def replay(
    pool: asyncpg.Pool,
    registry: Registry,
    model: ReadModel[R],
    *,
    page_events_max: int = 5000,
    differences_max: int = 100,
    statement_timeout_ms: int = 600_000,
) -> Replayed:
    """Fold the log up to the model's cursor into a temporary table and compare the two.

    All is read in one snapshot, so the projector may go on meanwhile. Memory is bounded by a page.
    Raises ReplayStoppedError where the model raises, and asyncpg's errors.
    """
    async with pool.acquire() as connection:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            await connection.execute(f"SET LOCAL statement_timeout = {int(statement_timeout_ms)}")
            (stands,) = await status(connection, (model,))
            await connection.execute(create(model, _COPY, temporary=True))
            await _fold_log(connection, registry, model, stands.position, page_events_max)
            rows, differences = await _compare(connection, model, differences_max)
        finally:
            await transaction.rollback()
    return Replayed(model.name, model.revision, stands.position, rows, tuple(differences))


async def _fold_log(
    connection: Connection, registry: Registry, model: ReadModel[R], head: int, page_events_max: int
) -> None:
    codec, vocabulary = Codec(model, f"pg_temp.{_COPY}"), Vocabulary(model)
    tail = Tail(registry, (model,))
    for after in range(0, head, page_events_max):
        page = await tail.read(connection, after, min(after + page_events_max, head))
        await _fold_page(connection, codec, vocabulary, model, page)


async def _fold_page(
    connection: Connection,
    codec: Codec[R],
    vocabulary: Vocabulary[R],
    model: ReadModel[R],
    page: Page,
) -> None:
    planned = plan(model, vocabulary, page)
    text = await connection.fetchval(codec.load, codec.subjects(planned.keys))
    folded = fold(model, planned, codec.loaded(text, planned.keys))
    if folded.failure is not None:
        raise ReplayStoppedError(str(folded.failure)) from folded.failure.error
    await connection.execute(codec.upsert, codec.rows(folded.rows))
    await connection.execute(codec.delete, codec.keys(folded.deleted))


async def _compare(
    connection: Connection, model: ReadModel[R], differences_max: int
) -> tuple[int, list[Difference]]:
    names = [column.name for column in columns(model)]
    parts = {
        "table": f"public.{model.table}",
        "copy": _COPY,
        "match": " AND ".join(f"s.{name} = f.{name}" for name in model.key),
        "stored": ", ".join(f"s.{name}" for name in names),
        "fresh": ", ".join(f"f.{name}" for name in names),
    }
    rows = await connection.fetchval(_COUNT.format(**parts))
    found = await connection.fetch(_DIFFERING.format(**parts), differences_max)
    return rows, [_difference(model, row["stored"], row["fresh"]) for row in found]


def _difference(model: ReadModel[R], stored: str | None, fresh: str | None) -> Difference:
    was: dict[str, Any] = json.loads(stored) if stored else {}
    shall: dict[str, Any] = json.loads(fresh) if fresh else {}
    whole = was or shall
    return Difference(
        model=model.name,
        key={name: whole[name] for name in model.key},
        columns={
            name: (was.get(name), shall.get(name))
            for name in whole
            if not (was and shall) or was[name] != shall[name]
        },
    )
