"""Which processes of which release are alive, and the tables of read models that they need.

Tables of a release may be dropped once none of its processes is alive. A process that is killed
counts as alive until its row is `GONE_AFTER_S` old.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator
from typing import Final

import asyncpg

from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.running import Running

GONE_AFTER_S: Final = 60.0
_BEAT_S: Final = 10.0

_BEAT: Final = """
INSERT INTO kit.replica AS r (holder, release, roles, tables, seen_at)
VALUES ($1, $2, $3, $4, clock_timestamp())
ON CONFLICT (holder) DO UPDATE
SET release = excluded.release, roles = excluded.roles, tables = excluded.tables,
    seen_at = excluded.seen_at
"""
_LEAVE: Final = "DELETE FROM kit.replica AS r WHERE r.holder = $1"
_SWEEP: Final = """
DELETE FROM kit.replica AS r WHERE r.seen_at < clock_timestamp() - $1 * interval '1 second'
"""


def holder() -> str:
    """Name this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextlib.asynccontextmanager
async def present(running: Running, pool: asyncpg.Pool) -> AsyncGenerator[None]:
    """Say meanwhile that this process is alive; nothing is raised while the database is away."""
    task = asyncio.create_task(_beat(running, pool), name="presence")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(*STORAGE_FAULTS, asyncpg.PostgresError):
            await pool.execute(_LEAVE, holder())


async def _beat(running: Running, pool: asyncpg.Pool) -> None:
    tables = [model.table for model in running.service.read_models]
    roles = ",".join(sorted(running.roles))
    while True:
        with contextlib.suppress(*STORAGE_FAULTS, asyncpg.PostgresError):
            await pool.execute(_BEAT, holder(), running.settings.release, roles, tables)
            await pool.execute(_SWEEP, GONE_AFTER_S)
        await asyncio.sleep(_BEAT_S)
