"""What is verified: services with their databases, and how those are read."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

import asyncpg

from shared.contracts.registry import Registry
from shared.contracts.topics import Topic
from shared.kit.bus import Bus
from shared.kit.read_models.model import ReadModel
from shared.kit.views import Views

if TYPE_CHECKING:
    from shared.kit.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUnderTest:
    """One service: its database, and the code that its states and tables are to agree with.

    `pool` needs two connections, a role that may read everything, and a client-side time limit no
    shorter than the statements' of `VerifyLimits`.
    """

    name: str
    pool: asyncpg.Pool
    topic: Topic
    hears: tuple[Topic, ...]
    registry: Registry
    views: Views
    read_models: Sequence[ReadModel[Any]]

    @classmethod
    def of(cls, service: Service, pool: asyncpg.Pool) -> ServiceUnderTest:
        """Take everything but the database from a service's declaration."""
        return cls(
            name=service.name,
            pool=pool,
            topic=service.topic,
            hears=tuple(service.hears),
            registry=service.registry(),
            views=service.views(),
            read_models=service.read_models,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyLimits:
    """The bounds of a run.

    `settle_s` is how long a live site may take to catch up with the heads as they were at first
    look; `quiet_s` without a record is taken for the end of a topic that nobody writes to.
    """

    page_rows: int = 2000
    notes_max: int = 100
    statement_timeout_ms: int = 600_000
    settle_s: float = 15.0
    quiet_s: float = 2.0
    poll_s: float = 0.2
    tail_records: int = 200


@dataclass(frozen=True, slots=True)
class Scene:
    """A site, whole: its services, its Kafka, and the limits of looking."""

    sites: Sequence[ServiceUnderTest]
    bus: Bus
    limits: VerifyLimits

    def hearings(self) -> list[tuple[ServiceUnderTest, ServiceUnderTest]]:
        """Give each (hearer, source) of which both are here."""
        by_name = {site.name: site for site in self.sites}
        return [
            (hearer, by_name[topic.service])
            for hearer in self.sites
            for topic in hearer.hears
            if topic.service in by_name
        ]

    @contextlib.asynccontextmanager
    async def snapshot(self, site: ServiceUnderTest) -> AsyncGenerator[Snapshot]:
        """Look at a service's database as of one moment, while it goes on."""
        async with (
            site.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(
                "SELECT set_config('statement_timeout', $1, true)",
                str(self.limits.statement_timeout_ms),
            )
            yield Snapshot(connection, self.limits)


class Snapshot:
    """A database as of one moment; rows come by pages, so memory is bounded."""

    def __init__(self, connection: Any, limits: VerifyLimits) -> None:
        self._connection = connection
        self._page_rows = limits.page_rows
        self._timeout_s = limits.statement_timeout_ms / 1000

    async def row(self, sql: LiteralString, *arguments: object) -> asyncpg.Record:
        """Give the one row of an answer."""
        row = await self._connection.fetchrow(sql, *arguments, timeout=self._timeout_s)
        assert row is not None
        return row

    async def all(self, sql: LiteralString, *arguments: object) -> list[asyncpg.Record]:
        """Give a short answer whole."""
        return await self._connection.fetch(sql, *arguments, timeout=self._timeout_s)

    async def rows(self, sql: LiteralString, *arguments: object) -> AsyncIterator[asyncpg.Record]:
        """Give a long answer row by row."""
        cursor = self._connection.cursor(
            sql, *arguments, prefetch=self._page_rows, timeout=self._timeout_s
        )
        async for row in cursor:
            yield row
