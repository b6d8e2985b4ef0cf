"""Timers derived again when an aggregate's revision has changed, up or back (ADR 8).

They are a function of its states, so those stored under another revision's writer may be others.
The new writer is open meanwhile: its appends store what their events change, and a page is written
under the head's lock only for streams that have not moved since it was read. Nothing fires before
all is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import structlog

from shared.decider import Decider, Due
from shared.kit.ports import Clock, Loaded, LogUnavailableError, StreamCheck, TimerChange, Want
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.postgres.log import PostgresLog
from shared.kit.rules.policies import RulesFencedError
from shared.kit.rules.work import timer_command_id
from shared.kit.views import NewerVersionError, Views

_log: Final = structlog.get_logger()
_RETRY_S: Final = 0.5
_MOVED_S: Final = 0.02

_BEGIN: Final = """
INSERT INTO kit.timer_revision AS t (aggregate, revision, after, done)
SELECT $2, $3, '', false FROM kit.head AS h WHERE h.epoch = $1
ON CONFLICT (aggregate) DO UPDATE
SET revision = excluded.revision,
    after = CASE WHEN t.revision = excluded.revision THEN t.after ELSE '' END,
    done = t.done AND t.revision = excluded.revision
RETURNING t.after, t.done
"""
_STREAMS: Final = """
SELECT s.stream FROM kit.stream AS s
WHERE s.stream > $1 AND starts_with(s.stream, $2) ORDER BY s.stream LIMIT $3
"""
_DERIVE: Final = """
SELECT kit.derive_timers_v1($1, $2::kit.stream_v1[], $3::kit.timer_v1[], $4::uuid[], $5)
"""
_MOVE: Final = """
UPDATE kit.timer_revision AS t SET after = $3, done = $4
FROM kit.head AS h WHERE h.epoch = $1 AND t.aggregate = $2
"""


class DerivedTimers:
    """The timers of one service's aggregates, by the states of this release's revisions."""

    def __init__(
        self, pool: asyncpg.Pool, views: Views, clock: Clock, *, page_streams_max: int
    ) -> None:
        self._pool = pool
        self._log = PostgresLog(pool)
        self._views = views
        self._clock = clock
        self._page_streams_max = page_streams_max

    async def derive(self, epoch: int) -> int:
        """Derive what another revision's writer stored, as the writer of an epoch.

        Gives how many streams were looked at; raises RulesFencedError when a later epoch leads.
        """
        count = 0
        for prefix in self._views.timed:
            owner = self._views.owner(prefix)
            assert owner is not None
            row = await self._pool.fetchrow(_BEGIN, epoch, prefix, owner.view.revision)
            if row is None:
                raise RulesFencedError
            after, done = row["after"] or f"{prefix}/", row["done"]
            while not done:
                streams = await self._streams(prefix, after)
                await self._derive_page(epoch, owner, streams)
                count += len(streams)
                after, done = (streams[-1], False) if streams else (after, True)
                await self._pool.execute(_MOVE, epoch, prefix, after, done)
        return count

    async def derive_surely(self, epoch: int) -> None:
        """Derive, through outages too; what is done is not done again."""
        while True:
            try:
                await self.derive(epoch)
            except (*STORAGE_FAULTS, LogUnavailableError) as error:
                _log.warning("timers.interrupted", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _streams(self, prefix: str, after: str) -> list[str]:
        rows = await self._pool.fetch(_STREAMS, after, f"{prefix}/", self._page_streams_max)
        return [row["stream"] for row in rows]

    async def _derive_page(
        self, epoch: int, owner: Decider[Any, Any], streams: Sequence[str]
    ) -> None:
        view = owner.view
        while streams:
            wants = [Want(stream, view.name, view.revision) for stream in streams]
            loaded, _ = await self._log.load(wants, ())
            moved = await self._store(epoch, {one.stream: one for one in loaded}, owner)
            if moved is None:
                raise RulesFencedError
            if moved:
                await asyncio.sleep(_MOVED_S)
            streams = moved

    async def _store(
        self, epoch: int, loaded: Mapping[str, Loaded], owner: Decider[Any, Any]
    ) -> list[str] | None:
        """Write what differs; give the streams that have moved on, None: a later epoch leads."""
        checks: list[StreamCheck] = []
        timers: list[TimerChange] = []
        for stream, one in loaded.items():
            due = self._due(owner, one)
            if due is None:
                continue
            checks.append(StreamCheck(stream, one.head.version))
            timers.extend(TimerChange(stream, name, at, one.head.scope) for name, at in due.items())
        commands = [
            timer_command_id(Due(timer.stream, timer.name, timer.due_at))
            for timer in timers
            if timer.due_at is not None
        ]
        return await self._pool.fetchval(
            _DERIVE,
            epoch,
            [(check.stream, check.expected, None, None, "") for check in checks],
            [(timer.stream, timer.name, timer.due_at, timer.scope) for timer in timers],
            commands,
            self._clock.now(),
        )

    def _due(self, owner: Decider[Any, Any], one: Loaded) -> Mapping[str, datetime] | None:
        """Give a stream's timers; None where this release cannot say, and leaves what is there."""
        assert owner.timers is not None
        try:
            return owner.timers.due(self._views.restore(one))
        except NewerVersionError:
            return None
        except Exception:  # noqa: BLE001 - a rule's bug costs its stream alone
            _log.exception("timer.failed", stream=one.stream)
            return None
