"""What is read of clocks, levels and call-backs: lists of what is owed, and rates as counts."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.wishes.request.timing_model import CallbackRow, DeadlineRow, EscalationRow
from shared.kit.read_models.tables import Tables

SATISFIED_FROM = 4  # of 5: a rating of 3 praises nobody
_STARS = ("one", "two", "three", "four", "five")


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """How many overdue requests somebody is accountable for; empty: the desk."""

    accountable: str
    overdue: int


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """How often requests came to a level, and by what."""

    level: int
    sent_to: str
    by: str
    times: int


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the clocks of a community's requests.

    Of the requests with a deadline: `answered` in their last round, on a day that is known, and of
    those `in_time`; `running`, of those `overdue`; `paused`.
    """

    with_deadline: int
    answered: int
    in_time: int
    running: int
    overdue: int
    paused: int
    reminded: int
    owners: tuple[Owner, ...]
    levels: tuple[Level, ...]


class Callbacks(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over answers, not over requests: a reopened request has several.

    `due` are to be called back, now or later, or were; `ratings` are those of 1 to 5.
    """

    answers: int
    due: int
    asked: int
    contacted: int
    solved: int
    satisfied: int
    unconfirmed: int
    reopened: int
    reviews_open: int
    reviews_concluded: int
    ratings: tuple[int, int, int, int, int]


async def find_deadline(tables: Tables, scope: str, request: str) -> DeadlineRow | None:
    """Give a request's clock, or None."""
    row = await tables.fetchrow(
        """
        SELECT d.scope, d.request, d.version, d.round, d.policy, d.calendar, d.working_days,
               d.priority, d.provisional, d.due_at, d.unit, d.accountable, d.level, d.level_to,
               d.pauses, d.paused_days, d.paused_at, d.pause_reason, d.reminded_at, d.stopped_at
        FROM {request_deadlines} AS d
        WHERE d.scope = $1 AND d.request = $2
        """,
        scope,
        request,
    )
    return None if row is None else DeadlineRow(**dict(row))


async def list_overdue(
    tables: Tables,
    scope: str,
    *,
    now: datetime,
    accountable: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[DeadlineRow]:
    """Give the clocks that have run out and are not paused, the longest overdue first."""
    rows = await tables.fetch(
        """
        SELECT d.scope, d.request, d.version, d.round, d.policy, d.calendar, d.working_days,
               d.priority, d.provisional, d.due_at, d.unit, d.accountable, d.level, d.level_to,
               d.pauses, d.paused_days, d.paused_at, d.pause_reason, d.reminded_at, d.stopped_at
        FROM {request_deadlines} AS d
        WHERE d.scope = $1 AND d.stopped_at IS NULL AND d.paused_at IS NULL AND d.due_at < $2
          AND ($3::text IS NULL OR d.accountable = $3)
          AND ($4::timestamptz IS NULL OR (d.due_at, d.request) > ($4, $5))
        ORDER BY d.due_at, d.request
        LIMIT $6
        """,
        scope,
        now,
        accountable,
        *(after or (None, "")),
        limit,
    )
    return [DeadlineRow(**dict(row)) for row in rows]


async def list_callbacks_due(
    tables: Tables,
    scope: str,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[CallbackRow]:
    """Give the answers whose requesters are to be called now, the longest due first."""
    rows = await tables.fetch(
        """
        SELECT c.scope, c.request, c.round, c.version, c.unit, c.answered_at, c.call_back_at,
               c.due_at, c.calls, c.called_at, c.contacted, c.solved, c.satisfied, c.closed_at,
               c.unconfirmed, c.review, c.review_reason
        FROM {request_callbacks} AS c
        WHERE c.scope = $1 AND c.due_at IS NOT NULL AND c.closed_at IS NULL AND NOT c.contacted
          AND NOT EXISTS (SELECT FROM {requests} AS r
                          WHERE r.scope = c.scope AND r.request = c.request AND r.round > c.round)
          AND ($2::timestamptz IS NULL OR (c.due_at, c.request) > ($2, $3))
        ORDER BY c.due_at, c.request
        LIMIT $4
        """,
        scope,
        *(after or (None, "")),
        limit,
    )
    return [CallbackRow(**dict(row)) for row in rows]


async def list_escalations(tables: Tables, scope: str, request: str) -> list[EscalationRow]:
    """Give when a request went up and down."""
    rows = await tables.fetch(
        """
        SELECT e.scope, e.request, e.version, e.level, e.sent_to, e.by, e.accountable, e.at,
               e.due_at
        FROM {request_escalations} AS e
        WHERE e.scope = $1 AND e.request = $2
        ORDER BY e.version
        """,
        scope,
        request,
    )
    return [EscalationRow(**dict(row)) for row in rows]


async def list_answers(tables: Tables, scope: str, request: str) -> list[CallbackRow]:
    """Give what was said of each of a request's answers."""
    rows = await tables.fetch(
        """
        SELECT c.scope, c.request, c.round, c.version, c.unit, c.answered_at, c.call_back_at,
               c.due_at, c.calls, c.called_at, c.contacted, c.solved, c.satisfied, c.closed_at,
               c.unconfirmed, c.review, c.review_reason
        FROM {request_callbacks} AS c
        WHERE c.scope = $1 AND c.request = $2
        ORDER BY c.round
        """,
        scope,
        request,
    )
    return [CallbackRow(**dict(row)) for row in rows]


async def count_timing(tables: Tables, scope: str, *, now: datetime, top: int) -> Timing:
    """Count a community's clocks as they stand."""
    row = await tables.fetchrow(
        """
        SELECT count(*) AS with_deadline,
               count(r.answered_at) FILTER (WHERE r.answer_dated) AS answered,
               count(*) FILTER (WHERE r.answered_at <= d.due_at AND r.answer_dated) AS in_time,
               count(*) FILTER (WHERE d.stopped_at IS NULL AND d.paused_at IS NULL) AS running,
               count(*) FILTER (WHERE d.stopped_at IS NULL AND d.paused_at IS NULL
                                  AND d.due_at < $2) AS overdue,
               count(d.paused_at) AS paused,
               count(d.reminded_at) AS reminded
        FROM {request_deadlines} AS d
        JOIN {requests} AS r ON r.scope = d.scope AND r.request = d.request
        WHERE d.scope = $1
        """,
        scope,
        now,
    )
    assert row is not None
    owners = await _owners(tables, scope, now, top)
    levels = await _levels(tables, scope)
    return Timing(**dict(row), owners=owners, levels=levels)


async def count_callbacks(tables: Tables, scope: str) -> Callbacks:
    """Count a community's answers and what was said of them."""
    row = await tables.fetchrow(
        """
        SELECT count(*) AS answers,
               count(*) FILTER (WHERE c.call_back_at IS NOT NULL OR c.calls > 0) AS due,
               count(*) FILTER (WHERE c.calls > 0) AS asked,
               count(*) FILTER (WHERE c.contacted) AS contacted,
               count(*) FILTER (WHERE c.solved) AS solved,
               count(*) FILTER (WHERE c.satisfied >= $2) AS satisfied,
               count(*) FILTER (WHERE c.unconfirmed) AS unconfirmed,
               count(*) FILTER (WHERE c.round > 0) AS reopened,
               count(*) FILTER (WHERE c.review = 'open') AS reviews_open,
               count(*) FILTER (WHERE c.review NOT IN ('', 'open')) AS reviews_concluded,
               count(*) FILTER (WHERE c.satisfied = 1) AS one,
               count(*) FILTER (WHERE c.satisfied = 2) AS two,
               count(*) FILTER (WHERE c.satisfied = 3) AS three,
               count(*) FILTER (WHERE c.satisfied = 4) AS four,
               count(*) FILTER (WHERE c.satisfied = 5) AS five
        FROM {request_callbacks} AS c
        WHERE c.scope = $1
        """,
        scope,
        SATISFIED_FROM,
    )
    assert row is not None
    counts = dict(row)
    one, two, three, four, five = (counts.pop(star) for star in _STARS)
    return Callbacks(**counts, ratings=(one, two, three, four, five))


async def _owners(tables: Tables, scope: str, now: datetime, top: int) -> tuple[Owner, ...]:
    rows = await tables.fetch(
        """
        SELECT d.accountable, count(*) AS overdue
        FROM {request_deadlines} AS d
        WHERE d.scope = $1 AND d.stopped_at IS NULL AND d.paused_at IS NULL AND d.due_at < $2
        GROUP BY d.accountable
        ORDER BY overdue DESC, d.accountable COLLATE "C"
        LIMIT $3
        """,
        scope,
        now,
        top,
    )
    return tuple(Owner(**dict(row)) for row in rows)


async def _levels(tables: Tables, scope: str) -> tuple[Level, ...]:
    rows = await tables.fetch(
        """
        SELECT e.level, e.sent_to, e.by, count(*) AS times
        FROM {request_escalations} AS e
        WHERE e.scope = $1
        GROUP BY e.level, e.sent_to, e.by
        ORDER BY e.level, e.sent_to COLLATE "C", e.by COLLATE "C"
        """,
        scope,
    )
    return tuple(Level(**dict(row)) for row in rows)
