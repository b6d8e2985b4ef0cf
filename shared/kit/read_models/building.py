"""Builds tables beside those that queries see, and lets each take its place when it is current.

A build folds the log from position 0 into a table without secondary indexes; one scan of the log
feeds all that are built together. Near the head the indexes are made; at the head the table takes
its place in one transaction, which holds both cursors: nothing is missed and nothing goes back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import structlog

from shared.contracts.registry import Registry
from shared.kit.backoff import Backoff
from shared.kit.observability.tracing import NO_TRACING, Tracing
from shared.kit.ports import Random
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.read_models.cursors import (
    BUILDING,
    Build,
    CursorMovedError,
    ModelStatus,
    status,
)
from shared.kit.read_models.engine import Engine
from shared.kit.read_models.folding import Page
from shared.kit.read_models.model import ReadModel
from shared.kit.read_models.schema import index_build, swap_tables
from shared.kit.read_models.tail import Tail

_log: Final = structlog.get_logger()

_FAULTS: Final = (asyncpg.PostgresError, *STORAGE_FAULTS, OSError)
_CLAIM: Final = 0x0C062  # one process at a time builds a model
_IDLE_S: Final = 0.2

_HOLD_SERVED: Final = """
SELECT m.position FROM kit.read_model AS m WHERE m.name = $1 AND m.revision = $2 FOR UPDATE
"""
_HOLD_BUILD: Final = """
SELECT b.position FROM kit.model_build AS b
WHERE b.name = $1 AND b.revision = $2 AND b.failure IS NULL FOR UPDATE
"""


@dataclass(frozen=True, slots=True)
class BuilderLimits:
    """What a build takes on.

    `handover_events_max`: how far behind it may be when it holds the cursors to take its place.
    `lock_wait_ms_max`: how long it then waits for queries that run, while later ones wait for it.
    """

    page_events_max: int = 10_000
    rows_cached_max: int = 50_000
    handover_events_max: int = 500
    lock_wait_ms_max: int = 250
    retry_first_s: float = 0.1
    retry_max_s: float = 10.0


class Builder:
    """Builds the tables that are asked for of these models."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        registry: Registry,
        models: Sequence[ReadModel[Any]],
        *,
        random: Random,
        limits: BuilderLimits,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._pool = pool
        self._models = {model.name: model for model in models}
        self._limits = limits
        self._tail = Tail(registry, models)
        self._engine = Engine(
            pool,
            models,
            cursors=BUILDING,
            rows_cached_max=limits.rows_cached_max,
            tracing=tracing,
        )
        self._backoff = Backoff(random, first_s=limits.retry_first_s, max_s=limits.retry_max_s)
        self._ahead: tuple[tuple[int, int], asyncio.Task[Page]] | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Build until nothing is left to build, or until told to stop: then at its cursor."""
        try:
            while not stopping.is_set():
                try:
                    going = await self.step()
                except CursorMovedError:
                    continue  # somebody builds along, or the build was set back
                except _FAULTS as error:
                    if self._backoff.failures == 0:
                        _log.warning("build.interrupted", exc_info=error)
                    await self._backoff.wait()
                    continue
                self._backoff.reset()
                if not going:
                    return
        finally:
            await self.close()

    async def step(self) -> bool:
        """Move the builds that are furthest behind by a page; tell whether any is going.

        Raises CursorMovedError when another was faster, and asyncpg's errors.
        """
        found = await status(self._pool, list(self._models.values()))
        going = {one.name: one.build for one in found if one.build and not one.build.failure}
        if not going:
            return False
        head = found[0].head
        after = min(build.position for build in going.values())
        group = {name: build for name, build in going.items() if build.position == after}
        ends = [build.position for build in going.values() if build.position > after]
        through = min(*ends, head, after + self._limits.page_events_max)
        if after < through:
            models = [self._models[name] for name in group]
            await self._engine.advance(models, await self._page(after, through, head))
        await self._finish(found, group, through, head)
        return True

    async def hand_over(self, model: ReadModel[Any]) -> None:
        """Let a table take its place, unless its build is too far behind or stands still."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {self._limits.lock_wait_ms_max:d}")
            served = await connection.fetchval(_HOLD_SERVED, model.name, model.revision)
            built = await connection.fetchval(_HOLD_BUILD, model.name, model.revision)
            if built is None:
                return
            position = max(built, served or 0)
            if position - built > self._limits.handover_events_max:
                return
            if position > built:
                page = await self._tail.read(connection, built, position)
                folded = await self._engine.follow(connection, model, page)
                if folded.failure is not None:
                    raise CursorMovedError([model.name])  # the next step meets it, and stops there
            await swap_tables(connection, model, position)
        _log.info("read_model.built", model=model.name, revision=model.revision, position=position)

    async def close(self) -> None:
        """Give up what was read ahead."""
        if self._ahead is not None:
            self._ahead[1].cancel()
            await asyncio.gather(self._ahead[1], return_exceptions=True)
            self._ahead = None

    async def _page(self, after: int, through: int, head: int) -> Page:
        """Give a page; the next one is read while this one is folded and written."""
        if self._ahead is not None and self._ahead[0] == (after, through):
            task = self._ahead[1]
            self._ahead = None
        else:
            await self.close()
            task = self._read(after, through)
        page = await task
        end = min(head, through + self._limits.page_events_max)
        if through < end:
            self._ahead = ((through, end), self._read(through, end))
        return page

    def _read(self, after: int, through: int) -> asyncio.Task[Page]:
        return asyncio.create_task(self._tail.read(self._pool, after, through))

    async def _finish(
        self, found: Sequence[ModelStatus], group: dict[str, Build], through: int, head: int
    ) -> None:
        """Make the indexes of what is near the head, and let what is at the head take its place."""
        if head - through > self._limits.page_events_max:
            return
        for one in found:
            build = group.get(one.name)
            if build is None:
                continue
            model = self._models[one.name]
            if not build.indexed:
                async with self._pool.acquire() as connection, connection.transaction():
                    await index_build(connection, model)
            elif head - through <= self._limits.handover_events_max:
                await self.hand_over(model)


@contextlib.asynccontextmanager
async def claimed(
    pool: asyncpg.Pool, models: Sequence[ReadModel[Any]], stopping: asyncio.Event
) -> AsyncGenerator[None]:
    """Be the only process that builds these models; wait until no other one does, or to be stopped.

    This saves work only, like the projector's lease: exactness is the cursors'.
    """
    keys = [model.table for model in sorted(models, key=lambda model: model.table)]
    async with pool.acquire() as connection:
        taken: list[str] = []
        try:
            for key in keys:
                while not await _claims(connection, "pg_try_advisory_lock", key):
                    if stopping.is_set():
                        break
                    await asyncio.sleep(_IDLE_S)
                else:
                    taken.append(key)
            yield
        finally:
            for key in taken:
                with contextlib.suppress(*_FAULTS):
                    await _claims(connection, "pg_advisory_unlock", key)


async def is_claimed(pool: asyncpg.Pool, model: ReadModel[Any]) -> bool:
    """Tell whether a process builds this model now."""
    async with pool.acquire() as connection:
        if await _claims(connection, "pg_try_advisory_lock", model.table):
            await _claims(connection, "pg_advisory_unlock", model.table)
            return False
        return True


async def _claims(connection: Any, function: str, key: str) -> bool:
    # An unlock at a lost connection says false: the lock went with it.
    return await connection.fetchval(f"SELECT {function}($1, hashtext($2))", _CLAIM, key)
