"""What is read of wishes: the wall, one's own, the claim board, what is overdue, the figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from services.wishes.wish.read_model import WishRow
from shared.kit.read_models.tables import Tables


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """Wishes that were submitted within a time, as they stand, and how many persons wished."""

    submitted: int
    rejected: int
    withdrawn: int
    merged: int
    on_the_way: int
    fulfilled: int
    confirmed: int
    unconfirmed: int
    persons: int


class ClaimTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from the wall to the first claim; the quartiles are values that occur (discrete)."""

    claimed: int
    unclaimed: int
    min_seconds: int | None
    quartile1_seconds: int | None
    median_seconds: int | None
    quartile3_seconds: int | None
    max_seconds: int | None


class Ratings(msgspec.Struct, frozen=True, kw_only=True):
    """How many requesters were asked of a closing, and how many gave each rating from 1 to 5."""

    asked: int
    confirmed: int
    ratings: tuple[int, ...]


async def find_wish(tables: Tables, scope: str, wish: str) -> WishRow | None:
    """Give a wish, or None."""
    row = await tables.fetchrow(
        """
        SELECT w.scope, w.wish, w.category, w.area, w.requester, w.submitted_by, w.texts,
               w.state, w.submitted_at, w.version, w.relation, w.proxy_confirmed,
               w.public_texts, w.screened_at, w.own_due_at, w.due_at, w.first_claimed_at,
               w.claimed_at, w.claimer_class, w.claimer, w.handler, w.reminded, w.claim_until,
               w.progress_texts, w.merged_into, w.duplicates, w.fulfilled_at, w.ended_at,
               w.end_reason, w.round, w.reopened_texts, w.escalated, w.under_review
        FROM {wishes} AS w
        WHERE w.scope = $1 AND w.wish = $2
        """,
        scope,
        wish,
    )
    return None if row is None else WishRow(**dict(row))


async def list_wall(
    tables: Tables,
    scope: str,
    *,
    category: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[WishRow]:
    """Give what anybody may claim, the longest on the wall first."""
    rows = await tables.fetch(
        """
        SELECT w.scope, w.wish, w.category, w.area, w.requester, w.submitted_by, w.texts,
               w.state, w.submitted_at, w.version, w.relation, w.proxy_confirmed,
               w.public_texts, w.screened_at, w.own_due_at, w.due_at, w.first_claimed_at,
               w.claimed_at, w.claimer_class, w.claimer, w.handler, w.reminded, w.claim_until,
               w.progress_texts, w.merged_into, w.duplicates, w.fulfilled_at, w.ended_at,
               w.end_reason, w.round, w.reopened_texts, w.escalated, w.under_review
        FROM {wishes} AS w
        WHERE w.scope = $1 AND w.state = 'open'
          AND ($2::text IS NULL OR w.category = $2)
          AND ($3::timestamptz IS NULL OR (w.screened_at, w.wish) > ($3, $4))
        ORDER BY w.screened_at, w.wish
        LIMIT $5
        """,
        scope,
        category,
        *(after or (None, "")),
        limit,
    )
    return [WishRow(**dict(row)) for row in rows]


async def list_wishes(
    tables: Tables,
    scope: str,
    *,
    state: str | None,
    submitted_by: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[WishRow]:
    """Give wishes, the latest submitted first."""
    rows = await tables.fetch(
        """
        SELECT w.scope, w.wish, w.category, w.area, w.requester, w.submitted_by, w.texts,
               w.state, w.submitted_at, w.version, w.relation, w.proxy_confirmed,
               w.public_texts, w.screened_at, w.own_due_at, w.due_at, w.first_claimed_at,
               w.claimed_at, w.claimer_class, w.claimer, w.handler, w.reminded, w.claim_until,
               w.progress_texts, w.merged_into, w.duplicates, w.fulfilled_at, w.ended_at,
               w.end_reason, w.round, w.reopened_texts, w.escalated, w.under_review
        FROM {wishes} AS w
        WHERE w.scope = $1
          AND ($2::text IS NULL OR w.state = $2)
          AND ($3::text IS NULL OR w.submitted_by = $3)
          AND ($4::timestamptz IS NULL OR (w.submitted_at, w.wish) < ($4, $5))
        ORDER BY w.submitted_at DESC, w.wish DESC
        LIMIT $6
        """,
        scope,
        state,
        submitted_by,
        *(after or (None, "")),
        limit,
    )
    return [WishRow(**dict(row)) for row in rows]


async def list_claimed(
    tables: Tables, scope: str, *, after: tuple[datetime, str] | None, limit: int
) -> list[WishRow]:
    """Give the claim board: who has what, the longest claimed first."""
    rows = await tables.fetch(
        """
        SELECT w.scope, w.wish, w.category, w.area, w.requester, w.submitted_by, w.texts,
               w.state, w.submitted_at, w.version, w.relation, w.proxy_confirmed,
               w.public_texts, w.screened_at, w.own_due_at, w.due_at, w.first_claimed_at,
               w.claimed_at, w.claimer_class, w.claimer, w.handler, w.reminded, w.claim_until,
               w.progress_texts, w.merged_into, w.duplicates, w.fulfilled_at, w.ended_at,
               w.end_reason, w.round, w.reopened_texts, w.escalated, w.under_review
        FROM {wishes} AS w
        WHERE w.scope = $1 AND w.state IN ('claimed', 'in_progress')
          AND ($2::timestamptz IS NULL OR (w.claimed_at, w.wish) > ($2, $3))
        ORDER BY w.claimed_at, w.wish
        LIMIT $4
        """,
        scope,
        *(after or (None, "")),
        limit,
    )
    return [WishRow(**dict(row)) for row in rows]


async def list_overdue_wishes(
    tables: Tables, scope: str, *, now: datetime, after: tuple[datetime, str] | None, limit: int
) -> list[WishRow]:
    """Give what nobody fulfilled in time, the longest overdue first."""
    rows = await tables.fetch(
        """
        SELECT w.scope, w.wish, w.category, w.area, w.requester, w.submitted_by, w.texts,
               w.state, w.submitted_at, w.version, w.relation, w.proxy_confirmed,
               w.public_texts, w.screened_at, w.own_due_at, w.due_at, w.first_claimed_at,
               w.claimed_at, w.claimer_class, w.claimer, w.handler, w.reminded, w.claim_until,
               w.progress_texts, w.merged_into, w.duplicates, w.fulfilled_at, w.ended_at,
               w.end_reason, w.round, w.reopened_texts, w.escalated, w.under_review
        FROM {wishes} AS w
        WHERE w.scope = $1 AND w.due_at < $2
          AND w.state IN ('open', 'claimed', 'in_progress')
          AND ($3::timestamptz IS NULL OR (w.due_at, w.wish) > ($3, $4))
        ORDER BY w.due_at, w.wish
        LIMIT $5
        """,
        scope,
        now,
        *(after or (None, "")),
        limit,
    )
    return [WishRow(**dict(row)) for row in rows]


async def count_funnel(
    tables: Tables, scope: str, *, since: datetime | None, until: datetime | None
) -> Funnel:
    """Count the wishes submitted from `since` on and before `until`, each where it stands."""
    row = await tables.fetchrow(
        """
        SELECT count(*) AS submitted,
               count(*) FILTER (WHERE w.state = 'rejected') AS rejected,
               count(*) FILTER (WHERE w.state = 'withdrawn') AS withdrawn,
               count(*) FILTER (WHERE w.state = 'merged') AS merged,
               count(*) FILTER (WHERE w.state IN ('submitted', 'open', 'claimed', 'in_progress'))
                   AS on_the_way,
               count(*) FILTER (WHERE w.state = 'fulfilled') AS fulfilled,
               count(*) FILTER (WHERE w.state = 'confirmed') AS confirmed,
               count(*) FILTER (WHERE w.state = 'unconfirmed') AS unconfirmed,
               count(DISTINCT w.requester) AS persons
        FROM {wishes} AS w
        WHERE w.scope = $1
          AND ($2::timestamptz IS NULL OR w.submitted_at >= $2)
          AND ($3::timestamptz IS NULL OR w.submitted_at < $3)
        """,
        scope,
        since,
        until,
    )
    assert row is not None
    return Funnel(**dict(row))


async def count_claim_times(tables: Tables, scope: str) -> ClaimTimes:
    """Count how long wishes were on the wall before anybody claimed them."""
    row = await tables.fetchrow(
        """
        WITH of_scope AS (
            SELECT w.first_claimed_at,
                   floor(extract(epoch FROM w.first_claimed_at - w.screened_at))::bigint AS seconds
            FROM {wishes} AS w
            WHERE w.scope = $1 AND w.screened_at IS NOT NULL
        )
        SELECT count(o.seconds) AS claimed,
               count(*) - count(o.seconds) AS unclaimed,
               min(o.seconds) AS min_seconds,
               percentile_disc(0.25) WITHIN GROUP (ORDER BY o.seconds) AS quartile1_seconds,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY o.seconds) AS median_seconds,
               percentile_disc(0.75) WITHIN GROUP (ORDER BY o.seconds) AS quartile3_seconds,
               max(o.seconds) AS max_seconds
        FROM of_scope AS o
        """,
        scope,
    )
    assert row is not None
    return ClaimTimes(**dict(row))


async def count_ratings(tables: Tables, scope: str) -> Ratings:
    """Count what requesters were asked and said, a row each for every closing."""
    row = await tables.fetchrow(
        """
        SELECT count(*) AS asked,
               count(*) FILTER (WHERE a.confirmed) AS confirmed,
               count(*) FILTER (WHERE a.rating = 1) AS rated1,
               count(*) FILTER (WHERE a.rating = 2) AS rated2,
               count(*) FILTER (WHERE a.rating = 3) AS rated3,
               count(*) FILTER (WHERE a.rating = 4) AS rated4,
               count(*) FILTER (WHERE a.rating = 5) AS rated5
        FROM {wish_answers} AS a
        WHERE a.scope = $1
        """,
        scope,
    )
    assert row is not None
    counts: dict[str, Any] = dict(row)
    return Ratings(
        asked=counts["asked"],
        confirmed=counts["confirmed"],
        ratings=tuple(counts[f"rated{rating}"] for rating in range(1, 6)),
    )
