"""Queries over read models: SQL literals that name a model, run on the table of this release."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, LiteralString

import asyncpg

from shared.decider import RefusalKind, Refused
from shared.kit.read_models.model import ReadModel


class ReadModelBuilding(Refused):
    """What this answer is read from is still being built; ask again."""

    kind = RefusalKind.UNAVAILABLE


_PLACE: Final = re.compile(r"\{([^{}]*)\}")


class Tables:
    """The read models of one release, for its queries.

    A query names a model in braces, `SELECT … FROM {requests} WHERE scope = $1`; it is run on the
    table of the revision that this release declares. SQL is literal text; values are arguments.
    A statement is cancelled after `timeout_ms`; TimeoutError tells so. ReadModelBuilding is raised
    while a table that it names is built for the first time.
    """

    def __init__(
        self, pool: asyncpg.Pool, models: Sequence[ReadModel[Any]], *, timeout_ms: int = 2000
    ) -> None:
        self._pool = pool
        self._tables = {model.name: f"public.{model.table}" for model in models}
        self._timeout_s = timeout_ms / 1000
        self._known: dict[str, str] = {}

    def query(self, sql: LiteralString) -> str:
        """Put the tables in place of the names; raise KeyError for a model that is not declared."""
        known = self._known.get(sql)
        if known is None:
            known = self._known[sql] = _PLACE.sub(lambda place: self._tables[place[1]], sql)
        return known

    async def fetch(self, sql: LiteralString, *args: Any) -> list[asyncpg.Record]:
        """Give the rows of a query."""
        try:
            return await self._pool.fetch(self.query(sql), *args, timeout=self._timeout_s)
        except asyncpg.UndefinedTableError:
            raise ReadModelBuilding from None

    async def fetchrow(self, sql: LiteralString, *args: Any) -> asyncpg.Record | None:
        """Give the first row of a query, or None."""
        try:
            return await self._pool.fetchrow(self.query(sql), *args, timeout=self._timeout_s)
        except asyncpg.UndefinedTableError:
            raise ReadModelBuilding from None
