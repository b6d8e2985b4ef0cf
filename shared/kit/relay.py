"""The relay: our own public events, from the log to our topic, at least once and in order.

It reads past its cursor, writes one record batch per partition, waits for every acknowledgement and
only then moves the cursor. Whatever fails, it drops the producer and starts again at the stored
cursor, so a failure costs duplicates (which hearers drop), never a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

from shared.contracts.topics import Topic
from shared.kit.backoff import Backoff
from shared.kit.bus import Bus, BusUnavailableError, Producer, Record
from shared.kit.cloudevents import Heartbeat, heartbeat_record, to_record
from shared.kit.crash import crash_point
from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import NO_TRACING, Tracing, messaging
from shared.kit.ports import LogUnavailableError, Random, Stored

_log: Final = structlog.get_logger()


class RelayFencedError(Exception):
    """A later epoch relays this log: this process is no longer the writer."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event to be sent, and the one before it in its stream (null for the first)."""

    event: Stored
    previous_id: UUID | None


@dataclass(frozen=True, slots=True)
class Page:
    """Our public events of the positions up to `upto`."""

    upto: int
    events: Sequence[Outgoing]


@dataclass(frozen=True, slots=True)
class RelayCursor:
    """Everything up to `position` was acknowledged in that generation of the topic."""

    position: int
    generation: int


class RelaySource(Protocol):
    """What the relay needs of its service's database; raises LogUnavailableError."""

    async def claim(self, epoch: int) -> RelayCursor | None:
        """Take the cursor for an epoch; None: a later epoch has it."""
        ...

    async def move(self, old: RelayCursor, position: int, epoch: int) -> bool:
        """Move the cursor from where it was left; False: it was moved or is a later epoch's."""
        ...

    async def page(self, after: int, limit: int) -> Page:
        """Read our own public events among the next `limit` positions."""
        ...

    async def now(self) -> datetime:
        """Give the database's time."""
        ...


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """The relay's bounds; a page has at most `batch_events_max` events."""

    batch_events_max: int = 500
    poll_interval_s: float = 0.2
    heartbeat_interval_s: float = 2.0
    backoff_first_s: float = 0.1
    backoff_max_s: float = 10.0


class Relay:
    """Publishes one service's log for one epoch; its attributes are for readiness and metrics."""

    def __init__(
        self,
        *,
        source: RelaySource,
        bus: Bus,
        random: Random,
        topic: Topic,
        epoch: int,
        grew: asyncio.Event,
        limits: RelayLimits,
        metrics: Metrics | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """Take `grew`, set by the writer after each append: a hint, polling is the truth."""
        self._source = source
        self._bus = bus
        self._topic = topic
        self._epoch = epoch
        self._grew = grew
        self._limits = limits
        self._metrics = metrics or Metrics(CollectorRegistry())
        self._tracing = tracing
        self._backoff = Backoff(random, first_s=limits.backoff_first_s, max_s=limits.backoff_max_s)
        self._cursor = RelayCursor(0, topic.generation)
        self._beat_due = 0.0
        self.connected = False
        self.position = 0  # everything up to here is acknowledged, or was not to be sent
        self.published = 0
        self.failures = 0

    async def run(self) -> None:
        """Publish until cancelled; raise RelayFencedError when another writer has taken over."""
        while True:
            try:
                await self._session()
            except (BusUnavailableError, LogUnavailableError) as error:
                self.failures += 1
                self._metrics.relay_producer_restarts.inc()
                _log.warning("relay.interrupted", error=str(error), position=self.position)
            finally:
                self.connected = False
            await self._backoff.wait()

    async def _session(self) -> None:
        """Publish with one producer until it fails."""
        producer = await self._bus.producer()
        try:
            await self._claim()
            self.connected = True
            self._beat_due = 0.0
            while True:
                self._grew.clear()
                if not await self._publish_page(producer):
                    await self._beat_if_due(producer)
                    await self._wait()
        finally:
            await producer.close()

    async def _claim(self) -> None:
        cursor = await self._source.claim(self._epoch)
        if cursor is None:
            raise RelayFencedError
        self._cursor = cursor
        self.position = cursor.position
        _log.info("relay.claimed", position=cursor.position, generation=cursor.generation)

    async def _publish_page(self, producer: Producer) -> bool:
        """Send the next page and move the cursor; False when there was nothing new."""
        page = await self._source.page(self.position, self._limits.batch_events_max)
        if page.upto == self.position:
            return False
        if page.events:
            await self._send(producer, page)
            crash_point("relay.acked")
            self.published += len(page.events)
            await self._move(page.upto)
            self._backoff.reset()
            await self._beat_if_due(producer)
        else:
            # Nothing of it was ours to send: the cursor is stored with the next page or heartbeat.
            self.position = page.upto
        return True

    async def _send(self, producer: Producer, page: Page) -> None:
        traceparents = (outgoing.event.traceparent for outgoing in page.events)
        with (
            self._tracing.batch("send", traceparents, SpanKind.PRODUCER) as span,
            self._metrics.relay_send_seconds.time(),
        ):
            if span:
                span.set(position=page.upto)
                span.set_standard(messaging("send", self._topic.name, len(page.events)))
            await producer.send(self._topic.name, self._records(page.events))

    def _records(self, events: Sequence[Outgoing]) -> dict[int, list[Record]]:
        batches: dict[int, list[Record]] = {}
        for outgoing in events:
            event = outgoing.event
            record = to_record(
                event,
                outgoing.previous_id,
                service=self._topic.service,
                generation=self._cursor.generation,
            )
            part = self._bus.partition(self._topic.name, event.scope)
            batches.setdefault(part, []).append(record)
        return batches

    async def _move(self, position: int) -> None:
        if await self._source.move(self._cursor, position, self._epoch):
            self._cursor = RelayCursor(position, self._cursor.generation)
            self.position = position
            return
        # A later epoch has it, or a republish has set it back: the claim tells which.
        await self._claim()

    async def _beat_if_due(self, producer: Producer) -> None:
        """Tell every partition how far this log was sent, by the database's clock."""
        now = asyncio.get_running_loop().time()
        if now < self._beat_due:
            return
        # Whoever sees this cursor relies on it, so it must be stored, and ours, before it is told.
        await self._move(self.position)
        beat = Heartbeat(
            position=self.position,
            epoch=self._epoch,
            generation=self._cursor.generation,
            time=await self._source.now(),
        )
        record = heartbeat_record(beat, service=self._topic.service)
        parts = range(self._topic.partitions)
        await producer.send(self._topic.name, {part: [record] for part in parts})
        self._beat_due = now + self._limits.heartbeat_interval_s
        self._backoff.reset()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._limits.poll_interval_s):
                await self._grew.wait()
        except TimeoutError:
            return
