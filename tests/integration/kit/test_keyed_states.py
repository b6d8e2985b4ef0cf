"""States of a keyed view, beside those of another release's revision, forward and back."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared.contracts.registry import Registry
from shared.contracts.topics import Topic
from shared.decider import Decider, Fact
from shared.kit.keyed_states import KeyedStates
from shared.kit.ports import Batch, NewEvent, StreamCheck
from shared.kit.postgres.log import PostgresLog
from shared.kit.submission import Accepted, Refusal
from shared.kit.verify import ServiceUnderTest
from shared.kit.verify.findings import Check
from shared.kit.verify.keyed import check_keyed
from shared.kit.verify.site import Scene, VerifyLimits
from shared.kit.views import NewerVersionError
from tests.fixtures.mill import (
    DECIDERS,
    EVENTS,
    MILL,
    NOON,
    ORDER,
    ORDER_VIEW,
    SCOPE,
    STOCK,
    STOCK_STREAM,
    STOCK_VIEW,
    AddStock,
    FinishOrder,
    Mill,
    PlaceOrder,
    PostponeOrder,
    Shelf,
    StockAdded,
    TakeStock,
    evolve_shelf,
    milling,
    order_stream,
    views_of,
)

REGISTRY = Registry(EVENTS)
NO_BUS: Any = None  # nothing here is heard


def evolve_double(state: Shelf, fact: Fact) -> Shelf:
    """Count everything added twice, so that it shows which release folded a state."""
    match fact.event:
        case StockAdded(count=count):
            return Shelf(count=state.count + 2 * count)
        case _:
            return evolve_shelf(state, fact)


NEXT: tuple[Decider[Any, Any], ...] = (
    ORDER,
    replace(STOCK, view=replace(STOCK_VIEW, revision=2, evolve=evolve_double)),
)


def states_of(
    pool: asyncpg.Pool, deciders: Sequence[Decider[Any, Any]], *, page: int = 2
) -> KeyedStates:
    return KeyedStates(pool, views_of(deciders, REGISTRY), page_events_max=page)


@asynccontextmanager
async def leading(
    pool: asyncpg.Pool, deciders: Sequence[Decider[Any, Any]], epoch: int
) -> AsyncGenerator[Mill]:
    """Lead as a release does: take over the epoch, catch up, open, and say what is kept."""
    await pool.execute("UPDATE kit.head SET epoch = $1", epoch)
    states = states_of(pool, deciders)
    await states.catch_up()
    await states.keep(epoch)
    async with milling(pool, deciders=deciders, epoch=epoch, runs=False) as mill:
        yield mill


async def shelf(pool: asyncpg.Pool, revision: int, item: str) -> tuple[int, int] | None:
    """Give the count and the version that a revision's state of an item has."""
    row = await pool.fetchrow(
        "SELECT (state ->> 'count')::int AS count, version FROM kit.state"
        " WHERE view = 'mill.stock' AND revision = $1 AND stream = $2 AND key = $3",
        revision,
        STOCK_STREAM,
        item,
    )
    return None if row is None else (row["count"], row["version"])


async def test_a_raised_revision_s_states_are_built_beside_the_old_ones(
    pool: asyncpg.Pool,
) -> None:
    async with leading(pool, DECIDERS, 1) as old:
        for item in ("flour", "bran", "flour", "rye", "flour"):
            await old.asks(AddStock(item=item, count=1))
        before = await pool.fetch("SELECT * FROM kit.state WHERE revision = 1")

        assert await states_of(pool, NEXT).catch_up() > 0

        assert await shelf(pool, 2, "flour") == (6, 5)
        assert await shelf(pool, 2, "bran") == (2, 2)
        assert await pool.fetch("SELECT * FROM kit.state WHERE revision = 1") == before


async def test_a_new_release_s_writer_decides_on_what_its_own_revision_makes_of_the_log(
    pool: asyncpg.Pool,
) -> None:
    async with leading(pool, DECIDERS, 1) as old:
        await old.asks(AddStock(item="flour", count=1))
        await old.asks(PlaceOrder(order="a"))
    async with leading(pool, NEXT, 2) as new:
        assert isinstance(await new.asks(TakeStock(item="flour", order="a")), Accepted)
        # There were two by its count: a state begun anew would have refused the second, too.
        assert isinstance(await new.asks(TakeStock(item="flour", order="a")), Accepted)
    assert await shelf(pool, 2, "flour") == (0, 3)


async def test_an_old_release_that_leads_again_goes_on_from_where_its_states_stopped(
    pool: asyncpg.Pool,
) -> None:
    async with leading(pool, DECIDERS, 1) as old:
        await old.asks(AddStock(item="flour", count=1))
    async with leading(pool, NEXT, 2) as new:
        await new.asks(AddStock(item="flour", count=1))
        await new.asks(AddStock(item="bran", count=5))
    assert await shelf(pool, 1, "flour") == (1, 1)

    async with leading(pool, DECIDERS, 3) as old:
        await old.asks(AddStock(item="flour", count=1))
        assert await shelf(pool, 1, "flour") == (3, 4)
        assert await shelf(pool, 1, "bran") == (5, 3)
    async with leading(pool, NEXT, 4):
        assert await shelf(pool, 2, "flour") == (6, 4)


async def test_a_build_that_was_cut_short_goes_on_at_its_page(pool: asyncpg.Pool) -> None:
    async with leading(pool, DECIDERS, 1) as old:
        for number in range(6):
            await old.asks(AddStock(item=f"item-{number}", count=1))

    def breaking(state: Shelf, fact: Fact) -> Shelf:
        if fact.version == 4:
            raise ArithmeticError
        return evolve_double(state, fact)

    broken = (ORDER, replace(STOCK, view=replace(NEXT[1].view, evolve=breaking)))
    with pytest.raises(ArithmeticError):
        await states_of(pool, broken).catch_up()
    assert await pool.fetchval("SELECT position FROM kit.state_build WHERE revision = 2") == 2
    assert await shelf(pool, 2, "item-2") is None

    assert await states_of(pool, NEXT).catch_up() == 4
    assert [await shelf(pool, 2, f"item-{n}") for n in range(6)] == [(2, n + 1) for n in range(6)]


async def test_going_over_a_page_again_or_beside_another_changes_nothing(
    pool: asyncpg.Pool,
) -> None:
    async with leading(pool, DECIDERS, 1) as old:
        for _ in range(4):
            await old.asks(AddStock(item="flour", count=1))
    await states_of(pool, NEXT).catch_up()
    await pool.execute("UPDATE kit.state_build SET position = 1 WHERE revision = 2")

    await states_of(pool, NEXT, page=1).catch_up()

    assert await shelf(pool, 2, "flour") == (8, 4)


async def test_what_the_writer_keeps_is_not_folded_by_a_standby(pool: asyncpg.Pool) -> None:
    async with leading(pool, DECIDERS, 1) as old:
        await old.asks(AddStock(item="flour", count=1))
        assert await states_of(pool, DECIDERS).catch_up() == 0
    await pool.execute("UPDATE kit.head SET epoch = 2")
    # Its writer is gone, and what it wrote last was not said: the next one looks.
    assert await states_of(pool, DECIDERS).catch_up() == 1
    assert await states_of(pool, DECIDERS).catch_up() == 0


async def test_a_writer_whose_epoch_is_over_says_nothing(pool: asyncpg.Pool) -> None:
    async with leading(pool, DECIDERS, 1) as old:
        await old.asks(AddStock(item="flour", count=1))
        await pool.execute("UPDATE kit.head SET epoch = 2")
        await states_of(pool, DECIDERS).keep(1)
    assert await pool.fetchval("SELECT position FROM kit.state_build") == 0


async def test_a_newer_version_of_a_type_stops_the_build_before_its_page(
    pool: asyncpg.Pool,
) -> None:
    async with leading(pool, DECIDERS, 1) as old:
        await old.asks(AddStock(item="flour", count=1))
        await old.asks(AddStock(item="flour", count=1))
    event = NewEvent(
        stream=STOCK_STREAM,
        version=3,
        event_id=UUID(int=77),
        type=StockAdded.type_name().replace(".v1", ".v2"),
        scope=SCOPE,
        occurred_at=NOON,
        at=NOON,
        correlation_id=UUID(int=9),
        data="{}",
        public=False,
    )
    check = StreamCheck(STOCK_STREAM, 2, 3, event.event_id, SCOPE)
    await PostgresLog(pool).append(1, Batch(events=[event], streams=[check]))

    with pytest.raises(NewerVersionError):
        await states_of(pool, NEXT).catch_up()
    assert await shelf(pool, 2, "flour") == (4, 2)


async def found_by_verify(
    pool: asyncpg.Pool, deciders: Sequence[Decider[Any, Any]]
) -> tuple[list[str], list[str]]:
    site = ServiceUnderTest(
        name=MILL,
        pool=pool,
        topic=Topic(service=MILL, name="cogov.mill.v1"),
        hears=(),
        registry=REGISTRY,
        views=views_of(deciders, REGISTRY),
        read_models=(),
    )
    check = Check("I4", notes_max=10)
    async with Scene((site,), NO_BUS, VerifyLimits()).snapshot(site) as snapshot:
        await check_keyed(site, snapshot, check)
    finding = check.finding(0)
    return (
        sorted(f"{note.where['view']} {note.what}" for note in finding.violations),
        [f"{note.where['view']} {note.what}" for note in finding.excused],
    )


async def test_verify_names_a_key_whose_state_is_missing_behind_or_of_no_event(
    pool: asyncpg.Pool,
) -> None:
    async with leading(pool, DECIDERS, 1) as old:
        for item in ("flour", "bran", "flour"):
            await old.asks(AddStock(item=item, count=1))
    assert await found_by_verify(pool, DECIDERS) == ([], [])
    assert await found_by_verify(pool, NEXT) == (
        [],
        ["mill.stock r2 no writer keeps this revision's states now"],
    )

    await pool.execute("UPDATE kit.state SET version = 1 WHERE key = 'flour'")
    await pool.execute("UPDATE kit.state SET key = 'rye' WHERE key = 'bran'")
    assert (await found_by_verify(pool, DECIDERS))[0] == [
        "mill.stock#bran the key's state is of version 0, its last event of 2",
        "mill.stock#flour the key's state is of version 1, its last event of 3",
        "mill.stock#rye the key's state is of version 2, its last event of 0",
    ]


async def test_a_snapshot_of_another_revision_is_caught_up_from_the_log(
    pool: asyncpg.Pool,
) -> None:
    raised = (replace(ORDER, view=replace(ORDER_VIEW, revision=2)), STOCK)
    stream = order_stream("a")

    async def stored_versions() -> dict[int, int]:
        rows = await pool.fetch(
            "SELECT revision, version FROM kit.state WHERE stream = $1 AND view = $2",
            stream,
            ORDER_VIEW.name,
        )
        return {row["revision"]: row["version"] for row in rows}

    async with leading(pool, DECIDERS, 1) as old:
        await old.asks(PlaceOrder(order="a"))
        for minutes in range(4):
            await old.asks(PostponeOrder(order="a", minutes=minutes))
        assert await stored_versions() == {1: 4}
    async with leading(pool, raised, 2) as new:
        for minutes in range(4):
            assert isinstance(await new.asks(PostponeOrder(order="a", minutes=minutes)), Accepted)
        assert await stored_versions() == {1: 4, 2: 8}
        assert isinstance(await new.asks(FinishOrder(order="a")), Accepted)
    async with leading(pool, DECIDERS, 3) as old:
        # Its snapshot of version 4 was open; what the other release appended counts.
        assert isinstance(await old.asks(FinishOrder(order="a")), Refusal)
