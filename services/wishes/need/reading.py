"""The queries of needs over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from services.wishes.need.domain import SOURCES_MAX
from services.wishes.need.queries import (
    SOURCES_SHOWN,
    Chosen,
    ExitFigures,
    Totals,
    count_exits,
    count_needs,
    find_need,
    find_source,
    list_events,
    list_needs,
    list_sources,
)
from services.wishes.need.read_model import NeedEventRow, NeedRow, NeedSourceRow
from services.wishes.need.refusals import NeedNotFound
from shared.contracts.wishes.needs import NeedExit, SourceKind
from shared.decider import RefusalKind, Refused
from shared.kit.http.bodies import Moment
from shared.kit.http.commands import Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms
from shared.kit.vault import Access, Purpose

Filter = Annotated[str | None, Query(min_length=1, max_length=200)]
Before = Annotated[Moment | None, Query(description="exclusive")]
From = Annotated[Moment | None, Query(description="inclusive")]
_PATH = "/communities/{scope}/needs"


class SourceInNoNeed(Refused):
    """The source is part of no need."""

    kind = RefusalKind.NOT_FOUND


class SourceAnswer(BaseModel):
    """A source of a need."""

    kind: str
    id: UUID
    joined_at: AwareDatetime


class NeedAnswer(BaseModel):
    """A need; of a list each has its first sources, asked for alone all of them.

    `source_count` counts all. `score` 0: it has no place in the order. `days` are whole days from
    the recording to the end, `cost_fen` null where it is not known.
    """

    need: str
    category: str
    grid: str
    area: str
    state: str
    score: int
    priority_reason: str
    recorded_at: AwareDatetime
    confirmed_at: AwareDatetime | None
    exit: str
    ended_at: AwareDatetime | None
    days: int | None
    cost_fen: int | None
    reference: UUID | None
    decline_reason: str
    retired_at: AwareDatetime | None
    version: int
    source_count: int
    sources: list[SourceAnswer]


class NeedTextsAnswer(BaseModel):
    """A need's texts by field. Every reading of them is logged."""

    need: str
    texts: dict[str, str]


class NeedEventAnswer(BaseModel):
    """An event of a need; `entered_at` is later than `occurred_at` where it was entered late."""

    version: int
    event: str
    event_id: str
    occurred_at: AwareDatetime
    entered_at: AwareDatetime
    actor: str


class JoinedAnswer(BaseModel):
    """Which need a source joined, and when."""

    need: str
    joined_at: AwareDatetime


class ShareAnswer(BaseModel):
    """A share as counts; `permille` is rounded half up, null of nothing."""

    needs: int
    of: int
    permille: int | None


class ExitAnswer(BaseModel):
    """What took an exit: its share of all that ended, how many days, and what it cost.

    The median is a value that occurs, null of nothing. `cost_fen` adds up those `costed`.
    """

    exit: NeedExit
    share: ShareAnswer
    median_days: int | None
    total_days: int
    costed: int
    cost_fen: int


class ExitsAnswer(BaseModel):
    """How needs end; all five exits are listed, and their counts add up to `ended`.

    `recorded` and `open` are as of now. `kept_in_grid` is the share that never left the grid.
    """

    recorded: int
    open: int
    ended: int
    kept_in_grid: ShareAnswer
    exits: list[ExitAnswer]


def add_queries(found: Routes, rooms: Rooms) -> None:
    """Add the GETs of needs."""
    # Before the needs: `exits` stands where their ids do.
    _add_exits(found, rooms)
    _add_lists(found, rooms)
    _add_one(found, rooms)
    _add_lineage(found, rooms)
    _add_texts(found, rooms)


def _add_exits(found: Routes, rooms: Rooms) -> None:
    async def get_need_exits(
        reader: Reading,
        *,
        category: Filter = None,
        grid: Filter = None,
        area: Filter = None,
        ended_from: From = None,
        ended_before: Before = None,
    ) -> ExitsAnswer:
        """Count how needs end: share, time and cost of each exit."""
        chosen = Chosen(
            category=category,
            grid=grid,
            area=area,
            ended_from=ended_from,
            ended_before=ended_before,
        )
        return exits_answer(
            await count_needs(rooms.tables, reader.scope, chosen),
            await count_exits(rooms.tables, reader.scope, chosen),
        )

    found.query(
        f"{_PATH}/exits", get_need_exits, action="read_needs", summary="Count how needs end"
    )


def _add_lists(found: Routes, rooms: Rooms) -> None:
    tables = rooms.tables

    async def get_needs(
        paging: Paging,
        reader: Reading,
        *,
        state: Filter = None,
        category: Filter = None,
        grid: Filter = None,
        area: Filter = None,
        exit: NeedExit | None = None,  # noqa: A002 - the word of the query
        recorded_before: Before = None,
        ended_from: From = None,
        ended_before: Before = None,
    ) -> Page[NeedAnswer]:
        """List needs, the highest score first, then the latest recorded."""
        chosen = Chosen(
            state=state,
            category=category,
            grid=grid,
            area=area,
            exit=None if exit is None else exit.value,
            recorded_before=recorded_before,
            ended_from=ended_from,
            ended_before=ended_before,
        )
        rows = await list_needs(
            tables,
            reader.scope,
            chosen,
            after=paging.after(tuple[int, str]),
            limit=paging.fetch,
        )
        sources = await list_sources(
            tables, reader.scope, [row.need for row in rows], each_max=SOURCES_SHOWN
        )
        return paging.page(
            rows,
            key=lambda row: (row.score, row.need),
            item=lambda row: _need(row, sources[row.need]),
        )

    found.query(_PATH, get_needs, action="read_needs", summary="List needs")


def _add_one(found: Routes, rooms: Rooms) -> None:
    async def get_need(need: UUID, reader: Reading) -> NeedAnswer:
        """Show a need with all its sources."""
        row = await _found(rooms, reader.scope, need)
        sources = await list_sources(rooms.tables, reader.scope, [row.need], each_max=SOURCES_MAX)
        return _need(row, sources[row.need])

    found.query(
        f"{_PATH}/{{need}}", get_need, action="read_needs", summary="Show a need", versioned=True
    )


def _add_lineage(found: Routes, rooms: Rooms) -> None:
    async def get_need_events(need: UUID, paging: Paging, reader: Reading) -> Page[NeedEventAnswer]:
        """List what happened to a need, in order."""
        await _found(rooms, reader.scope, need)
        (after,) = paging.after(tuple[int]) or (0,)
        rows = await list_events(
            rooms.tables, reader.scope, str(need), after=after, limit=paging.fetch
        )
        return paging.page(rows, key=lambda row: (row.version,), item=_event)

    async def get_source_need(kind: SourceKind, source: UUID, reader: Reading) -> JoinedAnswer:
        """Show which need a source joined."""
        row = await find_source(rooms.tables, reader.scope, kind.value, source)
        if row is None:
            raise SourceInNoNeed
        return JoinedAnswer(need=row.need, joined_at=row.joined_at)

    found.query(
        f"{_PATH}/{{need}}/events",
        get_need_events,
        action="read_needs",
        summary="List a need's events",
    )
    found.query(
        "/communities/{scope}/sources/{kind}/{source}/need",
        get_source_need,
        action="read_needs",
        summary="Show which need a source joined",
    )


def _add_texts(found: Routes, rooms: Rooms) -> None:
    async def get_need_texts(need: UUID, reader: Reading) -> NeedTextsAnswer:
        """Reveal a need's title and text, for handling it."""
        row = await _found(rooms, reader.scope, need)
        access = Access(Purpose.HANDLING, reader.caller, reader.scope)
        revealed = await rooms.vault.reveal([row.texts], access)
        return NeedTextsAnswer(need=row.need, texts=revealed[row.texts])

    found.query(
        f"{_PATH}/{{need}}/texts",
        get_need_texts,
        action="read_need_texts",
        summary="Reveal a need's texts",
        reveals=True,
    )


async def _found(rooms: Rooms, scope: str, need: UUID) -> NeedRow:
    row = await find_need(rooms.tables, scope, str(need))
    if row is None:
        raise NeedNotFound
    return row


def exits_answer(totals: Totals, exits: Sequence[ExitFigures]) -> ExitsAnswer:
    """Show the figures of all five exits, those that nothing took among them."""
    figures = {one.exit: one for one in exits}
    ended = totals.ended
    in_grid = figures.get(NeedExit.SOLVED_IN_GRID.value)
    return ExitsAnswer(
        recorded=totals.recorded,
        open=totals.open,
        ended=ended,
        kept_in_grid=_share(0 if in_grid is None else in_grid.needs, ended),
        exits=[_exit(exit_, figures.get(exit_.value), ended) for exit_ in NeedExit],
    )


def _exit(exit_: NeedExit, found: ExitFigures | None, ended: int) -> ExitAnswer:
    if found is None:
        return ExitAnswer(
            exit=exit_, share=_share(0, ended), median_days=None, total_days=0, costed=0, cost_fen=0
        )
    return ExitAnswer(
        exit=exit_,
        share=_share(found.needs, ended),
        median_days=found.median_days,
        total_days=found.total_days,
        costed=found.costed,
        cost_fen=found.cost_fen,
    )


def _share(needs: int, of: int) -> ShareAnswer:
    permille = (2000 * needs + of) // (2 * of) if of else None
    return ShareAnswer(needs=needs, of=of, permille=permille)


def _need(row: NeedRow, sources: Sequence[NeedSourceRow]) -> NeedAnswer:
    own: dict[str, Any] = {
        name: getattr(row, name)
        for name in NeedAnswer.model_fields
        if name not in ("sources", "source_count")
    }
    shown = [SourceAnswer(kind=one.kind, id=one.source, joined_at=one.joined_at) for one in sources]
    return NeedAnswer(**own, source_count=row.sources, sources=shown)


def _event(row: NeedEventRow) -> NeedEventAnswer:
    return NeedEventAnswer(
        version=row.version,
        event=row.event,
        event_id=row.event_id,
        occurred_at=row.occurred_at,
        entered_at=row.entered_at,
        actor=row.actor,
    )
