"""The queries of requests over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from services.wishes.request.queries import (
    BANDS_DAYS,
    Figures,
    figures,
    find_by_texts,
    find_request,
    list_hops,
    list_requests,
)
from services.wishes.request.read_model import HopRow, RequestRow
from services.wishes.request.refusals import RequestNotFound
from services.wishes.request.responsibility_api import add_responsibility
from services.wishes.request.timing_queries import (
    Callbacks,
    Timing,
    count_callbacks,
    count_timing,
)
from services.wishes.request.timing_reading import (
    RateAnswer,
    SatisfactionAnswer,
    TimesAnswer,
    TimingAnswer,
    add_owed,
    rates,
    satisfaction,
    times_of,
    timing,
)
from shared.contracts.wishes import InfoGiven, RequestAnswered, RequestReceived, RequestReopened
from shared.kit.http.commands import Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms
from shared.kit.vault import Access, Purpose, Searchable
from shared.kit.vault.search import QUERY_CHARS_MAX

TOP = 10
SEARCHED_FIELDS = ("subject", "text", "info", "answer", "reopening")
SEARCHABLE = (
    Searchable(RequestReceived, lambda event: event.texts, ("subject", "text")),
    Searchable(InfoGiven, lambda event: event.texts, ("info",)),
    Searchable(RequestAnswered, lambda event: event.texts, ("answer",)),
    Searchable(RequestReopened, lambda event: event.texts, ("reopening",)),
)
Filter = Annotated[str | None, Query(min_length=1, max_length=200)]


class HopAnswer(BaseModel):
    """A stay with a unit: hop 0 is the first receiver; `seconds` is empty while it lasts."""

    hop: int
    unit: str
    reason: str
    since: AwareDatetime
    until: AwareDatetime | None
    seconds: int | None


class RequestAnswer(BaseModel):
    """A request as the list shows it."""

    request: str
    kind: str
    category: str
    area: str
    state: str
    unit: str
    accountable: str
    hops: int
    received_at: AwareDatetime
    accepted_at: AwareDatetime | None
    dispatched_at: AwareDatetime | None
    answered_at: AwareDatetime | None
    answer_dated: bool
    ended_at: AwareDatetime | None
    end_reason: str
    priority: str
    round: int
    reopened_at: AwareDatetime | None
    version: int


class PersonAnswer(BaseModel):
    """Who acted; a pseudonym where the directory tells no name."""

    resident: str
    name: str


class CaseAnswer(RequestAnswer):
    """A request's case file with every hop, and who entered the receipt and the answer."""

    stays: list[HopAnswer]
    received_by: PersonAnswer | None
    answered_by: PersonAnswer | None
    times: TimesAnswer


class TextsAnswer(BaseModel):
    """A request's texts by field; an erased field is absent. Every reading of them is logged."""

    request: str
    texts: dict[str, str]
    question: dict[str, str]
    info: dict[str, str]
    answer: dict[str, str]
    reopening: dict[str, str]


class FoundAnswer(BaseModel):
    """All requests that were found, the latest received first; the texts are asked for apart."""

    items: list[RequestAnswer]


class DaysAnswer(BaseModel):
    """Seconds from receipt to a dated answer; quartiles are values that occur."""

    dated: int
    undated: int
    min_seconds: int | None
    quartile1_seconds: int | None
    median_seconds: int | None
    quartile3_seconds: int | None
    max_seconds: int | None


class CountAnswer(BaseModel):
    """How many requests something has."""

    name: str
    requests: int


class BandAnswer(BaseModel):
    """Requests that took (or have waited) at most so many days; null: longer than the last band."""

    days_max: int | None
    requests: int


class FiguresAnswer(BaseModel):
    """A community's figures; closed is not the same as solved."""

    received: int
    accepted: int
    returned: int
    answered: int
    open: int
    closed: int
    days_to_answer: DaysAnswer
    answered_ageing: list[BandAnswer]
    open_ageing: list[BandAnswer]
    busiest_categories: list[CountAnswer]
    busiest_areas: list[CountAnswer]
    contacted: RateAnswer
    solved: RateAnswer
    satisfied: RateAnswer
    timing: TimingAnswer
    satisfaction: SatisfactionAnswer


def add_queries(found: Routes, rooms: Rooms) -> None:
    """Add the GETs of requests."""
    # Before the case files: `figures` and others stand where their ids do.
    _add_figures(found, rooms)
    add_responsibility(found, rooms)
    add_owed(found, rooms)
    _add_texts(found, rooms)
    _add_lists(found, rooms)


def _add_lists(found: Routes, rooms: Rooms) -> None:
    tables = rooms.tables

    async def get_request(request: UUID, reader: Reading) -> CaseAnswer:
        """Show a case file with every hop and how long it took."""
        row = await find_request(tables, reader.scope, str(request))
        if row is None:
            raise RequestNotFound
        return await _case(rooms, row)

    async def get_requests(
        paging: Paging,
        reader: Reading,
        *,
        state: Filter = None,
        category: Filter = None,
        area: Filter = None,
        unit: Filter = None,
        kind: Filter = None,
    ) -> Page[RequestAnswer]:
        """List requests, the latest received first."""
        filters = {"state": state, "category": category, "area": area, "unit": unit, "kind": kind}
        rows = await list_requests(
            tables,
            reader.scope,
            filters=filters,
            after=paging.after(tuple[datetime, str]),
            limit=paging.fetch,
        )
        return paging.page(
            rows,
            key=lambda row: (row.received_at, row.request),
            item=lambda row: RequestAnswer(**_columns(row)),
        )

    found.query(
        "/communities/{scope}/requests/{request}",
        get_request,
        action="read_requests",
        summary="Show a case file",
        versioned=True,
    )
    found.query(
        "/communities/{scope}/requests",
        get_requests,
        action="read_requests",
        summary="List requests",
    )


def _add_figures(found: Routes, rooms: Rooms) -> None:
    async def get_figures(reader: Reading) -> FiguresAnswer:
        """Count a community's requests, each figure with its denominator."""
        now, tables, scope = rooms.edge.clock.now(), rooms.tables, reader.scope
        return _figures(
            await figures(tables, scope, now=now, top=TOP),
            await count_timing(tables, scope, now=now, top=TOP),
            await count_callbacks(tables, scope),
        )

    found.query(
        "/communities/{scope}/requests/figures",
        get_figures,
        action="read_requests",
        summary="Count a community's requests",
    )


def _add_texts(found: Routes, rooms: Rooms) -> None:
    async def get_request_texts(request: UUID, reader: Reading) -> TextsAnswer:
        """Reveal a request's texts, for handling it."""
        row = await find_request(rooms.tables, reader.scope, str(request))
        if row is None:
            raise RequestNotFound
        others = (row.question_texts, row.info_texts, row.answer_texts, row.reopening_texts)
        records = [row.texts, *(one for one in others if one)]
        access = Access(Purpose.HANDLING, reader.caller, reader.scope)
        revealed = await rooms.vault.reveal(records, access)
        return TextsAnswer(
            request=row.request,
            texts=revealed[row.texts],
            question=revealed[row.question_texts] if row.question_texts else {},
            info=revealed[row.info_texts] if row.info_texts else {},
            answer=revealed[row.answer_texts] if row.answer_texts else {},
            reopening=revealed[row.reopening_texts] if row.reopening_texts else {},
        )

    async def search_requests(
        text: Annotated[str, Query(min_length=1, max_length=QUERY_CHARS_MAX)], reader: Reading
    ) -> FoundAnswer:
        """Find the requests whose texts contain this; each text compared is on record."""
        access = Access(Purpose.SEARCH, reader.caller, reader.scope)
        hits = await rooms.vault.search(text, SEARCHED_FIELDS, access)
        rows = await find_by_texts(rooms.tables, reader.scope, [hit.record for hit in hits])
        return FoundAnswer(items=[RequestAnswer(**_columns(row)) for row in rows])

    found.query(
        "/communities/{scope}/requests/search",
        search_requests,
        action="search_requests",
        summary="Search requests by their texts",
        reveals=True,
    )
    found.query(
        "/communities/{scope}/requests/{request}/texts",
        get_request_texts,
        action="read_request_texts",
        summary="Reveal a request's texts",
        reveals=True,
    )


async def _case(rooms: Rooms, row: RequestRow) -> CaseAnswer:
    hops = await list_hops(rooms.tables, row.scope, row.request)
    names = await rooms.names.of((row.received_by, row.answered_by))
    return CaseAnswer(
        **_columns(row),
        stays=[_hop(hop) for hop in hops],
        received_by=_person(row.received_by, names),
        answered_by=_person(row.answered_by, names),
        times=await times_of(rooms, row.scope, row.request),
    )


def _columns(row: RequestRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in RequestAnswer.model_fields}


def _person(resident: str, names: Mapping[str, str]) -> PersonAnswer | None:
    return PersonAnswer(resident=resident, name=names[resident]) if resident in names else None


def _hop(row: HopRow) -> HopAnswer:
    seconds = None
    if row.until_at is not None:
        seconds = int((row.until_at - row.since_at).total_seconds())
    return HopAnswer(
        hop=row.hop,
        unit=row.unit,
        reason=row.reason,
        since=row.since_at,
        until=row.until_at,
        seconds=seconds,
    )


def _figures(found: Figures, clocks: Timing, callbacks: Callbacks) -> FiguresAnswer:
    return FiguresAnswer(
        received=found.received,
        accepted=found.accepted,
        returned=found.returned,
        answered=found.answered,
        open=found.open,
        closed=found.closed,
        days_to_answer=DaysAnswer(
            **{name: getattr(found.days, name) for name in DaysAnswer.model_fields}
        ),
        answered_ageing=_bands(found.answered_ageing),
        open_ageing=_bands(found.open_ageing),
        busiest_categories=_counts(found.categories),
        busiest_areas=_counts(found.areas),
        timing=timing(clocks),
        satisfaction=satisfaction(callbacks),
        **rates(callbacks),
    )


def _bands(counts: tuple[int, ...]) -> list[BandAnswer]:
    return [
        BandAnswer(days_max=days, requests=requests)
        for days, requests in zip((*BANDS_DAYS, None), counts, strict=True)
    ]


def _counts(counts: tuple[tuple[str, int], ...]) -> list[CountAnswer]:
    return [CountAnswer(name=name, requests=requests) for name, requests in counts]
