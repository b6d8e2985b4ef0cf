"""What is read of offers: the catalogue, a provider's history, reservations, and idle days."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from services.wishes.resource.read_model import ResourceRow, ResourceUseRow
from shared.kit.read_models.tables import Tables


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """Of the days on which a kind was offered, those on which nothing of the offer was in use."""

    kind: str
    offers: int
    days_offered: int
    days_idle: int


async def list_resources(
    tables: Tables,
    scope: str,
    *,
    now: datetime,
    standing: bool,
    kind: str | None,
    area: str | None,
    provider: UUID | None,
    after: str,
    limit: int,
) -> list[ResourceRow]:
    """Give offers past an id, by id; `standing`: those that are verified and valid now."""
    rows = await tables.fetch(
        """
        SELECT r.scope, r.resource, r.kind, r.area, r.provider, r.quantity, r.price_fen,
               r.valid_from, r.valid_until, r.texts, r.state, r.version, r.offered_at, r.reserved,
               r.in_use, r.consumed, r.verified_at, r.ended_at
        FROM {resources} AS r
        WHERE r.scope = $1
          AND (NOT $2::boolean
               OR (r.state = 'available' AND r.valid_from <= $3 AND r.valid_until > $3))
          AND ($4::text IS NULL OR r.kind = $4)
          AND ($5::text IS NULL OR r.area = $5)
          AND ($6::uuid IS NULL OR r.provider = $6)
          AND r.resource > $7
        ORDER BY r.resource
        LIMIT $8
        """,
        scope,
        standing,
        now,
        kind,
        area,
        provider,
        after,
        limit,
    )
    return [ResourceRow(**dict(row)) for row in rows]


async def find_resource(tables: Tables, scope: str, resource: str) -> ResourceRow | None:
    """Give an offer, or None."""
    row = await tables.fetchrow(
        """
        SELECT r.scope, r.resource, r.kind, r.area, r.provider, r.quantity, r.price_fen,
               r.valid_from, r.valid_until, r.texts, r.state, r.version, r.offered_at, r.reserved,
               r.in_use, r.consumed, r.verified_at, r.ended_at
        FROM {resources} AS r
        WHERE r.scope = $1 AND r.resource = $2
        """,
        scope,
        resource,
    )
    return None if row is None else ResourceRow(**dict(row))


async def list_uses(
    tables: Tables, scope: str, resource: str, *, after: UUID | None, limit: int
) -> list[ResourceUseRow]:
    """Give an offer's reservations past an id, by id."""
    rows = await tables.fetch(
        """
        SELECT u.scope, u.resource, u.reservation, u.need, u.quantity, u.stage, u.reserved_at,
               u.taken_at, u.ended_at
        FROM {resource_uses} AS u
        WHERE u.scope = $1 AND u.resource = $2 AND ($3::uuid IS NULL OR u.reservation > $3)
        ORDER BY u.reservation
        LIMIT $4
        """,
        scope,
        resource,
        after,
        limit,
    )
    return [ResourceUseRow(**dict(row)) for row in rows]


async def count_idle(
    tables: Tables, scope: str, *, now: datetime, provider: UUID | None
) -> list[Idle]:
    """Count days by kind: local days, from the first on which a verified offer was valid.

    An offer's days end today, or with its end. A day on which anything of it was in use is busy.
    """
    rows = await tables.fetch(
        """
        WITH offered AS (
            SELECT r.resource, r.kind,
                   daterange(
                       (greatest(r.valid_from, r.offered_at) AT TIME ZONE 'Asia/Shanghai')::date,
                       (least($2::timestamptz, r.valid_until, r.ended_at)
                        AT TIME ZONE 'Asia/Shanghai')::date, '[]') AS days
            FROM {resources} AS r
            WHERE r.scope = $1 AND r.verified_at IS NOT NULL
              AND greatest(r.valid_from, r.offered_at)
                  <= least($2::timestamptz, r.valid_until, r.ended_at)
              AND ($3::uuid IS NULL OR r.provider = $3)
        ), busy AS (
            SELECT u.resource,
                   range_agg(daterange(
                       (u.taken_at AT TIME ZONE 'Asia/Shanghai')::date,
                       (coalesce(u.ended_at, $2::timestamptz)
                        AT TIME ZONE 'Asia/Shanghai')::date, '[]')) AS days
            FROM {resource_uses} AS u
            WHERE u.scope = $1 AND u.taken_at IS NOT NULL
            GROUP BY u.resource
        ), counted AS (
            SELECT o.kind, upper(o.days) - lower(o.days) AS offered,
                   (SELECT coalesce(sum(upper(d.part) - lower(d.part)), 0)
                    FROM unnest(b.days * datemultirange(o.days)) AS d (part)) AS busy
            FROM offered AS o
            LEFT JOIN busy AS b ON b.resource = o.resource
        )
        SELECT c.kind, count(*) AS offers, sum(c.offered)::bigint AS days_offered,
               sum(c.offered - c.busy)::bigint AS days_idle
        FROM counted AS c
        GROUP BY c.kind
        ORDER BY c.kind
        """,
        scope,
        now,
        provider,
    )
    return [Idle(**dict(row)) for row in rows]
