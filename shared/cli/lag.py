"""How far everything behind the logs is: relays, hearers and read models."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from shared.cli.connections import connected
from shared.contracts.topics import TOPICS
from shared.kit.settings import ServiceSettings

_POLL_S: Final = 0.2

_HEAD: Final = """
SELECT h.position, coalesce((SELECT c.position FROM kit.cursor AS c WHERE c.name = 'relay'), 0)
           AS relayed
FROM kit.head AS h
"""
_HEARD: Final = """
SELECT h.topic, count(*) AS parts, min(h.source_position) AS source_position,
       string_agg(h.part || ': ' || h.stopped, '; ') AS stopped
FROM kit.heard AS h
GROUP BY h.topic
"""
# A release that is gone may have left tables of an older revision: they stand still.
_MODELS: Final = """
SELECT DISTINCT ON (m.name) m.name, m.revision, m.position, m.failure
FROM kit.read_model AS m
ORDER BY m.name, m.revision DESC
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """One follower: how many log positions it is behind, and why it stands still, if it does."""

    service: str
    what: str
    behind: int
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class _State:
    head: int
    relayed: int
    heard: Mapping[str, asyncpg.Record]
    models: list[asyncpg.Record]


async def lags(settings: Mapping[str, ServiceSettings]) -> list[Lag]:
    """Ask every service's database. Raises OSError and asyncpg's errors."""
    read = await asyncio.gather(*(_read(each) for each in settings.values()))
    states = dict(zip(settings, read, strict=True))
    found: list[Lag] = []
    for service, state in states.items():
        found.append(Lag(service, "relay", state.head - state.relayed))
        found += [
            _hearing(service, state, source, states[source].relayed)
            for source in states
            if source != service
        ]
        found += [
            Lag(
                service,
                f"read model {model['name']}_r{model['revision']}",
                state.head - model["position"],
                model["failure"] or "",
            )
            for model in state.models
        ]
    return found


async def wait_for_no_lag(settings: Mapping[str, ServiceSettings], *, timeout_s: float) -> None:
    """Wait until nothing is behind; raise TimeoutError naming what still is."""
    give_up_at = time.monotonic() + timeout_s
    while True:
        late = [lag for lag in await lags(settings) if lag.behind or lag.stopped]
        if not late:
            return
        if time.monotonic() > give_up_at:
            raise TimeoutError(
                "; ".join(f"{lag.service} {lag.what}: {lag.behind} {lag.stopped}" for lag in late)
            )
        await asyncio.sleep(_POLL_S)


def _hearing(service: str, state: _State, source: str, relayed: int) -> Lag:
    topic = TOPICS[source]
    heard = state.heard.get(topic.name)
    # A partition that was never heard from counts from the beginning.
    complete = heard is not None and heard["parts"] == topic.partitions
    position = heard["source_position"] if heard is not None and complete else 0
    stopped = (heard["stopped"] if heard is not None else None) or ""
    return Lag(service, f"hearing {topic.name}", max(0, relayed - position), stopped)


async def _read(settings: ServiceSettings) -> _State:
    async with connected(settings) as connection:
        head = await connection.fetchrow(_HEAD)
        assert head is not None, "the migration writes the head row"
        heard = await connection.fetch(_HEARD)
        return _State(
            head=head["position"],
            relayed=head["relayed"],
            heard={row["topic"]: row for row in heard},
            models=await connection.fetch(_MODELS),
        )
