"""Builds a read model's table anew from the whole log, beside the one that queries see."""

from __future__ import annotations

import asyncio

import asyncpg

from shared.contracts.registry import Registry
from shared.kit.observability.tracing import NO_TRACING, Tracing
from shared.kit.ports import Random
from shared.kit.read_models.building import Builder, BuilderLimits, claimed, is_claimed
from shared.kit.read_models.cursors import status
from shared.kit.read_models.model import R, ReadModel
from shared.kit.read_models.schema import ask_for_build


class ModelStoppedError(Exception):
    """The read model cannot follow the log; its build's row says why."""


class BuiltElsewhereError(Exception):
    """Another process builds this read model; it would only be set back."""


async def rebuild(
    pool: asyncpg.Pool,
    registry: Registry,
    model: ReadModel[R],
    *,
    random: Random,
    limits: BuilderLimits,
    tracing: Tracing = NO_TRACING,
) -> int:
    """Fold the log into a new table and let it take the old one's place; give where it ended.

    Queries see the old table, then the new one, never one that grows. Raises BuiltElsewhereError,
    and ModelStoppedError when the model raises: the old table then stays.
    """
    if await is_claimed(pool, model):
        raise BuiltElsewhereError(model.table)
    stopping = asyncio.Event()
    async with claimed(pool, (model,), stopping):
        async with pool.acquire() as connection:
            await ask_for_build(connection, model, anew=True)
        builder = Builder(pool, registry, (model,), random=random, limits=limits, tracing=tracing)
        await builder.run(stopping)
    (stands,) = await status(pool, (model,))
    if stands.build is not None:
        raise ModelStoppedError(stands.build.failure)
    return stands.position
