"""What is measured by looking, every two seconds: the gauges of the log's loops and the tables."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import asyncpg

from shared.contracts.topics import Topic
from shared.kit.heard import stop_kind
from shared.kit.ingest import Ingest
from shared.kit.observability.metrics import HEARD_STOPS, Metrics
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.read_models.cursors import ModelStatus
from shared.kit.relay import Relay
from shared.kit.writer import Writer

INTERVAL_S: Final = 2.0

_LOG: Final = """
SELECT h.position,
       (SELECT greatest(c.reltuples, 0)::bigint FROM pg_class AS c
        WHERE c.oid = 'kit.receipt'::regclass) AS receipts,
       (SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8 FROM kit.event AS e
        WHERE e.position > $1 AND e.public AND e.source IS NULL
        ORDER BY e.position LIMIT 1) AS unsent_s
FROM kit.head AS h
"""

_HEARD: Final = """
SELECT h.topic, max(h.generation) AS generation,
       extract(epoch FROM clock_timestamp() - min(h.source_time))::float8 AS heartbeat_age_s
FROM kit.heard AS h WHERE h.topic = ANY($1::text[])
GROUP BY h.topic
"""


class Measuring:
    """Looks at one leadership's loops."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        metrics: Metrics,
        *,
        writer: Writer,
        relay: Relay,
        ingest: Ingest,
        hears: Sequence[Topic],
    ) -> None:
        self._pool = pool
        self._metrics = metrics
        self._writer = writer
        self._relay = relay
        self._ingest = ingest
        self._hears = {topic.name: topic for topic in hears}
        self._looked_at = perf_counter()
        self._busy_s = 0.0

    async def run(self) -> None:
        """Look until cancelled; while the database is away, at what is in memory."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_S)

    async def look(self) -> None:
        """Set every gauge once."""
        self._look_at_writer()
        self._look_at_partitions()
        with contextlib.suppress(*STORAGE_FAULTS):
            await self._look_at_log()
            await self._look_at_heard()

    def _look_at_writer(self) -> None:
        metrics, writer = self._metrics, self._writer
        writer.show()
        now, busy_s = perf_counter(), writer.watch.busy_s
        if now > self._looked_at:
            ratio = (busy_s - self._busy_s) / (now - self._looked_at)
            metrics.writer_busy_ratio.set(min(1.0, ratio))
        self._looked_at, self._busy_s = now, busy_s

    def _look_at_partitions(self) -> None:
        status = self._ingest.status()
        for topic in self._hears.values():
            for part in range(topic.partitions):
                place = (topic.service, str(part))
                stopped = stop_kind(status.stopped.get((topic.name, part), ""))
                for kind in HEARD_STOPS:
                    self._metrics.heard_stopped.labels(*place, kind).set(stopped == kind)
                lag = status.lags.get((topic.name, part))
                if lag is not None:
                    self._metrics.heard_lag_records.labels(*place).set(lag)

    async def _look_at_log(self) -> None:
        metrics = self._metrics
        position = self._relay.position
        row = await self._pool.fetchrow(_LOG, position)
        assert row is not None
        metrics.head_position.set(row["position"])
        metrics.receipts.set(row["receipts"])
        metrics.relay_pending_events.set(max(0, row["position"] - position))
        metrics.relay_oldest_unsent_seconds.set(row["unsent_s"] or 0)

    async def _look_at_heard(self) -> None:
        lags = self._ingest.status().lags
        for row in await self._pool.fetch(_HEARD, list(self._hears)):
            source = self._hears[row["topic"]].service
            self._metrics.heard_generation.labels(source).set(row["generation"])
            age_s = row["heartbeat_age_s"]
            if age_s is None:
                continue
            self._metrics.heard_heartbeat_age_seconds.labels(source).set(age_s)
            behind = any(lag for (topic, _), lag in lags.items() if topic == row["topic"])
            self._metrics.heard_lag_seconds.labels(source).set(age_s if behind else 0)


_UNFOLDED: Final = """
SELECT e.position - 1 AS position,
       extract(epoch FROM clock_timestamp() - e.recorded_at)::float8 AS unfolded_s
FROM kit.event AS e
WHERE e.position = ANY (SELECT p + 1 FROM unnest($1::bigint[]) AS p)
"""


class ModelMeasuring:
    """Looks at one release's read models: the tables served, and those being built."""

    def __init__(self, pool: asyncpg.Pool, metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics

    async def look(self, found: Sequence[ModelStatus]) -> None:
        """Set every gauge of these models once."""
        tables = [
            _Table((one.name, str(one.revision), building), position, one.head, bool(failure))
            for one in found
            for building, position, failure in _positions(one)
        ]
        positions = sorted({table.position for table in tables})
        rows = await self._pool.fetch(_UNFOLDED, positions)
        unfolded = {row["position"]: row["unfolded_s"] for row in rows}
        metrics = self._metrics
        gauges = (metrics.model_lag_events, metrics.model_lag_seconds, metrics.model_failed)
        for gauge in (*gauges, metrics.model_build_ratio):
            gauge.clear()  # what is no longer being built has other labels
        for table in tables:
            lag = max(0, table.head - table.position)
            metrics.model_lag_events.labels(*table.labels).set(lag)
            metrics.model_lag_seconds.labels(*table.labels).set(unfolded.get(table.position, 0))
            metrics.model_failed.labels(*table.labels).set(table.failed)
            share = table.position / table.head if table.head else 1
            metrics.model_build_ratio.labels(*table.labels).set(share)


@dataclass(frozen=True, slots=True)
class _Table:
    labels: tuple[str, str, str]
    position: int
    head: int
    failed: bool


def _positions(one: ModelStatus) -> list[tuple[str, int, str | None]]:
    found = [("no", one.position, one.failure)] if one.served else []
    if one.build is not None:
        found.append(("yes", one.build.position, one.build.failure))
    elif not one.served:
        found.append(("yes", 0, None))
    return found
