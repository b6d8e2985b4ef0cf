"""Readiness that means something: what this process depends on, each with its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from shared.kit.http.health import Check, Probe
from shared.kit.ingest import Ingest
from shared.kit.lease import PROJECT, WRITE, who_holds
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.read_models.cursors import status
from shared.kit.relay import Relay
from shared.kit.service import Service


class Readiness:
    """The checks of one replica; Kafka away or a stopped partition degrades, it does not fail."""

    def __init__(self, service: Service, pool: asyncpg.Pool) -> None:
        self._service = service
        self._pool = pool
        self._relay: Relay | None = None
        self._ingest: Ingest | None = None

    def leads(self, relay: Relay, ingest: Ingest) -> None:
        """Watch these loops from now on: this process leads."""
        self._relay, self._ingest = relay, ingest

    def probes(self) -> Sequence[Probe]:
        """Give the checks."""
        return (self.database, self.writer, self.kafka, self.partitions, self.read_models)

    async def database(self) -> Check:
        """The log's database answers."""
        try:
            await self._pool.fetchval("SELECT h.position FROM kit.head AS h")
        except STORAGE_FAULTS as error:
            return Check("database", "failed", type(error).__name__)
        return Check("database", "ok")

    async def writer(self) -> Check:
        """Somebody leads."""
        try:
            leader = await who_holds(self._pool, WRITE)
        except STORAGE_FAULTS:
            return Check("writer", "degraded", "unknown")
        if leader is None:
            return Check("writer", "degraded", "nobody leads")
        return Check("writer", "ok", f"epoch {leader.epoch}")

    async def kafka(self) -> Check:
        """The writer's loops are connected (a replica that does not lead has none)."""
        away: list[str] = []
        if self._relay is not None and not self._relay.connected:
            away.append("relay")
        if self._ingest is not None and not self._ingest.status().connected:
            away.append("ingest")
        if away:
            return Check("kafka", "degraded", f"not connected: {', '.join(away)}")
        return Check("kafka", "ok")

    async def partitions(self) -> Check:
        """No heard partition stands still."""
        try:
            rows: list[Any] = await self._pool.fetch(
                "SELECT h.topic, h.part, h.stopped FROM kit.heard AS h WHERE h.stopped IS NOT NULL"
            )
        except STORAGE_FAULTS:
            return Check("partitions", "degraded", "unknown")
        if rows:
            detail = "; ".join(f"{row['topic']}:{row['part']} {row['stopped']}" for row in rows[:5])
            return Check("partitions", "degraded", detail)
        return Check("partitions", "ok")

    async def read_models(self) -> Check:
        """Every table of this release is there and folded; one that stopped degrades."""
        try:
            found = await status(self._pool, self._service.read_models)
            projecting = await who_holds(self._pool, PROJECT)
        except STORAGE_FAULTS:
            return Check("read_models", "degraded", "unknown")
        stopped = [one.name for one in found if one.failure is not None]
        if stopped:
            return Check("read_models", "degraded", f"stopped: {', '.join(stopped)}")
        if projecting is None:
            return Check("read_models", "degraded", "nobody projects")
        behind = [f"{one.name} {one.lag}" for one in found if not one.caught_up]
        return Check("read_models", "ok", f"behind: {', '.join(behind)}" if behind else "")
