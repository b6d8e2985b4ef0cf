"""The `project` role: keeps every read model of a release at the head of the log (ADR 7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import structlog

from shared.contracts.registry import Registry
from shared.kit.backoff import Backoff
from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import NO_TRACING, Tracing
from shared.kit.ports import Random, Wake
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.read_models.building import Builder, BuilderLimits
from shared.kit.read_models.cursors import CursorMovedError, ModelStatus, status
from shared.kit.read_models.engine import Engine
from shared.kit.read_models.folding import Page
from shared.kit.read_models.model import ReadModel
from shared.kit.read_models.schema import ensure_tables
from shared.kit.read_models.tail import Tail

_log: Final = structlog.get_logger()

_FAULTS: Final = (asyncpg.PostgresError, *STORAGE_FAULTS, OSError)


@dataclass(frozen=True, slots=True)
class ProjectorLimits:
    """What a step takes on: a page bounds memory and how long a build keeps the head waiting.

    Tables are built here while the log is at most `build_here_events_max` long, else by children.
    """

    page_events_max: int = 2000
    build_here_events_max: int = 20_000
    retry_first_s: float = 0.1
    retry_max_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Group:
    """Models that stand at one position, and where their next page ends."""

    models: tuple[ReadModel[Any], ...]
    after: int
    through: int


class Projector:
    """Folds the log into the tables of one release.

    Models at the head move together, one transaction a page. One that was stopped moves by itself
    a page at a time until it meets the others; a new revision is built beside them. `is_active`
    says whether this process holds the projector's lease; should two be active, compare-and-set
    keeps both exact.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        registry: Registry,
        models: Sequence[ReadModel[Any]],
        *,
        wake: Wake,
        random: Random,
        is_active: Callable[[], bool],
        limits: ProjectorLimits,
        metrics: Metrics | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._pool = pool
        self._registry = registry
        self._models = {model.name: model for model in models}
        if len(self._models) != len(models):
            raise ValueError("two read models have one name")
        self._wake = wake
        self._is_active = is_active
        self._limits = limits
        self._backoff = Backoff(random, first_s=limits.retry_first_s, max_s=limits.retry_max_s)
        self._engine = Engine(pool, models, metrics=metrics, tracing=tracing)
        self._builder = Builder(
            pool,
            registry,
            models,
            random=random,
            limits=BuilderLimits(page_events_max=limits.page_events_max),
        )
        self._tails = {tuple(sorted(self._models)): Tail(registry, models)}
        self._prepared = False
        self._ready = False

    async def run(self) -> None:
        """Follow the log until cancelled; on standby, watch how the active one gets on."""
        waits = self._wake.waits()
        try:
            async for _ in waits:
                while await self._tries_step():
                    pass
        finally:
            await self._builder.close()
            if isinstance(waits, AsyncGenerator):
                await waits.aclose()

    async def prepare(self) -> None:
        """Make the tables that are missing, or ask for them to be built.

        Raises TableChangedError when one has other columns than its row type.
        """
        async with self._pool.acquire() as connection:
            await ensure_tables(connection, list(self._models.values()))
        self._prepared = True

    async def step(self) -> bool:
        """Move what is behind by a page, if this process is active; tell whether there was any.

        Raises CursorMovedError when another projector was faster, and asyncpg's errors.
        """
        if not self._prepared:
            await self.prepare()
        found = await self.status()
        if not self._is_active():
            return False
        groups = groups_of(found, self._models, self._limits.page_events_max)
        # The head first, then the one furthest behind: nothing stops the head for long.
        for group in {group.after: group for group in (*groups[:1], *groups[-1:])}.values():
            await self._engine.advance(group.models, await self._read(group))
        builds = any(one.build is not None and not one.build.failure for one in found)
        if builds and found[0].head <= self._limits.build_here_events_max:
            return await self._builder.step() or bool(groups)
        return bool(groups)

    async def status(self) -> list[ModelStatus]:
        """Say where each model stands now, sorted by name."""
        found = await status(self._pool, list(self._models.values()))
        if all(one.caught_up or one.failure for one in found):
            self._ready = self._prepared
        return found

    def ready(self) -> bool:
        """Tell whether all tables caught up since the start; stopped models count as degraded."""
        return self._ready

    async def _read(self, group: Group) -> Page:
        names = tuple(sorted(model.name for model in group.models))
        tail = self._tails.get(names)
        if tail is None:
            tail = self._tails[names] = Tail(self._registry, group.models)
        return await tail.read(self._pool, group.after, group.through)

    async def _tries_step(self) -> bool:
        try:
            moved = await self.step()
        except CursorMovedError as error:
            _log.info("projector.overtaken", models=error.args[0])
            await asyncio.sleep(0)
            return True
        except _FAULTS as error:
            if self._backoff.failures == 0:
                _log.warning("projector.interrupted", exc_info=error)
            await self._backoff.wait()
            return True
        self._backoff.reset()
        # Many steps may follow one another; whoever shares the loop gets a turn.
        await asyncio.sleep(0)
        return moved


def groups_of(
    found: Sequence[ModelStatus], models: Mapping[str, ReadModel[Any]], page_events_max: int
) -> list[Group]:
    """Group running models by position, the furthest first; a page ends where the next group is."""
    running = [one for one in found if one.served and one.failure is None]
    ends = sorted({one.position for one in running} | {one.position + one.lag for one in running})
    groups: list[Group] = []
    for after in sorted({one.position for one in running if one.lag > 0}, reverse=True):
        group = tuple(models[one.name] for one in running if one.position == after)
        end = next(position for position in ends if position > after)
        groups.append(Group(group, after, min(end, after + page_events_max)))
    return groups
