"""Kafka as a port: what the relay and ingest need of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a topic, as read or as to be written; a header may have no value."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    offset: int = -1


class BusUnavailableError(Exception):
    """Kafka cannot be reached, or an acknowledgement did not come: the outcome is unknown."""


class OffsetLostError(Exception):
    """The stored offset is out of the topic's range; `earliest` is the first there is."""

    def __init__(self, topic: str, part: int, earliest: int) -> None:
        super().__init__(topic, part, earliest)
        self.topic = topic
        self.part = part
        self.earliest = earliest


class RecordUnreadableError(Exception):
    """The client cannot decode the record at this offset: not even its bytes can be had."""

    def __init__(self, topic: str, part: int, offset: int) -> None:
        super().__init__(topic, part, offset)
        self.topic = topic
        self.part = part
        self.offset = offset


class Producer(Protocol):
    """The relay's side of Kafka."""

    async def send(self, topic: str, batches: dict[int, list[Record]]) -> None:
        """Write the records of each partition in order; return when all are acknowledged.

        Raises BusUnavailableError; the producer must then be replaced by a new one.
        """
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...


class Consumer(Protocol):
    """Ingest's side of Kafka: hand-assigned partitions, positions given by the caller."""

    async def seek(self, offsets: dict[tuple[str, int], int]) -> None:
        """Set the next offset of every partition; must be called before the first `fetch`."""
        ...

    async def fetch(self, limit: int, timeout_ms: int) -> dict[tuple[str, int], list[Record]]:
        """Give records by (topic, partition), in order.

        Raises OffsetLostError, RecordUnreadableError and BusUnavailableError.
        """
        ...

    def ends(self) -> dict[tuple[str, int], int]:
        """Give the offset after the last record of each partition, as the last fetch saw it."""
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...


class Bus(Protocol):
    """Kafka."""

    async def producer(self) -> Producer:
        """Connect a producer with acks=all and idempotence."""
        ...

    async def consumer(self, partitions: Sequence[tuple[str, int]]) -> Consumer:
        """Connect a consumer of exactly these partitions, without a group."""
        ...

    def partition(self, topic: str, scope: str) -> int:
        """Give the partition of a scope: murmur2 of its UTF-8 modulo the declared count."""
        ...
