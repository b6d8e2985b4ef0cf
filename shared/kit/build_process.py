"""A process that builds tables: a child of the projector, or an operator's own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

import asyncpg
import structlog

from shared.kit.postgres.pool import create_pool
from shared.kit.read_models.building import Builder, BuilderLimits, claimed
from shared.kit.read_models.model import ReadModel
from shared.kit.read_models.rebuild import rebuild
from shared.kit.service import Service
from shared.kit.settings import ServiceSettings

_log: Final = structlog.get_logger()
_CONNECTIONS: Final = 4
_CHUNK: Final = 4096


def build_command(service: Service, names: Sequence[str]) -> Sequence[str]:
    """Give the program that builds these models as a child of this process: the same program."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = spec.name.removesuffix(".__main__") if spec else f"services.{service.name}"
    return (sys.executable, "-m", program, "build", *names)


async def run_child(service: Service, settings: ServiceSettings, names: Sequence[str]) -> int:
    """Build what is asked for of these models until all of it is served, or told to stop."""
    models = [model for model in service.read_models if model.name in names]
    async with _building_pool(settings) as pool:
        builder = Builder(
            pool,
            service.registry(),
            models,
            random=random.SystemRandom(),
            limits=_limits(settings),
        )
        await build_until_told(builder, pool, models)
    return 0


async def run_rebuild(service: Service, settings: ServiceSettings, name: str) -> int:
    """Build one model's table anew, here and now."""
    (model,) = (model for model in service.read_models if model.name == name)
    async with _building_pool(settings) as pool:
        position = await rebuild(
            pool,
            service.registry(),
            model,
            random=random.SystemRandom(),
            limits=_limits(settings),
        )
    _log.info("read_model.rebuilt", model=name, revision=model.revision, position=position)
    return 0


async def build_until_told(
    builder: Builder, pool: asyncpg.Pool, models: Sequence[ReadModel[Any]]
) -> None:
    """Build as this whole process, alone at these models, until all is served.

    It stops at its cursor on SIGTERM, and when the process that started it is gone.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    building = asyncio.create_task(_build(builder, pool, models, stopping))
    told = [asyncio.create_task(stopping.wait()), asyncio.create_task(_orphaned())]
    await asyncio.wait([building, *told], return_when=asyncio.FIRST_COMPLETED)
    stopping.set()
    for task in told:
        task.cancel()
    await building


async def _build(
    builder: Builder,
    pool: asyncpg.Pool,
    models: Sequence[ReadModel[Any]],
    stopping: asyncio.Event,
) -> None:
    gc.collect()
    gc.freeze()
    async with claimed(pool, models, stopping):
        await builder.run(stopping)


async def _orphaned() -> None:
    """Return when the other end of standard input is closed: whoever held it is gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(_CHUNK):
        pass


@contextlib.asynccontextmanager
async def _building_pool(settings: ServiceSettings) -> AsyncGenerator[asyncpg.Pool]:
    pool = await create_pool(
        settings.database_dsn.get_secret_value(),
        size_max=_CONNECTIONS,
        statement_timeout_ms=settings.build_statement_timeout_ms,
        application="build",
    )
    try:
        yield pool
    finally:
        await pool.close()


def _limits(settings: ServiceSettings) -> BuilderLimits:
    return BuilderLimits(
        page_events_max=settings.build_page_events_max,
        rows_cached_max=settings.build_rows_cached_max,
    )
