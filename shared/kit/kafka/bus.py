"""The bus port on Kafka: an idempotent producer of its own, and FastStream's consumer.

What aiokafka gets wrong is met here and nowhere else: acknowledgements that never come
(aiokafka#1101), a producer that is useless after an error (#1017), a fetch task that dies unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from aiokafka import AIOKafkaProducer
from aiokafka import TopicPartition as AioTopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from aiokafka.errors import OffsetOutOfRangeError as AioOffsetOutOfRangeError
from aiokafka.partitioner import murmur2
from faststream.exceptions import FastStreamException
from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity

from shared.kit.bus import BusUnavailableError, OffsetLostError, Record, RecordUnreadableError
from shared.kit.kafka.broker import declare_broker, declare_hearing

_FAULTS: Final = (
    KafkaError,
    ConsumerStoppedError,
    IllegalStateError,
    FastStreamException,
    OSError,
    TimeoutError,
)


@dataclass(frozen=True, slots=True)
class KafkaLimits:
    """The client's bounds; a record larger than a batch goes alone."""

    batch_bytes_max: int = 128 * 1024
    request_bytes_max: int = 1024 * 1024
    connect_timeout_s: float = 15.0
    ack_timeout_s: float = 30.0
    close_timeout_s: float = 2.0
    request_timeout_ms: int = 10_000
    silence_max_s: float = 30.0  # no answer to any fetch for so long: the consumer is dead


class KafkaBus:
    """Kafka through `bootstrap` (one `host:port` an item); `partitions` declares the counts."""

    def __init__(
        self,
        *,
        bootstrap: Sequence[str],
        client_id: str,
        partitions: Mapping[str, int],
        limits: KafkaLimits,
        security: BaseSecurity | None = None,
    ) -> None:
        self._bootstrap = list(bootstrap)
        self._client_id = client_id
        self._partitions = partitions
        self._limits = limits
        self._security = security

    def partition(self, topic: str, scope: str) -> int:
        """Give the partition of a scope, as the Java client would for that key."""
        return (murmur2(scope.encode()) & 0x7FFFFFFF) % self._partitions[topic]

    async def producer(self) -> KafkaProducer:
        """Connect a producer with acks=all and idempotence; raise BusUnavailableError."""
        producer = AIOKafkaProducer(
            bootstrap_servers=cast("str", self._bootstrap),  # a list it may be, whatever it says
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            max_batch_size=self._limits.batch_bytes_max,
            max_request_size=self._limits.request_bytes_max,
            request_timeout_ms=self._limits.request_timeout_ms,
            **parse_security(self._security),
        )
        connected = KafkaProducer(producer, self._limits)
        try:
            await self._whole(producer.start())
        except BaseException as error:
            await connected.abandon()
            if isinstance(error, _FAULTS):
                raise BusUnavailableError(f"{type(error).__name__}: {error}") from error
            raise
        return connected

    async def consumer(self, partitions: Sequence[tuple[str, int]]) -> KafkaConsumer:
        """Connect a consumer of exactly these partitions; raise BusUnavailableError."""
        broker = declare_broker(self._bootstrap, client_id=self._client_id, security=self._security)
        subscriber = declare_hearing(broker, partitions, title="heard")
        consumer = KafkaConsumer(broker, subscriber, partitions, self._limits)
        try:
            await broker.connect()
            await self._whole(subscriber.start())
        except BaseException as error:
            await consumer.close()
            if isinstance(error, _FAULTS):
                raise BusUnavailableError(f"{type(error).__name__}: {error}") from error
            raise
        return consumer

    async def _whole(self, connecting: Coroutine[Any, Any, None]) -> None:
        """Connect within the time allowed; when cancelled, let it come to its end first.

        aiokafka forgets the socket of a connection that is cancelled half-way.
        """
        task = asyncio.create_task(connecting)
        try:
            async with asyncio.timeout(self._limits.connect_timeout_s):
                await asyncio.shield(task)
        except (TimeoutError, asyncio.CancelledError):
            await asyncio.wait([task], timeout=self._limits.close_timeout_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise


class KafkaProducer:
    """Writes record batches; after any error it must be replaced."""

    def __init__(self, producer: Any, limits: KafkaLimits) -> None:
        self._producer = producer
        self._limits = limits
        self._broken = False

    async def send(self, topic: str, batches: dict[int, list[Record]]) -> None:
        """Write each partition's records in order; return when all are acknowledged.

        A partition's next batch is handed over after the one before was acknowledged, so none can
        overtake one that failed. Raises BusUnavailableError: the outcome is unknown then.
        """
        try:
            async with asyncio.timeout(self._limits.ack_timeout_s), asyncio.TaskGroup() as group:
                for part, records in batches.items():
                    group.create_task(self._send_part(topic, part, records))
        except (TimeoutError, ExceptionGroup) as error:
            self._broken = True
            if isinstance(error, ExceptionGroup) and error.split(_FAULTS)[1] is not None:
                raise
            raise BusUnavailableError(f"not acknowledged: {error!r}") from error

    async def close(self) -> None:
        """Flush and close; after an error, just close."""
        if not self._broken:
            with contextlib.suppress(*_FAULTS):
                async with asyncio.timeout(self._limits.close_timeout_s):
                    await self._producer.stop()
                    return
        await self.abandon()

    async def abandon(self) -> None:
        """Close without waiting for batches that an absent broker may never take."""
        producer = self._producer
        producer._closed = True  # noqa: SLF001 - stop() has no bound
        with contextlib.suppress(*_FAULTS):
            async with asyncio.timeout(self._limits.close_timeout_s):
                await producer._sender.close()  # noqa: SLF001 - likewise
        with contextlib.suppress(*_FAULTS):
            async with asyncio.timeout(self._limits.close_timeout_s):
                await producer.client.close()

    async def _send_part(self, topic: str, part: int, records: Sequence[Record]) -> None:
        batch = self._producer.create_batch()
        for record in records:
            if not _added(batch, record):
                await self._send_batch(batch, topic, part)
                batch = self._producer.create_batch()
                _added(batch, record)
        await self._send_batch(batch, topic, part)

    async def _send_batch(self, batch: Any, topic: str, part: int) -> None:
        batch.close()
        await (await self._producer.send_batch(batch, topic, partition=part))


def _added(batch: Any, record: Record) -> bool:
    added = batch.append(
        timestamp=None, key=record.key, value=record.value, headers=list(record.headers)
    )
    return added is not None


class KafkaConsumer:
    """Reads hand-assigned partitions; positions are the caller's."""

    def __init__(
        self,
        broker: KafkaBroker,
        subscriber: Any,
        partitions: Sequence[tuple[str, int]],
        limits: KafkaLimits,
    ) -> None:
        self._broker = broker
        self._subscriber = subscriber
        self._partitions = [AioTopicPartition(topic, part) for topic, part in partitions]
        self._limits = limits
        self._next: dict[Any, int] = {}
        self._one_by_one = False
        self._started_at = asyncio.get_running_loop().time()
        self._answered: dict[Any, tuple[int | None, float]] = {}

    async def seek(self, offsets: dict[tuple[str, int], int]) -> None:
        """Set the next offset of partitions, all of them before the first `fetch`."""
        for (topic, part), offset in offsets.items():
            self._seek(AioTopicPartition(topic, part), offset)

    async def fetch(self, limit: int, timeout_ms: int) -> dict[tuple[str, int], list[Record]]:
        """Give records by (topic, partition), in order.

        Raises OffsetLostError, RecordUnreadableError and BusUnavailableError.
        """
        self._check_alive()
        try:
            if self._one_by_one:
                got = await self._fetch_one(timeout_ms)
            else:
                got = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=limit)
        except AioOffsetOutOfRangeError as error:
            partition = next(iter(error.args[0]))
            earliest = await self._earliest(partition)
            raise OffsetLostError(partition.topic, partition.partition, earliest) from error
        except UnicodeDecodeError:
            # A header's name that is not UTF-8 loses what was read with it. From here on, one
            # record at a time, so that everything before the broken one is had.
            self._one_by_one = True
            for partition, offset in self._next.items():
                self._seek(partition, offset)
            return {}
        except _FAULTS as error:
            raise BusUnavailableError(f"{type(error).__name__}: {error}") from error
        if not got:
            self._check_answered()
        return {tuple(tp): self._records(tp, records) for tp, records in got.items() if records}

    def ends(self) -> dict[tuple[str, int], int]:
        """Give the offset after the last record of each partition, as the last fetch saw it."""
        found = {partition: self._consumer.highwater(partition) for partition in self._partitions}
        return {(tp.topic, tp.partition): end for tp, end in found.items() if end is not None}

    async def close(self) -> None:
        """Give up the connection."""
        for stop in (self._subscriber.stop, self._broker.stop):
            with contextlib.suppress(*_FAULTS):
                async with asyncio.timeout(self._limits.close_timeout_s):
                    await stop()

    @property
    def _consumer(self) -> Any:
        return self._subscriber.consumer

    def _seek(self, partition: Any, offset: int) -> None:
        try:
            self._consumer.seek(partition, offset)
        except _FAULTS as error:
            raise BusUnavailableError(f"{type(error).__name__}: {error}") from error
        self._next[partition] = offset

    async def _fetch_one(self, timeout_ms: int) -> dict[Any, Any]:
        share = max(1, timeout_ms // len(self._partitions))
        for partition in self._partitions:
            try:
                got = await self._consumer.getmany(partition, timeout_ms=share, max_records=1)
            except UnicodeDecodeError as error:
                at = self._next[partition]
                raise RecordUnreadableError(partition.topic, partition.partition, at) from error
            if got:
                return got
        return {}

    async def _earliest(self, partition: Any) -> int:
        try:
            return (await self._consumer.beginning_offsets([partition]))[partition]
        except _FAULTS as error:
            raise BusUnavailableError(f"{type(error).__name__}: {error}") from error

    def _records(self, partition: Any, records: Sequence[Any]) -> list[Record]:
        self._next[partition] = records[-1].offset + 1
        return [
            Record(key=r.key, value=r.value, headers=tuple(r.headers), offset=r.offset)
            for r in records
        ]

    def _check_alive(self) -> None:
        """Notice what aiokafka keeps to itself: a fetch task that has died."""
        fetching = self._consumer._fetcher._fetch_task  # noqa: SLF001 - nothing public tells
        if fetching.done():
            raise BusUnavailableError("the fetch task has ended")

    def _check_answered(self) -> None:
        """Notice a partition that no broker answers for, be it alone."""
        now = asyncio.get_running_loop().time()
        for partition in self._partitions:
            polled = self._consumer.last_poll_timestamp(partition)
            before, since = self._answered.get(partition, (None, self._started_at))
            if polled != before:
                self._answered[partition] = (polled, now)
            elif now - since > self._limits.silence_max_s:
                raise BusUnavailableError(f"{partition} is not answered for")
