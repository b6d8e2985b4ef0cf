"""Matters heard from wishes, one row each; counts are SQL over rows, never folded counters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from shared.contracts.deliberation.agenda import AgendaItemSettled, AgendaItemTaken
from shared.contracts.wishes import (
    RequestAnswered,
    RequestClosed,
    RequestReceived,
    RequestReopened,
    RequestReturned,
)
from shared.decider import Fact
from shared.effective import DISTRICT_ZONE
from shared.kit.read_models.model import ReadModel, Row
from shared.kit.read_models.tables import Tables

# A month is the district's month, not UTC's.


class Matter(Row):
    """A request as the council sees it: where, what about, since which month, and how it stands."""

    scope: str
    matter: str
    area: str
    category: str
    kind: str
    month: str
    received_at: datetime
    answered_at: datetime | None = None
    state: str = "open"


def _keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    return ((fact.scope, fact.id),)


def _fold(  # noqa: PLR0911 - a table, an arm per event
    _key: tuple[Any, ...], row: Matter | None, fact: Fact
) -> Matter | None:
    match fact.event, row:
        case RequestReceived() as event, _:
            return Matter(
                scope=fact.scope,
                matter=fact.id,
                area=event.area,
                category=event.category,
                kind=event.kind.value,
                month=fact.occurred_at.astimezone(DISTRICT_ZONE).strftime("%Y-%m"),
                received_at=fact.occurred_at,
            )
        case RequestAnswered(), Matter():
            return msgspec.structs.replace(row, answered_at=fact.occurred_at, state="answered")
        case RequestReturned(), Matter():
            return msgspec.structs.replace(row, state="returned")
        case RequestReopened(), Matter():
            return msgspec.structs.replace(row, answered_at=None, state="open")
        case RequestClosed(), Matter(state="answered"):
            return msgspec.structs.replace(row, state="closed")
        case RequestClosed(), Matter():
            return msgspec.structs.replace(row, state="withdrawn")
        case _:
            return row


MATTERS = ReadModel(
    name="matters",
    revision=3,
    row=Matter,
    key=("scope", "matter"),
    keys=_keys,
    fold=_fold,
    events=(RequestReceived, RequestAnswered, RequestReturned, RequestClosed, RequestReopened),
    indexes=(("scope", "month"), ("scope", "category", "area")),
)


class ItemRow(Row):
    """A matter that was brought before the council: taken, settled (with its fate) or declined."""

    scope: str
    item: str
    area: str
    category: str
    requests: int
    state: str
    fate: str
    taken_at: datetime
    settled_at: datetime | None = None


def _fold_item(key: tuple[Any, ...], row: ItemRow | None, fact: Fact) -> ItemRow | None:
    match fact.event, row:
        case AgendaItemTaken() as event, None:
            return ItemRow(
                scope=key[0],
                item=key[1],
                area=event.area,
                category=event.category,
                requests=event.requests,
                state="taken",
                fate="",
                taken_at=fact.occurred_at,
            )
        case AgendaItemSettled(fate=fate), ItemRow(state="taken"):
            return msgspec.structs.replace(
                row, state="settled", fate=fate.value, settled_at=fact.occurred_at
            )
        case _:
            return row


AGENDA_ITEMS = ReadModel(
    name="agenda_items",
    revision=1,
    row=ItemRow,
    key=("scope", "item"),
    keys=_keys,
    fold=_fold_item,
    events=(AgendaItemTaken, AgendaItemSettled),
    indexes=(("scope", "taken_at"),),
)


async def list_items(
    tables: Tables,
    scope: str,
    *,
    state: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[ItemRow]:
    """Give the council's items, the latest taken first."""
    rows = await tables.fetch(
        """
        SELECT i.scope, i.item, i.area, i.category, i.requests, i.state, i.fate, i.taken_at,
               i.settled_at
        FROM {agenda_items} AS i
        WHERE i.scope = $1 AND ($2::text IS NULL OR i.state = $2)
          AND ($3::timestamptz IS NULL OR (i.taken_at, i.item) < ($3, $4))
        ORDER BY i.taken_at DESC, i.item DESC
        LIMIT $5
        """,
        scope,
        state,
        *(after or (None, "")),
        limit,
    )
    return [ItemRow(**dict(row)) for row in rows]


class AgendaItem(msgspec.Struct, frozen=True, kw_only=True):
    """A group of matters of one area, category and month, and how many still lack an answer."""

    month: str
    area: str
    category: str
    matters: int
    open: int
    answered: int


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How many matters the council has heard of, and how many have an answer."""

    heard: int
    answered: int
    open: int
    areas: int
    categories: int
    months: int


async def list_agenda(
    tables: Tables,
    scope: str,
    *,
    month_from: str,
    month_to: str,
    category: str | None,
    area: str | None,
    after: tuple[int, str, str, str] | None,
    limit: int,
) -> list[AgendaItem]:
    """Give groups of matters, the largest first, then the latest month, then area and category."""
    rows = await tables.fetch(
        """
        SELECT g.month, g.area, g.category, g.matters, g.open, g.answered
        FROM (
            SELECT m.month, m.area, m.category, count(*) AS matters,
                   count(*) FILTER (WHERE m.state = 'open') AS open,
                   count(*) FILTER (WHERE m.state IN ('answered', 'closed')) AS answered
            FROM {matters} AS m
            WHERE m.scope = $1 AND m.month BETWEEN $2 AND $3
              AND ($4::text IS NULL OR m.category = $4)
              AND ($5::text IS NULL OR m.area = $5)
            GROUP BY m.month, m.area, m.category
        ) AS g
        WHERE $6::bigint IS NULL
           OR g.matters < $6
           OR g.matters = $6 AND (g.month < $7 OR g.month = $7 AND (g.area, g.category) > ($8, $9))
        ORDER BY g.matters DESC, g.month DESC, g.area, g.category
        LIMIT $10
        """,
        scope,
        month_from,
        month_to,
        category,
        area,
        *(after or (None, "", "", "")),
        limit,
    )
    return [AgendaItem(**dict(row)) for row in rows]


async def totals(tables: Tables, scope: str) -> Totals:
    """Count what was heard."""
    row = await tables.fetchrow(
        """
        SELECT count(*) AS heard,
               count(*) FILTER (WHERE m.state IN ('answered', 'closed')) AS answered,
               count(*) FILTER (WHERE m.state = 'open') AS open,
               count(DISTINCT m.area) AS areas,
               count(DISTINCT m.category) AS categories,
               count(DISTINCT m.month) AS months
        FROM {matters} AS m
        WHERE m.scope = $1
        """,
        scope,
    )
    return Totals(**dict(row or {}))
