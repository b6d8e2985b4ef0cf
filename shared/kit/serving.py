"""The roles `serve` and `write`: HTTP for everybody, and one of the replicas leads the log.

Every replica serves. Those with the role `write` try to take the lease; the one that has it opens
a writer, a relay and an ingest for its epoch. Who loses it answers its queue 503 and starts anew
as a standby, so that nothing of the old epoch lives on.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import signal
import socket
from collections.abc import AsyncGenerator, Generator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import httpx
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.routing import Route

from shared.kit.attachments import Attachments, open_store
from shared.kit.authority_age import AuthorityAge
from shared.kit.clock import site_clock
from shared.kit.erasure import Eraser
from shared.kit.forward import PATH, Door, SubmissionCodec
from shared.kit.http.application import create_app
from shared.kit.http.edge import Edge, Limits
from shared.kit.http.names import Names
from shared.kit.http.rates import RateLimits, Rates
from shared.kit.identity.keys import Keys
from shared.kit.identity.trusting import token_verifier, trusted_keys
from shared.kit.ids import TimeOrderedIds
from shared.kit.kafka.bus import KafkaBus, KafkaLimits
from shared.kit.leading import Leader, LeadershipLostError, Replica
from shared.kit.lease import WRITE
from shared.kit.observability.metrics import Metrics
from shared.kit.operating import operator_app
from shared.kit.postgres.log import PostgresLog
from shared.kit.postgres.pool import create_pool
from shared.kit.presence import present
from shared.kit.read_models.tables import Tables
from shared.kit.readiness import Readiness
from shared.kit.running import Running, show_pools
from shared.kit.service import FullGuard, Rooms, Service
from shared.kit.settings import ServiceSettings
from shared.kit.states import StateReader
from shared.kit.submission import Caller
from shared.kit.vault import Vault
from shared.kit.waiting import Waiting

_log: Final = structlog.get_logger()


async def run_replica(
    service: Service, settings: ServiceSettings, *, roles: AbstractSet[str]
) -> int | None:
    """Serve until told to stop (None), or until the lease is lost: the port to start anew on."""
    async with contextlib.AsyncExitStack() as stack:
        listener = listen(settings)
        port: int = listener.getsockname()[1]
        running = Running.open(service, settings, roles, stack)
        replica, app = await _open_replica(running, listener, stack)
        server = Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        if WRITE in roles:
            await stack.enter_async_context(_operating(running, replica))
        leading = asyncio.create_task(replica.lead()) if WRITE in roles else None
        await stack.enter_async_context(running.pulse.beating())
        gc.collect()
        gc.freeze()
        write_port(settings, listener)
        _log.info(
            "replica.opened", service=service.name, address=replica.address, roles=sorted(roles)
        )
        try:
            again = await _until_stopped(server, serving, leading)
            return port if again else None
        finally:
            if leading is not None:
                leading.cancel()
                await asyncio.gather(leading, return_exceptions=True)


@contextlib.asynccontextmanager
async def _operating(running: Running, replica: Replica) -> AsyncGenerator[None]:
    """Listen to operators on a port of their own."""
    settings = running.settings
    app = operator_app(
        replica.edge,
        settings.district,
        lambda: replica.verbs,
        metrics=running.metrics,
        tracing=running.traces.tracing,
    )
    server = Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    listener = socket.create_server((settings.operator_host, settings.operator_port))
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.stop()
        await asyncio.gather(serving, return_exceptions=True)


async def _until_stopped(
    server: Server, serving: asyncio.Task[None], leading: asyncio.Task[None] | None
) -> bool:
    tasks: set[asyncio.Task[None]] = {serving} | ({leading} if leading is not None else set())
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if leading is None or not leading.done():
        await serving
        return False
    error = leading.exception()
    server.stop()
    await serving
    if isinstance(error, LeadershipLostError):
        _log.warning("lease.lost", role=WRITE, reason=str(error))
        return True
    if error is not None:
        raise error
    return False


class Server(uvicorn.Server):
    """A server whose process handles the signals: the lease must be given back in order."""

    def stop(self) -> None:
        """Stop taking connections; what is under way is answered."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone."""
        yield


async def _open_replica(
    running: Running, listener: socket.socket, stack: contextlib.AsyncExitStack
) -> tuple[Replica, Any]:
    service, settings, metrics = running.service, running.settings, running.metrics
    pool = await open_pool(stack, settings.database_dsn.get_secret_value(), settings, "serve")
    keys_pool = await open_pool(stack, settings.keys_dsn.get_secret_value(), settings, "vault")
    show_pools(metrics, {"log": pool, "keys": keys_pool})
    await stack.enter_async_context(present(running, pool))
    log = PostgresLog(pool)
    bus = kafka_bus(service, settings)
    # A writer that is silent for as long as its lease may have lost it: who leads is asked again.
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=settings.lease_seconds))
    vault = open_vault(service, settings, keys_pool, pool)
    door = Door(
        codec=SubmissionCodec(service.commands),
        who_leads=Leader(pool).holding,
        client=client,
        secret=settings.internal_secret.get_secret_value(),
        deadline_s=settings.command_deadline_s,
        metrics=metrics,
    )
    states = StateReader(log, service.views())
    age = _authority_age(service, settings, pool, bus, metrics)
    await stack.enter_async_context(age.kept())
    guard = _hearing(service, settings, age)
    issuer = await stack.enter_async_context(trusted_keys(settings, client, metrics))
    parts = _Parts(pool, bus, states, client, metrics, guard, issuer)
    edge = _edge(service, settings, parts, vault, door)
    rooms = _rooms(service, settings, edge, parts, vault)
    readiness = _readiness(running, parts, keys_pool, age)
    app = _make_app(running, rooms, readiness)
    app.router.routes.append(Route(PATH, door.receive, methods=["POST"]))
    app.router.routes.extend(service.internal(rooms))
    replica = Replica(
        service=service,
        settings=settings,
        pool=pool,
        log=log,
        bus=bus,
        door=door,
        edge=edge,
        guard=guard,
        running=running,
        readiness=readiness,
        tables=rooms.tables,
        client=client,
        eraser=Eraser(pool, vault, rooms.attachments),
        address=settings.address or address_at(*listener.getsockname()[:2]),
    )
    return replica, app


def _make_app(running: Running, rooms: Rooms, readiness: Readiness) -> FastAPI:
    return create_app(
        running.service.name,
        rooms.edge,
        running.service.routes(rooms),
        metrics=running.metrics,
        tracing=running.traces.tracing,
        probes=readiness.probes(),
        dead=running.pulse.dead,
    )


def _rooms(
    service: Service, settings: ServiceSettings, edge: Edge, parts: _Parts, vault: Vault
) -> Rooms:
    return Rooms(
        edge=edge,
        tables=Tables(parts.pool, service.read_models),
        states=parts.states,
        vault=vault,
        attachments=open_attachments(service, settings, vault),
        names=Names(
            parts.client,
            service.name,
            url=settings.names_url,
            secret=settings.names_secret.get_secret_value(),
        ),
        district=settings.district,
    )


def open_attachments(service: Service, settings: ServiceSettings, vault: Vault) -> Attachments:
    """Make the store of a service's files."""
    bytes_max = settings.attachment_bytes_max
    return Attachments(open_store(settings), vault, service.name, bytes_max=bytes_max)


def open_vault(
    service: Service, settings: ServiceSettings, keys_pool: asyncpg.Pool, pool: asyncpg.Pool
) -> Vault:
    """Make the vault of a service."""
    return Vault(
        keys_pool,
        pool,
        bytes.fromhex(settings.vault_master_key.get_secret_value()),
        bytes.fromhex(settings.vault_pepper.get_secret_value()),
        service.name,
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    pool: asyncpg.Pool
    bus: KafkaBus
    states: StateReader
    client: httpx.AsyncClient
    metrics: Metrics
    guard: FullGuard
    issuer: Keys


def _readiness(
    running: Running, parts: _Parts, keys_pool: asyncpg.Pool, age: AuthorityAge
) -> Readiness:
    return Readiness(
        running.service,
        parts.pool,
        keys_pool,
        roles=running.roles,
        release=running.settings.release,
        authority=(age, running.settings.authority_age_max_s),
        issuer=parts.issuer,
    )


def _hearing(service: Service, settings: ServiceSettings, age: AuthorityAge) -> FullGuard:
    return service.guard.hearing(
        age.seconds,
        age_s_max=settings.authority_age_max_s,
        fresh_age_s_max=settings.authority_fresh_age_max_s,
    )


def _authority_age(
    service: Service, settings: ServiceSettings, pool: asyncpg.Pool, bus: KafkaBus, metrics: Metrics
) -> AuthorityAge:
    topic = service.directory
    part = 0 if topic is None else bus.partition(topic.name, settings.district)
    return AuthorityAge(pool, metrics, directory=topic, part=part)


def _edge(
    service: Service, settings: ServiceSettings, parts: _Parts, vault: Vault, door: Door
) -> Edge:
    """Make what the routes call."""
    clock = site_clock(settings.site_clock_file)
    waiting = Waiting(
        service=service.name,
        pool=parts.pool,
        models=service.read_models,
        heard={topic.service: topic for topic in service.hears},
        partition=parts.bus.partition,
        clock=clock,
        metrics=parts.metrics,
    )

    async def authorise_read(action: str, scope: str, caller: Caller) -> str:
        return await parts.states.answer(
            lambda known: parts.guard.authorise_read(
                action, scope, caller.identity, known, clock.now()
            )
        )

    return Edge(
        submit=door.submit,
        authorise_read=authorise_read,
        wait_for=waiting.wait_for,
        tokens=token_verifier(settings, parts.issuer),
        rates=_rates(settings),
        vault=vault,
        ids=TimeOrderedIds(),
        clock=clock,
        fingerprint_secret=bytes.fromhex(settings.fingerprint_secret.get_secret_value()),
        limits=Limits(
            body_bytes_max=settings.http_body_bytes_max,
            upload_bytes_max=settings.attachment_bytes_max,
            uploads_in_flight_max=settings.uploads_in_flight_max,
            in_flight_max=settings.http_in_flight_max,
            answer_ms_max=int(settings.command_deadline_s * 1000) + 1000,
            after_ms_max=int(settings.position_wait_s * 1000),
        ),
    )


def _rates(settings: ServiceSettings) -> Rates:
    return Rates(
        RateLimits(
            window_s=settings.rate_window_s,
            commands_max=settings.rate_commands_max,
            queries_max=settings.rate_queries_max,
            reveals_window_s=settings.rate_reveals_window_s,
            reveals_max=settings.rate_reveals_max,
            integrations=settings.rate_integration_subjects,
            integration_commands_max=settings.rate_integration_commands_max,
            callers_max=settings.rate_callers_max,
        )
    )


def kafka_bus(service: Service, settings: ServiceSettings) -> KafkaBus:
    """Make the bus of a service; nothing is connected yet."""
    topics = (service.topic, *service.hears)
    return KafkaBus(
        bootstrap=settings.kafka_bootstrap.split(","),
        client_id=f"cogov-{service.name}",
        partitions={topic.name: topic.partitions for topic in topics},
        limits=KafkaLimits(ack_timeout_s=settings.relay_ack_timeout_s),
    )


async def open_pool(
    stack: contextlib.AsyncExitStack, dsn: str, settings: ServiceSettings, application: str
) -> asyncpg.Pool:
    pool = await create_pool(
        dsn,
        size_max=settings.database_pool_size,
        statement_timeout_ms=settings.statement_timeout_ms,
        application=application,
        may_be_away=True,
    )
    stack.push_async_callback(_close_pool, pool)
    return pool


async def _close_pool(pool: asyncpg.Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), 5)
    except (TimeoutError, OSError, asyncpg.InterfaceError):
        pool.terminate()


def listen(settings: ServiceSettings) -> socket.socket:
    listener = socket.create_server((settings.http_host, settings.http_port), backlog=2048)
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    return listener


def address_at(host: str, port: int) -> str:
    """Give the URL by which other processes reach a listener; on every address: by our name."""
    everywhere = ipaddress.ip_address(host).is_unspecified
    return f"http://{socket.gethostname() if everywhere else host}:{port}"


def write_port(settings: ServiceSettings, listener: socket.socket) -> None:
    if settings.port_file is not None:
        waiting = settings.port_file.with_suffix(".new")
        waiting.write_text(f"{listener.getsockname()[1]}\n", encoding="utf-8")
        waiting.replace(settings.port_file)
