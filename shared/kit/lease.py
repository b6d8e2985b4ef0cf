"""The lease: who may write (or project) now, on the database's clock (ADR 2).

Taking the writer's lease raises the epoch in the lease **and** in the log's head row in one
transaction, so a paused writer that wakes late changes nothing. A thread with a connection of its
own renews at a third of the lease's time and stops renewing when the process's event loop has not
ticked for half of it: a hung process must not stay the writer.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog
from prometheus_client import CollectorRegistry

from shared.kit.lease_watch import LeaseWatch, LossKind
from shared.kit.observability.metrics import Metrics
from shared.kit.postgres.faults import STORAGE_FAULTS

_log: Final = structlog.get_logger()

_TAKE: Final = """
WITH before AS (SELECT k.holder, k.until FROM kit.lease AS k WHERE k.role = $1)
INSERT INTO kit.lease AS l (role, holder, address, epoch, until, revision)
VALUES ($1, $2, $3, 1, clock_timestamp() + $4 * interval '1 second', $5)
ON CONFLICT (role) DO UPDATE
SET holder = excluded.holder, address = excluded.address, epoch = l.epoch + 1,
    until = excluded.until, revision = excluded.revision
WHERE l.until < clock_timestamp() AND l.revision <= excluded.revision
RETURNING l.epoch,
    (SELECT b.holder FROM before AS b) AS before,
    (SELECT extract(epoch FROM clock_timestamp() - b.until)::float8 FROM before AS b) AS free_s
"""
_FENCE: Final = "UPDATE kit.head SET epoch = $1 WHERE epoch < $1"
_RENEW: Final = """
UPDATE kit.lease SET until = clock_timestamp() + $3 * interval '1 second'
WHERE role = $1 AND holder = $2 AND until >= clock_timestamp()
RETURNING epoch
"""
_RELEASE: Final = """
UPDATE kit.lease SET until = clock_timestamp(), holder = ''
WHERE role = $1 AND holder = $2
"""
_WHO: Final = """
SELECT l.holder, l.address, l.epoch FROM kit.lease AS l
WHERE l.role = $1 AND l.until >= clock_timestamp()
"""

WRITE: Final = "write"
PROJECT: Final = "project"


def project_role(release: str) -> str:
    """Name the lease of a release's projector: each release keeps its own tables current."""
    return f"{PROJECT}/{release}"


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """What a holder asks for: `revision` is the highest contract revision it can write."""

    dsn: str
    role: str
    holder: str
    address: str
    seconds: float
    revision: int


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds a lease now, where commands are to be sent, and since which epoch."""

    holder: str
    address: str
    epoch: int


async def who_holds(connection: asyncpg.Pool | asyncpg.Connection, role: str) -> Holding | None:
    """Give the present holder of a role; None while nobody holds it."""
    row = await connection.fetchrow(_WHO, role)
    return None if row is None else Holding(row["holder"], row["address"], row["epoch"])


class Lease:
    """A lease that is taken once and then kept by a thread until it is lost or released."""

    def __init__(self, terms: LeaseTerms, metrics: Metrics | None = None) -> None:
        self._terms = terms
        self._watch = LeaseWatch(
            metrics or Metrics(CollectorRegistry()), terms.role.partition("/")[0]
        )
        self._ticked = time.monotonic()
        self._held_until = 0.0
        self._ended = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Tell whether what should be renewed is: its thread may only end when the lease does."""
        thread = self._thread
        return thread is None or thread.is_alive() or self._ended.is_set() or self._stop.is_set()

    @property
    def idle_s(self) -> float:
        """Tell for how long it was neither asked for nor kept."""
        return time.monotonic() - self._ticked

    async def take(self) -> int | None:
        """Try to take the lease; give the new epoch, or None while another holds it."""
        terms = self._terms
        connection = await asyncpg.connect(terms.dsn, timeout=5, command_timeout=5)
        try:
            async with connection.transaction():
                row = await connection.fetchrow(
                    _TAKE, terms.role, terms.holder, terms.address, terms.seconds, terms.revision
                )
                epoch: int | None = None if row is None else row["epoch"]
                if epoch is not None and terms.role == WRITE:
                    await connection.execute(_FENCE, epoch)
        finally:
            await connection.close()
        if row is not None:
            self._watch.taken(row["epoch"], row["before"], row["free_s"])
        return epoch

    async def wait(self) -> int:
        """Wait until the lease is free and take it, through outages too; give the new epoch."""
        while True:
            self.tick()
            try:
                epoch = await self.take()
            except STORAGE_FAULTS as error:
                _log.warning("lease.not_reached", error=type(error).__name__)
                epoch = None
            if epoch is not None:
                return epoch
            await asyncio.sleep(random.uniform(0.2, 0.5))  # noqa: S311 - jitter

    def keep(self, on_lost: Callable[[str], None]) -> None:
        """Start renewing; `on_lost(reason)` is called in this event loop, once."""
        loop = asyncio.get_running_loop()
        self._ticked = time.monotonic()
        self._held_until = self._ticked + self._terms.seconds
        self._watch.keeps(lambda: self._held_until - time.monotonic())

        def lost(kind: LossKind, reason: str) -> None:
            self._watch.lost(kind)
            self._ended.set()
            loop.call_soon_threadsafe(on_lost, reason)

        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._renew(lost)), name="lease", daemon=True
        )
        self._thread.start()

    def tick(self) -> None:
        """Say that the event loop is alive; call it several times a second."""
        self._ticked = time.monotonic()

    async def release(self) -> None:
        """Give the lease back at once, so that a standby need not wait.

        If the database is away the lease runs out by itself, and nothing is raised.
        """
        self._stop.set()
        self._watch.gone()
        thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join, 5)
        try:
            connection = await asyncpg.connect(self._terms.dsn, timeout=5, command_timeout=5)
            try:
                await connection.execute(_RELEASE, self._terms.role, self._terms.holder)
            finally:
                await connection.close()
        except STORAGE_FAULTS as error:
            _log.warning("lease.not_released", role=self._terms.role, error=str(type(error)))

    async def _renew(self, lost: Callable[[LossKind, str], None]) -> None:
        terms = self._terms
        connection: asyncpg.Connection | None = None
        pause_s = terms.seconds / 3
        try:
            while not self._stop.wait(pause_s):
                if time.monotonic() - self._ticked > terms.seconds / 2:
                    return lost("stalled", "the event loop stood still")
                asked_at = time.monotonic()
                try:
                    if connection is None:
                        connection = await asyncpg.connect(terms.dsn, timeout=2, command_timeout=2)
                    epoch = await connection.fetchval(
                        _RENEW, terms.role, terms.holder, terms.seconds
                    )
                except STORAGE_FAULTS as error:
                    connection = _dropped(connection)
                    _log.warning("lease.renewal_failed", role=terms.role, error=str(type(error)))
                    if time.monotonic() > self._held_until:
                        return lost("unreachable", "the database could not be reached")
                    pause_s = min(terms.seconds / 3, 0.25)
                    continue
                if epoch is None:
                    return lost("taken", "it ran out, or another holder took it")
                self._held_until = asked_at + terms.seconds
                pause_s = terms.seconds / 3
        finally:
            _dropped(connection)


def _dropped(connection: asyncpg.Connection | None) -> None:
    """Give up a connection without waiting for it."""
    if connection is not None:
        connection.terminate()
