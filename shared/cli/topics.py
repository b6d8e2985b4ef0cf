"""The declared topics, made and compared with what the brokers have (`shared.kit.kafka.topics`)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from shared.contracts.topics import TOPICS
from shared.kit.bus import BusUnavailableError
from shared.kit.kafka import topics as kafka

_TIMEOUT_MS: Final = 15_000
_KNOWN_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.1
_DAY_MS: Final = 24 * 3600 * 1000


class KafkaAwayError(Exception):
    """The brokers cannot be asked."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is: 0 partitions where it does not exist; its retention is the brokers'."""

    service: str
    name: str
    declared: int
    partitions: int
    generation: int
    retention_days: int


async def create_topics(bootstrap: str, *, replication: int) -> list[str]:
    """Make the declared topics that are missing; give their names once the brokers know all.

    Raises KafkaAwayError, and TopicDiffersError for a topic with other partitions than declared.
    """
    try:
        made = await kafka.ensure_topics(
            bootstrap.split(","),
            tuple(TOPICS.values()),
            replication=replication,
            timeout_ms=_TIMEOUT_MS,
        )
    except BusUnavailableError as error:
        raise KafkaAwayError(f"Kafka at {bootstrap}: {error}") from error
    # A consumer that starts before the broker knows a fresh topic finds it only much later.
    give_up_at = time.monotonic() + _KNOWN_TIMEOUT_S
    while any(topic.partitions != topic.declared for topic in await describe_topics(bootstrap)):
        if time.monotonic() > give_up_at:
            raise KafkaAwayError(f"Kafka at {bootstrap} does not know the topics made on it")
        await asyncio.sleep(_POLL_S)
    return made


async def describe_topics(bootstrap: str) -> list[TopicState]:
    """Give every declared topic as the brokers have it. Raises KafkaAwayError."""
    try:
        found = await kafka.describe_topics(
            bootstrap.split(","), tuple(TOPICS.values()), timeout_ms=_TIMEOUT_MS
        )
    except BusUnavailableError as error:
        raise KafkaAwayError(f"Kafka at {bootstrap}: {error}") from error
    states = {state.name: state for state in found}
    return [
        TopicState(
            service=topic.service,
            name=topic.name,
            declared=topic.partitions,
            partitions=state.partitions if (state := states.get(topic.name)) else 0,
            generation=topic.generation,
            retention_days=(state.retention_ms if state else topic.retention_ms) // _DAY_MS,
        )
        for topic in TOPICS.values()
    ]
