"""The FastStream declaration: what a service hears and publishes, and its AsyncAPI document.

FastStream declares; it does not handle (ADR 10): its handlers acknowledge before the work is done,
so the subscriber has none and ingest reads its consumer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, TopicPartition
from faststream.security import BaseSecurity
from faststream.specification import AsyncAPI

from shared.contracts.envelope import Event

FETCH_BYTES_MAX = 1024 * 1024


def declare_broker(
    bootstrap: Sequence[str], *, client_id: str, security: BaseSecurity | None
) -> KafkaBroker:
    """Declare the cluster; `bootstrap` has one `host:port` an item."""
    return KafkaBroker(
        list(bootstrap),
        client_id=client_id,
        consumer_only=True,  # the relay has a producer of its own
        allow_auto_create_topics=False,
        ack_policy=AckPolicy.MANUAL,
        graceful_timeout=5.0,
        security=security,
        logger=None,
    )


def declare_hearing(
    broker: KafkaBroker, partitions: Sequence[tuple[str, int]], *, title: str
) -> Any:
    """Declare the subscriber without a handler: no group, no commits, no resets of its own."""
    return broker.subscriber(
        partitions=[TopicPartition(topic, part, declare=False) for topic, part in partitions],
        group_id=None,
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="none",
        max_partition_fetch_bytes=FETCH_BYTES_MAX,
        fetch_max_wait_ms=250,
        title=title,
    )


def asyncapi_document(
    *,
    service: str,
    version: str,
    description: str,
    server: str,
    published: Mapping[str, Sequence[type[Event]]],
    heard: Sequence[str],
) -> dict[str, Any]:
    """Describe a service's topics: `published` gives the event classes by topic, `heard` names.

    The brokers declared here are never started. Each event type is a channel of its own in the
    document, all of one topic with the topic's address.
    """
    broker = declare_broker([server], client_id=service, security=None)
    for topic, events in published.items():
        for event in events:
            broker.publisher(
                topic,
                title=event.type_name(),
                description=(event.__doc__ or "").strip(),
                schema=event,
            )
    for topic in heard:
        declare_hearing(broker, [(topic, 0)], title=f"{topic} (heard)")
    specification = AsyncAPI(
        broker, title=f"cogov {service}", version=version, description=description
    )
    return specification.to_specification().to_jsonable()
