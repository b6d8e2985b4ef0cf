"""How many events each service sent, and how many of them the others heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.cli.connections import connected
from shared.contracts.topics import TOPICS
from shared.kit.settings import ServiceSettings

_SENT: Final = """
SELECT count(*)
FROM kit.event AS e
WHERE e.source IS NULL AND e.public
  AND e.position <= coalesce((SELECT c.position FROM kit.cursor AS c WHERE c.name = 'relay'), 0)
"""
_HEARD: Final = "SELECT count(*) FROM kit.event AS e WHERE e.source = $1"


@dataclass(frozen=True, slots=True)
class TopicCount:
    """A topic's events: sent by its service, and heard, by hearer."""

    topic: str
    partitions: int
    sent: int
    heard: Mapping[str, int]


async def count_events(settings: Mapping[str, ServiceSettings]) -> list[TopicCount]:
    """Count in every log, whole: for a demo's log, not for a year's. Raises asyncpg's errors."""
    found: list[TopicCount] = []
    for service, each in settings.items():
        async with connected(each) as connection:
            sent: int = await connection.fetchval(_SENT)
        heard: dict[str, int] = {}
        for hearer in settings.keys() - {service}:
            async with connected(settings[hearer]) as connection:
                heard[hearer] = await connection.fetchval(_HEARD, service)
        topic = TOPICS[service]
        found.append(TopicCount(topic.name, topic.partitions, sent, heard))
    return found
