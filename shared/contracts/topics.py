"""Kafka topics as code: one per service, partitioned by scope (murmur2 of the scope's UTF-8)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's declaration; retention is finite, because hearers keep what they heard."""

    service: str
    name: str
    partitions: int = 8
    retention_ms: int = 14 * 24 * 3600 * 1000
    generation: int = 1


TOPICS: dict[str, Topic] = {
    service: Topic(service=service, name=f"cogov.{service}.v1")
    for service in ("wishes", "deliberation")
}
