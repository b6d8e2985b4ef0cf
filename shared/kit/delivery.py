"""Handing heard records to the writer, and finding the one whose content the log refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from shared.kit.acts import Act, NotOpenError
from shared.kit.backoff import Backoff
from shared.kit.cloudevents import HeardEvent, Malformed
from shared.kit.heard import (
    CONTENT_REFUSED,
    Fate,
    HeardBatch,
    HeardPart,
    HeardResult,
    Judged,
    halves,
    refused,
)
from shared.kit.ports import Random

_log: Final = structlog.get_logger()

Submit = Callable[[HeardBatch], Awaitable[HeardResult]]


class DeliveryError(Exception):
    """A batch was not taken: the writer is away, or the stored offsets are not what we thought."""


class Parked(Protocol):
    """Knows which streams have open dead letters."""

    async def parked(self, streams: Sequence[str]) -> frozenset[str]:
        """Give those of the streams that have open dead letters."""
        ...


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How long a busy writer is waited for."""

    tries_max: int = 8
    backoff_first_s: float = 0.05
    backoff_max_s: float = 2.0


class Delivery:
    """Brings batches through the writer's loop."""

    def __init__(
        self, *, submit: Submit, parked: Parked, random: Random, limits: DeliveryLimits
    ) -> None:
        self._submit = submit
        self._parked = parked
        self._random = random
        self._limits = limits

    async def deliver(self, parts: Sequence[HeardPart], act: Act | None = None) -> list[Judged]:
        """Bring records into the log, in order; raise DeliveryError when it cannot be done now.

        What was judged before an error is in the log; the stored offsets tell how far that went.
        An operator's act is told with them; raises NotOpenError when it would settle what is not
        open.
        """
        result = await self._offer(parts, act)
        match result.fate:
            case Fate.STORED if result.judged is not None:
                return [result.judged]
            case Fate.CONTENT_REFUSED if act is None or act.redrives:
                return await self._isolate(parts, result.reason, act)
            case Fate.CLOSED:
                raise NotOpenError
            case _:
                raise DeliveryError(f"{result.fate.value} {result.reason}")

    async def _offer(self, parts: Sequence[HeardPart], act: Act | None) -> HeardResult:
        backoff = Backoff(
            self._random, first_s=self._limits.backoff_first_s, max_s=self._limits.backoff_max_s
        )
        while True:
            batch = HeardBatch(tuple(parts), act=act)
            parked = await self._parked.parked(_streams_of(parts))
            result = await self._submit(replace(batch, parked=parked))
            if result.fate is not Fate.UNAVAILABLE or backoff.failures >= self._limits.tries_max:
                return result
            await backoff.wait()

    async def _isolate(
        self, parts: Sequence[HeardPart], reason: str, act: Act | None
    ) -> list[Judged]:
        """Halve until the guilty record is alone, in order; the others go on."""
        if len(parts) > 1:
            return [judged for part in parts for judged in await self.deliver([part], act)]
        part = parts[0]
        if len(part.items) > 1:
            first, second = halves(part)
            judged = await self.deliver([first], act)
            if any(one.stops for one in judged):
                return judged
            return [*judged, *await self.deliver([second], act)]
        if not part.items:
            raise DeliveryError(f"the log refuses an offset: {reason}")
        _log.warning("ingest.content_refused", topic=part.topic, part=part.part, reason=reason)
        if isinstance(part.items[0].what, HeardEvent):
            return await self.deliver([refused(part, reason)], act)
        if part.move is None:
            raise DeliveryError(f"the log refuses a dead letter: {reason}")
        stays = replace(part.move, next=part.items[0].offset)
        return await self.deliver(
            [replace(part, items=(), move=stays, stop=f"{CONTENT_REFUSED}: {reason}")]
        )


def _streams_of(parts: Sequence[HeardPart]) -> list[str]:
    streams: dict[str, None] = {}
    for part in parts:
        for item in part.items:
            if isinstance(item.what, HeardEvent):
                streams[item.what.event.stream] = None
            elif isinstance(item.what, Malformed) and item.what.stream is not None:
                streams[item.what.stream] = None
    return list(streams)
