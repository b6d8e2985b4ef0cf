"""Effective-dated models on a real PostgreSQL: as of any day, whatever was said late."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.decider import Fact
from shared.kit.read_models.effective import as_of, history
from shared.kit.read_models.model import Effective
from shared.kit.read_models.replay import replay
from shared.kit.read_models.tables import Tables
from shared.kit.testing.spec import fold_all
from tests.fixtures.lab import KEEPERS, REGISTRY, Keeper, KeeperSaid, Lab, catch_up

FIRST = date(2025, 2, 24)
DAYS = 8
PERIODS_MAX = 1000


@pytest.fixture
def lab(pool: asyncpg.Pool) -> Lab:
    return Lab(pool)


@pytest.fixture
def tables(pool: asyncpg.Pool) -> Tables:
    return Tables(pool, (KEEPERS,))


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def said(
    keeper: str | None,
    start: int,
    stop: int | None = None,
    *,
    item: str = "lamp",
    until_next: bool = False,
) -> KeeperSaid:
    return KeeperSaid(
        item=item,
        keeper=keeper,
        starts_on=day(start),
        ends_on=None if stop is None else day(stop),
        until_next=until_next,
    )


def row(keeper: str, start: int, stop: int | None, item: str = "lamp") -> Keeper:
    return Keeper(
        scope="elm",
        item=item,
        keeper=keeper,
        valid_from=day(start),
        valid_to=None if stop is None else day(stop),
    )


async def kept_on(tables: Tables, number: int, **of: Any) -> dict[str, str]:
    rows = await as_of(tables, KEEPERS, "elm", day(number), of=of, after=None, limit=100)
    return {each.item: each.keeper for each in rows}


# --- Folding ----------------------------------------------------------------------------------


async def test_a_change_entered_late_splits_what_held(lab: Lab, tables: Tables) -> None:
    projector = lab.projector(KEEPERS)
    await lab.append(said("li", 0), said("wu", 6))
    await catch_up(projector)
    await lab.append(said("he", 3, until_next=True))
    await catch_up(projector)

    assert await lab.rows(KEEPERS) == [row("li", 0, 3), row("he", 3, 6), row("wu", 6, None)]
    assert [(await kept_on(tables, n)).get("lamp") for n in (-1, 0, 2, 3, 5, 6, 90)] == [
        None,
        "li",
        "li",
        "he",
        "he",
        "wu",
        "wu",
    ]


async def test_a_period_that_is_corrected_away_leaves_the_table(lab: Lab) -> None:
    projector = lab.projector(KEEPERS)
    await lab.append(said("li", 0, 3), said("wu", 3, 5), said("he", 5))
    await catch_up(projector)
    await lab.append(said("an", 2, 7))
    await catch_up(projector)
    assert await lab.rows(KEEPERS) == [row("li", 0, 2), row("an", 2, 7), row("he", 7, None)]
    await lab.append(said(None, 0))
    await catch_up(projector)
    assert await lab.rows(KEEPERS) == []


def made(
    item: str, keeper: str | None, start: int, length: int | None, *, until_next: bool
) -> KeeperSaid:
    stop = None if length is None else start + length
    return said(keeper, start, stop, item=item, until_next=until_next)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    events=st.lists(
        st.builds(
            made,
            item=st.sampled_from(["lamp", "desk"]),
            keeper=st.sampled_from(["li", "wu", None]),
            start=st.integers(0, DAYS),
            length=st.none() | st.integers(1, DAYS),
            until_next=st.booleans(),
        ),
        max_size=10,
    ),
    page=st.integers(1, 5),
)
async def test_whatever_the_pages_every_day_is_as_the_log_says(
    lab: Lab, tables: Tables, events: list[KeeperSaid], page: int
) -> None:
    await lab.append(*events)
    await catch_up(lab.projector(KEEPERS, page_events_max=page))
    expected = list(fold_all(KEEPERS, lab.facts).values())
    by_key = sorted(expected, key=lambda each: (each.item, each.valid_from))
    assert await lab.rows(KEEPERS) == by_key
    for number in range(2 * DAYS + 1):
        found = {
            each.item: each.keeper
            for each in expected
            if each.valid_from <= day(number)
            and (each.valid_to is None or each.valid_to > day(number))
        }
        assert await kept_on(tables, number) == found
    await lab.rebuild(KEEPERS, page_events_max=4)
    assert await lab.rows(KEEPERS) == by_key
    replayed = await replay(lab.pool, REGISTRY, KEEPERS, page_events_max=3)
    assert (replayed.rows, replayed.differences) == (len(by_key), ())


def overlapping(key: tuple[Any, ...], _periods: Any, _fact: Fact) -> tuple[Keeper, ...]:
    return (row("li", 0, 4, key[1]), row("wu", 3, 6, key[1]))


def elsewhere(_key: tuple[Any, ...], _periods: Any, _fact: Fact) -> tuple[Keeper, ...]:
    return (row("li", 0, 4, "another"),)


def many(key: tuple[Any, ...], _periods: Any, _fact: Fact) -> tuple[Keeper, ...]:
    return tuple(row("li", number, number + 1, key[1]) for number in range(PERIODS_MAX + 1))


@pytest.mark.parametrize(
    ("fold", "why"),
    [
        (overlapping, "fold() gave periods that overlap, have no length or are not in order"),
        (elsewhere, "fold() gave a period of another subject"),
        (many, "fold() gave more than 1000 periods"),
    ],
)
async def test_a_fold_that_overlaps_strays_or_has_no_end_stops_its_model(
    lab: Lab, fold: Callable[..., Any], why: str
) -> None:
    model = replace(KEEPERS, fold=Effective(fold))
    projector = lab.projector(model)
    await projector.prepare()
    await lab.append(said("li", 0))
    await catch_up(projector)
    assert await lab.cursor(model) == (0, f"fold_raised at position 1: {why}")


async def test_as_many_periods_as_the_limit_are_kept(lab: Lab) -> None:
    def fold(key: tuple[Any, ...], periods: Any, fact: Fact) -> tuple[Keeper, ...]:
        return many(key, periods, fact)[:PERIODS_MAX]

    model = replace(KEEPERS, fold=Effective(fold))
    projector = lab.projector(model)
    await projector.prepare()
    await lab.append(said("li", 0))
    await catch_up(projector)
    assert len(await lab.rows(model)) == PERIODS_MAX


# --- Questions --------------------------------------------------------------------------------


@pytest.fixture
async def kept(lab: Lab) -> Lab:
    """Five items: `a` to `e`; wu takes `b` and `d` over on day 3."""
    await lab.projector(KEEPERS).prepare()
    events = [said("li", 0, item=item) for item in "edcba"]
    await lab.append(*events, said("wu", 3, item="b"), said("wu", 3, item="d"))
    await lab.append(said("li", 0, item="a"), scope="oak")
    await catch_up(lab.projector(KEEPERS))
    return lab


@pytest.mark.usefixtures("kept")
async def test_a_day_is_read_in_pages_of_one_scope(tables: Tables) -> None:
    seen: list[str] = []
    after = None
    while page := await as_of(tables, KEEPERS, "elm", day(4), after=after, limit=2):
        seen += [each.item for each in page]
        after = (page[-1].item,)
    assert seen == list("abcde")


@pytest.mark.usefixtures("kept")
async def test_a_day_is_narrowed_to_what_columns_say(tables: Tables) -> None:
    assert await kept_on(tables, 2, keeper="li") == dict.fromkeys("abcde", "li")
    assert await kept_on(tables, 3, keeper="li") == dict.fromkeys("ace", "li")
    assert await kept_on(tables, 3, keeper="wu") == dict.fromkeys("bd", "wu")
    assert await kept_on(tables, 3, item="b") == {"b": "wu"}


@pytest.mark.usefixtures("kept")
async def test_the_history_of_a_subject_is_read_in_pages(tables: Tables) -> None:
    subject = {"item": "b"}
    first = await history(tables, KEEPERS, "elm", subject, after=None, limit=1)
    assert first == [row("li", 0, 3, "b")]
    rest = await history(tables, KEEPERS, "elm", subject, after=first[0].valid_from, limit=9)
    assert rest == [row("wu", 3, None, "b")]
    assert await history(tables, KEEPERS, "oak", subject, after=None, limit=9) == []


async def test_a_question_that_does_not_fit_its_model_is_refused(tables: Tables) -> None:
    instant = datetime(2025, 3, 1, tzinfo=UTC)
    with pytest.raises(TypeError, match="'keepers' is asked about a date"):
        await as_of(tables, KEEPERS, "elm", instant, after=None, limit=1)
    with pytest.raises(TypeError, match="a subject of 'keepers' is made of scope, item"):
        await history(tables, KEEPERS, "elm", {"keeper": "li"}, after=None, limit=1)
    with pytest.raises(TypeError, match="'keepers' has no column 'owner'"):
        await as_of(tables, KEEPERS, "elm", day(1), of={"owner": "li"}, after=None, limit=1)


@pytest.mark.usefixtures("kept")
async def test_a_question_is_answered_from_the_key_and_the_index_that_was_declared(
    lab: Lab,
) -> None:
    await lab.pool.execute(
        "INSERT INTO public.keepers_r1 (scope, item, keeper, valid_from)"
        " SELECT 'elm', 'item ' || n, 'keeper ' || n % 500, '2025-01-01'"
        " FROM generate_series(1, 20000) AS n"
    )
    await lab.pool.execute("ANALYZE public.keepers_r1")
    seen = Explained(lab.pool)
    await as_of(seen, KEEPERS, "elm", day(1), after=("item 5",), limit=50)
    await as_of(seen, KEEPERS, "elm", day(1), of={"keeper": "keeper 7"}, after=None, limit=50)
    await history(seen, KEEPERS, "elm", {"item": "item 7"}, after=None, limit=50)
    by_key, by_keeper, one = seen.plans
    assert "keepers_r1_pkey" in by_key
    assert "keepers_r1_scope_keeper_item_valid_from_idx" in by_keeper
    assert "keepers_r1_pkey" in one
    assert not [plan for plan in seen.plans if "Seq Scan" in plan or "Sort Key" in plan]


class Explained(Tables):
    """Tables that note the plan of each question."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(pool, (KEEPERS,))
        self.plans: list[str] = []
        self._asked = pool

    async def fetchrow(self, sql: Any, *args: Any) -> asyncpg.Record | None:
        plan = await self._asked.fetch(f"EXPLAIN {self.query(sql)}", *args)
        self.plans.append("\n".join(line[0] for line in plan))
        return await super().fetchrow(sql, *args)
