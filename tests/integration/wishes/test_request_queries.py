"""The queries of requests, on tables that hold a small district."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from services.wishes.request.queries import (
    figures,
    find_by_texts,
    find_request,
    list_hops,
    list_requests,
)
from services.wishes.request.read_model import HOPS, REQUESTS
from shared.contracts.wishes import (
    CloseReason,
    RequestAccepted,
    RequestAnswered,
    RequestClosed,
    RequestDispatched,
    RequestKind,
    RequestReceived,
    RequestReturned,
    RequestTransferred,
    ReturnReason,
    TransferReason,
    WishesEvent,
    request_stream,
)
from shared.decider import Fact
from shared.kit.read_models.tables import Tables
from shared.kit.testing.spec import NOW, facts_of
from tests.fixtures.tables import filled

DAY = timedelta(days=1)
DAY_S = 24 * 3600


@dataclass(frozen=True)
class Life:
    """A request's steps, and the days after its receipt on which they were taken."""

    number: int
    steps: Sequence[tuple[float, WishesEvent]] = ()
    category: str = "roads"
    area: str = "a1"
    scope: str = "elm"
    received_days_ago: float = 100

    def facts(self) -> list[Fact]:
        request = UUID(int=self.number)
        received = RequestReceived(
            request=request,
            kind=RequestKind.PROBLEM,
            category=self.category,
            category_policy=1,
            area=self.area,
            requester=UUID(int=1000),
            texts=UUID(int=1000 + self.number),
        )
        begun = NOW - self.received_days_ago * DAY
        return [
            fact
            for version, (days, event) in enumerate([(0.0, received), *self.steps])
            for fact in facts_of(
                request_stream(request),
                event,
                scope=self.scope,
                at=begun + days * DAY,
                after=version,
            )
        ]


def accepted(number: int) -> tuple[float, WishesEvent]:
    return 1.0, RequestAccepted(request=UUID(int=number))


def dispatched(number: int, unit: str = "parks") -> tuple[float, WishesEvent]:
    return 1.0, RequestDispatched(request=UUID(int=number), unit=unit)


def transferred(number: int, days: float) -> tuple[float, WishesEvent]:
    return days, RequestTransferred(
        request=UUID(int=number),
        from_unit="parks",
        to_unit="roads",
        accountable="parks",
        reason=TransferReason.OVERLOADED,
        hop=1,
    )


def answered(
    number: int, days: float, *, unit: str = "parks", dated: bool = True
) -> tuple[float, WishesEvent]:
    texts = UUID(int=2000 + number)
    event = RequestAnswered(request=UUID(int=number), unit=unit, texts=texts, dated=dated)
    return days, event


def closed(number: int, reason: CloseReason) -> tuple[float, WishesEvent]:
    return 30.0, RequestClosed(request=UUID(int=number), reason=reason)


def quick(number: int, days: float) -> Life:
    return Life(number, [accepted(number), dispatched(number), answered(number, days)])


async def made(pool: asyncpg.Pool, *lives: Life) -> Tables:
    return await filled(pool, (REQUESTS, HOPS), [fact for life in lives for fact in life.facts()])


async def test_a_case_file_shows_every_turn_and_its_end(pool: asyncpg.Pool) -> None:
    steps = [accepted(1), dispatched(1), transferred(1, 3), answered(1, 9, unit="roads")]
    tables = await made(pool, Life(1, steps), Life(2, [accepted(2), dispatched(2)]))
    begun = NOW - 100 * DAY

    row = await find_request(tables, "elm", str(UUID(int=1)))
    hops = await list_hops(tables, "elm", str(UUID(int=1)))

    assert row is not None
    assert (row.state, row.unit, row.accountable, row.hops) == ("answered", "roads", "parks", 1)
    assert [(hop.unit, hop.since_at, hop.until_at) for hop in hops] == [
        ("parks", begun + DAY, begun + 3 * DAY),
        ("roads", begun + 3 * DAY, begun + 9 * DAY),
    ]
    (open_hop,) = await list_hops(tables, "elm", str(UUID(int=2)))
    assert open_hop.until_at is None


async def test_a_request_of_another_community_is_not_there(pool: asyncpg.Pool) -> None:
    tables = await made(pool, Life(1, [accepted(1), dispatched(1)], scope="oak"))

    assert await find_request(tables, "elm", str(UUID(int=1))) is None
    assert await list_hops(tables, "elm", str(UUID(int=1))) == []


async def test_requests_are_found_by_any_of_their_texts_in_their_community(
    pool: asyncpg.Pool,
) -> None:
    tables = await made(
        pool,
        quick(1, 9),
        Life(2, received_days_ago=50),
        Life(3),
        Life(4, scope="oak"),
    )
    texts = [UUID(int=2001), *(UUID(int=1000 + number) for number in (1, 2, 4))]

    rows = await find_by_texts(tables, "elm", texts)

    assert [UUID(row.request).int for row in rows] == [2, 1]


async def test_pages_follow_one_another_without_a_gap(pool: asyncpg.Pool) -> None:
    tables = await made(
        pool,
        *(Life(number, received_days_ago=number // 2) for number in range(1, 8)),
        Life(9, scope="oak"),
    )

    seen: list[str] = []
    after = None
    while True:
        rows = await list_requests(tables, "elm", filters={}, after=after, limit=2)
        if not rows:
            break
        seen.extend(row.request for row in rows)
        after = (rows[-1].received_at, rows[-1].request)

    assert seen == [str(UUID(int=number)) for number in (1, 3, 2, 5, 4, 7, 6)]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, {1, 2, 3}),
        ({"state": "received"}, {1, 2}),
        ({"category": "noise"}, {2}),
        ({"area": "a2"}, {1}),
        ({"unit": "parks"}, {3}),
        ({"kind": "opinion"}, set[int]()),
        ({"state": "received", "area": "a1"}, {2}),
    ],
)
async def test_a_list_is_narrowed(
    pool: asyncpg.Pool, filters: dict[str, str | None], found: set[int]
) -> None:
    tables = await made(
        pool,
        Life(1, area="a2"),
        Life(2, category="noise"),
        Life(3, [accepted(3), dispatched(3)]),
    )

    rows = await list_requests(tables, "elm", filters=filters, after=None, limit=10)

    assert {UUID(row.request).int for row in rows} == found


async def test_the_figures_count_every_request_once(pool: asyncpg.Pool) -> None:
    tables = await made(
        pool,
        quick(1, 2),
        quick(2, 4),
        quick(3, 6),
        quick(4, 20),
        Life(5, [accepted(5), dispatched(5), answered(5, 3, dated=False)]),
        Life(6, [accepted(6)], category="noise", area="a2", received_days_ago=10),
        Life(7, [(1, RequestReturned(request=UUID(int=7), reason=ReturnReason.UNCLEAR))]),
        Life(8, [accepted(8), closed(8, CloseReason.WITHDRAWN)]),
        Life(9, [*quick(9, 1).steps, closed(9, CloseReason.ANSWERED)]),
        Life(10, scope="oak"),
    )

    found = await figures(tables, "elm", now=NOW, top=1)

    assert (found.received, found.accepted, found.returned) == (9, 8, 1)
    assert (found.answered, found.open, found.closed) == (6, 1, 2)
    days = found.days
    assert (days.dated, days.undated) == (5, 1)
    assert (days.min_seconds, days.quartile1_seconds, days.median_seconds) == (
        DAY_S,
        2 * DAY_S,
        4 * DAY_S,
    )
    assert (days.quartile3_seconds, days.max_seconds) == (6 * DAY_S, 20 * DAY_S)
    assert found.answered_ageing == (4, 0, 1, 0, 0, 0)
    assert found.open_ageing == (0, 1, 0, 0, 0, 0)
    assert (found.categories, found.areas) == ((("roads", 8),), (("a1", 8),))


async def test_a_band_ends_with_its_last_second(pool: asyncpg.Pool) -> None:
    second = 1 / DAY_S
    tables = await made(
        pool,
        quick(1, 7),
        quick(2, 7 + second),
        quick(3, 365),
        quick(4, 365 + second),
        Life(5, received_days_ago=15),
        Life(6, received_days_ago=15 + second),
    )

    found = await figures(tables, "elm", now=NOW, top=1)

    assert found.answered_ageing == (1, 1, 0, 0, 1, 1)
    assert found.open_ageing == (0, 1, 1, 0, 0, 0)


async def test_a_community_without_requests_has_no_times(pool: asyncpg.Pool) -> None:
    tables = await made(pool, Life(1, scope="oak"))

    found = await figures(tables, "elm", now=NOW, top=10)

    assert found.received == 0
    assert found.days.median_seconds is None
    assert found.categories == ()
