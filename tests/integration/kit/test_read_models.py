"""Read models on a real PostgreSQL: exact, alone in their failures, and equal to the log."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shared.kit.read_models.cursors import CursorMovedError, resume
from shared.kit.read_models.ddl import RESERVED
from shared.kit.read_models.engine import Engine
from shared.kit.read_models.model import ReadModel, Row
from shared.kit.read_models.rebuild import ModelStoppedError
from shared.kit.read_models.replay import ReplayStoppedError, replay
from shared.kit.read_models.schema import TableChangedError, publish_views
from shared.kit.read_models.tables import Tables
from shared.kit.read_models.tail import Tail
from shared.kit.testing.spec import fold_all
from tests.fixtures.database import Database
from tests.fixtures.lab import (
    ITEMS,
    POISON,
    REGISTRY,
    TOTALS,
    Item,
    ItemPut,
    Lab,
    NoteTaken,
    Total,
    catch_up,
    drop,
    put,
)

NEWER = "cogov.lab.item_dropped.v2"


@pytest.fixture
def lab(pool: asyncpg.Pool) -> Lab:
    return Lab(pool)


@pytest.fixture
async def served(lab: Lab) -> Lab:
    """Give a lab whose tables are served already: they were made while the log was empty."""
    await lab.projector().prepare()
    return lab


async def eventually(holds: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110 - what it waits for is in the database
            await asyncio.sleep(0.01)


# --- Folding ----------------------------------------------------------------------------------


async def test_rows_are_put_changed_and_deleted_in_log_order(lab: Lab) -> None:
    projector = lab.projector()
    await lab.append(put("lamp", 2), put("chair"), put("lamp", 3))
    await catch_up(projector)
    await lab.append(drop("chair"), put("lamp", 5), put("bench"), drop("bench"))
    await catch_up(projector)

    (lamp,) = await lab.rows(ITEMS)
    assert (lamp.item, lamp.amount, lamp.amounts) == ("lamp", 10, (2, 3, 5))
    assert await lab.rows(TOTALS) == [Total(scope="elm", events=5)]
    assert await lab.cursor(ITEMS) == await lab.cursor(TOTALS) == (7, None)


class Colour(Enum):
    RED = "red"


class Part(msgspec.Struct, frozen=True):
    name: str
    sizes: tuple[int, ...]


class Everything(Row, frozen=True, kw_only=True):
    scope: str
    id: UUID
    number: int
    flag: bool
    at: datetime
    day: date
    colour: Colour
    words: tuple[str, ...]
    ids: tuple[UUID, ...]
    times: tuple[datetime, ...]
    part: Part
    parts: tuple[Part, ...]
    counts: dict[str, int]
    nothing: str | None
    maybe_part: Part | None
    maybe_words: tuple[str, ...] | None


def everything(item: str) -> Everything:
    at = datetime(2024, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)
    return Everything(
        scope="elm",
        id=UUID(int=7),
        number=-(2**63),
        flag=False,
        at=at,
        day=date(1949, 10, 1),
        colour=Colour.RED,
        words=("a,b", '{"x"}', "", "null", "居民\n'"),
        ids=(UUID(int=1), UUID(int=2)),
        times=(at,),
        part=Part(item, (1, 2**53 + 1)),
        parts=(Part("x", ()),),
        counts={"a": 1},
        nothing=None,
        maybe_part=None,
        maybe_words=None,
    )


async def test_a_value_of_every_type_comes_back_as_it_went_in(lab: Lab) -> None:
    seen: list[Everything | None] = []

    def fold(_key: Any, row: Everything | None, fact: Any) -> Everything:
        seen.append(row)
        return everything(fact.event.item)

    model = ReadModel(
        name="everythings",
        revision=1,
        row=Everything,
        key=("scope", "id"),
        keys=lambda fact: ((fact.scope, UUID(int=7)),),
        fold=fold,
        events=(ItemPut,),
    )
    projector = lab.projector(model)
    for item in ("first", "second"):
        await lab.append(put(item))
        await catch_up(projector)
    assert seen == [None, everything("first")]
    assert (await replay(lab.pool, REGISTRY, model)).differences == ()


async def test_models_at_the_head_move_in_one_transaction(served: Lab) -> None:
    await served.append(put("lamp"))
    await catch_up(served.projector())
    by = await served.pool.fetch("SELECT DISTINCT xmin::text FROM kit.read_model")
    assert len(by) == 1


async def test_nothing_is_written_when_there_is_nothing_new(lab: Lab) -> None:
    projector = lab.projector()
    await lab.append(put("lamp"), NoteTaken(text="x"))
    await catch_up(projector)
    before = await lab.pool.fetch("SELECT xmin::text, * FROM public.items_r1")
    assert await projector.step() is False
    assert await lab.projector().step() is False
    assert await lab.pool.fetch("SELECT xmin::text, * FROM public.items_r1") == before


# --- Exactness --------------------------------------------------------------------------------


async def test_a_page_is_refused_when_another_projector_was_faster(served: Lab) -> None:
    await served.append(put("lamp"))
    projector = served.projector()
    await projector.prepare()
    page = await Tail(REGISTRY, (ITEMS,)).read(served.pool, 0, 1)
    await catch_up(projector)

    with pytest.raises(CursorMovedError):
        await Engine(served.pool, (ITEMS, TOTALS)).advance((ITEMS, TOTALS), page)
    assert [row.amount for row in await served.rows(ITEMS)] == [1]


async def test_two_projectors_at_once_fold_each_event_once(served: Lab) -> None:
    await served.append(*(put("lamp") for _ in range(40)))
    first, second = served.projector(page_events_max=3), served.projector(page_events_max=5)
    await first.prepare()
    await second.prepare()
    running = [asyncio.create_task(one.run()) for one in (first, second)]
    await eventually(lambda: _is_at(served, 40))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert await served.rows(TOTALS) == [Total(scope="elm", events=40)]


async def test_a_crash_between_rows_and_commit_leaves_both_as_they_were(
    lab: Lab, database: Database, tmp_path: Path
) -> None:
    projector = lab.projector()
    await lab.append(put("lamp"))
    await catch_up(projector)
    await lab.append(put("lamp"), put("chair"))
    reached = tmp_path / "reached"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fixtures.lab",
        database.dsn,
        env={**os.environ, "COGOV_CRASH_AT": "fold", "COGOV_CRASH_FILE": str(reached)},
    )
    assert await asyncio.wait_for(process.wait(), 30) == -9
    assert reached.read_text() == "fold\n"

    assert await lab.cursor(ITEMS) == (1, None)
    assert [row.amount for row in await lab.rows(ITEMS)] == [1]
    await catch_up(projector)
    assert [(row.item, row.amount) for row in await lab.rows(ITEMS)] == [("chair", 1), ("lamp", 2)]


# --- Failures ---------------------------------------------------------------------------------


async def test_a_model_that_raises_stops_before_the_event_and_the_others_go_on(served: Lab) -> None:
    projector = served.projector()
    await served.append(put("lamp"), put("chair"), put("lamp", POISON), put("bench"))
    with capture_logs() as logs:
        await catch_up(projector)
        await served.append(put("desk"))
        await catch_up(projector)

    assert await served.cursor(TOTALS) == (2, "fold_raised at position 3: ArithmeticError")
    assert await served.rows(TOTALS) == [Total(scope="elm", events=2)]
    assert await served.cursor(ITEMS) == (5, None)
    assert len(await served.rows(ITEMS)) == 4
    stopped = [entry for entry in logs if entry["event"] == "read_model.stopped"]
    assert [(entry["model"], entry["position"]) for entry in stopped] == [("totals", 2)]
    assert {one.name: one.lag for one in await projector.status()} == {"items": 0, "totals": 3}


async def test_rows_that_the_database_refuses_stop_their_model_alone(served: Lab) -> None:
    await served.append(*(put(f"item {number}") for number in range(5)))
    await served.append(put("lamp", 2**63), put("lamp"))
    await catch_up(served.projector())
    assert await served.cursor(ITEMS) == (
        5,
        "rows_refused 22003 at position 6: NumericValueOutOfRangeError",
    )
    assert len(await served.rows(ITEMS)) == 5
    assert await served.cursor(TOTALS) == (7, None)


async def test_a_row_with_a_value_of_another_type_stops_the_model(served: Lab) -> None:
    def fold(key: tuple[Any, ...], _row: Item | None, fact: Any) -> Item:
        naive = datetime(2024, 5, 1)  # noqa: DTZ001 - the point of the test
        return Item(scope=key[0], item=key[1], amount=1, amounts=(), put_at=naive)

    model = replace(ITEMS, fold=fold)
    await served.append(put("lamp"))
    await catch_up(served.projector(model))
    assert await served.cursor(model) == (0, "rows_refused at position 1: a time has no zone")


async def test_an_unknown_version_stops_only_the_model_that_uses_the_type(served: Lab) -> None:
    await served.append(put("lamp"))
    await served.append_raw("cogov.lab.never_heard_of.v1", "{}")
    await served.append_raw(NEWER, '{"item": "lamp"}')
    await served.append(put("lamp"))
    projector = served.projector()
    await catch_up(projector)
    assert await served.cursor(ITEMS) == (2, "newer_version at position 3")
    assert await served.cursor(TOTALS) == (4, None)
    assert projector.ready()


async def test_a_payload_that_cannot_be_read_stops_the_models_that_use_its_type(
    served: Lab,
) -> None:
    await served.append_raw("cogov.lab.item_dropped.v1", '{"thing": 1}')
    await catch_up(served.projector())
    assert await served.cursor(ITEMS) == (0, "event_unreadable at position 1")
    assert await served.cursor(TOTALS) == (1, None)


async def test_a_resumed_model_goes_on_where_it_stood(lab: Lab) -> None:
    await lab.append(put("lamp"), put("lamp", POISON))
    await catch_up(lab.projector())

    def fold(key: tuple[Any, ...], _row: Total | None, _fact: Any) -> Total:
        return Total(scope=key[0], events=-1)

    mended = replace(TOTALS, fold=fold)
    await resume(lab.pool, mended.name, mended.revision)
    await catch_up(lab.projector(ITEMS, mended))
    assert await lab.cursor(mended) == (2, None)
    assert await lab.rows(mended) == [Total(scope="elm", events=-1)]


async def test_a_row_type_that_changed_without_a_revision_is_refused(lab: Lab) -> None:
    class Other(Row, frozen=True, kw_only=True):
        scope: str
        events: str

    await catch_up(lab.projector())
    changed = ReadModel(
        "totals", 1, Other, ("scope",), TOTALS.keys, lambda _key, row, _fact: row, (ItemPut,)
    )
    with pytest.raises(TableChangedError, match="totals_r1"):
        await lab.projector(changed).prepare()


# --- Revisions, rebuilds, replays -------------------------------------------------------------


async def test_a_new_revision_builds_its_own_table_and_joins_the_others(lab: Lab) -> None:
    await lab.append(*(put("lamp") for _ in range(7)))
    await catch_up(lab.projector())
    second = replace(TOTALS, revision=2)
    projector = lab.projector(ITEMS, second, page_events_max=3)
    assert await projector.step() is True
    assert not projector.ready()
    await lab.append(put("lamp"))
    await catch_up(projector)

    assert projector.ready()
    assert await lab.rows(second) == [Total(scope="elm", events=8)]
    assert await lab.cursor(second) == await lab.cursor(ITEMS) == (8, None)
    assert await lab.rows(TOTALS) == [Total(scope="elm", events=7)]


# As any model: a loop over two row types has none of its own.
BOTH: tuple[Any, ...] = (ITEMS, TOTALS)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["elm", "oak"]),
        st.one_of(
            st.builds(put, st.sampled_from("abc"), st.integers(1, 9)),
            st.builds(drop, st.sampled_from("abc")),
            st.just(NoteTaken(text="x")),
        ),
    ),
    max_size=12,
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(events=EVENTS, page=st.integers(1, 5))
async def test_whatever_the_pages_a_table_is_the_fold_of_the_log(
    lab: Lab, events: list[tuple[str, Any]], page: int
) -> None:
    for scope, event in events:
        await lab.append(event, scope=scope)
    await catch_up(lab.projector(page_events_max=page))
    for model in BOTH:
        made = fold_all(model, lab.facts)
        expected = [made[key] for key in sorted(made)]
        assert await lab.rows(model) == expected
        assert await lab.rebuild(model, page_events_max=4) == len(lab.facts)
        assert await lab.rows(model) == expected
        replayed = await replay(lab.pool, REGISTRY, model, page_events_max=3)
        assert (replayed.rows, replayed.differences) == (len(made), ())


async def test_a_rebuild_repairs_a_table_and_tells_of_a_model_that_raises(lab: Lab) -> None:
    await lab.append(put("lamp", 2))
    await catch_up(lab.projector())
    await lab.pool.execute("UPDATE public.items_r1 SET amount = 99")
    await lab.rebuild(ITEMS, page_events_max=10)
    assert [row.amount for row in await lab.rows(ITEMS)] == [2]

    await lab.append(put("lamp", POISON))
    with pytest.raises(ModelStoppedError, match="fold_raised at position 2"):
        await lab.rebuild(TOTALS, page_events_max=10)


async def test_a_replay_names_each_row_that_the_log_does_not_make(lab: Lab) -> None:
    await lab.append(put("lamp", 2), put("chair"), put("bench"))
    await catch_up(lab.projector())
    await lab.append(put("after the cursor"))
    await lab.pool.execute("UPDATE public.items_r1 SET amount = 99 WHERE item = 'lamp'")
    await lab.pool.execute("DELETE FROM public.items_r1 WHERE item = 'chair'")
    await lab.pool.execute(
        "INSERT INTO public.items_r1 SELECT scope, 'ghost', amount, amounts, put_at"
        " FROM public.items_r1 WHERE item = 'bench'"
    )
    replayed = await replay(lab.pool, REGISTRY, ITEMS)
    found = {difference.key["item"]: difference for difference in replayed.differences}
    assert (replayed.position, replayed.rows) == (3, 4)
    assert sorted(found) == ["chair", "ghost", "lamp"]
    assert found["lamp"].columns == {"amount": (99, 2)}
    assert found["chair"].columns["amount"] == (None, 1)
    assert found["ghost"].columns["amount"] == (1, None)
    assert found["lamp"].model == "items"


async def test_a_replay_says_where_the_log_cannot_be_folded(lab: Lab) -> None:
    await lab.append(put("lamp", 1), put("lamp", 2))
    await catch_up(lab.projector())

    def fold(_key: Any, _row: Total | None, _fact: Any) -> Total | None:
        raise LookupError("lost")

    with pytest.raises(ReplayStoppedError, match="fold_raised at position 1: LookupError"):
        await replay(lab.pool, REGISTRY, replace(TOTALS, fold=fold))


# --- Queries and views ------------------------------------------------------------------------


async def test_a_query_runs_on_the_table_of_its_release(lab: Lab) -> None:
    second = replace(TOTALS, revision=2)
    await lab.append(put("lamp"))
    await catch_up(lab.projector(TOTALS))
    await lab.append(put("lamp"))
    await catch_up(lab.projector(second))
    sql = "SELECT t.events FROM {totals} AS t WHERE t.scope = $1"
    old = await Tables(lab.pool, (TOTALS,), timeout_ms=2000).fetchrow(sql, "elm")
    new = await Tables(lab.pool, (second,), timeout_ms=2000).fetch(sql, "elm")
    assert old is not None
    assert (old["events"], [row["events"] for row in new]) == (1, [2])
    with pytest.raises(KeyError, match="totals"):
        await Tables(lab.pool, (ITEMS,), timeout_ms=2000).fetch(sql, "elm")


async def test_a_query_ends_at_its_time_limit(lab: Lab) -> None:
    with pytest.raises(TimeoutError):
        await Tables(lab.pool, (), timeout_ms=50).fetch("SELECT pg_sleep(60)")


async def test_views_show_the_revision_published_last_and_outlive_a_rebuild(lab: Lab) -> None:
    second = replace(TOTALS, revision=2)
    await lab.append(put("lamp"))
    async with lab.pool.acquire() as connection:
        await publish_views(connection, (ITEMS, TOTALS))
        await publish_views(connection, (ITEMS, second))
    await catch_up(lab.projector(second))
    assert await lab.pool.fetchval("SELECT events FROM totals") == 1
    await lab.rebuild(TOTALS, page_events_max=10)
    await lab.append(put("lamp"))
    await lab.rebuild(second, page_events_max=10)
    assert await lab.pool.fetchval("SELECT events FROM totals") == 2


async def test_the_reserved_words_are_those_of_the_server(lab: Lab) -> None:
    rows = await lab.pool.fetch(
        "SELECT k.word FROM pg_get_keywords() AS k WHERE k.catcode IN ('R', 'T')"
    )
    assert {row["word"] for row in rows} - RESERVED == set()


# --- The role ---------------------------------------------------------------------------------


async def test_an_append_wakes_the_projector(lab: Lab) -> None:
    running = asyncio.create_task(lab.projector(poll_s=60).run())
    for position in range(1, 4):
        await lab.append(put("lamp"))
        await eventually(lambda position=position: _is_at(lab, position))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_projector_outlives_the_loss_of_its_connections(
    lab: Lab, database: Database
) -> None:
    running = asyncio.create_task(lab.projector().run())
    await lab.append(put("lamp"))
    await eventually(lambda: _is_at(lab, 1))
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(
        "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a"
        " WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()"
    )
    await owner.close()
    await eventually(lambda: _appends(lab))
    await eventually(lambda: _is_at(lab, 2))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await lab.rows(TOTALS) == [Total(scope="elm", events=2)]


async def test_a_standby_watches_and_is_ready_when_the_active_one_is_done(served: Lab) -> None:
    standby = served.projector(is_active=lambda: False)
    await served.append(put("lamp"))
    assert await standby.step() is False
    assert await served.cursor(ITEMS) == (0, None)
    assert not standby.ready()
    await catch_up(served.projector())
    assert await standby.step() is False
    assert standby.ready()


async def _is_at(lab: Lab, position: int) -> bool:
    row = await lab.pool.fetchrow(
        "SELECT min(m.position) AS position, count(*) AS models FROM kit.read_model AS m"
    )
    return row is not None and (row["position"], row["models"]) == (position, 2)


async def _appends(lab: Lab) -> bool:
    try:
        await lab.append(put("lamp"))
    except Exception:  # noqa: BLE001 - a connection of the pool that is gone: again
        return False
    return True
