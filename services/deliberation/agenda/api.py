"""HTTP of the agenda: the largest groups of matters first, and the totals."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from services.deliberation.agenda.read_model import AgendaItem, Totals, list_agenda
from services.deliberation.agenda.read_model import totals as agenda_totals
from shared.kit.http.commands import Routes
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
    return found


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
