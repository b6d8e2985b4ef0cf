"""What is owed and what was said, counted on tables."""

from uuid import UUID

import asyncpg
from msgspec.structs import replace

from services.wishes.request.commands import (
    AskForInfo,
    CloseRequest,
    RecordCallback,
    ReopenRequest,
    RequestCommand,
)
from services.wishes.request.queries import list_held
from services.wishes.request.read_model import HOPS, REQUESTS
from services.wishes.request.timing_model import CALLBACKS, DEADLINES, ESCALATIONS
from services.wishes.request.timing_queries import (
    Level,
    Owner,
    count_callbacks,
    count_timing,
    find_deadline,
    list_answers,
    list_callbacks_due,
    list_escalations,
    list_overdue,
)
from shared.contracts.wishes import CloseReason, request_stream
from shared.decider import Fact
from shared.kit.read_models.tables import Tables
from tests.fixtures.requests import (
    ACCEPT,
    ANSWER,
    DISPATCH,
    DISTRICT,
    NO_POLICY,
    NORTH,
    RECEIVE,
    REQUESTER,
    STREAM,
    R,
    Requests,
    china,
    closing,
    done,
    fired,
)
from tests.fixtures.tables import filled

MODELS = (REQUESTS, HOPS, DEADLINES, ESCALATIONS, CALLBACKS)
DISPATCHED = done(NORTH, RECEIVE, ACCEPT, DISPATCH)
ANSWERED = done(DISPATCHED, ANSWER, at=china("2026-02-13"))
SAID = RecordCallback(request=R, requester=REQUESTER, contacted=True, solved=True, satisfied=5)
NOBODY = RecordCallback(request=R, requester=REQUESTER, contacted=False)
ASK = AskForInfo(request=R, requester=REQUESTER, texts=str(UUID(int=4)))
REOPEN = ReopenRequest(request=R, requester=REQUESTER, texts=str(UUID(int=9)), district=DISTRICT)
WITHDRAW = CloseRequest(request=R, reason=CloseReason.WITHDRAWN)
LATER = china("2026-03-02")


def at(number: int, spec: Requests, scope: str = "elm") -> list[Fact]:
    """Give the facts of one request as those of another."""
    stream = request_stream(UUID(int=number))
    return [replace(fact, stream=stream, scope=scope) for fact in spec.facts[STREAM]]


def to(unit: str) -> RequestCommand:
    return replace(DISPATCH, unit=unit)


async def made(pool: asyncpg.Pool, *lives: list[Fact]) -> Tables:
    return await filled(pool, MODELS, [fact for life in lives for fact in life])


def ids(rows: list[object]) -> list[int]:
    return [UUID(getattr(row, "request")).int for row in rows]  # noqa: B009 - of either row type


async def test_the_longest_overdue_comes_first_and_what_is_paused_or_over_does_not(
    pool: asyncpg.Pool,
) -> None:
    late = done(NORTH, RECEIVE, ACCEPT, to("roads"), at=china("2026-02-10"))
    tables = await made(
        pool,
        at(1, DISPATCHED),
        at(2, late),
        at(3, done(DISPATCHED, ASK)),
        at(4, ANSWERED),
        at(5, DISPATCHED, scope="oak"),
        at(6, done(DISPATCHED, WITHDRAW)),
        at(7, done(NO_POLICY, RECEIVE, ACCEPT, DISPATCH)),
    )

    async def overdue(**fields: object) -> list[int]:
        asked = {"now": LATER, "accountable": None, "after": None, "limit": 10, **fields}
        return ids([*await list_overdue(tables, "elm", **asked)])  # pyright: ignore[reportArgumentType]

    assert await overdue() == [2, 1]
    assert await overdue(accountable="parks") == [1]
    assert await overdue(now=closing("2026-02-27")) == [2]
    assert await overdue(limit=1) == [2]
    first = (closing("2026-02-25"), str(UUID(int=2)))
    assert await overdue(after=first) == [1]


async def test_clocks_are_counted_with_their_denominators(pool: asyncpg.Pool) -> None:
    up = fired(fired(DISPATCHED, "reminder"), "escalation-1")
    slow = done(DISPATCHED, ANSWER, at=china("2026-02-28"))
    undated = done(DISPATCHED, replace(ANSWER, dated=False), at=china("2026-02-13"))
    roads = done(NORTH, RECEIVE, ACCEPT, to("roads"))
    tables = await made(
        pool,
        at(1, up),
        at(2, roads),
        at(3, fired(roads, "escalation-1")),
        at(4, ANSWERED),
        at(5, slow),
        at(6, undated),
        at(7, done(DISPATCHED, ASK)),
        at(8, up, scope="oak"),
    )

    found = await count_timing(tables, "elm", now=LATER, top=10)

    assert (found.with_deadline, found.answered, found.in_time) == (7, 2, 1)
    assert (found.running, found.overdue, found.paused, found.reminded) == (3, 3, 1, 1)
    assert found.owners == (
        Owner(accountable="roads", overdue=2),
        Owner(accountable="parks", overdue=1),
    )
    assert found.levels == (Level(level=1, sent_to="community", by="deadline", times=2),)
    assert (await count_timing(tables, "elm", now=LATER, top=1)).owners == found.owners[:1]


async def test_what_was_said_is_counted_by_answers(pool: asyncpg.Pool) -> None:
    low = done(ANSWERED, replace(SAID, solved=False, satisfied=2))
    silent = fired(ANSWERED, "auto_close")
    again = done(done(silent, REOPEN, at=LATER), replace(ANSWER, texts=str(UUID(int=8))), SAID)
    tables = await made(
        pool,
        at(1, done(ANSWERED, SAID)),
        at(2, low),
        at(3, done(ANSWERED, NOBODY)),
        at(4, silent),
        at(5, again),
        at(6, done(NO_POLICY, RECEIVE, ACCEPT, DISPATCH, ANSWER)),
        at(7, DISPATCHED),
        at(8, done(ANSWERED, SAID), scope="oak"),
    )

    found = await count_callbacks(tables, "elm")

    assert (found.answers, found.due, found.asked, found.contacted) == (7, 6, 4, 3)
    assert (found.solved, found.satisfied, found.ratings) == (2, 2, (0, 1, 0, 0, 2))
    assert (found.unconfirmed, found.reopened) == (2, 1)
    assert (found.reviews_open, found.reviews_concluded) == (1, 0)
    nothing = await count_callbacks(tables, "ash")
    assert (nothing.answers, nothing.asked, nothing.ratings) == (0, 0, (0, 0, 0, 0, 0))


async def test_requesters_are_called_while_it_is_due(pool: asyncpg.Pool) -> None:
    due = fired(ANSWERED, "call_back")
    later = done(DISPATCHED, ANSWER, at=china("2026-02-24"))
    tables = await made(
        pool,
        at(1, fired(later, "call_back")),
        at(2, due),
        at(3, ANSWERED),
        at(4, done(due, SAID)),
        at(5, done(due, NOBODY)),
        at(6, done(due, REOPEN)),
        at(7, fired(due, "auto_close")),
    )

    rows = await list_callbacks_due(tables, "elm", after=None, limit=10)
    assert ids([*rows]) == [2, 5, 1]
    assert rows[1].due_at is not None
    after = (rows[1].due_at, rows[1].request)
    assert ids([*await list_callbacks_due(tables, "elm", after=after, limit=10)]) == [1]


async def test_a_case_tells_its_clock_its_levels_and_its_answers(pool: asyncpg.Pool) -> None:
    up = fired(DISPATCHED, "escalation-1")
    life = done(done(up, ANSWER), SAID)
    tables = await made(pool, at(1, life), at(2, DISPATCHED, scope="oak"))
    request = str(UUID(int=1))

    deadline = await find_deadline(tables, "elm", request)
    (escalation,) = await list_escalations(tables, "elm", request)
    (answer,) = await list_answers(tables, "elm", request)

    assert deadline is not None
    assert (deadline.due_at, deadline.level) == (closing("2026-02-27"), 1)
    assert (escalation.sent_to, escalation.accountable) == ("community", "parks")
    assert (answer.satisfied, answer.solved) == (5, True)
    assert await find_deadline(tables, "elm", str(UUID(int=2))) is None


async def test_what_a_unit_has_is_given_in_pages(pool: asyncpg.Pool) -> None:
    tables = await made(
        pool,
        at(1, DISPATCHED),
        at(2, done(DISPATCHED, ASK)),
        at(3, ANSWERED),
        at(4, done(NORTH, RECEIVE, ACCEPT, to("roads"))),
        at(5, DISPATCHED),
        at(6, DISPATCHED, scope="oak"),
    )

    first = await list_held(tables, "elm", "parks", after="", limit=2)
    second = await list_held(tables, "elm", "parks", after=first[-1], limit=2)

    assert [UUID(one).int for one in (*first, *second)] == [1, 2, 5]
    assert await list_held(tables, "elm", "parks", after=second[-1], limit=2) == []
