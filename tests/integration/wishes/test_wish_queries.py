"""The wall, one's own wishes, the claim board, overdue wishes and figures, on tables."""

from uuid import UUID

import asyncpg
from msgspec.structs import replace

from services.wishes.wish.commands import (
    ConfirmByCallback,
    MergeWishes,
    RateWish,
    RejectWish,
    WithdrawWish,
)
from services.wishes.wish.queries import (
    count_claim_times,
    count_funnel,
    count_ratings,
    find_wish,
    list_claimed,
    list_overdue_wishes,
    list_wall,
    list_wishes,
)
from services.wishes.wish.read_model import WISH_ANSWERS, WISHES, WishRow
from shared.contracts.wishes.wishes import RejectReason
from shared.decider import Fact
from shared.kit.read_models.tables import Tables
from tests.fixtures.requests import china, closing
from tests.fixtures.tables import filled
from tests.fixtures.wishes import (
    HELPER,
    NORTH,
    OTHER,
    WISHER,
    Wishes,
    claim,
    done,
    fulfil,
    requester,
    screen,
    stream,
    submit,
    wish,
)

DAY = "2026-03-{:02d}".format


def lived() -> Wishes:
    """Give eight wishes, the n-th submitted on the n-th of March, each gone another way."""
    spec = NORTH
    for number in range(2, 10):
        category = "shopping" if number == 3 else "company"
        at = china(DAY(number))
        spec = done(spec, submit(number, category), at=at, by=WISHER if number < 4 else OTHER)
    for number in (2, 3, 4, 5, 6):
        spec = done(spec, screen(number), at=china(DAY(10)))
    for number, hour in ((4, 11), (5, 12), (6, 13)):
        spec = done(spec, claim(number), at=china(DAY(10), hour), by=HELPER)
    spec = done(spec, fulfil(5), fulfil(6), at=china(DAY(11)), by=HELPER)
    called = ConfirmByCallback(wish=wish(5), requester=requester(5))
    rated = RateWish(wish=wish(5), requester=requester(5), rating=4)
    spec = done(spec, called, rated, at=china(DAY(12)), by=OTHER)
    return done(
        spec,
        RejectWish(wish=wish(7), reason=RejectReason.UNCLEAR),
        WithdrawWish(wish=wish(8), requester=requester(8)),
        MergeWishes(wish=wish(9), parent=wish(2)),
        at=china(DAY(12)),
    )


def facts(spec: Wishes, scope: str = "elm") -> list[Fact]:
    """Give the facts of all wishes, as those of a community."""
    return [
        replace(fact, scope=scope) for number in range(2, 10) for fact in spec.facts[stream(number)]
    ]


async def made(pool: asyncpg.Pool) -> Tables:
    return await filled(pool, (WISHES, WISH_ANSWERS), facts(lived()))


def ids(rows: list[WishRow]) -> list[int]:
    return [UUID(row.wish).int for row in rows]


async def test_the_wall_shows_what_may_be_claimed_in_pages(pool: asyncpg.Pool) -> None:
    tables = await made(pool)
    first = await list_wall(tables, "elm", category=None, after=None, limit=1)
    assert ids(first) == [2]
    assert first[0].screened_at is not None
    after = (first[0].screened_at, first[0].wish)
    assert ids(await list_wall(tables, "elm", category=None, after=after, limit=9)) == [3]
    assert ids(await list_wall(tables, "elm", category="shopping", after=None, limit=9)) == [3]
    assert await list_wall(tables, "oak", category=None, after=None, limit=9) == []


async def test_wishes_are_listed_by_state_and_by_who_submitted_them(pool: asyncpg.Pool) -> None:
    tables = await made(pool)

    async def listed(**fields: object) -> list[int]:
        asked = {"state": None, "submitted_by": None, "after": None, "limit": 9, **fields}
        return ids(await list_wishes(tables, "elm", **asked))  # pyright: ignore[reportArgumentType]

    assert await listed() == [9, 8, 7, 6, 5, 4, 3, 2]
    assert await listed(submitted_by=WISHER) == [3, 2]
    assert await listed(state="merged") == [9]
    assert await listed(after=(china(DAY(4)), wish(4))) == [3, 2]
    found = await find_wish(tables, "elm", wish(2))
    assert found is not None
    assert found.duplicates == 1
    assert await find_wish(tables, "oak", wish(2)) is None


async def test_the_board_shows_what_is_claimed_and_the_list_what_is_overdue(
    pool: asyncpg.Pool,
) -> None:
    tables = await made(pool)
    assert ids(await list_claimed(tables, "elm", after=None, limit=9)) == [4]
    now = closing(DAY(31))
    overdue = await list_overdue_wishes(tables, "elm", now=now, after=None, limit=9)
    assert ids(overdue) == [3, 2, 4]
    assert overdue[0].due_at == closing(DAY(12))
    after = (closing(DAY(12)), overdue[0].wish)
    assert ids(await list_overdue_wishes(tables, "elm", now=now, after=after, limit=9)) == [2, 4]
    soon = closing(DAY(12))
    assert await list_overdue_wishes(tables, "elm", now=soon, after=None, limit=9) == []


async def test_each_figure_has_its_denominator(pool: asyncpg.Pool) -> None:
    tables = await made(pool)
    funnel = await count_funnel(tables, "elm", since=None, until=None)
    assert (funnel.submitted, funnel.persons, funnel.on_the_way) == (8, 8, 3)
    assert (funnel.rejected, funnel.withdrawn, funnel.merged) == (1, 1, 1)
    assert (funnel.fulfilled, funnel.confirmed, funnel.unconfirmed) == (1, 1, 0)
    since, until = china(DAY(4)), china(DAY(6))
    assert (await count_funnel(tables, "elm", since=since, until=until)).submitted == 2
    times = await count_claim_times(tables, "elm")
    assert (times.claimed, times.unclaimed) == (3, 2)
    assert (times.min_seconds, times.median_seconds, times.max_seconds) == (3600, 7200, 10800)
    said = await count_ratings(tables, "elm")
    assert (said.asked, said.confirmed, said.ratings) == (2, 1, (0, 0, 0, 1, 0))
    nothing = await count_claim_times(tables, "oak")
    assert (nothing.claimed, nothing.median_seconds) == (0, None)
