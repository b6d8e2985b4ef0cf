"""Read your own writes: wait until this service has heard and projected up to a position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

import asyncpg
from prometheus_client import CollectorRegistry

from shared.contracts.topics import Topic
from shared.kit.observability.metrics import Metrics
from shared.kit.ports import Clock
from shared.kit.position import Position, PositionInvalidError, TokenVoid
from shared.kit.read_models.model import ReadModel

_PROJECTED: Final = """
SELECT coalesce(min(coalesce(r.position, 0)), 9223372036854775807)
FROM unnest($1::text[], $2::integer[]) AS w (name, revision)
LEFT JOIN kit.read_model AS r ON r.name = w.name AND r.revision = w.revision
"""
_HEARD: Final = "SELECT h.source_position FROM kit.heard AS h WHERE h.topic = $1 AND h.part = $2"
_HEAD: Final = "SELECT h.position, h.epoch FROM kit.head AS h"


class Waiting:
    """Answers `Cogov-After`; the caller bounds how long it waits."""

    def __init__(
        self,
        *,
        service: str,
        pool: asyncpg.Pool,
        models: Sequence[ReadModel[Any]],
        heard: Mapping[str, Topic],
        partition: Callable[[str, str], int],
        clock: Clock,
        poll_s: float = 0.01,
        metrics: Metrics | None = None,
    ) -> None:
        self._service = service
        self._pool = pool
        self._names = [model.name for model in models]
        self._revisions = [model.revision for model in models]
        self._heard = heard
        self._partition = partition
        self._clock = clock
        self._poll_s = poll_s
        self._seconds = (metrics or Metrics(CollectorRegistry())).token_wait_seconds

    async def wait_for(self, position: Position) -> None:
        """Return once the position is visible to queries; raise TokenVoid if it no longer exists.

        A position of a service that is not heard here raises PositionInvalidError.
        """
        started, outcome = perf_counter(), "late"  # whoever cancels it has waited long enough
        try:
            await self._wait_for(position)
            outcome = "ok"
        except (TokenVoid, PositionInvalidError):
            outcome = "void"
            raise
        finally:
            self._seconds.labels(outcome).observe(perf_counter() - started)

    async def _wait_for(self, position: Position) -> None:
        if position.service == self._service:
            head, epoch = await self._head()
            if position.epoch > epoch or position.position > head:
                raise TokenVoid
            await self._projected(position.position)
            return
        topic = self._heard.get(position.service)
        if topic is None:
            raise PositionInvalidError
        part = self._partition(topic.name, position.scope)
        while (await self._pool.fetchval(_HEARD, topic.name, part) or 0) < position.position:
            await self._clock.sleep(self._poll_s)
        head, _ = await self._head()
        await self._projected(head)

    async def _head(self) -> tuple[int, int]:
        row = await self._pool.fetchrow(_HEAD)
        assert row is not None
        return row["position"], row["epoch"]

    async def _projected(self, position: int) -> None:
        while await self._pool.fetchval(_PROJECTED, self._names, self._revisions) < position:
            await self._clock.sleep(self._poll_s)
