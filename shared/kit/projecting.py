"""The role `project`: one process per release folds the log into the read models."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import signal
from typing import Final

import asyncpg
import structlog
import uvicorn
from fastapi import FastAPI

from shared.kit.build_process import build_command
from shared.kit.http.health import Check, health_router
from shared.kit.lease import PROJECT, Lease, LeaseTerms, project_role
from shared.kit.measuring import ModelMeasuring
from shared.kit.observability.metrics import Metrics
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.presence import holder, present
from shared.kit.read_models.projector import Projector, ProjectorLimits
from shared.kit.read_models.supervising import ChildLimits, Children
from shared.kit.read_models.wake import HeadWake
from shared.kit.readiness import Readiness
from shared.kit.running import Running, show_pools
from shared.kit.service import Service
from shared.kit.serving import Server, listen, open_pool, open_vault, write_port
from shared.kit.settings import ServiceSettings
from shared.kit.vault import Indexer, IndexerLimits, SearchIndex

_log: Final = structlog.get_logger()
_CHECK_MS_MAX: Final = 1000
_MEASURE_INTERVAL_S: Final = 2.0


class _Turn:
    """This process's hold on the projector's lease: exactness is the cursors', this saves work."""

    def __init__(self, running: Running) -> None:
        service, settings = running.service, running.settings
        self._running = running
        self._terms = LeaseTerms(
            dsn=settings.database_dsn.get_secret_value(),
            role=project_role(settings.release),
            holder=holder(),
            address="",
            seconds=settings.lease_seconds,
            revision=service.revision,
        )
        self.active = False

    async def run(self) -> None:
        """Take the lease whenever it is free, and keep it; release it when cancelled."""
        while True:
            lease = Lease(self._terms, self._running.metrics)
            self._running.pulse.watch("lease", lambda lease=lease: lease.alive)
            await self._hold(lease, await lease.wait())

    async def _hold(self, lease: Lease, epoch: int) -> None:
        lost = asyncio.Event()
        lease.keep(lambda _reason: lost.set())
        _log.info("lease.taken", role=self._terms.role, epoch=epoch)
        self.active = True
        try:
            while not lost.is_set():
                lease.tick()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), 0.1)
        finally:
            self.active = False
            await lease.release()


async def run_projector(service: Service, settings: ServiceSettings) -> int:
    """Project until told to stop; give the exit code."""
    async with contextlib.AsyncExitStack() as stack:
        running = Running.open(service, settings, {PROJECT}, stack)
        pool = await open_pool(stack, settings.database_dsn.get_secret_value(), settings, "project")
        show_pools(running.metrics, {"log": pool})
        turn = _Turn(running)
        await stack.enter_async_context(present(running, pool))
        projector = _make_projector(running, pool, turn)
        children = _make_children(running, projector, turn)
        indexer = await _open_indexer(service, settings, pool, turn, stack)
        listener = listen(settings)
        server = Server(
            uvicorn.Config(
                _health(running, projector, Readiness(service, pool)),
                log_config=None,
                access_log=False,
                lifespan="off",
            )
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        tasks = [
            asyncio.create_task(turn.run(), name="lease"),
            asyncio.create_task(projector.run(), name="projector"),
            asyncio.create_task(children.run(), name="children"),
            asyncio.create_task(indexer.run(), name="indexer"),
            asyncio.create_task(
                _measure(projector, indexer, pool, running.metrics), name="metrics"
            ),
        ]
        await stack.enter_async_context(running.pulse.beating())
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
        gc.collect()
        gc.freeze()
        write_port(settings, listener)
        _log.info("projector.opened", service=service.name)
        try:
            done, _ = await asyncio.wait({*tasks, serving}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            server.stop()
            await asyncio.gather(*tasks, serving, return_exceptions=True)
    return 0


def _make_projector(running: Running, pool: asyncpg.Pool, turn: _Turn) -> Projector:
    service, settings = running.service, running.settings
    return Projector(
        pool,
        service.registry(),
        service.read_models,
        wake=HeadWake(pool, poll_s=settings.project_poll_interval_ms / 1000),
        random=random.SystemRandom(),
        is_active=lambda: turn.active,
        limits=ProjectorLimits(
            page_events_max=settings.project_batch_events_max,
            build_here_events_max=settings.build_here_events_max,
        ),
        metrics=running.metrics,
        tracing=running.traces.tracing,
    )


def _make_children(running: Running, projector: Projector, turn: _Turn) -> Children:
    settings = running.settings
    return Children(
        look=projector.status,
        command=lambda names: build_command(running.service, names),
        is_active=lambda: turn.active,
        random=random.SystemRandom(),
        limits=ChildLimits(
            children_max=settings.build_children_max,
            build_here_events_max=settings.build_here_events_max,
        ),
    )


async def _open_indexer(
    service: Service,
    settings: ServiceSettings,
    pool: asyncpg.Pool,
    turn: _Turn,
    stack: contextlib.AsyncExitStack,
) -> Indexer:
    keys_pool = await open_pool(stack, settings.keys_dsn.get_secret_value(), settings, "index")
    return Indexer(
        pool,
        SearchIndex(keys_pool, service.name),
        open_vault(service, settings, keys_pool, pool),
        service.registry(),
        service.searchable,
        wake=HeadWake(pool, poll_s=settings.project_poll_interval_ms / 1000),
        random=random.SystemRandom(),
        is_active=lambda: turn.active,
        limits=IndexerLimits(page_events_max=settings.search_batch_events_max),
    )


async def _measure(
    projector: Projector, indexer: Indexer, pool: asyncpg.Pool, metrics: Metrics
) -> None:
    measuring = ModelMeasuring(pool, metrics)
    while True:
        with contextlib.suppress(*STORAGE_FAULTS):
            await measuring.look(await projector.status())
            metrics.search_lag_events.set(await indexer.lag())
        await asyncio.sleep(_MEASURE_INTERVAL_S)


def _health(running: Running, projector: Projector, readiness: Readiness) -> FastAPI:
    async def read_models() -> Check:
        """Every table is there and folded."""
        found = await projector.status()
        stopped = [one.name for one in found if one.stopped]
        if stopped:
            return Check("read_models", "degraded", f"stopped: {', '.join(stopped)}")
        if not projector.ready():
            behind = ", ".join(f"{one.name} {one.lag}" for one in found if not one.caught_up)
            return Check("read_models", "failed", f"behind: {behind}")
        return Check("read_models", "ok")

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(
        health_router(
            (*readiness.probes(), read_models),
            running.metrics.shown,
            check_ms_max=_CHECK_MS_MAX,
            dead=running.pulse.dead,
        )
    )
    return app
