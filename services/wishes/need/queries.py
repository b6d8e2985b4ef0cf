"""What is read of needs: the list, a need with its sources and events, and the exits in figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.wishes.need.read_model import NeedEventRow, NeedRow, NeedSourceRow
from shared.kit.read_models.tables import Tables

SOURCES_SHOWN = 20  # of each need of a list; the need itself shows all


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which needs are meant; what is None leaves nothing out. Times are [from, before)."""

    state: str | None = None
    category: str | None = None
    grid: str | None = None
    area: str | None = None
    exit: str | None = None
    recorded_before: datetime | None = None
    ended_from: datetime | None = None
    ended_before: datetime | None = None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How many needs were recorded and how many are open now, and how many ended when meant."""

    recorded: int
    open: int
    ended: int


class ExitFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of one exit; the median is a value that occurs, `costed` have a cost."""

    exit: str
    needs: int
    median_days: int
    total_days: int
    costed: int
    cost_fen: int


async def list_needs(
    tables: Tables, scope: str, chosen: Chosen, *, after: tuple[int, str] | None, limit: int
) -> list[NeedRow]:
    """Give needs, the highest score first, then the latest recorded."""
    rows = await tables.fetch(
        """
        SELECT n.scope, n.need, n.category, n.grid, n.area, n.texts, n.state, n.version,
               n.recorded_at, n.sources, n.score, n.priority_reason, n.confirmed_at, n.exit,
               n.ended_at, n.days, n.cost_fen, n.reference, n.decline_reason, n.retired_at
        FROM {needs} AS n
        WHERE n.scope = $1
          AND ($2::text IS NULL OR n.state = $2)
          AND ($3::text IS NULL OR n.category = $3)
          AND ($4::text IS NULL OR n.grid = $4)
          AND ($5::text IS NULL OR n.area = $5)
          AND ($6::text IS NULL OR n.exit = $6)
          AND ($7::timestamptz IS NULL OR n.recorded_at < $7)
          AND ($8::timestamptz IS NULL OR n.ended_at >= $8)
          AND ($9::timestamptz IS NULL OR n.ended_at < $9)
          AND ($10::bigint IS NULL OR (n.score, n.need) < ($10, $11))
        ORDER BY n.score DESC, n.need DESC
        LIMIT $12
        """,
        scope,
        chosen.state,
        chosen.category,
        chosen.grid,
        chosen.area,
        chosen.exit,
        chosen.recorded_before,
        chosen.ended_from,
        chosen.ended_before,
        *(after or (None, "")),
        limit,
    )
    return [NeedRow(**dict(row)) for row in rows]


async def find_need(tables: Tables, scope: str, need: str) -> NeedRow | None:
    """Give a need, or None."""
    row = await tables.fetchrow(
        """
        SELECT n.scope, n.need, n.category, n.grid, n.area, n.texts, n.state, n.version,
               n.recorded_at, n.sources, n.score, n.priority_reason, n.confirmed_at, n.exit,
               n.ended_at, n.days, n.cost_fen, n.reference, n.decline_reason, n.retired_at
        FROM {needs} AS n
        WHERE n.scope = $1 AND n.need = $2
        """,
        scope,
        need,
    )
    return None if row is None else NeedRow(**dict(row))


async def list_sources(
    tables: Tables, scope: str, needs: Sequence[str], *, each_max: int
) -> dict[str, list[NeedSourceRow]]:
    """Give up to `each_max` sources of each of these needs, by kind and id."""
    rows = await tables.fetch(
        """
        SELECT s.scope, s.kind, s.source, s.need, s.joined_at
        FROM unnest($2::text[]) AS w (need)
        CROSS JOIN LATERAL (
            SELECT o.scope, o.kind, o.source, o.need, o.joined_at
            FROM {need_sources} AS o
            WHERE o.scope = $1 AND o.need = w.need
            ORDER BY o.kind, o.source
            LIMIT $3
        ) AS s
        ORDER BY s.need, s.kind, s.source
        """,
        scope,
        list(needs),
        each_max,
    )
    found: dict[str, list[NeedSourceRow]] = {need: [] for need in needs}
    for row in rows:
        found[row["need"]].append(NeedSourceRow(**dict(row)))
    return found


async def find_source(tables: Tables, scope: str, kind: str, source: UUID) -> NeedSourceRow | None:
    """Give which need a source is part of, or None."""
    row = await tables.fetchrow(
        """
        SELECT s.scope, s.kind, s.source, s.need, s.joined_at
        FROM {need_sources} AS s
        WHERE s.scope = $1 AND s.kind = $2 AND s.source = $3
        """,
        scope,
        kind,
        source,
    )
    return None if row is None else NeedSourceRow(**dict(row))


async def list_events(
    tables: Tables, scope: str, need: str, *, after: int, limit: int
) -> list[NeedEventRow]:
    """Give a need's events past a version, in order."""
    rows = await tables.fetch(
        """
        SELECT e.scope, e.need, e.version, e.event, e.event_id, e.occurred_at, e.entered_at, e.actor
        FROM {need_events} AS e
        WHERE e.scope = $1 AND e.need = $2 AND e.version > $3
        ORDER BY e.version
        LIMIT $4
        """,
        scope,
        need,
        after,
        limit,
    )
    return [NeedEventRow(**dict(row)) for row in rows]


async def count_needs(tables: Tables, scope: str, chosen: Chosen) -> Totals:
    """Count needs of a category, a grid and an area; the times only choose among the ended."""
    row = await tables.fetchrow(
        """
        SELECT count(*) AS recorded,
               count(*) FILTER (WHERE n.ended_at IS NULL) AS open,
               count(*) FILTER (WHERE n.ended_at IS NOT NULL
                                  AND ($5::timestamptz IS NULL OR n.ended_at >= $5)
                                  AND ($6::timestamptz IS NULL OR n.ended_at < $6)) AS ended
        FROM {needs} AS n
        WHERE n.scope = $1
          AND ($2::text IS NULL OR n.category = $2)
          AND ($3::text IS NULL OR n.grid = $3)
          AND ($4::text IS NULL OR n.area = $4)
        """,
        *_of(scope, chosen),
    )
    return Totals(**dict(row or {}))


async def count_exits(tables: Tables, scope: str, chosen: Chosen) -> list[ExitFigures]:
    """Count what ended, exit by exit; an exit that nothing took is not in the list."""
    rows = await tables.fetch(
        """
        SELECT n.exit, count(*) AS needs,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY n.days) AS median_days,
               sum(n.days)::bigint AS total_days,
               count(n.cost_fen) AS costed,
               coalesce(sum(n.cost_fen), 0)::bigint AS cost_fen
        FROM {needs} AS n
        WHERE n.scope = $1 AND n.ended_at IS NOT NULL
          AND ($2::text IS NULL OR n.category = $2)
          AND ($3::text IS NULL OR n.grid = $3)
          AND ($4::text IS NULL OR n.area = $4)
          AND ($5::timestamptz IS NULL OR n.ended_at >= $5)
          AND ($6::timestamptz IS NULL OR n.ended_at < $6)
        GROUP BY n.exit
        """,
        *_of(scope, chosen),
    )
    return [ExitFigures(**dict(row)) for row in rows]


def _of(scope: str, chosen: Chosen) -> tuple[Any, ...]:
    return (
        scope,
        chosen.category,
        chosen.grid,
        chosen.area,
        chosen.ended_from,
        chosen.ended_before,
    )
