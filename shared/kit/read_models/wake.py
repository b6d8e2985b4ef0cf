"""Wakes the projector when the log grew: LISTEN is the hint, the poll interval the truth."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.kit.postgres.faults import STORAGE_FAULTS

_CHANNEL: Final = "kit_head"
_FAULTS: Final = (asyncpg.PostgresError, *STORAGE_FAULTS, OSError)


class HeadWake:
    """The `Wake` port over the append's NOTIFY; holds one connection of the pool while it waits.

    Without a connection it polls, and tries to listen again at each poll.
    """

    def __init__(self, pool: asyncpg.Pool, *, poll_s: float) -> None:
        self._pool = pool
        self._poll_s = poll_s
        self._woken = asyncio.Event()

    async def waits(self) -> AsyncIterator[None]:
        """Yield at once, then after each append, and at least every poll interval."""
        listening: PoolConnectionProxy | None = None
        try:
            while True:
                if listening is None or not _is_open(listening):
                    listening = await self._listen(listening)
                self._woken.clear()
                yield
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._poll_s)
        finally:
            await self._release(listening)

    async def _listen(self, lost: PoolConnectionProxy | None) -> PoolConnectionProxy | None:
        await self._release(lost)
        try:
            connection = await self._pool.acquire(timeout=self._poll_s)
        except _FAULTS:
            return None
        try:
            await connection.add_listener(_CHANNEL, self._wake)
        except _FAULTS:
            await self._pool.release(connection)
            return None
        return connection

    async def _release(self, connection: PoolConnectionProxy | None) -> None:
        if connection is None:
            return
        if _is_open(connection):
            await connection.remove_listener(_CHANNEL, self._wake)
        await self._pool.release(connection)

    def _wake(self, *_notification: object) -> None:
        self._woken.set()


def _is_open(connection: PoolConnectionProxy) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # A connection that the server ended has gone back to the pool by itself.
        return False
