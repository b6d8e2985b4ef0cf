"""The queries of wishes over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from services.wishes.wish.policy_reading import add_policy_reading
from services.wishes.wish.queries import (
    Funnel,
    count_claim_times,
    count_funnel,
    count_ratings,
    find_wish,
    list_claimed,
    list_overdue_wishes,
    list_wall,
    list_wishes,
)
from services.wishes.wish.read_model import WishRow
from services.wishes.wish.refusals import WishNotFound
from shared.effective import DISTRICT_ZONE
from shared.kit.http.commands import Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms
from shared.kit.vault import Access, Purpose

_DECEMBER: Final = 12
Filter = Annotated[str | None, Query(min_length=1, max_length=64)]
Month = Annotated[
    str | None,
    Query(pattern=r"^(19|20|21)\d\d-(0[1-9]|1[0-2])$", description="of Asia/Shanghai, as 2026-03"),
]


class WallAnswer(BaseModel):
    """A wish as everybody sees it: the masked text, and how many wished for the same."""

    wish: str
    category: str
    area: str
    text: str
    on_the_wall_since: AwareDatetime
    duplicates: int


class WishAnswer(BaseModel):
    """A wish as those see it who work with it; its texts are asked for apart."""

    wish: str
    category: str
    area: str
    state: str
    relation: str
    proxy_confirmed: bool
    submitted_at: AwareDatetime
    screened_at: AwareDatetime | None
    due_at: AwareDatetime | None
    claimed_at: AwareDatetime | None
    claimer_class: str
    claimer: str
    handler: str
    reminded: bool
    claim_until: AwareDatetime | None
    merged_into: str
    duplicates: int
    fulfilled_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    end_reason: str
    round: int
    escalated: bool
    under_review: bool
    version: int


class WishTextsAnswer(BaseModel):
    """A wish's texts by field; an erased field is absent. Every reading of them is logged."""

    wish: str
    texts: dict[str, str]
    public: dict[str, str]
    progress: dict[str, str]
    reopening: dict[str, str]


class SolvedAnswer(BaseModel):
    """A rate with what it is a rate of; `percent` is null where there is nothing to divide by."""

    confirmed_wishes: int
    of_wishes: int
    percent: str | None


class FunnelAnswer(BaseModel):
    """Wishes as they stand, by the month of their submission where one is asked for.

    `solved` is of those that were neither rejected, withdrawn nor merged; `raw` is of all.
    """

    month: str | None
    submitted_wishes: int
    rejected_wishes: int
    withdrawn_wishes: int
    merged_wishes: int
    on_the_way_wishes: int
    fulfilled_wishes: int
    confirmed_wishes: int
    unconfirmed_wishes: int
    requesters_persons: int
    solved: SolvedAnswer
    raw: SolvedAnswer


class ClaimTimesAnswer(BaseModel):
    """Seconds from the wall to the first claim; quartiles are values that occur."""

    claimed_wishes: int
    unclaimed_wishes: int
    min_seconds: int | None
    quartile1_seconds: int | None
    median_seconds: int | None
    quartile3_seconds: int | None
    max_seconds: int | None


class RatingsAnswer(BaseModel):
    """What requesters were asked of closings, and said; `ratings` counts those of 1 to 5."""

    asked: int
    confirmed: int
    rated: int
    without_rating: int
    ratings: list[int]


class WishFiguresAnswer(BaseModel):
    """A community's figures of wishes."""

    funnel: FunnelAnswer
    time_to_claim: ClaimTimesAnswer
    satisfaction: RatingsAnswer


def add_reading(found: Routes, rooms: Rooms) -> None:
    """Add the GETs of wishes."""
    # Before the wishes themselves: these names stand where their ids do.
    _add_wall(found, rooms)
    _add_own(found, rooms)
    _add_board(found, rooms)
    _add_figures(found, rooms)
    _add_wishes(found, rooms)
    add_policy_reading(found, rooms)


def _add_wall(found: Routes, rooms: Rooms) -> None:
    async def get_wish_wall(
        paging: Paging, reader: Reading, *, category: Filter = None
    ) -> Page[WallAnswer]:
        """Show what may be claimed, the longest on the wall first."""
        rows = await list_wall(
            rooms.tables,
            reader.scope,
            category=category,
            after=paging.after(tuple[datetime, str]),
            limit=paging.fetch,
        )
        shown = rows[: paging.limit]
        records = [row.public_texts for row in shown if row.public_texts]
        access = Access(Purpose.HANDLING, reader.caller, reader.scope)
        revealed = await rooms.vault.reveal(records, access)
        return paging.page(
            rows,
            key=lambda row: (row.screened_at, row.wish),
            item=lambda row: _on_the_wall(row, revealed),
        )

    found.query(
        "/communities/{scope}/wishes/wall",
        get_wish_wall,
        action="read_wish_wall",
        summary="Show the wall",
        reveals=True,
    )


def _add_own(found: Routes, rooms: Rooms) -> None:
    async def get_own_wishes(paging: Paging, reader: Reading) -> Page[WishAnswer]:
        """List the wishes that the caller submitted, the latest first."""
        rows = await list_wishes(
            rooms.tables,
            reader.scope,
            state=None,
            submitted_by=reader.resident,
            after=paging.after(tuple[datetime, str]),
            limit=paging.fetch,
        )
        return paging.page(rows, key=lambda row: (row.submitted_at, row.wish), item=_answer)

    found.query(
        "/communities/{scope}/wishes/mine",
        get_own_wishes,
        action="read_own_wishes",
        summary="List one's own wishes",
    )


def _add_board(found: Routes, rooms: Rooms) -> None:
    async def get_claim_board(paging: Paging, reader: Reading) -> Page[WishAnswer]:
        """List who has what, the longest claimed first."""
        rows = await list_claimed(
            rooms.tables,
            reader.scope,
            after=paging.after(tuple[datetime, str]),
            limit=paging.fetch,
        )
        return paging.page(rows, key=lambda row: (row.claimed_at, row.wish), item=_answer)

    async def get_overdue_wishes(paging: Paging, reader: Reading) -> Page[WishAnswer]:
        """List what nobody fulfilled in time, the longest overdue first."""
        rows = await list_overdue_wishes(
            rooms.tables,
            reader.scope,
            now=rooms.edge.clock.now(),
            after=paging.after(tuple[datetime, str]),
            limit=paging.fetch,
        )
        return paging.page(rows, key=lambda row: (row.due_at, row.wish), item=_answer)

    found.query(
        "/communities/{scope}/wishes/claimed",
        get_claim_board,
        action="read_wishes",
        summary="Show the claim board",
    )
    found.query(
        "/communities/{scope}/wishes/overdue",
        get_overdue_wishes,
        action="read_wishes",
        summary="List overdue wishes",
    )


def _add_figures(found: Routes, rooms: Rooms) -> None:
    async def get_wish_figures(reader: Reading, month: Month = None) -> WishFiguresAnswer:
        """Count a community's wishes, each figure with its unit and denominator."""
        tables, scope = rooms.tables, reader.scope
        since, until = _bounds(month)
        times = await count_claim_times(tables, scope)
        said = await count_ratings(tables, scope)
        rated = sum(said.ratings)
        return WishFiguresAnswer(
            funnel=_funnel(month, await count_funnel(tables, scope, since=since, until=until)),
            time_to_claim=ClaimTimesAnswer(
                claimed_wishes=times.claimed,
                unclaimed_wishes=times.unclaimed,
                min_seconds=times.min_seconds,
                quartile1_seconds=times.quartile1_seconds,
                median_seconds=times.median_seconds,
                quartile3_seconds=times.quartile3_seconds,
                max_seconds=times.max_seconds,
            ),
            satisfaction=RatingsAnswer(
                asked=said.asked,
                confirmed=said.confirmed,
                rated=rated,
                without_rating=said.asked - rated,
                ratings=list(said.ratings),
            ),
        )

    found.query(
        "/communities/{scope}/wishes/figures",
        get_wish_figures,
        action="read_wishes",
        summary="Count a community's wishes",
    )


def _add_wishes(found: Routes, rooms: Rooms) -> None:
    async def get_wish(wish: UUID, reader: Reading) -> WishAnswer:
        """Show a wish."""
        return _answer(await _known(rooms, reader.scope, wish))

    async def get_wishes(
        paging: Paging, reader: Reading, *, state: Filter = None
    ) -> Page[WishAnswer]:
        """List wishes, the latest submitted first."""
        rows = await list_wishes(
            rooms.tables,
            reader.scope,
            state=state,
            submitted_by=None,
            after=paging.after(tuple[datetime, str]),
            limit=paging.fetch,
        )
        return paging.page(rows, key=lambda row: (row.submitted_at, row.wish), item=_answer)

    async def get_wish_texts(wish: UUID, reader: Reading) -> WishTextsAnswer:
        """Reveal a wish's texts, for handling it."""
        row = await _known(rooms, reader.scope, wish)
        others = (row.public_texts, row.progress_texts, row.reopened_texts)
        access = Access(Purpose.HANDLING, reader.caller, reader.scope)
        revealed = await rooms.vault.reveal([row.texts, *(one for one in others if one)], access)
        return WishTextsAnswer(
            wish=row.wish,
            texts=revealed[row.texts],
            public=revealed[row.public_texts] if row.public_texts else {},
            progress=revealed[row.progress_texts] if row.progress_texts else {},
            reopening=revealed[row.reopened_texts] if row.reopened_texts else {},
        )

    path = "/communities/{scope}/wishes"
    found.query(
        f"{path}/{{wish}}", get_wish, action="read_wishes", summary="Show a wish", versioned=True
    )
    found.query(path, get_wishes, action="read_wishes", summary="List wishes")
    found.query(
        f"{path}/{{wish}}/texts",
        get_wish_texts,
        action="read_wish_texts",
        summary="Reveal a wish's texts",
        reveals=True,
    )


async def _known(rooms: Rooms, scope: str, wish: UUID) -> WishRow:
    row = await find_wish(rooms.tables, scope, str(wish))
    if row is None:
        raise WishNotFound
    return row


def _on_the_wall(row: WishRow, revealed: dict[UUID, dict[str, str]]) -> WallAnswer:
    assert row.screened_at is not None, "only what was screened is on the wall"
    texts = revealed[row.public_texts] if row.public_texts else {}
    return WallAnswer(
        wish=row.wish,
        category=row.category,
        area=row.area,
        text=texts.get("public", ""),
        on_the_wall_since=row.screened_at,
        duplicates=row.duplicates,
    )


def _answer(row: WishRow) -> WishAnswer:
    columns: dict[str, Any] = {name: getattr(row, name) for name in WishAnswer.model_fields}
    return WishAnswer(**columns)


def _bounds(month: str | None) -> tuple[datetime | None, datetime | None]:
    """Give the beginning of a month, and of the one after it."""
    if month is None:
        return None, None
    year, number = int(month[:4]), int(month[5:])
    after = (year + 1, 1) if number == _DECEMBER else (year, number + 1)
    return datetime(year, number, 1, tzinfo=DISTRICT_ZONE), datetime(
        *after, 1, tzinfo=DISTRICT_ZONE
    )


def _funnel(month: str | None, found: Funnel) -> FunnelAnswer:
    counted = found.submitted - found.rejected - found.withdrawn - found.merged
    return FunnelAnswer(
        month=month,
        submitted_wishes=found.submitted,
        rejected_wishes=found.rejected,
        withdrawn_wishes=found.withdrawn,
        merged_wishes=found.merged,
        on_the_way_wishes=found.on_the_way,
        fulfilled_wishes=found.fulfilled,
        confirmed_wishes=found.confirmed,
        unconfirmed_wishes=found.unconfirmed,
        requesters_persons=found.persons,
        solved=_rate(found.confirmed, counted),
        raw=_rate(found.confirmed, found.submitted),
    )


def _rate(part: int, whole: int) -> SolvedAnswer:
    """Divide to a tenth of a percent, rounded half up, without floats."""
    percent = None
    if whole:
        tenths = (2000 * part + whole) // (2 * whole)
        percent = f"{tenths // 10}.{tenths % 10}"
    return SolvedAnswer(confirmed_wishes=part, of_wishes=whole, percent=percent)
