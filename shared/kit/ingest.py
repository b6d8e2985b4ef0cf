"""Ingest: what other services send, from their topics through the writer into our log.

Partitions are assigned by hand and positions come from Postgres, so nothing is acknowledged before
it is stored. Kafka is connected by this task with backoff; HTTP opens without it. There is one way
back from whatever is out of order: drop the consumer and start again at the stored offsets.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

from shared.contracts.topics import Topic
from shared.kit.acts import Acts, PartitionResumed, Word
from shared.kit.backoff import Backoff
from shared.kit.bus import (
    Bus,
    BusUnavailableError,
    Consumer,
    OffsetLostError,
    Record,
    RecordUnreadableError,
)
from shared.kit.cloudevents import HeardEvent, Malformed, parse
from shared.kit.delivery import Delivery, DeliveryError
from shared.kit.heard import HeardPart, Item, Judged, Move, Outcome
from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import NO_TRACING, Tracing, messaging
from shared.kit.ports import LogUnavailableError, Random

_log: Final = structlog.get_logger()

Partition = tuple[str, int]

_STOPPED_CHARS_MAX: Final = 1000
_COUNTED: Final = {
    Outcome.APPENDED: "stored",
    Outcome.KNOWN: "duplicate",
    Outcome.PARKED: "parked",
}


@dataclass(frozen=True, slots=True)
class HeardPlace:
    """How far a partition was heard, as stored; `stopped` says why it stands still."""

    topic: str
    part: int
    generation: int
    next: int
    source_position: int
    source_epoch: int
    source_time: datetime | None
    stopped: str | None


class HeardSource(Protocol):
    """What ingest needs of its service's database; raises LogUnavailableError."""

    async def places(self, topics: Sequence[str]) -> list[HeardPlace]:
        """Give the stored place of every partition that was ever heard."""
        ...


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """Ingest's bounds."""

    batch_records_max: int = 500
    poll_timeout_ms: int = 200
    backoff_first_s: float = 0.1
    backoff_max_s: float = 10.0


@dataclass(frozen=True, slots=True)
class IngestStatus:
    """For readiness and metrics, by topic and partition.

    `stopped` gives the reasons, `lags` how many records are on the topic and not yet heard, where
    that is known.
    """

    connected: bool
    stopped: Mapping[Partition, str]
    lags: Mapping[Partition, int]
    outcomes: Mapping[Outcome, int]
    failures: int


@dataclass(slots=True)
class _Place:
    """Where a partition is: `expected` is what Postgres holds, `next` what Kafka is asked for."""

    generation: int
    expected: int | None
    next: int
    lost: bool = False


class Ingest:
    """Hears a service's topics for one epoch."""

    def __init__(
        self,
        *,
        source: HeardSource,
        bus: Bus,
        delivery: Delivery,
        acts: Acts,
        topics: Sequence[Topic],
        random: Random,
        limits: IngestLimits,
        known_types: frozenset[str] | None = None,
        metrics: Metrics | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """Take `known_types` (none: every type is known), which only matter to what is counted."""
        self._known_types = known_types
        self._metrics = metrics or Metrics(CollectorRegistry())
        self._tracing = tracing
        self._consumer: Consumer | None = None
        self._source = source
        self._bus = bus
        self._delivery = delivery
        self._acts = acts
        self._topics = {topic.name: topic for topic in topics}
        self._limits = limits
        self._backoff = Backoff(random, first_s=limits.backoff_first_s, max_s=limits.backoff_max_s)
        self._places: dict[Partition, _Place] = {}
        self._stopped: dict[Partition, str] = {}
        self._outcomes = dict.fromkeys(Outcome, 0)
        self._again = asyncio.Event()
        self._connected = False
        self._failures = 0

    async def run(self) -> None:
        """Hear until cancelled."""
        while True:
            try:
                await self._session()
            except (BusUnavailableError, LogUnavailableError, DeliveryError) as error:
                self._failures += 1
                _log.warning("ingest.interrupted", error=str(error))
                await self._backoff.wait()
            finally:
                self._connected = False

    def status(self) -> IngestStatus:
        """Tell how it stands."""
        return IngestStatus(
            connected=self._connected or not self._topics,
            stopped=dict(self._stopped),
            lags=self._lags(),
            outcomes=dict(self._outcomes),
            failures=self._failures,
        )

    async def resume(self, topic: str, part: int, word: Word) -> bool:
        """Let a stopped partition run again from its place; False if it does not stand still."""
        for place in await self._source.places([topic]):
            if place.part == part and place.stopped is not None:
                move = Move(place.generation, place.next, place.next)
                resumed = PartitionResumed(
                    reason=word.reason,
                    topic=topic,
                    part=part,
                    offset=place.next,
                    stopped=place.stopped[:_STOPPED_CHARS_MAX],
                )
                act = self._acts.act(word, resumed)
                await self._delivery.deliver([HeardPart(topic, part, (), move)], act)
                _log.info("ingest.resumed", topic=topic, part=part, offset=place.next)
                self._again.set()
                return True
        return False

    async def _session(self) -> None:
        """Hear with one consumer; return when the set of running partitions has changed."""
        self._again.clear()
        await self._load()
        if not self._places:
            await self._again.wait()
            return
        consumer = await self._bus.consumer(list(self._places))
        try:
            await consumer.seek({key: place.next for key, place in self._places.items()})
            self._connected = True
            self._consumer = consumer
            while not self._again.is_set():
                await self._hear(consumer)
        finally:
            self._consumer = None
            await consumer.close()

    async def _load(self) -> None:
        stored = {
            (place.topic, place.part): place for place in await self._source.places([*self._topics])
        }
        self._places = {}
        self._stopped = {}
        for topic in self._topics.values():
            for part in range(topic.partitions):
                place = stored.get((topic.name, part))
                if place is None:
                    self._places[topic.name, part] = _Place(topic.generation, None, 0)
                elif place.stopped is None:
                    self._places[topic.name, part] = _Place(
                        place.generation, place.next, place.next
                    )
                else:
                    self._stopped[topic.name, part] = place.stopped

    async def _hear(self, consumer: Consumer) -> None:
        """Fetch once and bring what came into the log."""
        try:
            fetched = await consumer.fetch(
                self._limits.batch_records_max, self._limits.poll_timeout_ms
            )
        except OffsetLostError as lost:
            await self._find_again(consumer, lost)
            return
        except RecordUnreadableError as unreadable:
            key = (unreadable.topic, unreadable.part)
            reason = f"unreadable: the client cannot decode offset {unreadable.offset}"
            await self._deliver([self._stop(key, reason)])
            return
        parts = [self._part(key, records) for key, records in fetched.items() if records]
        if parts:
            await self._deliver(parts)
        self._backoff.reset()

    async def _find_again(self, consumer: Consumer, lost: OffsetLostError) -> None:
        """Go to the first record there is; what it says of its generation decides (see `_part`)."""
        place = self._places[lost.topic, lost.part]
        place.lost = place.expected is not None
        place.next = lost.earliest
        _log.warning(
            "ingest.offset_lost",
            topic=lost.topic,
            part=lost.part,
            expected=place.expected,
            earliest=lost.earliest,
        )
        await consumer.seek({(lost.topic, lost.part): lost.earliest})

    def _part(self, key: Partition, records: Sequence[Record]) -> HeardPart:
        topic, part = key
        place = self._places[key]
        service = self._topics[topic].service
        items = tuple(
            Item(record.offset, record, parse(record, service=service)) for record in records
        )
        generation = place.generation
        if place.lost:
            first = items[0].what
            if isinstance(first, Malformed) or first.generation <= place.generation:
                reason = (
                    f"offset_lost: expected {place.expected}, "
                    f"the first there is is {items[0].offset}, of no later generation"
                )
                return self._stop(key, reason)
            generation = first.generation
        elif items[0].offset != place.next:
            return self._stop(key, f"offset_gap: expected {place.next}, got {items[0].offset}")
        return HeardPart(topic, part, items, Move(generation, place.expected, items[-1].offset + 1))

    def _stop(self, key: Partition, reason: str) -> HeardPart:
        """Make the part that stops a partition where it is."""
        place = self._places[key]
        stays = place.next if place.expected is None else place.expected
        return HeardPart(*key, (), Move(place.generation, place.expected, stays), stop=reason)

    async def _deliver(self, parts: Sequence[HeardPart]) -> None:
        traceparents = (
            item.what.event.traceparent
            for part in parts
            for item in part.items
            if isinstance(item.what, HeardEvent)
        )
        with self._tracing.batch("ingest", traceparents, SpanKind.CONSUMER) as span:
            if span:
                records = sum(len(part.items) for part in parts)
                topics = ",".join(dict.fromkeys(part.topic for part in parts))
                span.set_standard(messaging("process", topics, records))
            for judged in await self._delivery.deliver(parts):
                self._note(judged)

    def _lags(self) -> dict[Partition, int]:
        if self._consumer is None:
            return {}
        ends = self._consumer.ends()
        return {
            key: max(0, ends[key] - place.next)
            for key, place in self._places.items()
            if key in ends
        }

    def _note(self, judged: Judged) -> None:
        for offset in judged.offsets:
            place = self._places[offset.topic, offset.part]
            place.generation = offset.generation
            place.expected = place.next = offset.next
            place.lost = False
        self._count(judged)
        for letter in judged.dead_letters:
            _log.warning(
                "ingest.parked",
                topic=letter.topic,
                part=letter.part,
                offset=letter.record_offset,
                stream=letter.stream,
                code=letter.code,
            )
        for stop in judged.stops:
            self._stopped[stop.topic, stop.part] = stop.reason
            _log.error("ingest.stopped", topic=stop.topic, part=stop.part, reason=stop.reason)
            self._again.set()

    def _count(self, judged: Judged) -> None:
        sources: Counter[tuple[str, str]] = Counter()
        for (topic, _, _), outcome in judged.outcomes.items():
            self._outcomes[outcome] += 1
            if outcome in _COUNTED:
                sources[self._topics[topic].service, _COUNTED[outcome]] += 1
        if self._known_types is not None:
            for event in judged.events:
                if event.type not in self._known_types and event.source is not None:
                    sources[event.source, "unknown_type"] += 1
                    sources[event.source, "stored"] -= 1
        for labels, records in sources.items():
            self._metrics.heard_events.labels(*labels).inc(records)
