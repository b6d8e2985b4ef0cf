"""Tables built beside those in service, on a real PostgreSQL and by real child processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Any

import asyncpg
import psutil
import pytest

from shared.kit.read_models.building import Builder, BuilderLimits, claimed
from shared.kit.read_models.cursors import BUILDING, CursorMovedError, resume, status
from shared.kit.read_models.engine import Engine
from shared.kit.read_models.rebuild import BuiltElsewhereError
from shared.kit.read_models.replay import replay
from shared.kit.read_models.revisions import TableNeededError, drop_revision, list_revisions
from shared.kit.read_models.schema import ask_for_build, publish_views
from shared.kit.read_models.supervising import ChildLimits, Children
from shared.kit.read_models.tables import ReadModelBuilding, Tables
from shared.kit.read_models.tail import Tail
from tests.fixtures.database import Database
from tests.fixtures.lab import (
    ALL,
    ITEMS,
    POISON,
    REGISTRY,
    TOTALS,
    Lab,
    NoteTaken,
    Total,
    catch_up,
    put,
)

TOTALS_2 = replace(TOTALS, revision=2)
EVENTS = "SELECT t.events FROM {totals} AS t WHERE t.scope = $1"


@pytest.fixture
async def lab(pool: asyncpg.Pool) -> Lab:
    """Give a lab whose tables are served."""
    lab = Lab(pool)
    await lab.projector().prepare()
    return lab


def builder(lab: Lab, *models: Any, page_events_max: int = 3, **limits: Any) -> Builder:
    taken = BuilderLimits(page_events_max=page_events_max, retry_first_s=0.01, **limits)
    return Builder(lab.pool, REGISTRY, models, random=Random(1), limits=taken)


async def eventually(holds: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - what it waits for is in the database
            await asyncio.sleep(0.01)


async def position_of(lab: Lab, model: Any) -> int:
    """Give how far a model's build is."""
    (stands,) = await status(lab.pool, (model,))
    return stands.build.position if stands.build else -1


async def indexes_of(lab: Lab, table: str) -> int:
    return await lab.pool.fetchval("SELECT count(*) FROM pg_indexes WHERE tablename = $1", table)


# --- What queries see -------------------------------------------------------------------------


async def test_a_new_revision_is_not_queried_until_it_is_whole(lab: Lab) -> None:
    await lab.append(*(put("lamp") for _ in range(7)))
    projector = lab.projector(ITEMS, TOTALS_2, page_events_max=3)
    tables = Tables(lab.pool, (TOTALS_2,))
    seen: list[int] = []
    for _ in range(10):
        await projector.step()
        try:
            seen += [row["events"] for row in await tables.fetch(EVENTS, "elm")]
        except ReadModelBuilding:
            assert not projector.ready()
    await catch_up(projector)
    assert set(seen) == {7}
    assert projector.ready()


async def test_a_rebuild_under_readers_and_writers_fails_no_read_and_shows_nothing_older(
    lab: Lab,
) -> None:
    await lab.append(*(put("lamp") for _ in range(60)))
    await catch_up(lab.projector())
    tables = Tables(lab.pool, ALL)
    done = asyncio.Event()
    seen: list[list[int]] = [[], []]

    async def read(mine: list[int]) -> None:
        while not done.is_set():
            (row,) = await tables.fetch(EVENTS, "elm")
            mine.append(row["events"])

    async def write() -> None:
        while not done.is_set():
            await lab.append(put("lamp"))

    projecting = asyncio.create_task(lab.projector(build_here_events_max=0).run())
    others = [asyncio.create_task(work) for work in (read(seen[0]), read(seen[1]), write())]
    for _ in range(3):
        await lab.rebuild(TOTALS, page_events_max=7)
    done.set()
    await asyncio.gather(*others)
    await eventually(lambda: _served_to(lab, TOTALS, len(lab.facts)))
    projecting.cancel()
    await asyncio.gather(projecting, return_exceptions=True)

    for mine in seen:
        assert len(mine) > 10
        assert mine == sorted(mine)
        assert mine[0] >= 60
    assert await lab.rows(TOTALS) == [Total(scope="elm", events=len(lab.facts))]
    assert (await replay(lab.pool, REGISTRY, TOTALS)).differences == ()


async def test_a_table_is_indexed_before_it_is_served_and_not_while_it_grows(lab: Lab) -> None:
    await lab.append(*(put(f"item {number}") for number in range(20)))
    async with lab.pool.acquire() as connection:
        await ask_for_build(connection, ITEMS, anew=True)
    building = builder(lab, ITEMS)
    while await position_of(lab, ITEMS) < 15:
        assert await indexes_of(lab, "items_r1_building") == 1
        await building.step()
    await building.run(asyncio.Event())
    assert await indexes_of(lab, "items_r1") == 2
    assert (await replay(lab.pool, REGISTRY, ITEMS)).differences == ()


async def test_a_view_s_rights_outlive_a_rebuild(lab: Lab, database: Database) -> None:
    async with lab.pool.acquire() as connection:
        await publish_views(connection, ALL)
        await connection.execute("GRANT SELECT ON public.totals TO PUBLIC")
    await lab.append(put("lamp"))
    await lab.rebuild(TOTALS)
    granted = "SELECT has_table_privilege('pg_monitor', 'public.totals', 'SELECT')"
    assert await lab.pool.fetchval(granted)
    assert await lab.pool.fetchval("SELECT events FROM totals") == 1


async def test_a_view_changes_over_to_a_new_revision_once_that_is_built(lab: Lab) -> None:
    await lab.append(put("lamp"))
    await catch_up(lab.projector())
    async with lab.pool.acquire() as connection:
        await publish_views(connection, ALL)
        await publish_views(connection, (ITEMS, TOTALS_2))
    await lab.pool.execute("UPDATE public.totals_r1 SET events = 99")
    assert await lab.pool.fetchval("SELECT events FROM totals") == 99
    await catch_up(lab.projector(ITEMS, TOTALS_2))
    assert await lab.pool.fetchval("SELECT events FROM totals") == 1


async def test_the_hand_over_waits_for_queries_no_longer_than_its_limit(lab: Lab) -> None:
    await lab.append(put("lamp"))
    await catch_up(lab.projector())
    async with lab.pool.acquire() as connection:
        await ask_for_build(connection, TOTALS, anew=True)
    building = builder(lab, TOTALS, lock_wait_ms_max=20)
    await building.step()
    async with lab.pool.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT events FROM public.totals_r1")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await building.step()
        assert await lab.pool.fetchval("SELECT events FROM public.totals_r1") == 1
    await building.run(asyncio.Event())
    assert await position_of(lab, TOTALS) == -1


async def test_a_build_too_far_behind_takes_no_place(lab: Lab) -> None:
    await lab.append(*(put("lamp") for _ in range(3)))
    await catch_up(lab.projector())
    async with lab.pool.acquire() as connection:
        await ask_for_build(connection, TOTALS, anew=True)
    building = builder(lab, TOTALS, page_events_max=10, handover_events_max=1)
    await building.step()
    await lab.append(put("lamp"), put("lamp"))
    await catch_up(lab.projector(build_here_events_max=0))
    assert await position_of(lab, TOTALS) == 3
    await building.hand_over(TOTALS)
    assert await position_of(lab, TOTALS) == 3
    await building.run(asyncio.Event())
    assert await lab.rows(TOTALS) == [Total(scope="elm", events=5)]


# --- Exactness and failures -------------------------------------------------------------------


async def test_models_built_together_share_a_scan_and_one_that_raises_stops_alone(
    lab: Lab,
) -> None:
    await lab.append(put("lamp"), put("chair"), put("lamp", POISON), put("bench"))
    async with lab.pool.acquire() as connection:
        for model in ALL:
            await ask_for_build(connection, model, anew=True)
    await builder(lab, *ALL).run(asyncio.Event())

    items, totals = await status(lab.pool, ALL)
    assert (items.build, items.position) == (None, 4)
    assert totals.stopped == "fold_raised at position 3: ArithmeticError"
    assert totals.build is not None
    assert totals.build.position == 2

    def fold(key: tuple[Any, ...], row: Total | None, _fact: Any) -> Total:
        return Total(scope=key[0], events=(row.events if row else 0) + 1)

    mended = replace(TOTALS, fold=fold)
    assert await resume(lab.pool, "totals", 1)
    assert not await resume(lab.pool, "totals", 1)
    await builder(lab, ITEMS, mended).run(asyncio.Event())
    assert await lab.rows(TOTALS) == [Total(scope="elm", events=4)]


async def test_two_builders_at_once_fold_each_event_once(lab: Lab) -> None:
    await lab.append(*(put("lamp") for _ in range(40)))
    async with lab.pool.acquire() as connection:
        await ask_for_build(connection, TOTALS, anew=True)
    both = [builder(lab, TOTALS, page_events_max=n).run(asyncio.Event()) for n in (3, 5)]
    await asyncio.gather(*both)
    assert await lab.rows(TOTALS) == [Total(scope="elm", events=40)]


async def test_builders_that_take_turns_fold_each_event_once(lab: Lab) -> None:
    await lab.append(*(put("lamp") for _ in range(12)))
    async with lab.pool.acquire() as connection:
        await ask_for_build(connection, TOTALS, anew=True)
    one, other = builder(lab, TOTALS), builder(lab, TOTALS)
    for each in (one, other, one, other):  # nobody is overtaken: each reads where the build stands
        assert await each.step()
    await one.run(asyncio.Event())
    await asyncio.gather(one.close(), other.close())
    assert await lab.rows(TOTALS) == [Total(scope="elm", events=12)]


async def test_what_a_build_remembers_is_forgotten_when_its_page_is_lost(lab: Lab) -> None:
    await lab.append(*(put("lamp", number) for number in range(1, 7)))
    tail = Tail(REGISTRY, (ITEMS,))
    first, second, whole = [await tail.read(lab.pool, *ends) for ends in ((0, 2), (2, 4), (0, 6))]
    engine = Engine(lab.pool, (ITEMS,), cursors=BUILDING, rows_cached_max=10)
    async with lab.pool.acquire() as connection:
        await ask_for_build(connection, ITEMS, anew=True)
    await engine.advance((ITEMS,), first)
    async with lab.pool.acquire() as connection:
        await ask_for_build(connection, ITEMS, anew=True)
    with pytest.raises(CursorMovedError):
        await engine.advance((ITEMS,), second)
    await engine.advance((ITEMS,), whole)
    await builder(lab, ITEMS).run(asyncio.Event())
    (lamp,) = await lab.rows(ITEMS)
    assert lamp.amount == 21


async def test_a_second_rebuild_at_once_is_refused(lab: Lab) -> None:
    await lab.append(put("lamp"))
    async with claimed(lab.pool, (TOTALS,), asyncio.Event()):
        with pytest.raises(BuiltElsewhereError):
            await lab.rebuild(TOTALS)
    assert await lab.rebuild(TOTALS) == 1


async def test_a_longer_log_is_left_to_children(lab: Lab) -> None:
    await lab.append(*(put("lamp") for _ in range(3)))
    projector = lab.projector(ITEMS, TOTALS_2, build_here_events_max=2)
    await catch_up(projector)
    assert await position_of(lab, TOTALS_2) == 0
    assert not projector.ready()
    await catch_up(lab.projector(ITEMS, TOTALS_2, build_here_events_max=3))
    assert await lab.rows(TOTALS_2) == [Total(scope="elm", events=3)]


# --- Two releases -----------------------------------------------------------------------------


async def test_two_releases_keep_their_tables_current_and_share_those_they_have_in_common(
    lab: Lab,
) -> None:
    await lab.append(*(put("lamp") for _ in range(10)))
    old, new = lab.projector(), lab.projector(ITEMS, TOTALS_2)
    running = [asyncio.create_task(one.run()) for one in (old, new)]
    for _ in range(30):
        await lab.append(put("lamp"), put("chair"))
    for model in (ITEMS, TOTALS, TOTALS_2):
        await eventually(lambda model=model: _served_to(lab, model, 70))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for model in (TOTALS, TOTALS_2):
        (row,) = await Tables(lab.pool, (model,)).fetch(EVENTS, "elm")
        assert row["events"] == 70
    kept: tuple[Any, ...] = (ITEMS, TOTALS, TOTALS_2)
    for model in kept:
        assert (await replay(lab.pool, REGISTRY, model)).differences == ()


async def test_a_table_is_dropped_only_when_nothing_alive_needs_it(lab: Lab) -> None:
    await lab.append(put("lamp"))
    await catch_up(lab.projector())
    await catch_up(lab.projector(ITEMS, TOTALS_2))
    await lab.pool.execute(
        "INSERT INTO kit.replica VALUES ('host:1', '42', 'serve', $1, clock_timestamp())",
        ["items_r1", "totals_r1"],
    )
    async with lab.pool.acquire() as raw:
        connection: Any = raw
        with pytest.raises(TableNeededError, match=r"totals_r1 is used by 42 \(serve at host:1\)"):
            await drop_revision(connection, "totals", 1, gone_after_s=60)
        await connection.execute("DELETE FROM kit.replica")
        await publish_views(connection, (ITEMS, TOTALS))
        with pytest.raises(TableNeededError, match="shown by the view totals"):
            await drop_revision(connection, "totals", 1, gone_after_s=60)
        await publish_views(connection, (ITEMS, TOTALS_2))
        assert await drop_revision(connection, "totals", 1, gone_after_s=60)
        assert not await drop_revision(connection, "totals", 1, gone_after_s=60)
        left = await list_revisions(connection, gone_after_s=60)
    assert [(one.name, one.revision) for one in left] == [("items", 1), ("totals", 2)]
    assert await lab.pool.fetchval("SELECT to_regclass('public.totals_r1')") is None


async def test_a_process_that_was_not_seen_for_long_is_gone(lab: Lab) -> None:
    await lab.pool.execute(
        "INSERT INTO kit.replica"
        " VALUES ('host:1', '42', 'serve', $1, clock_timestamp() - interval '2 minutes')",
        ["totals_r1"],
    )
    async with lab.pool.acquire() as connection:
        found = await list_revisions(connection, gone_after_s=60)
        assert [one.needed_by for one in found] == [(), ()]
        found = await list_revisions(connection, gone_after_s=180)
        assert [one.needed_by for one in found] == [(), ("42 (serve at host:1)",)]


# --- Children ---------------------------------------------------------------------------------


def program(database: Database) -> Callable[[Sequence[str]], Sequence[str]]:
    return lambda names: (
        sys.executable,
        "-m",
        "tests.fixtures.lab",
        "build",
        database.dsn,
        *names,
    )


@asynccontextmanager
async def supervised(
    lab: Lab, database: Database, *models: Any, children_max: int = 1
) -> AsyncGenerator[Children]:
    limits = ChildLimits(
        children_max=children_max, build_here_events_max=0, poll_s=0.05, retry_first_s=0.01
    )
    children = Children(
        look=lambda: status(lab.pool, models),
        command=program(database),
        is_active=lambda: True,
        random=Random(1),
        limits=limits,
    )
    running = asyncio.create_task(children.run())
    try:
        yield children
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def ask_for_both(lab: Lab, events: int) -> None:
    await lab.append(*(put(f"item {number}") for number in range(events)))
    await lab.append(NoteTaken(text="x"))
    async with lab.pool.acquire() as connection:
        for model in ALL:
            await ask_for_build(connection, model, anew=True)


async def test_a_child_that_is_killed_is_started_again_and_goes_on_at_its_cursor(
    lab: Lab, database: Database
) -> None:
    await ask_for_both(lab, 150)
    async with supervised(lab, database, *ALL) as children:
        await eventually(lambda: _built_past(lab, 20))
        (killed,) = children.pids
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: _gone(killed))
        reached = await position_of(lab, ITEMS)
        positions = []
        while (position := await position_of(lab, ITEMS)) >= 0:
            positions.append(position)
            await asyncio.sleep(0)
    assert min(positions, default=reached) >= reached
    for model in ALL:
        assert await _served_to(lab, model, 151)
        assert (await replay(lab.pool, REGISTRY, model)).differences == ()


async def test_the_children_share_the_models_and_stop_with_their_parent(
    lab: Lab, database: Database
) -> None:
    await ask_for_both(lab, 150)
    async with supervised(lab, database, *ALL, children_max=2) as children:
        await eventually(lambda: _are(children, 2))
        pids = children.pids
        # A build may be over before the other's process has come up.
        await eventually(lambda: _built_past_or_over(lab, 5))
    assert not any([not await _gone(pid) for pid in pids])
    stands = await status(lab.pool, ALL)
    assert all(one.build is None or one.build.failure is None for one in stands)


async def test_a_child_ends_when_whoever_started_it_is_gone(lab: Lab, database: Database) -> None:
    await ask_for_both(lab, 150)
    process = await asyncio.create_subprocess_exec(
        *program(database)(["items", "totals"]), stdin=asyncio.subprocess.PIPE
    )
    await eventually(lambda: _built_past(lab, 5))
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 20) == 0
    assert await position_of(lab, ITEMS) > 0


async def _gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


async def _built_past(lab: Lab, position: int) -> bool:
    return min([await position_of(lab, model) for model in ALL]) > position


async def _are(children: Children, count: int) -> bool:
    return len(children.pids) == count


async def _built_past_or_over(lab: Lab, position: int) -> bool:
    found = [await position_of(lab, model) for model in ALL]
    return all(one > position or one < 0 for one in found)


async def _served_to(lab: Lab, model: Any, position: int) -> bool:
    (stands,) = await status(lab.pool, (model,))
    return stands.served and stands.position >= position
