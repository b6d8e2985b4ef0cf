"""What is read of requests: the case file, the list, and the figures with their denominators."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.wishes.request.read_model import HopRow, RequestRow
from shared.kit.read_models.tables import Tables

BANDS_DAYS = (7, 15, 30, 90, 365)


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from receipt to a dated answer; the quartiles are values that occur (discrete)."""

    dated: int
    undated: int
    min_seconds: int | None
    quartile1_seconds: int | None
    median_seconds: int | None
    quartile3_seconds: int | None
    max_seconds: int | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of a community's requests; ageing has one count more than there are bands."""

    received: int
    accepted: int
    returned: int
    answered: int
    open: int
    closed: int
    days: Days
    answered_ageing: tuple[int, ...]
    open_ageing: tuple[int, ...]
    categories: tuple[tuple[str, int], ...]
    areas: tuple[tuple[str, int], ...]


async def find_request(tables: Tables, scope: str, request: str) -> RequestRow | None:
    """Give a case file, or None."""
    row = await tables.fetchrow(
        """
        SELECT r.scope, r.request, r.kind, r.category, r.category_policy, r.area, r.requester,
               r.texts, r.state, r.received_at, r.version, r.unit, r.accountable, r.hops,
               r.accepted_at, r.dispatched_at, r.answered_at, r.answer_dated, r.answer_texts,
               r.question_texts, r.info_texts, r.ended_at, r.end_reason,
               r.received_by, r.answered_by, r.priority, r.round, r.reopened_at,
               r.reopening_texts
        FROM {requests} AS r
        WHERE r.scope = $1 AND r.request = $2
        """,
        scope,
        request,
    )
    return None if row is None else RequestRow(**dict(row))


async def list_hops(tables: Tables, scope: str, request: str) -> list[HopRow]:
    """Give a request's stays with units, in order; the last one ends with the answer or the end."""
    rows = await tables.fetch(
        """
        SELECT h.scope, h.request, h.hop, h.unit, h.reason, h.since_at,
               coalesce(h.until_at, r.answered_at, r.ended_at) AS until_at
        FROM {request_hops} AS h
        JOIN {requests} AS r ON r.scope = h.scope AND r.request = h.request
        WHERE h.scope = $1 AND h.request = $2
        ORDER BY h.hop
        """,
        scope,
        request,
    )
    return [HopRow(**dict(row)) for row in rows]


async def list_requests(
    tables: Tables,
    scope: str,
    *,
    filters: Mapping[str, str | None],
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[RequestRow]:
    """Give requests, the latest received first; filters: state, category, area, unit, kind."""
    rows = await tables.fetch(
        """
        SELECT r.scope, r.request, r.kind, r.category, r.category_policy, r.area, r.requester,
               r.texts, r.state, r.received_at, r.version, r.unit, r.accountable, r.hops,
               r.accepted_at, r.dispatched_at, r.answered_at, r.answer_dated, r.answer_texts,
               r.question_texts, r.info_texts, r.ended_at, r.end_reason,
               r.received_by, r.answered_by, r.priority, r.round, r.reopened_at,
               r.reopening_texts
        FROM {requests} AS r
        WHERE r.scope = $1
          AND ($2::text IS NULL OR r.state = $2)
          AND ($3::text IS NULL OR r.category = $3)
          AND ($4::text IS NULL OR r.area = $4)
          AND ($5::text IS NULL OR r.unit = $5)
          AND ($6::text IS NULL OR r.kind = $6)
          AND ($7::timestamptz IS NULL OR (r.received_at, r.request) < ($7, $8))
        ORDER BY r.received_at DESC, r.request DESC
        LIMIT $9
        """,
        scope,
        filters.get("state"),
        filters.get("category"),
        filters.get("area"),
        filters.get("unit"),
        filters.get("kind"),
        *(after or (None, "")),
        limit,
    )
    return [RequestRow(**dict(row)) for row in rows]


async def find_by_texts(tables: Tables, scope: str, records: list[UUID]) -> list[RequestRow]:
    """Give the requests that hold one of these vault records, the latest received first."""
    rows = await tables.fetch(
        """
        SELECT r.scope, r.request, r.kind, r.category, r.category_policy, r.area, r.requester,
               r.texts, r.state, r.received_at, r.version, r.unit, r.accountable, r.hops,
               r.accepted_at, r.dispatched_at, r.answered_at, r.answer_dated, r.answer_texts,
               r.question_texts, r.info_texts, r.ended_at, r.end_reason,
               r.received_by, r.answered_by, r.priority, r.round, r.reopened_at,
               r.reopening_texts
        FROM {requests} AS r
        WHERE r.scope = $1
          AND (r.texts = ANY ($2::uuid[]) OR r.info_texts = ANY ($2::uuid[])
               OR r.answer_texts = ANY ($2::uuid[]) OR r.reopening_texts = ANY ($2::uuid[]))
        ORDER BY r.received_at DESC, r.request DESC
        """,
        scope,
        records,
    )
    return [RequestRow(**dict(row)) for row in rows]


async def list_held(tables: Tables, scope: str, unit: str, *, after: str, limit: int) -> list[str]:
    """Give the ids past `after` of the requests that a unit has, in order."""
    rows = await tables.fetch(
        """
        SELECT r.request
        FROM {requests} AS r
        WHERE r.scope = $1 AND r.unit = $2 AND r.request > $3
          AND r.state IN ('dispatched', 'awaiting_info')
        ORDER BY r.request
        LIMIT $4
        """,
        scope,
        unit,
        after,
        limit,
    )
    return [row["request"] for row in rows]


async def figures(tables: Tables, scope: str, *, now: datetime, top: int) -> Figures:
    """Count a community's requests as they stand; open ones age until `now`."""
    counts = await _counts(tables, scope)
    return Figures(
        received=counts["received"],
        accepted=counts["accepted"],
        returned=counts["returned"],
        answered=counts["answered"],
        open=counts["open"],
        closed=counts["closed"],
        days=Days(
            dated=counts["dated"],
            undated=counts["answered"] - counts["dated"],
            min_seconds=counts["min_seconds"],
            quartile1_seconds=counts["quartile1_seconds"],
            median_seconds=counts["median_seconds"],
            quartile3_seconds=counts["quartile3_seconds"],
            max_seconds=counts["max_seconds"],
        ),
        answered_ageing=await _answered_ageing(tables, scope),
        open_ageing=await _open_ageing(tables, scope, now),
        categories=await _busiest_categories(tables, scope, top),
        areas=await _busiest_areas(tables, scope, top),
    )


async def _counts(tables: Tables, scope: str) -> Mapping[str, Any]:
    row = await tables.fetchrow(
        """
        WITH of_scope AS (
            SELECT r.state, r.accepted_at, r.answered_at,
                   CASE WHEN r.answered_at IS NOT NULL AND r.answer_dated
                        THEN floor(extract(epoch FROM r.answered_at - r.received_at))::bigint
                   END AS seconds
            FROM {requests} AS r
            WHERE r.scope = $1
        )
        SELECT count(*) AS received,
               count(o.accepted_at) AS accepted,
               count(*) FILTER (WHERE o.state = 'returned') AS returned,
               count(o.answered_at) AS answered,
               count(*) FILTER (WHERE o.answered_at IS NULL
                                  AND o.state NOT IN ('returned', 'closed')) AS open,
               count(*) FILTER (WHERE o.state = 'closed') AS closed,
               count(o.seconds) AS dated,
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
    return dict(row)


async def _answered_ageing(tables: Tables, scope: str) -> tuple[int, ...]:
    rows = await tables.fetch(
        """
        SELECT width_bucket(a.seconds, $2::bigint[]) AS band, count(*) AS requests
        FROM (SELECT floor(extract(epoch FROM r.answered_at - r.received_at))::bigint AS seconds
              FROM {requests} AS r
              WHERE r.scope = $1 AND r.answered_at IS NOT NULL AND r.answer_dated) AS a
        GROUP BY band
        """,
        scope,
        _band_seconds(),
    )
    return _banded(rows)


async def _open_ageing(tables: Tables, scope: str, now: datetime) -> tuple[int, ...]:
    rows = await tables.fetch(
        """
        SELECT width_bucket(a.seconds, $2::bigint[]) AS band, count(*) AS requests
        FROM (SELECT floor(extract(epoch FROM $3::timestamptz - r.received_at))::bigint AS seconds
              FROM {requests} AS r
              WHERE r.scope = $1 AND r.answered_at IS NULL
                AND r.state NOT IN ('returned', 'closed')) AS a
        GROUP BY band
        """,
        scope,
        _band_seconds(),
        now,
    )
    return _banded(rows)


async def _busiest_categories(tables: Tables, scope: str, top: int) -> tuple[tuple[str, int], ...]:
    rows = await tables.fetch(
        """
        SELECT r.category, count(*) AS requests
        FROM {requests} AS r
        WHERE r.scope = $1
        GROUP BY r.category
        ORDER BY requests DESC, r.category COLLATE "C"
        LIMIT $2
        """,
        scope,
        top,
    )
    return tuple((row["category"], row["requests"]) for row in rows)


async def _busiest_areas(tables: Tables, scope: str, top: int) -> tuple[tuple[str, int], ...]:
    rows = await tables.fetch(
        """
        SELECT r.area, count(*) AS requests
        FROM {requests} AS r
        WHERE r.scope = $1
        GROUP BY r.area
        ORDER BY requests DESC, r.area COLLATE "C"
        LIMIT $2
        """,
        scope,
        top,
    )
    return tuple((row["area"], row["requests"]) for row in rows)


def _band_seconds() -> list[int]:
    # A band holds what is at most that many days: it ends just before the next second.
    return [days * 86400 + 1 for days in BANDS_DAYS]


def _banded(rows: list[Any]) -> tuple[int, ...]:
    counts = {row["band"]: row["requests"] for row in rows}
    return tuple(counts.get(band, 0) for band in range(len(BANDS_DAYS) + 1))
