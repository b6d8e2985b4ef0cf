"""Builds a read model's table anew from the whole log."""

from __future__ import annotations

import asyncio

import asyncpg

from shared.contracts.registry import Registry
from shared.kit.observability.tracing import NO_TRACING, Tracing
from shared.kit.read_models.cursors import CursorMovedError, status
from shared.kit.read_models.engine import Engine
from shared.kit.read_models.model import R, ReadModel
from shared.kit.read_models.schema import remake_table
from shared.kit.read_models.tail import Tail


class ModelStoppedError(Exception):
    """The read model cannot follow the log; its cursor's row says why."""


async def rebuild(
    pool: asyncpg.Pool,
    registry: Registry,
    model: ReadModel[R],
    *,
    page_events_max: int,
    tracing: Tracing = NO_TRACING,
) -> int:
    """Drop the table of this revision and fold the log into a new one; give where it ended.

    It ends at what was the log's head when it began. Queries see the table grow meanwhile; an
    active projector may build along. Raises ModelStoppedError when the model raises.
    """
    async with pool.acquire() as connection:
        await remake_table(connection, model)
    engine, tail = Engine(pool, (model,), tracing=tracing), Tail(registry, (model,))
    (stands,) = await status(pool, (model,))
    position, goal = stands.position, stands.position + stands.lag
    while position < goal and stands.failure is None:
        through = min(position + page_events_max, goal)
        page = await tail.read(pool, position, through)
        try:
            await engine.advance((model,), page)
        except CursorMovedError:
            await asyncio.sleep(0)
        (stands,) = await status(pool, (model,))
        position = stands.position
    if stands.failure is not None:
        raise ModelStoppedError(stands.failure)
    return position
