"""How old what a service has heard of the directory is, by its own database's clock.

A heartbeat's time means: all that its source had decided until then is heard. So the age counts
from the last one on the partition of the district, to which every stream of the directory belongs.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from math import inf
from typing import Final

import asyncpg

from shared.contracts.topics import Topic
from shared.kit.observability.metrics import Metrics
from shared.kit.postgres.faults import STORAGE_FAULTS

_INTERVAL_S: Final = 1.0
_INTERVAL_UNKNOWN_S: Final = 0.1
_AGE: Final = """
SELECT extract(epoch FROM clock_timestamp() - h.source_time)::float8
FROM kit.heard AS h WHERE h.topic = $1 AND h.part = $2
"""


class AuthorityAge:
    """Keeps the age in memory, looked up once a second; while that fails, it grows.

    `directory` null: the service owns the directory, so its age is always 0.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        metrics: Metrics,
        *,
        directory: Topic | None,
        part: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._metrics = metrics
        self._directory = directory
        self._part = part
        self._monotonic = monotonic
        self._age_s = 0.0 if directory is None else inf
        self._looked_at = monotonic()
        self._show()

    def seconds(self) -> float:
        """Give the age now; infinite while nothing was heard."""
        if self._directory is None:
            return 0.0
        return self._age_s + self._monotonic() - self._looked_at

    async def look(self) -> None:
        """Look the age up; raises what a database that is away raises."""
        if self._directory is not None:
            # Before the question: an answer that was long on its way is not younger for it.
            asked_at = self._monotonic()
            found: float | None = await self._pool.fetchval(_AGE, self._directory.name, self._part)
            self._age_s = inf if found is None else max(0.0, found)
            self._looked_at = asked_at
        self._show()

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Look again and again, beside what is done meanwhile."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            with contextlib.suppress(*STORAGE_FAULTS, asyncpg.UndefinedTableError):
                await self.look()
            self._show()
            await asyncio.sleep(_INTERVAL_UNKNOWN_S if self._age_s == inf else _INTERVAL_S)

    def _show(self) -> None:
        self._metrics.authority_age_seconds.set(self.seconds())
