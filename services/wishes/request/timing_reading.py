"""How clocks, levels and call-backs are shown over HTTP, and the lists of what is owed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from services.wishes.request.timing_model import CallbackRow, DeadlineRow, EscalationRow
from services.wishes.request.timing_queries import (
    Callbacks,
    Timing,
    find_deadline,
    list_answers,
    list_callbacks_due,
    list_escalations,
    list_overdue,
)
from shared.kit.http.commands import Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms


class DeadlineAnswer(BaseModel):
    """A request's clock; `stopped_at`: it was answered or closed. Provisional: see the policy."""

    request: str
    round: int
    policy: int
    calendar: int
    working_days: int
    priority: str
    provisional: bool
    due_at: AwareDatetime
    unit: str
    accountable: str
    level: int
    level_to: str
    pauses: int
    paused_days: int
    paused_at: AwareDatetime | None
    pause_reason: str
    reminded_at: AwareDatetime | None
    stopped_at: AwareDatetime | None


class EscalationAnswer(BaseModel):
    """A time that a request went up or (by `deescalation`) down to a level."""

    level: int
    sent_to: str
    by: str
    accountable: str
    at: AwareDatetime
    due_at: AwareDatetime | None


class GivenAnswer(BaseModel):
    """An answer and what was said of it; `satisfied` 0: nobody said."""

    request: str
    round: int
    unit: str
    answered_at: AwareDatetime
    call_back_at: AwareDatetime | None
    due_at: AwareDatetime | None
    calls: int
    called_at: AwareDatetime | None
    contacted: bool
    solved: bool
    satisfied: int
    closed_at: AwareDatetime | None
    unconfirmed: bool
    review: str
    review_reason: str


class TimesAnswer(BaseModel):
    """The part of a case file that tells of time."""

    deadline: DeadlineAnswer | None
    escalations: list[EscalationAnswer]
    answers: list[GivenAnswer]


class RateAnswer(BaseModel):
    """A rate by call-back: how many are due, were asked, answered, and said yes.

    Nobody asked: there is no rate, and none is to be made of it.
    """

    due: int
    asked: int
    answered: int
    yes: int


class OwnerAnswer(BaseModel):
    """How many overdue requests a unit is accountable for; empty: the desk."""

    accountable: str
    overdue: int


class LevelAnswer(BaseModel):
    """How often requests came to a level, and by what."""

    level: int
    sent_to: str
    by: str
    times: int


class TimingAnswer(BaseModel):
    """Counts of clocks: `in_time` of the `answered` whose day is known, `overdue` of `running`."""

    with_deadline: int
    answered: int
    in_time: int
    running: int
    overdue: int
    paused: int
    reminded: int
    overdue_by_owner: list[OwnerAnswer]
    escalations: list[LevelAnswer]


class SatisfactionAnswer(BaseModel):
    """Counts over answers: `ratings` are those of 1 to 5, `no_reply` were asked and not reached.

    `unconfirmed` were closed because nobody had confirmed them; they are in no rate.
    """

    answers: int
    ratings: list[int]
    no_reply: int
    unconfirmed: int
    reopened: int
    reviews_open: int
    reviews_concluded: int


Accountable = Annotated[str | None, Query(max_length=63)]


def add_owed(found: Routes, rooms: Rooms) -> None:
    """Add the lists of what is owed."""
    tables = rooms.tables

    async def get_overdue_requests(
        paging: Paging, reader: Reading, *, accountable: Accountable = None
    ) -> Page[DeadlineAnswer]:
        """List the requests whose deadline is over, the longest overdue first."""
        rows = await list_overdue(
            tables,
            reader.scope,
            now=rooms.edge.clock.now(),
            accountable=accountable,
            after=paging.after(tuple[datetime, str]),
            limit=paging.fetch,
        )
        return paging.page(rows, key=lambda row: (row.due_at, row.request), item=_deadline)

    async def get_due_call_backs(paging: Paging, reader: Reading) -> Page[GivenAnswer]:
        """List the answers whose requesters are to be called back, the longest due first."""
        rows = await list_callbacks_due(
            tables,
            reader.scope,
            after=paging.after(tuple[datetime, str]),
            limit=paging.fetch,
        )
        return paging.page(rows, key=lambda row: (row.due_at, row.request), item=_given)

    found.query(
        "/communities/{scope}/requests/overdue",
        get_overdue_requests,
        action="read_requests",
        summary="List the overdue requests, by who is accountable",
    )
    found.query(
        "/communities/{scope}/requests/call-backs",
        get_due_call_backs,
        action="read_requests",
        summary="List the requesters who are to be called back",
    )


async def times_of(rooms: Rooms, scope: str, request: str) -> TimesAnswer:
    """Tell a request's clock, its levels and what was said of its answers."""
    deadline = await find_deadline(rooms.tables, scope, request)
    escalations = await list_escalations(rooms.tables, scope, request)
    answers = await list_answers(rooms.tables, scope, request)
    return TimesAnswer(
        deadline=None if deadline is None else _deadline(deadline),
        escalations=[_escalation(row) for row in escalations],
        answers=[_given(row) for row in answers],
    )


def timing(found: Timing) -> TimingAnswer:
    """Show the counts of clocks."""
    return TimingAnswer(
        with_deadline=found.with_deadline,
        answered=found.answered,
        in_time=found.in_time,
        running=found.running,
        overdue=found.overdue,
        paused=found.paused,
        reminded=found.reminded,
        overdue_by_owner=[
            OwnerAnswer(accountable=one.accountable, overdue=one.overdue) for one in found.owners
        ],
        escalations=[
            LevelAnswer(level=one.level, sent_to=one.sent_to, by=one.by, times=one.times)
            for one in found.levels
        ],
    )


def rates(found: Callbacks) -> dict[str, RateAnswer]:
    """Show the three rates; each call answers whether somebody was reached."""
    due, asked, reached = found.due, found.asked, found.contacted
    return {
        "contacted": RateAnswer(due=due, asked=asked, answered=asked, yes=reached),
        "solved": RateAnswer(due=due, asked=asked, answered=reached, yes=found.solved),
        "satisfied": RateAnswer(due=due, asked=asked, answered=reached, yes=found.satisfied),
    }


def satisfaction(found: Callbacks) -> SatisfactionAnswer:
    """Show the counts over answers."""
    return SatisfactionAnswer(
        answers=found.answers,
        ratings=list(found.ratings),
        no_reply=found.asked - found.contacted,
        unconfirmed=found.unconfirmed,
        reopened=found.reopened,
        reviews_open=found.reviews_open,
        reviews_concluded=found.reviews_concluded,
    )


def _deadline(row: DeadlineRow) -> DeadlineAnswer:
    return DeadlineAnswer(**_fields(DeadlineAnswer, row))


def _escalation(row: EscalationRow) -> EscalationAnswer:
    return EscalationAnswer(**_fields(EscalationAnswer, row))


def _given(row: CallbackRow) -> GivenAnswer:
    return GivenAnswer(**_fields(GivenAnswer, row))


def _fields(answer: type[BaseModel], row: object) -> dict[str, Any]:
    return {name: getattr(row, name) for name in answer.model_fields}
