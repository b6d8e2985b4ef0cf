"""What happens by itself, on a real log: timers, policies, waiting work, effects, runs."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared.contracts.registry import Registry
from shared.contracts.topics import Topic
from shared.decider import Fact
from shared.kit.acts import NotOpenError
from shared.kit.ports import SPENT, Batch, NewEvent, StreamCheck
from shared.kit.postgres.log import PostgresLog
from shared.kit.rules.engine import RuleLimits
from shared.kit.rules.policies import RulesFencedError
from shared.kit.rules.work import Moves
from shared.kit.states import StateReader
from shared.kit.submission import Accepted, Refusal
from shared.kit.verify import ServiceUnderTest
from shared.kit.verify.findings import Check
from shared.kit.verify.site import Scene, VerifyLimits
from shared.kit.verify.timers import check_timers, list_stuck
from shared.kit.views import Views
from shared.rules import HOPS_MAX, Begins, Policy
from tests.fixtures.exchange import eventually, running, word
from tests.fixtures.mill import (
    ACTS_STREAM,
    COUNTING,
    DECIDERS,
    EVENTS,
    MILL,
    NOON,
    ORDER_VIEW,
    SCOPE,
    SHIPPING,
    STOCK_STREAM,
    STOCK_VIEW,
    TELLING,
    AddStock,
    CallOff,
    FinishOrder,
    Mill,
    OrderPlaced,
    PlaceOrder,
    PostponeOrder,
    RecordingSink,
    SetClock,
    TakeStock,
    milling,
    order_stream,
    read,
)

OWNERS = {f"{MILL}/{one.name}": one for one in DECIDERS}
NO_BUS: Any = None  # nothing here is heard


async def until_types(mill: Mill, stream: str, *types: str) -> None:
    async def there() -> bool:
        return await mill.types(stream) == list(types)

    await eventually(there, f"{stream} holds {types}")


async def idle(mill: Mill) -> None:
    """Wait until every rule has seen the whole log and no timer is due."""

    async def all_seen() -> bool:
        head, _ = await PostgresLog(mill.pool).head()
        backlog = await mill.source.backlog(mill.clock.now())
        seen = all(one == head for one in mill.engine.positions.values())
        return seen and not backlog.timers_due

    await eventually(all_seen, "the rules are at the head")


# --- timers -------------------------------------------------------------------------------------


async def test_timers_are_the_difference_of_two_states(pool: asyncpg.Pool) -> None:
    async with milling(pool, runs=False) as mill:
        await mill.asks(PlaceOrder(order="a", minutes=60))
        assert await mill.timers() == {"mill/order/a late": NOON + timedelta(minutes=60)}

        await mill.asks(PostponeOrder(order="a", minutes=90))
        assert await mill.timers() == {"mill/order/a late": NOON + timedelta(minutes=90)}

        await mill.asks(FinishOrder(order="a"))
        assert await mill.timers() == {}


async def test_a_due_timer_fires_once_and_its_row_goes(pool: asyncpg.Pool) -> None:
    async with milling(pool) as mill:
        await mill.asks(PlaceOrder(order="a", minutes=60))
        mill.clock.time += timedelta(minutes=59)
        await idle(mill)
        assert await mill.types(order_stream("a")) == ["order_placed"]

        mill.clock.time += timedelta(minutes=1)
        await until_types(mill, order_stream("a"), "order_placed", "order_late")
        await idle(mill)

        assert await mill.timers() == {}
        assert await mill.types(order_stream("a")) == ["order_placed", "order_late"]
        assert await pool.fetchval("SELECT count(*) FROM kit.receipt") == 1


async def test_a_refused_timer_is_spent_with_nothing_written(pool: asyncpg.Pool) -> None:
    async with milling(pool) as mill:
        await mill.asks(PlaceOrder(order="stubborn", minutes=1))
        mill.clock.time += timedelta(minutes=2)

        async def spent() -> bool:
            return await mill.timers() == {"mill/order/stubborn late": SPENT}

        await eventually(spent, "it is spent")
        assert await mill.types(order_stream("stubborn")) == ["order_placed"]
        assert await checked(mill) == []

        await mill.asks(PostponeOrder(order="stubborn", minutes=9))
        assert await mill.timers() == {
            "mill/order/stubborn late": mill.clock.time + timedelta(minutes=9)
        }
        await mill.asks(FinishOrder(order="stubborn"))
        assert await mill.timers() == {}


async def test_a_timer_whose_rule_fails_is_stuck_and_the_others_fire(pool: asyncpg.Pool) -> None:
    async with milling(pool) as mill:
        await mill.asks(PlaceOrder(order="buggy", minutes=1))
        await mill.asks(PlaceOrder(order="good", minutes=1))
        mill.clock.time += timedelta(minutes=2)
        await until_types(mill, order_stream("good"), "order_placed", "order_late")

        async def listed() -> bool:
            return bool(await mill.source.stuck(0, 10))

        await eventually(listed, "the timer is listed")
        (stuck,) = await mill.source.stuck(0, 10)
        assert (stuck.kind, stuck.rule, stuck.target, stuck.code) == (
            "timer",
            "late",
            order_stream("buggy"),
            "rule_failed",
        )
        assert await mill.timers() == {}


async def test_two_schedulers_fire_500_timers_once_each(pool: asyncpg.Pool) -> None:
    orders = [f"o{number:03}" for number in range(500)]
    async with milling(pool, runs=False) as mill:
        for order in orders:
            await mill.asks(PlaceOrder(order=order, minutes=5))
        mill.clock.time += timedelta(minutes=6)
        due = await mill.source.due(mill.clock.now(), 500)
        assert len(due) == 500

        # The same page twice, as after a crash between reading it and answering it.
        assert await mill.engine.timers.step()
        await mill.engine.timers.step()
        while await mill.engine.timers.step():
            pass

        late = await pool.fetch(
            "SELECT stream, count(*) AS n FROM kit.event WHERE type LIKE '%order_late%' GROUP BY 1"
        )
        assert len(late) == 500
        assert {row["n"] for row in late} == {1}


async def test_a_timer_moved_after_it_was_read_does_not_fire(pool: asyncpg.Pool) -> None:
    async with milling(pool, runs=False) as mill:
        await mill.asks(PlaceOrder(order="a", minutes=5))
        mill.clock.time += timedelta(minutes=6)
        (read_before,) = await mill.source.due(mill.clock.now(), 10)
        await mill.asks(PostponeOrder(order="a", minutes=30))

        loop = mill.engine.timers
        moves = Moves()
        assert await loop.fire(read_before, moves)

        assert not moves
        assert await mill.types(order_stream("a")) == ["order_placed", "order_postponed"]
        assert await mill.timers() == {"mill/order/a late": mill.clock.time + timedelta(minutes=30)}


# --- keyed aggregates ---------------------------------------------------------------------------


async def test_each_touched_key_is_stored_once_an_append(pool: asyncpg.Pool) -> None:
    async with milling(pool, runs=False) as mill:
        for item, count in (("flour", 3), ("bran", 1), ("flour", 2)):
            await mill.asks(AddStock(item=item, count=count))
        await mill.asks(PlaceOrder(order="a"))
        await mill.asks(TakeStock(item="flour", order="a"))

    rows = await pool.fetch("SELECT key, version, state::text FROM kit.state WHERE key <> ''")
    assert {row["key"]: (row["version"], row["state"]) for row in rows} == {
        "flour": (4, '{"type": "Shelf", "count": 4}'),
        "bran": (2, '{"type": "Shelf", "count": 1}'),
    }


async def test_a_new_writer_decides_on_stored_keys(pool: asyncpg.Pool) -> None:
    async with milling(pool, runs=False) as mill:
        await mill.asks(AddStock(item="flour", count=1))
        await mill.asks(PlaceOrder(order="a"))
    async with milling(pool, runs=False) as mill:
        mill.numbers = 100
        assert isinstance(await mill.asks(TakeStock(item="flour", order="a")), Accepted)
        answer = await mill.asks(TakeStock(item="flour", order="a"))
        assert isinstance(answer, Refusal)
        assert answer.code == "stock_missing"
        other = await mill.asks(TakeStock(item="bran", order="a"))
        assert isinstance(other, Refusal)

    views = Views((STOCK_VIEW, ORDER_VIEW), Registry(EVENTS), {"mill/stock": DECIDERS[1]})
    state = await StateReader(PostgresLog(pool), views).get(read(STOCK_STREAM, "flour"))
    assert state.count == 0


# --- policies -----------------------------------------------------------------------------------


async def test_a_policy_s_command_names_its_cause(pool: asyncpg.Pool) -> None:
    async with milling(pool, rules=(SHIPPING,)) as mill:
        await mill.asks(AddStock(item="flour", count=1))
        await mill.asks(PlaceOrder(order="a"))
        await until_types(mill, STOCK_STREAM, "stock_added", "stock_taken")

    cause, taken = await pool.fetch(
        "SELECT * FROM kit.event WHERE type LIKE '%order_placed%' OR type LIKE '%stock_taken%'"
        " ORDER BY position"
    )
    assert taken["causation_id"] == cause["event_id"]
    assert taken["correlation_id"] == cause["correlation_id"]
    assert (taken["actor"], taken["channel"], taken["hops"]) == ("rule:shipping", "rule", 1)


async def test_a_refused_command_waits_wakes_and_is_done(pool: asyncpg.Pool) -> None:
    async with milling(pool, rules=(SHIPPING,)) as mill:
        await mill.asks(PlaceOrder(order="a"))

        async def waits() -> bool:
            return len(await mill.source.waiting(10)) == 1

        await eventually(waits, "it waits")
        (waiting,) = await mill.source.waiting(10)
        assert (waiting.code, waiting.streams) == ("stock_missing", (STOCK_STREAM,))
        assert waiting.until == NOON + timedelta(hours=2)

        await mill.asks(AddStock(item="flour", count=1))
        await until_types(mill, STOCK_STREAM, "stock_added", "stock_taken")

        async def empty() -> bool:
            return not await mill.source.waiting(10)

        await eventually(empty, "nothing waits")


async def test_waiting_work_keeps_its_deadline_over_refusals(pool: asyncpg.Pool) -> None:
    async with milling(pool, rules=(SHIPPING,)) as mill:
        await mill.asks(PlaceOrder(order="a"))
        await mill.asks(AddStock(item="bran", count=1))
        await idle(mill)
        mill.clock.time += timedelta(minutes=30)
        await mill.asks(AddStock(item="bran", count=1))

        async def asked_again() -> bool:
            found = await mill.source.waiting(10)
            return bool(found) and found[0].position >= 3

        await eventually(asked_again, "it was asked again")
        (waiting,) = await mill.source.waiting(10)
        assert waiting.until == NOON + timedelta(hours=2)


async def test_what_waits_with_a_command_of_another_release_waits_for_it(
    pool: asyncpg.Pool,
) -> None:
    async with milling(pool, rules=(SHIPPING,)) as mill:
        for order in ("a", "b", "c"):
            await mill.asks(PlaceOrder(order=order))

        async def waits() -> bool:
            return len(await mill.source.waiting(10)) == 3

        await eventually(waits, "all wait")
    for order, change in (("b", '{"type": "Weigh"}'), ("c", '{"grams": 5}')):
        await pool.execute(
            "UPDATE kit.waiting SET command = command || $2::jsonb, target = target || $1"
            " WHERE command ->> 'order' = $1",
            order,
            change,
        )
    async with milling(pool, rules=(SHIPPING,), epoch=0) as mill:
        await mill.asks(AddStock(item="flour", count=3), "again")
        await until_types(mill, STOCK_STREAM, "stock_added", "stock_taken")

        async def is_done() -> bool:
            return len(await mill.source.waiting(10)) == 2

        await eventually(is_done, "what could be done no longer waits")
        left = await mill.source.waiting(10)
        assert [(one.work.rule, one.work.command) for one in left] == [("shipping", None)] * 2
        assert not await mill.source.stuck(0, 10)


async def test_past_its_time_the_last_command_is_given(pool: asyncpg.Pool) -> None:
    async with milling(pool, rules=(SHIPPING,)) as mill:
        await mill.asks(PlaceOrder(order="a", minutes=600))
        await idle(mill)
        mill.clock.time += timedelta(hours=2)
        await until_types(mill, order_stream("a"), "order_placed", "order_called_off")

        async def empty() -> bool:
            return not await mill.source.waiting(10)

        await eventually(empty, "nothing waits")
        assert not await mill.source.stuck(0, 10)


async def test_a_failing_command_is_stuck_and_what_comes_behind_it_queues(
    pool: asyncpg.Pool,
) -> None:
    async with milling(pool, rules=(SHIPPING,)) as mill:
        await mill.asks(AddStock(item="flour", count=5))
        await mill.asks(PlaceOrder(order="a", item="cursed"))
        await mill.asks(PlaceOrder(order="b"))

        async def queued() -> bool:
            found = await mill.source.waiting(10)
            return [one.code for one in found] == ["queued"]

        await eventually(queued, "the second waits behind the first")
        (stuck,) = await mill.source.stuck(0, 10)
        assert (stuck.kind, stuck.rule, stuck.code) == ("policy", "shipping", "rule_failed")
        assert "stock_taken" not in await mill.types(STOCK_STREAM)

        # An operator's retry meets the same bug; skipping it lets the next one go on.
        await mill.settling.settle(stuck.id, "retried", word("mended?"))

        async def stuck_again() -> bool:
            found = await mill.source.stuck(0, 10)
            return bool(found) and found[0].id != stuck.id

        await eventually(stuck_again, "it is stuck again")
        (again,) = await mill.source.stuck(0, 10)
        await mill.settling.settle(again.id, "skipped", word("a broken order"))
        await until_types(mill, STOCK_STREAM, "stock_added", "stock_taken")
        with pytest.raises(NotOpenError):
            await mill.settling.settle(again.id, "skipped", word("twice"))
        assert await mill.types(ACTS_STREAM) == ["stuck_retried", "stuck_skipped"]


async def test_the_same_page_again_after_a_crash_does_nothing_twice(pool: asyncpg.Pool) -> None:
    async with milling(pool, rules=(SHIPPING,), runs=False) as mill:
        await mill.asks(AddStock(item="flour", count=5))
        for order in ("a", "b", "c"):
            await mill.asks(PlaceOrder(order=order))
        positions = await mill.source.claim(0, {"policy:shipping": False})
        assert positions is not None
        assert positions == {"policy:shipping": 0}
        mill.engine.policies.stand(positions)
        await mill.engine.policies.step()
        # The cursor's move was lost: the page is taken again.
        await pool.execute("UPDATE kit.cursor SET position = 0 WHERE name = 'policy:shipping'")
        mill.engine.policies.stand({"policy:shipping": 0})
        await mill.engine.policies.step()

        assert (await mill.types(STOCK_STREAM)).count("stock_taken") == 3


async def test_a_new_policy_begins_where_it_says(pool: asyncpg.Pool) -> None:
    seen: dict[str, list[str]] = {"old": [], "new": []}

    def noting(name: str, begins: Begins) -> Policy:
        def react(fact: Fact) -> tuple[()]:
            seen[name].append(fact.id)
            return ()

        return Policy(name=name, events=(OrderPlaced,), begins=begins, react=react)

    async with milling(pool, runs=False) as mill:
        await mill.asks(PlaceOrder(order="before"))
    rules = (noting("old", Begins.BEGINNING), noting("new", Begins.LIVE))
    async with milling(pool, rules=rules) as mill:
        mill.numbers = 10
        await idle(mill)
        await mill.asks(PlaceOrder(order="after"))
        await idle(mill)

    assert seen == {"old": ["before", "after"], "new": ["after"]}


async def test_a_policy_that_raises_stops_alone(pool: asyncpg.Pool) -> None:
    def react(fact: Fact) -> tuple[()]:
        raise ArithmeticError(fact.id)

    bad = Policy(name="bad", events=(OrderPlaced,), begins=Begins.BEGINNING, react=react)
    async with milling(pool, rules=(SHIPPING, bad)) as mill:
        await mill.asks(AddStock(item="flour", count=5))
        await mill.asks(PlaceOrder(order="a"))
        await until_types(mill, STOCK_STREAM, "stock_added", "stock_taken")

        assert mill.engine.stopped == {"bad": "react_raised ArithmeticError at position 2"}


async def test_a_newer_version_stops_its_policy_and_refuses_its_commands(
    pool: asyncpg.Pool,
) -> None:
    stream = order_stream("new")
    event = NewEvent(
        stream=stream,
        version=1,
        event_id=UUID(int=77),
        type=OrderPlaced.type_name().replace(".v1", ".v2"),
        scope=SCOPE,
        occurred_at=NOON,
        at=NOON,
        correlation_id=UUID(int=9),
        data="{}",
        public=False,
    )
    check = StreamCheck(stream, 0, 1, event.event_id, SCOPE)
    async with milling(pool, rules=(SHIPPING,)) as mill:
        await PostgresLog(pool).append(0, Batch(events=[event], streams=[check]))

        async def stopped() -> bool:
            return bool(mill.engine.stopped)

        await eventually(stopped, "the policy stands still")
        assert mill.engine.stopped == {"shipping": "newer_version at position 1"}
        answer = await mill.asks(FinishOrder(order="new"))
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.kind) == ("newer_version", "unavailable")


async def test_too_many_hops_are_stuck(pool: asyncpg.Pool) -> None:
    def echo(fact: Fact) -> tuple[PlaceOrder, ...]:
        return (PlaceOrder(order=f"{fact.id}x"),)

    loop = Policy(name="loop", events=(OrderPlaced,), begins=Begins.BEGINNING, react=echo)
    async with milling(pool, rules=(loop,)) as mill:
        await mill.asks(PlaceOrder(order="o"))

        async def caught() -> bool:
            return bool(await mill.source.stuck(0, 10))

        await eventually(caught, "the loop is caught")
        (stuck,) = await mill.source.stuck(0, 10)
        assert stuck.code == "too_many_hops"
        assert await pool.fetchval("SELECT max(hops) FROM kit.event") == HOPS_MAX


async def test_an_older_epoch_s_rules_change_nothing(pool: asyncpg.Pool) -> None:
    async with milling(pool, rules=(SHIPPING,), runs=False) as mill:
        await mill.asks(PlaceOrder(order="a"))
        positions = await mill.source.claim(0, {"policy:shipping": False})
        assert positions is not None
        mill.engine.policies.stand(positions)
        assert await mill.source.claim(7, {"policy:shipping": False}) is not None

        with pytest.raises(RulesFencedError):
            await mill.engine.policies.step()
        assert await mill.source.claim(0, {"policy:shipping": False}) is None
        assert not await mill.source.waiting(10)


# --- effects and runs ---------------------------------------------------------------------------


async def late(mill: Mill, *orders: str) -> None:
    for order in orders:
        await mill.asks(PlaceOrder(order=order, minutes=1))
    mill.clock.time += timedelta(minutes=2)


async def test_an_effect_is_done_and_told(pool: asyncpg.Pool) -> None:
    async with milling(pool, rules=(TELLING,)) as mill:
        await late(mill, "a")
        await until_types(mill, order_stream("a"), "order_placed", "order_late", "order_told")

        (outside,) = mill.sink.sent.values()
        assert (outside.kind, outside.body) == ("late", {"id": "a"})


async def test_an_effect_s_cursor_starts_live(pool: asyncpg.Pool) -> None:
    clock = SetClock()
    async with milling(pool, clock=clock) as mill:
        await late(mill, "a")
        await until_types(mill, order_stream("a"), "order_placed", "order_late")
    async with milling(pool, clock=clock, rules=(TELLING,)) as mill:
        mill.numbers = 10
        await late(mill, "b")
        await until_types(mill, order_stream("b"), "order_placed", "order_late", "order_told")
        assert [one.body for one in mill.sink.sent.values()] == [{"id": "b"}]


async def test_an_effect_tries_again_under_the_same_key(pool: asyncpg.Pool) -> None:
    sink = RecordingSink(failures=2)
    async with milling(pool, rules=(TELLING,), sink=sink) as mill:
        await late(mill, "a")
        await until_types(mill, order_stream("a"), "order_placed", "order_late", "order_told")

        assert len(sink.calls) == 3
        assert len(set(sink.calls)) == 1


async def test_an_effect_that_the_outside_refuses_is_told_as_not_done(pool: asyncpg.Pool) -> None:
    async with milling(pool, rules=(TELLING,), sink=RecordingSink(refuses=True)) as mill:
        await late(mill, "a")
        await until_types(mill, order_stream("a"), "order_placed", "order_late", "order_told")
        told = await pool.fetchval("SELECT data FROM kit.event WHERE type LIKE '%order_told%'")
        assert '"done": false' in told


async def test_an_effect_past_its_attempts_is_stuck_until_an_operator_retries(
    pool: asyncpg.Pool,
) -> None:
    sink = RecordingSink(failures=3)
    async with milling(pool, rules=(TELLING,), sink=sink) as mill:
        await late(mill, "a")

        async def listed() -> bool:
            return bool(await mill.source.stuck(0, 10))

        await eventually(listed, "it is stuck")
        (stuck,) = await mill.source.stuck(0, 10)
        assert (stuck.kind, stuck.code) == ("effect", "sink_unavailable: away")

        await mill.settling.settle(stuck.id, "retried", word("it is back"))
        await until_types(mill, order_stream("a"), "order_placed", "order_late", "order_told")
        assert len(set(sink.calls)) == 1


async def test_an_effect_interrupted_before_its_cursor_moved_has_the_same_key(
    pool: asyncpg.Pool,
) -> None:
    sink = RecordingSink()
    clock = SetClock()
    async with milling(pool, rules=(TELLING,), sink=sink, clock=clock) as mill:
        await late(mill, "a", "b")
        await until_types(mill, order_stream("b"), "order_placed", "order_late", "order_told")
        await idle(mill)
    await pool.execute("UPDATE kit.cursor SET position = 2 WHERE name = 'effect:telling'")
    async with milling(pool, rules=(TELLING,), sink=sink, clock=clock, epoch=0) as mill:

        async def again() -> bool:
            return len(sink.calls) == 4

        await eventually(again, "both were sent again")
        await idle(mill)
        assert len(sink.sent) == 2
        assert (await mill.types(order_stream("a"))).count("order_told") == 1


async def test_a_run_gives_a_command_a_page_and_covers_all(pool: asyncpg.Pool) -> None:
    orders = [f"bulk{number:02}" for number in range(8)]
    async with milling(pool, rules=(COUNTING,)) as mill:
        for order in [*orders, "start"]:
            await mill.asks(PlaceOrder(order=order))
        await mill.asks(CallOff(order="start"))
        await until_types(mill, order_stream(orders[-1]), "order_placed", "order_told")
        await idle(mill)

        for order in orders:
            assert await mill.types(order_stream(order)) == ["order_placed", "order_told"]
        pages = await pool.fetchval(
            "SELECT count(DISTINCT command_id) FROM kit.event WHERE type LIKE '%order_told%'"
        )
        assert pages == 3


# --- what verify says of them -------------------------------------------------------------------


async def checked(mill: Mill) -> list[str]:
    """Give what the check of timers and stuck work finds in the mill's log."""
    views = Views((ORDER_VIEW, STOCK_VIEW), Registry(EVENTS), OWNERS)
    site = ServiceUnderTest(
        name=MILL,
        pool=mill.pool,
        topic=Topic(service=MILL, name="cogov.mill.v1"),
        hears=(),
        registry=Registry(EVENTS),
        views=views,
        read_models=(),
    )
    scene = Scene((site,), NO_BUS, VerifyLimits())
    check = Check("I4", notes_max=10)
    async with scene.snapshot(site) as snapshot:
        await check_timers(scene, site, snapshot, check)
        await list_stuck(site, snapshot, check)
    finding = check.finding(0)
    assert finding.checked
    return [f"{note.where.get('stream')} {note.what}" for note in finding.violations] + [
        f"excused {note.what.split(':')[1].strip()}" for note in finding.excused
    ]


async def test_verify_names_a_timer_that_is_missing_or_that_no_state_names(
    pool: asyncpg.Pool,
) -> None:
    async with milling(pool, runs=False) as mill:
        await mill.asks(PlaceOrder(order="a", minutes=60))
        await mill.asks(PlaceOrder(order="b", minutes=60))
        assert await checked(mill) == []

        await pool.execute("DELETE FROM kit.timer WHERE stream = 'mill/order/a'")
        await pool.execute("UPDATE kit.timer SET name = 'other' WHERE stream = 'mill/order/b'")
        assert await checked(mill) == [
            "mill/order/a the timer late is missing",
            "mill/order/b no state names the timer other",
            "mill/order/b the timer late is missing",
        ]


async def test_verify_lists_stuck_work_and_takes_a_fired_timer_for_done(
    pool: asyncpg.Pool,
) -> None:
    async with milling(pool) as mill:
        await mill.asks(PlaceOrder(order="buggy", minutes=1))
        await mill.asks(PlaceOrder(order="good", minutes=1))
        mill.clock.time += timedelta(minutes=2)
        await until_types(mill, order_stream("good"), "order_placed", "order_late")

        async def listed() -> bool:
            return bool(await mill.source.stuck(0, 10))

        await eventually(listed, "the timer is stuck")
        assert await checked(mill) == ["excused rule_failed"]


async def test_rules_look_once_in_their_interval_however_fast_the_log_grows(
    pool: asyncpg.Pool,
) -> None:
    async with milling(pool, runs=False) as mill:
        now, looks = asyncio.get_running_loop().time, list[float]()
        enough = asyncio.Event()

        async def look() -> bool:
            looks.append(now())
            if len(looks) == 6:
                enough.set()
            return True  # there is more already

        async with running(mill.engine.repeat(look)):
            await asyncio.wait_for(enough.wait(), timeout=20)
    interval_s = RuleLimits().look_interval_s
    assert all(later - one > interval_s * 0.95 for one, later in pairwise(looks))
