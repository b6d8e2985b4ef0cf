"""Leading a log for one epoch: the writer, the relay and ingest of the replica with the lease."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import httpx
import structlog

from shared.kit.acts import Acts
from shared.kit.deciding import Deciding
from shared.kit.delivery import Delivery, DeliveryLimits
from shared.kit.derived_timers import DerivedTimers
from shared.kit.erasure import SINK, Eraser
from shared.kit.forward import Door
from shared.kit.http.edge import Edge
from shared.kit.ingest import Ingest, IngestLimits
from shared.kit.kafka.bus import KafkaBus
from shared.kit.keyed_states import KeyedStates
from shared.kit.lease import WRITE, Holding, Lease, LeaseTerms, who_holds
from shared.kit.letters import DeadLetters
from shared.kit.measuring import Measuring
from shared.kit.operating import Verbs
from shared.kit.ports import LogUnavailableError
from shared.kit.position import Position
from shared.kit.postgres.acts import PostgresActSource
from shared.kit.postgres.exchange import PostgresHeardSource, PostgresRelaySource
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.postgres.log import PostgresLog
from shared.kit.postgres.rules import PostgresRuleSource
from shared.kit.read_models.tables import Tables
from shared.kit.readiness import Readiness
from shared.kit.relay import Relay, RelayFencedError, RelayLimits
from shared.kit.rules.engine import RuleEngine, RuleLimits, RuleParts
from shared.kit.rules.policies import RulesFencedError
from shared.kit.rules.settling import Settling
from shared.kit.rules.sinks import sinks_of
from shared.kit.running import Running
from shared.kit.service import FullGuard, Service
from shared.kit.settings import ServiceSettings
from shared.kit.views import NewerVersionError
from shared.kit.writer import FencedError, Writer, WriterLimits
from shared.rules import Policy

_log: Final = structlog.get_logger()
_MEASURE_INTERVAL_S: Final = 2.0


class LeadershipLostError(Exception):
    """The lease is gone: this process must start anew."""


@dataclass(slots=True)
class Replica:
    """One process of a service that serves, and perhaps leads."""

    service: Service
    settings: ServiceSettings
    pool: asyncpg.Pool
    log: PostgresLog
    bus: KafkaBus
    door: Door
    edge: Edge
    guard: FullGuard
    running: Running
    readiness: Readiness
    tables: Tables
    client: httpx.AsyncClient
    eraser: Eraser
    address: str
    writer: Writer | None = None
    ingest: Ingest | None = None
    rules: RuleEngine | None = None
    verbs: Verbs | None = None

    async def lead(self) -> None:
        """Wait for the lease, lead for one epoch, and raise when it is lost."""
        settings = self.settings
        terms = LeaseTerms(
            dsn=settings.database_dsn.get_secret_value(),
            role=WRITE,
            holder=f"{socket.gethostname()}:{os.getpid()}",
            address=self.address,
            seconds=settings.lease_seconds,
            revision=self.service.revision,
        )
        metrics = self.running.metrics
        lease = Lease(terms, metrics)
        self.readiness.stands_by(lease)
        self.running.pulse.watch("lease", lambda: lease.alive)
        states = KeyedStates(
            self.pool,
            self.service.views(),
            page_events_max=settings.states_page_events_max,
        )
        epoch = await states.beside(lease.wait, lease.tick)
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        lease.keep(lambda reason: _resolve(lost, reason))
        _log.info("lease.taken", role=WRITE, epoch=epoch)
        ticking = asyncio.create_task(_tick(lease), name="tick")
        try:
            await _unless_lost(lost, states.catch_up_surely())
            await self._open(epoch, states, lost)
        finally:
            ticking.cancel()
            self.door.close()
            if self.writer is not None:
                self.writer.close()
            await lease.release()

    async def _open(self, epoch: int, states: KeyedStates, lost: asyncio.Future[str]) -> None:
        writer = self._writer(epoch)
        self.writer = writer
        relay = self._relay(epoch, writer)
        ingest = self._ingest(writer)
        measuring = Measuring(
            self.pool,
            self.running.metrics,
            writer=writer,
            relay=relay,
            ingest=ingest,
            hears=tuple(self.service.hears),
        )
        rules = self._rules(epoch, writer)
        self.readiness.leads(relay, ingest, rules)
        self.ingest = ingest
        self.rules = rules
        self.verbs = self._verbs(writer, ingest)
        self.door.local = writer
        tasks = [
            asyncio.create_task(writer.run(), name="writer"),
            asyncio.create_task(relay.run(), name="relay"),
            asyncio.create_task(ingest.run(), name="ingest"),
            asyncio.create_task(self._run_rules(epoch, rules), name="rules"),
            asyncio.create_task(states.keep_on(epoch), name="states"),
            asyncio.create_task(measuring.run(), name="metrics"),
            asyncio.create_task(self._measure_rules(), name="rule metrics"),
        ]
        try:
            await asyncio.wait({*tasks, lost}, return_when=asyncio.FIRST_COMPLETED)
            raise _reason(tasks, lost)
        except asyncio.CancelledError:
            await asyncio.wait_for(writer.drain(), self.settings.command_deadline_s)
            raise
        finally:
            self.verbs = None
            self.door.local = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_rules(self, epoch: int, rules: RuleEngine) -> None:
        """Let nothing happen by itself before the timers are those of this release."""
        timers = DerivedTimers(
            self.pool,
            self.service.views(),
            self.edge.clock,
            page_streams_max=self.settings.timers_page_streams_max,
        )
        await timers.derive_surely(epoch)
        await rules.run()

    async def _measure_rules(self) -> None:
        """Show what waits, is stuck and is due, every two seconds."""
        source, metrics = self._rule_source(), self.running.metrics
        policies = [rule.name for rule in self.service.rules if isinstance(rule, Policy)]
        while True:
            with contextlib.suppress(LogUnavailableError):
                found = await source.backlog(self.edge.clock.now())
                self.readiness.backlog = found
                for name in policies:
                    metrics.waiting.labels(name).set(found.waiting.get(name, 0))
                for kind in ("policy", "timer", "effect"):
                    metrics.stuck.labels(kind).set(found.stuck.get(kind, 0))
                metrics.timers_due.set(found.timers_due)
                metrics.timers_oldest_due_seconds.set(found.timers_oldest_due_s)
            await asyncio.sleep(_MEASURE_INTERVAL_S)

    def _rule_source(self) -> PostgresRuleSource:
        return PostgresRuleSource(self.pool, self.service.commands)

    def _rules(self, epoch: int, writer: Writer) -> RuleEngine:
        settings, service, edge = self.settings, self.service, self.edge

        async def projected(position: int) -> None:
            await edge.wait_for(Position(service.name, epoch, position, settings.district))

        secret = bytes.fromhex(settings.sink_secret.get_secret_value())
        parts = RuleParts(
            source=self._rule_source(),
            submit=writer.submit,
            views=service.views(),
            target=service.target,
            clock=edge.clock,
            ids=edge.ids,
            random=random.SystemRandom(),
            metrics=self.running.metrics,
            ear=writer.ear,
            sinks={**sinks_of(settings.sinks, secret, self.client), SINK: self.eraser},
            tables=self.tables,
            projected=projected,
        )
        limits = RuleLimits(
            page_events_max=settings.rules_page_events_max,
            timers_page_max=settings.timers_page_max,
            waiting_page_max=settings.waiting_page_max,
            poll_interval_s=settings.rules_poll_interval_ms / 1000,
            look_interval_s=settings.rules_look_interval_ms / 1000,
            effect_attempts_max=settings.effect_attempts_max,
        )
        return RuleEngine(service.rules, parts, epoch=epoch, limits=limits)

    def _writer(self, epoch: int) -> Writer:
        settings, service = self.settings, self.service
        return Writer(
            log=self.log,
            views=service.views(),
            deciding=Deciding(
                deciders=service.deciders,
                public_types=service.public_types,
                guard=self.guard,
                clock=self.edge.clock,
                ids=self.edge.ids,
                claim_refusals=service.claim_refusals,
                erases=service.erases,
            ),
            clock=self.edge.clock,
            random=random.SystemRandom(),
            epoch=epoch,
            limits=WriterLimits(
                batch_max=settings.writer_batch_events_max,
                queue_max=settings.writer_queue_max,
                cache_streams_max=settings.writer_cache_streams_max,
                give_up_after_s=settings.writer_give_up_after_s,
            ),
            metrics=self.running.metrics,
            tracing=self.running.traces.tracing,
        )

    def _relay(self, epoch: int, writer: Writer) -> Relay:
        settings = self.settings
        return Relay(
            source=PostgresRelaySource(self.pool),
            bus=self.bus,
            random=random.SystemRandom(),
            topic=self.service.topic,
            epoch=epoch,
            grew=writer.ear(),
            limits=RelayLimits(
                batch_events_max=settings.relay_batch_events_max,
                poll_interval_s=settings.relay_poll_interval_ms / 1000,
                heartbeat_interval_s=settings.heartbeat_interval_ms / 1000,
            ),
            metrics=self.running.metrics,
            tracing=self.running.traces.tracing,
        )

    def _delivery(self, writer: Writer) -> Delivery:
        return Delivery(
            submit=writer.heard,
            parked=PostgresHeardSource(self.pool),
            random=random.SystemRandom(),
            limits=DeliveryLimits(),
        )

    def _acts(self) -> Acts:
        return Acts(
            service=self.service.name,
            district=self.settings.district,
            clock=self.edge.clock,
            ids=self.edge.ids,
        )

    def _verbs(self, writer: Writer, ingest: Ingest) -> Verbs:
        source, delivery, acts = self._rule_source(), self._delivery(writer), self._acts()
        letters = DeadLetters(
            source=PostgresHeardSource(self.pool),
            log=self.log,
            delivery=delivery,
            acts=acts,
            services={topic.name: topic.service for topic in self.service.hears},
            clock=self.edge.clock,
        )
        return Verbs(
            source=source,
            settling=Settling(source=source, delivery=delivery, acts=acts),
            letters=letters,
            ingest=ingest,
            told=PostgresActSource(self.pool, acts.stream),
        )

    def _ingest(self, writer: Writer) -> Ingest:
        settings = self.settings
        chance = random.SystemRandom()
        return Ingest(
            source=PostgresHeardSource(self.pool),
            bus=self.bus,
            delivery=self._delivery(writer),
            acts=self._acts(),
            topics=tuple(self.service.hears),
            random=chance,
            limits=IngestLimits(
                batch_records_max=settings.ingest_batch_records_max,
                poll_timeout_ms=settings.ingest_poll_timeout_ms,
            ),
            known_types=self.service.heard_types(),
            metrics=self.running.metrics,
            tracing=self.running.traces.tracing,
        )


def _reason(tasks: Sequence[asyncio.Task[None]], lost: asyncio.Future[str]) -> LeadershipLostError:
    """Say why the leadership ended; what should not have happened is logged as a bug."""
    for task in tasks:
        if task.done() and (error := task.exception()) is not None:
            if not isinstance(error, FencedError | RelayFencedError | RulesFencedError):
                _log.error("leading.failed", task=task.get_name(), exc_info=error)
            return LeadershipLostError(f"{task.get_name()}: {type(error).__name__}")
    return LeadershipLostError(lost.result() if lost.done() else "a loop ended")


async def _unless_lost(lost: asyncio.Future[str], work: Coroutine[Any, Any, None]) -> None:
    """Do what must be done before the writer opens, if the lease lasts so long."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
        if lost.done():
            raise LeadershipLostError(lost.result())
        task.result()
    except NewerVersionError as newer:
        raise LeadershipLostError(f"a newer release wrote {newer}") from newer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _resolve(lost: asyncio.Future[str], reason: str) -> None:
    if not lost.done():
        lost.set_result(reason)


class Leader:
    """Asks the database who leads."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def holding(self) -> Holding | None:
        """Give the present writer; None also while the database is away."""
        try:
            return await who_holds(self._pool, WRITE)
        except STORAGE_FAULTS:
            return None


async def _tick(lease: Lease) -> None:
    while True:
        lease.tick()
        await asyncio.sleep(0.1)
