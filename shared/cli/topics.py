"""Topics as code: made as `shared.contracts.topics` declares them, and compared with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS

_TIMEOUT_MS: Final = 15_000


class KafkaAwayError(Exception):
    """The brokers cannot be asked."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is: 0 partitions where it does not exist."""

    service: str
    name: str
    declared: int
    partitions: int
    generation: int
    retention_days: int


async def create_topics(bootstrap: str, *, replication: int) -> list[str]:
    """Make the declared topics that are missing; give their names. Raises KafkaAwayError."""
    async with _admin(bootstrap) as admin:
        wanted = [
            NewTopic(
                name=topic.name,
                num_partitions=topic.partitions,
                replication_factor=replication,
                topic_configs={"retention.ms": str(topic.retention_ms)},
            )
            for topic in TOPICS.values()
        ]
        answer: Any = await admin.create_topics(wanted, timeout_ms=_TIMEOUT_MS)
        made: list[str] = []
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            if code == 0:
                made.append(name)
            elif error is not TopicAlreadyExistsError:
                raise KafkaAwayError(f"topic {name} was not made: {error.__name__}")
        return made


async def describe_topics(bootstrap: str) -> list[TopicState]:
    """Give every declared topic as the brokers have it. Raises KafkaAwayError."""
    async with _admin(bootstrap) as admin:
        found = await admin.describe_topics([topic.name for topic in TOPICS.values()])
        partitions = {each["topic"]: len(each.get("partitions", ())) for each in found}
        return [
            TopicState(
                service=topic.service,
                name=topic.name,
                declared=topic.partitions,
                partitions=partitions.get(topic.name, 0),
                generation=topic.generation,
                retention_days=topic.retention_ms // (24 * 3600 * 1000),
            )
            for topic in TOPICS.values()
        ]


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncGenerator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaAwayError(f"Kafka at {bootstrap}: {type(error).__name__}") from error
    finally:
        await admin.close()
