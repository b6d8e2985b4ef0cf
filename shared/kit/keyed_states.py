"""States of keyed views at this release's revisions, brought to the log's head beside the others.

An append stores the state of each key that it touches, so a writer needs those of its own revision
for all that was written before it led: by a release of another revision, forward or back. They
are folded from where they stand, in pages, and never written over by an older version of a key:
going over a page again changes nothing, nor does another process at the same work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
import msgspec
import structlog

from shared.decider import View
from shared.kit.ports import Loaded, Stored, StreamHead
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.postgres.log import EVENT_COLUMNS, stored
from shared.kit.views import NewerVersionError, Views

_log: Final = structlog.get_logger()
_PASSING: Final = (*STORAGE_FAULTS, asyncpg.TransactionRollbackError)
_FOLLOW_S: Final = 2.0
_RETRY_S: Final = 0.5
_ENCODER: Final = msgspec.json.Encoder()

_BEGIN: Final = """
INSERT INTO kit.state_build (view, revision, position) VALUES ($1, $2, 0)
ON CONFLICT (view, revision) DO NOTHING
"""
_PLACE: Final = """
SELECT b.position, h.position AS head, b.epoch IS NOT DISTINCT FROM h.epoch AS kept
FROM kit.state_build AS b CROSS JOIN kit.head AS h
WHERE b.view = $1 AND b.revision = $2
"""
_PAGE: Final = (
    "SELECT "
    + EVENT_COLUMNS
    + """
FROM kit.event AS e
WHERE e.position > $1 AND e.position <= $2 AND starts_with(e.stream, $3)
ORDER BY e.position
"""
)
_STATES: Final = """
SELECT w.stream, w.key, s.version, s.state::text AS state
FROM unnest($3::text[], $4::text[]) AS w (stream, key)
CROSS JOIN LATERAL (SELECT k.version, k.state FROM kit.state AS k
                    WHERE k.stream = w.stream AND k.view = $1 AND k.revision = $2
                      AND k.key = w.key OFFSET 0) AS s
"""
_STORE: Final = """
INSERT INTO kit.state AS s (stream, key, view, revision, version, state)
SELECT x.stream, x.key, $1, $2, x.version, x.state
FROM unnest($3::text[], $4::text[], $5::integer[], $6::jsonb[]) AS x (stream, key, version, state)
ON CONFLICT (stream, view, revision, key) DO UPDATE
SET version = excluded.version, state = excluded.state
WHERE s.version < excluded.version
"""
_MOVE: Final = """
UPDATE kit.state_build AS b SET position = $3
WHERE b.view = $1 AND b.revision = $2 AND b.position < $3
"""
_KEEP: Final = """
UPDATE kit.state_build AS b SET position = h.position, epoch = h.epoch
FROM kit.head AS h, unnest($2::text[], $3::integer[]) AS x (view, revision)
WHERE h.epoch = $1 AND b.view = x.view AND b.revision = x.revision
  AND (b.epoch IS DISTINCT FROM h.epoch OR b.position < h.position)
"""


Tick = Callable[[], None]


class KeyedStates:
    """The keyed views of one service at the revisions of this release."""

    def __init__(self, pool: asyncpg.Pool, views: Views, *, page_events_max: int) -> None:
        self._pool = pool
        self._views = views
        self._keyed = views.keyed
        self._page_events_max = page_events_max

    async def catch_up(self) -> int:
        """Fold up to the head what no writer keeps there; give how many states were stored.

        Raises NewerVersionError before a page that this release cannot read.
        """
        count = 0
        for prefix, view in self._keyed.items():
            await self._pool.execute(_BEGIN, view.name, view.revision)
            while (place := await self._place(view)) is not None:
                count += await self._fold_page(f"{prefix}/", view, *place)
        return count

    async def keep(self, epoch: int) -> None:
        """Say, as the writer of an epoch that had caught up, that its appends keep them.

        What a writer of another revision appends later is past the position said here last.
        """
        if self._keyed:
            views = self._keyed.values()
            names, revisions = [view.name for view in views], [view.revision for view in views]
            await self._pool.execute(_KEEP, epoch, names, revisions)

    async def catch_up_surely(self) -> None:
        """Catch up, through outages too."""
        while True:
            try:
                await self.catch_up()
            except _PASSING as error:
                _log.warning("states.interrupted", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def keep_on(self, epoch: int) -> None:
        """Say so again and again, until cancelled."""
        while True:
            try:
                await self.keep(epoch)
            except _PASSING as error:
                _log.warning("states.interrupted", error=type(error).__name__)
            await asyncio.sleep(_FOLLOW_S)

    async def beside(self, lease_taken: Callable[[], Awaitable[int]], tick: Tick) -> int:
        """Catch up and only then ask for the lease; follow the log until it is taken.

        A release that cannot read the log does not ask for it, and looks again: it serves on.
        """
        ready = asyncio.Event()
        following = asyncio.create_task(self._follow(ready, tick), name="states")
        taking = asyncio.create_task(_after(ready, lease_taken), name="lease")
        try:
            done, _ = await asyncio.wait({following, taking}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return taking.result()
        finally:
            following.cancel()
            taking.cancel()
            await asyncio.gather(following, taking, return_exceptions=True)

    async def _follow(self, ready: asyncio.Event, tick: Tick) -> None:
        while True:
            tick()
            try:
                await self.catch_up_surely()
                ready.set()
            except NewerVersionError as newer:
                _log.warning("states.not_built", type=str(newer))
            await asyncio.sleep(_FOLLOW_S)

    async def _place(self, view: View[Any]) -> tuple[int, int] | None:
        """Give the next page's bounds; None when there is nothing to do."""
        row = await self._pool.fetchrow(_PLACE, view.name, view.revision)
        assert row is not None
        after: int = row["position"]
        if row["kept"] or after >= row["head"]:
            return None
        return after, min(after + self._page_events_max, row["head"])

    async def _fold_page(self, prefix: str, view: View[Any], after: int, upto: int) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            events = [stored(row) for row in await connection.fetch(_PAGE, after, upto, prefix)]
            touched = self._by_key(view, events)
            # Always in one order, so that two at the same work do not wait for each other.
            slots = sorted(touched)
            streams, keys = [stream for stream, _ in slots], [key for _, key in slots]
            known = {
                (row["stream"], row["key"]): row
                for row in await connection.fetch(_STATES, view.name, view.revision, streams, keys)
            }
            texts = [self._fold(view, slot, known.get(slot), touched[slot]) for slot in slots]
            versions = [touched[slot][-1].version for slot in slots]
            await connection.execute(
                _STORE, view.name, view.revision, streams, keys, versions, texts
            )
            await connection.execute(_MOVE, view.name, view.revision, upto)
        return len(slots)

    def _by_key(
        self, view: View[Any], events: Sequence[Stored]
    ) -> dict[tuple[str, str], list[Stored]]:
        """Sort a page's events by the state that each changes."""
        assert view.key_of is not None
        found: dict[tuple[str, str], list[Stored]] = {}
        for event in self._views.readable(events):
            if key := view.key_of(self._views.fact(event)):
                found.setdefault((event.stream, key), []).append(event)
        return found

    def _fold(
        self,
        view: View[Any],
        slot: tuple[str, str],
        row: asyncpg.Record | None,
        events: Sequence[Stored],
    ) -> str:
        stream, key = slot
        version, text = (0, None) if row is None else (row["version"], row["state"])
        state = self._views.restore(Loaded(stream, view.name, StreamHead(), text, version, (), key))
        news = [event for event in events if event.version > version]
        return _ENCODER.encode(self._views.fold(view, state, news, key)).decode()


async def _after(ready: asyncio.Event, take: Callable[[], Awaitable[int]]) -> int:
    await ready.wait()
    return await take()
