"""The indexer: follows the log, opens what became searchable, and puts its digests away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

import asyncpg
import structlog

from shared.contracts.registry import Registry
from shared.kit.backoff import Backoff
from shared.kit.ports import Random, Wake
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.vault.folding import fold, text_grams
from shared.kit.vault.search import Indexed, Searchable, SearchIndex
from shared.kit.vault.vault import Opened, Vault

_log: Final = structlog.get_logger()
_FAULTS: Final = (asyncpg.PostgresError, *STORAGE_FAULTS, OSError)
_HEAD: Final[LiteralString] = "SELECT h.position FROM kit.head AS h"
_READ: Final[LiteralString] = """
SELECT e.type, e.scope, e.data::text AS data
FROM kit.event AS e
WHERE e.position > $1 AND e.position <= $2 AND e.source IS NULL AND e.type = ANY ($3::text[])
ORDER BY e.position
"""


@dataclass(frozen=True, slots=True)
class IndexerLimits:
    """What one step takes on, and how long a fault is waited out."""

    page_events_max: int = 500
    retry_first_s: float = 0.1
    retry_max_s: float = 10.0


class Indexer:
    """Keeps one service's search index at the head of its log.

    A text whose row or key is gone when its event is read was erased, and is passed over; one that
    goes later takes its row of the index with it. `is_active` says whether this process holds the
    projector's lease; should two be active, the cursor's compare-and-set keeps both exact.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        index: SearchIndex,
        vault: Vault,
        registry: Registry,
        searchable: Sequence[Searchable],
        *,
        wake: Wake,
        random: Random,
        is_active: Callable[[], bool],
        limits: IndexerLimits,
    ) -> None:
        self._pool = pool
        self._index = index
        self._vault = vault
        self._registry = registry
        self._searchable: Mapping[str, Searchable] = {
            each.event.type_name(): each for each in searchable
        }
        self._wake = wake
        self._is_active = is_active
        self._limits = limits
        self._backoff = Backoff(random, first_s=limits.retry_first_s, max_s=limits.retry_max_s)

    async def run(self) -> None:
        """Follow the log until cancelled."""
        waits = self._wake.waits()
        try:
            async for _ in waits:
                while self._is_active() and await self._tries_step():
                    pass
        finally:
            if isinstance(waits, AsyncGenerator):
                await waits.aclose()

    async def step(self) -> bool:
        """Index one page; tell whether there was any."""
        after = await self._index.position()
        through = min(await self._pool.fetchval(_HEAD), after + self._limits.page_events_max)
        if through <= after:
            return False
        places = await self._places(after, through)
        opened = await self._vault.open_for_index(list(places))
        rows = await asyncio.to_thread(self._rows, opened, places)
        return await self._index.put(rows, after=after, through=through)

    async def lag(self) -> int:
        """Give how many positions are not indexed yet."""
        return max(0, await self._pool.fetchval(_HEAD) - await self._index.position())

    async def _places(self, after: int, through: int) -> dict[UUID, tuple[str, frozenset[str]]]:
        """Give the scope and the searchable fields of the records that the page's events name."""
        places: dict[UUID, tuple[str, frozenset[str]]] = {}
        for row in await self._pool.fetch(_READ, after, through, list(self._searchable)):
            declared = self._searchable[row["type"]]
            event: Any = self._registry.parse(row["type"], row["data"])
            places[declared.record(event)] = (row["scope"], frozenset(declared.fields))
        return places

    def _rows(
        self, opened: Sequence[Opened], places: Mapping[UUID, tuple[str, frozenset[str]]]
    ) -> list[Indexed]:
        rows: list[Indexed] = []
        for one in opened:
            scope, fields = places[one.record]
            if one.field in fields:
                digests = self._vault.hasher(scope).digests(text_grams(fold(one.text)))
                rows.append(Indexed(one.record, one.field, one.subject, scope, digests))
        return rows

    async def _tries_step(self) -> bool:
        try:
            moved = await self.step()
        except _FAULTS as error:
            if self._backoff.failures == 0:
                _log.warning("search.indexing_interrupted", error=type(error).__name__)
            await self._backoff.wait()
            return True
        self._backoff.reset()
        return moved
