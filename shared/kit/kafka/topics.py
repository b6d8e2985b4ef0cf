"""Topics as code: created as declared, and checked, because a partition count may never change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity

from shared.contracts.topics import Topic
from shared.kit.bus import BusUnavailableError

_UNKNOWN_TOPIC: Final = 3
_VISIBLE_POLL_S: Final = 0.05


class TopicDiffersError(Exception):
    """A topic exists, but not as declared: scopes would go to other partitions."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the cluster has it."""

    name: str
    partitions: int
    replication: int
    retention_ms: int


async def ensure_topics(
    bootstrap: Sequence[str],
    topics: Sequence[Topic],
    *,
    replication: int,
    timeout_ms: int,
    security: BaseSecurity | None = None,
) -> list[str]:
    """Create the topics that are missing and check all of them; give the names created.

    A fresh topic's metadata takes a moment to reach the node that is asked: afterwards it is there.
    Raises TopicDiffersError when a topic has another number of partitions, BusUnavailableError
    when the cluster cannot be asked or has not all of them in time.
    """
    async with _Admin(bootstrap, timeout_ms, security) as admin:
        wanted = [_new_topic(topic, replication) for topic in topics]
        answer = await admin.create_topics(wanted, timeout_ms=timeout_ms)
        created = [name for name, code, *_ in answer.topic_errors if _is_created(name, code)]
        async with asyncio.timeout(timeout_ms / 1000):
            states = await _all_of(admin, topics)
    for topic in topics:
        partitions = states[topic.name].partitions
        if partitions != topic.partitions:
            raise TopicDiffersError(
                f"{topic.name} has {partitions} partitions, {topic.partitions} are declared"
            )
    return created


async def _all_of(admin: Any, topics: Sequence[Topic]) -> dict[str, TopicState]:
    names = {topic.name for topic in topics}
    while True:
        states = {state.name: state for state in await _describe(admin, topics)}
        if names <= states.keys():
            return states
        await asyncio.sleep(_VISIBLE_POLL_S)


async def describe_topics(
    bootstrap: Sequence[str],
    topics: Sequence[Topic],
    *,
    timeout_ms: int,
    security: BaseSecurity | None = None,
) -> list[TopicState]:
    """Say how the cluster has those of the topics that exist."""
    async with _Admin(bootstrap, timeout_ms, security) as admin:
        return await _describe(admin, topics)


class _Admin:
    """An admin client whose errors are ours."""

    def __init__(
        self, bootstrap: Sequence[str], timeout_ms: int, security: BaseSecurity | None
    ) -> None:
        self._client: Any = AIOKafkaAdminClient(
            bootstrap_servers=list(bootstrap),
            request_timeout_ms=timeout_ms,
            **parse_security(security),
        )

    async def __aenter__(self) -> Any:
        try:
            await self._client.start()
        except (KafkaError, OSError) as error:
            await self._client.close()
            raise BusUnavailableError(str(error)) from error
        return self._client

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await self._client.close()
        if isinstance(error, KafkaError | OSError | TimeoutError):
            raise BusUnavailableError(f"{type(error).__name__}: {error}") from error


def _new_topic(topic: Topic, replication: int) -> Any:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=replication,
        topic_configs={
            "cleanup.policy": "delete",
            "retention.ms": str(topic.retention_ms),
            "min.insync.replicas": str(max(1, replication - 1)),
            "max.message.bytes": str(1024 * 1024 + 4096),
        },
    )


def _is_created(name: str, code: int) -> bool:
    if code == TopicAlreadyExistsError.errno:
        return False
    if code != 0:
        raise BusUnavailableError(f"{name} could not be created: {for_code(code).__name__}")
    return True


async def _describe(admin: Any, topics: Sequence[Topic]) -> list[TopicState]:
    names = [topic.name for topic in topics]
    found = [
        topic
        for topic in await admin.describe_topics(names)
        if topic["error_code"] != _UNKNOWN_TOPIC and topic["partitions"]
    ]
    if not found:
        return []
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, topic["topic"], {"retention.ms": None})
        for topic in found
    ]
    retention: dict[str, int] = {}
    for response in await admin.describe_configs(resources):
        for _code, _message, _kind, name, entries in response.resources:
            retention[name] = next((int(e[1]) for e in entries if e[0] == "retention.ms"), -1)
    return [
        TopicState(
            name=topic["topic"],
            partitions=len(topic["partitions"]),
            replication=len(topic["partitions"][0]["replicas"]),
            retention_ms=retention.get(topic["topic"], -1),
        )
        for topic in found
    ]
