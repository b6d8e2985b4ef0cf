"""Timers derived again when an aggregate's revision rises, and when it falls back."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared.contracts.registry import Registry
from shared.decider import Decider, Timers
from shared.kit.derived_timers import DerivedTimers
from shared.kit.ports import SPENT
from shared.kit.rules.policies import RulesFencedError
from tests.fixtures.exchange import eventually
from tests.fixtures.mill import (
    DECIDERS,
    EVENTS,
    NOON,
    ORDER,
    ORDER_VIEW,
    SCOPE,
    STOCK,
    FinishOrder,
    MarkLate,
    Mill,
    Order,
    PlaceOrder,
    PostponeOrder,
    SetClock,
    milling,
    order_stream,
    views_of,
)


def due_sooner(state: Order) -> Mapping[str, datetime]:
    """Let an order be late half an hour sooner."""
    return {} if state.late_at is None else {"late": state.late_at - timedelta(minutes=30)}


def at_revision(revision: int, due: Any) -> tuple[Decider[Any, Any], ...]:
    timers = Timers(due=due, fire=lambda due: MarkLate(order=due.id))
    return replace(ORDER, view=replace(ORDER_VIEW, revision=revision), timers=timers), STOCK


NEXT = at_revision(2, due_sooner)
SAME_AGAIN = at_revision(3, ORDER.timers.due if ORDER.timers else None)


def timers_of(
    pool: asyncpg.Pool, deciders: Sequence[Decider[Any, Any]], clock: SetClock, *, page: int = 2
) -> DerivedTimers:
    views = views_of(deciders, Registry(EVENTS))
    return DerivedTimers(pool, views, clock, page_streams_max=page)


@asynccontextmanager
async def leading(
    pool: asyncpg.Pool,
    deciders: Sequence[Decider[Any, Any]],
    epoch: int,
    clock: SetClock,
    *,
    runs: bool = False,
) -> AsyncGenerator[Mill]:
    await pool.execute("UPDATE kit.head SET epoch = $1", epoch)
    await timers_of(pool, deciders, clock).derive(epoch)
    async with milling(pool, deciders=deciders, epoch=epoch, clock=clock, runs=runs) as mill:
        yield mill


def late(*orders: str, minutes: int) -> dict[str, datetime]:
    return {f"{order_stream(order)} late": NOON + timedelta(minutes=minutes) for order in orders}


async def test_they_are_those_of_the_release_that_leads_forward_and_back(
    pool: asyncpg.Pool,
) -> None:
    clock = SetClock()
    async with leading(pool, DECIDERS, 1, clock) as old:
        for order in ("a", "b", "c"):
            await old.asks(PlaceOrder(order=order, minutes=60))
        await old.asks(FinishOrder(order="b"))
        assert await old.timers() == late("a", "c", minutes=60)
    async with leading(pool, NEXT, 2, clock) as new:
        assert await new.timers() == late("a", "c", minutes=30)
        await new.asks(PlaceOrder(order="d", minutes=60))
        await new.asks(FinishOrder(order="a"))
        assert await new.timers() == late("c", "d", minutes=30)
    async with leading(pool, DECIDERS, 3, clock) as old:
        assert await old.timers() == late("c", "d", minutes=60)


async def test_what_is_the_same_is_not_written(pool: asyncpg.Pool) -> None:
    clock = SetClock()
    async with leading(pool, DECIDERS, 1, clock) as old:
        for order in ("a", "b"):
            await old.asks(PlaceOrder(order=order, minutes=60))
    before = await pool.fetch("SELECT t.*, t.xmin FROM kit.timer AS t")
    async with leading(pool, SAME_AGAIN, 2, clock):
        assert await pool.fetch("SELECT t.*, t.xmin FROM kit.timer AS t") == before


async def test_nothing_is_derived_while_the_revision_stays(pool: asyncpg.Pool) -> None:
    clock = SetClock()
    async with leading(pool, DECIDERS, 1, clock) as old:
        await old.asks(PlaceOrder(order="a", minutes=60))
    assert await timers_of(pool, DECIDERS, clock).derive(1) == 0
    await pool.execute("UPDATE kit.head SET epoch = 2")
    assert await timers_of(pool, DECIDERS, clock).derive(2) == 0


async def test_what_has_fired_is_not_armed_again(pool: asyncpg.Pool) -> None:
    clock = SetClock()
    async with leading(pool, DECIDERS, 1, clock, runs=True) as old:
        for order in ("good", "stubborn", "buggy"):
            await old.asks(PlaceOrder(order=order, minutes=60))
        clock.time += timedelta(minutes=61)

        async def fired() -> bool:
            stuck = await old.source.stuck(0, 10)
            return bool(stuck) and await old.timers() == {"mill/order/stubborn late": SPENT}

        await eventually(fired, "one is done, one refused, one stuck")
    async with leading(pool, SAME_AGAIN, 2, clock) as new:
        assert await new.timers() == {"mill/order/stubborn late": SPENT}


async def test_what_is_past_by_the_new_revision_alone_fires(pool: asyncpg.Pool) -> None:
    clock = SetClock()
    async with leading(pool, DECIDERS, 1, clock) as old:
        await old.asks(PlaceOrder(order="a", minutes=60))
        clock.time += timedelta(minutes=40)
    async with leading(pool, NEXT, 2, clock, runs=True) as new:

        async def is_late() -> bool:
            return await new.types(order_stream("a")) == ["order_placed", "order_late"]

        await eventually(is_late, "its time had come")
        assert await new.timers() == {}


async def test_it_goes_on_at_its_page(pool: asyncpg.Pool) -> None:
    clock = SetClock()
    async with leading(pool, DECIDERS, 1, clock) as old:
        for order in ("a", "b", "c"):
            await old.asks(PlaceOrder(order=order, minutes=60))
    await timers_of(pool, NEXT, clock).derive(1)
    await pool.execute("UPDATE kit.timer_revision SET after = 'mill/order/a', done = false")
    assert await timers_of(pool, NEXT, clock, page=1).derive(1) == 2


async def test_a_stream_that_moved_since_it_was_read_is_left_alone_and_named(
    pool: asyncpg.Pool,
) -> None:
    clock = SetClock()
    async with leading(pool, DECIDERS, 1, clock) as old:
        for order in ("a", "b"):
            await old.asks(PlaceOrder(order=order, minutes=60))
        await old.asks(PostponeOrder(order="a", minutes=90))
        moved = await pool.fetchval(
            "SELECT kit.derive_timers_v1(1, $1::kit.stream_v1[], $2::kit.timer_v1[], $3, $4)",
            [(order_stream(order), 1, None, None, "") for order in ("a", "b")],
            [(order_stream(order), "ask", NOON, SCOPE) for order in ("a", "b")],
            [UUID(int=1), UUID(int=2)],
            NOON,
        )
        assert moved == [order_stream("a")]
        assert await old.timers() == {
            **late("a", minutes=90),
            f"{order_stream('b')} ask": NOON,
        }


async def test_a_writer_whose_epoch_is_over_derives_nothing(pool: asyncpg.Pool) -> None:
    clock = SetClock()
    async with leading(pool, DECIDERS, 1, clock) as old:
        await old.asks(PlaceOrder(order="a", minutes=60))
        await pool.execute("UPDATE kit.head SET epoch = 2")
        with pytest.raises(RulesFencedError):
            await timers_of(pool, NEXT, clock).derive(1)
        assert await old.timers() == late("a", minutes=60)
