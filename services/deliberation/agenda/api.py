"""HTTP of the agenda: the largest groups of matters first, and the totals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from services.deliberation.agenda.domain import SettleItem
from services.deliberation.agenda.read_model import (
    AgendaItem,
    ItemRow,
    Totals,
    list_agenda,
    list_items,
)
from services.deliberation.agenda.read_model import totals as agenda_totals
from shared.contracts.wishes.recurrence import Fate
from shared.kit.http.bodies import TimedBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms

Month = Annotated[str, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Filter = Annotated[str | None, Query(min_length=1, max_length=200)]


class AgendaAnswer(BaseModel):
    """Matters of one area, category and month; `open` ones have no answer yet."""

    month: str
    area: str
    category: str
    matters: int
    open: int
    answered: int


class TotalsAnswer(BaseModel):
    """What the council has heard of in all."""

    heard: int
    answered: int
    open: int
    areas: int
    categories: int
    months: int


class FateBody(TimedBody):
    """What the council decided."""

    fate: Fate


class ItemAnswer(BaseModel):
    """A matter that was brought before the council."""

    item: UUID
    area: str
    category: str
    requests: int
    state: str
    fate: str
    taken_at: AwareDatetime
    settled_at: AwareDatetime | None


def routes(rooms: Rooms) -> Routes:
    """Give the agenda's routes."""
    found = Routes("deliberation", rooms.edge)
    tables = rooms.tables

    async def get_agenda(
        paging: Paging,
        reader: Reading,
        *,
        month_from: Month = "0001-01",
        month_to: Month = "9999-12",
        category: Filter = None,
        area: Filter = None,
    ) -> Page[AgendaAnswer]:
        """List groups of matters by area, category and month, the largest first."""
        rows = await list_agenda(
            tables,
            reader.scope,
            month_from=month_from,
            month_to=month_to,
            category=category,
            area=area,
            after=paging.after(tuple[int, str, str, str]),
            limit=paging.fetch,
        )
        return paging.page(
            rows, key=lambda row: (row.matters, row.month, row.area, row.category), item=_answer
        )

    found.query(
        "/communities/{scope}/agenda",
        get_agenda,
        action="read_agenda",
        summary="List matters by area, category and month",
    )
    _add_totals(found, rooms)
    _add_items(found, rooms)
    return found


def _add_items(found: Routes, rooms: Rooms) -> None:
    async def get_items(
        paging: Paging, reader: Reading, *, state: Filter = None
    ) -> Page[ItemAnswer]:
        """List the matters that were brought before the council, the latest first."""
        rows = await list_items(
            rooms.tables,
            reader.scope,
            state=state,
            after=paging.after(tuple[datetime, str]),
            limit=paging.fetch,
        )
        return paging.page(rows, key=lambda row: (row.taken_at, row.item), item=_item)

    path = "/communities/{scope}/agenda/items"
    found.query(path, get_items, action="read_agenda", summary="List the council's items")
    found.command(
        f"{path}/{{item}}/fate",
        FateBody,
        _settle,
        action=SettleItem,
        summary="Enter what the council decided",
    )


def _settle(call: Call[FateBody]) -> Draft:
    return Draft(SettleItem(item=str(call.id("item")), fate=call.body.fate))


def _item(row: ItemRow) -> ItemAnswer:
    return ItemAnswer(
        item=UUID(row.item),
        area=row.area,
        category=row.category,
        requests=row.requests,
        state=row.state,
        fate=row.fate,
        taken_at=row.taken_at,
        settled_at=row.settled_at,
    )


def _add_totals(found: Routes, rooms: Rooms) -> None:
    async def get_totals(reader: Reading) -> TotalsAnswer:
        """Count the matters that were heard."""
        return _totals(await agenda_totals(rooms.tables, reader.scope))

    found.query(
        "/communities/{scope}/agenda/totals",
        get_totals,
        action="read_agenda",
        summary="Count the matters heard",
    )


def _answer(row: AgendaItem) -> AgendaAnswer:
    return AgendaAnswer(
        month=row.month,
        area=row.area,
        category=row.category,
        matters=row.matters,
        open=row.open,
        answered=row.answered,
    )


def _totals(found: Totals) -> TotalsAnswer:
    return TotalsAnswer(
        heard=found.heard,
        answered=found.answered,
        open=found.open,
        areas=found.areas,
        categories=found.categories,
        months=found.months,
    )
