"""HTTP of how time is counted: adopt a year's working days or a policy, show those in force."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

from services.wishes.calendar import WORKING_DAYS_MAX
from services.wishes.deadlines.domain import (
    AdoptDeadlinePolicy,
    AdoptWorkingDays,
    StepDraft,
    TermDraft,
)
from services.wishes.in_force import NUMBERS, reads_of
from shared.contracts.wishes.deadlines import Priority
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms

Days = Annotated[list[date], Field(max_length=100)]
Number = Annotated[int, Field(ge=0, le=1_000_000)]


class WorkingDaysBody(CommandBody):
    """A year's days off and make-up days, and the notice that says so."""

    version: Annotated[int, Field(ge=1)]
    year: Annotated[int, Field(ge=1949, le=2200)]
    days_off: Days
    working_weekends: Days
    source: Annotated[str, Field(min_length=1, max_length=200)]


class TermBody(CommandBody):
    """Within how many working days; without a category it is the default of the priority."""

    priority: Priority
    working_days: Annotated[int, Field(ge=1, le=WORKING_DAYS_MAX)]
    category: Annotated[str, Field(max_length=200)] = ""


class StepBody(CommandBody):
    """Who is told next, and how many working days after the step before."""

    to: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    working_days: Annotated[int, Field(ge=0, le=WORKING_DAYS_MAX)]


class DeadlinePolicyBody(CommandBody):
    """A version of the policy; `DeadlinePolicyAdopted` says what each number means."""

    version: Annotated[int, Field(ge=1)]
    terms: Annotated[list[TermBody], Field(min_length=1, max_length=400)]
    ladder: Annotated[list[StepBody], Field(min_length=1, max_length=5)]
    pauses_max: Number
    paused_days_max: Number
    call_back_days: Number
    auto_close_days: Number
    low_rating_max: Number
    reopen_window_days: Number
    reopens_max: Number
    reopens_escalated_from: Number
    open_max: Number


class YearAnswer(BaseModel):
    """A year's working days, as adopted last."""

    year: int
    days_off: list[date]
    working_weekends: list[date]
    source: str


class WorkingDaysAnswer(BaseModel):
    """All years adopted; any other year counts by its weekends alone. Version 0: none."""

    version: int
    years: list[YearAnswer]


class TermAnswer(BaseModel):
    """A term; an empty category is the default of the priority."""

    category: str
    priority: Priority
    working_days: int


class StepAnswer(BaseModel):
    """A rung of the ladder."""

    to: str
    working_days: int


class DeadlinePolicyAnswer(BaseModel):
    """The policy in force; version 0: none was adopted, and no request has a deadline."""

    version: int
    terms: list[TermAnswer]
    ladder: list[StepAnswer]
    pauses_max: int
    paused_days_max: int
    call_back_days: int
    auto_close_days: int
    low_rating_max: int
    reopen_window_days: int
    reopens_max: int
    reopens_escalated_from: int
    open_max: int


def routes(rooms: Rooms) -> Routes:
    """Give the routes of working days and deadlines."""
    found = Routes("wishes", rooms.edge)
    found.command(
        "/districts/{scope}/working-days",
        WorkingDaysBody,
        _adopt_working_days,
        action=AdoptWorkingDays,
        status=201,
        summary="Adopt a year's working days",
    )
    found.command(
        "/districts/{scope}/deadline-policy",
        DeadlinePolicyBody,
        _adopt_deadline_policy,
        action=AdoptDeadlinePolicy,
        status=201,
        summary="Adopt a version of the deadline policy",
    )
    _add_queries(found, rooms)
    return found


def _add_queries(found: Routes, rooms: Rooms) -> None:
    terms_read, working_days_read = reads_of(rooms.district)

    async def get_working_days(reader: Reading) -> WorkingDaysAnswer:
        """Show the working days in force for this place's district."""
        del reader
        state = await rooms.states.get(working_days_read)
        return WorkingDaysAnswer(
            version=state.version,
            years=[
                YearAnswer(
                    year=number,
                    days_off=list(year.days_off),
                    working_weekends=list(year.working_weekends),
                    source=state.sources[number],
                )
                for number, year in sorted(state.calendar.years.items())
            ],
        )

    async def get_deadline_policy(reader: Reading) -> DeadlinePolicyAnswer:
        """Show the deadline policy in force for this place's district."""
        del reader
        state = await rooms.states.get(terms_read)
        return DeadlinePolicyAnswer(
            terms=[
                TermAnswer(
                    category=one.category, priority=one.priority, working_days=one.working_days
                )
                for one in state.terms
            ],
            ladder=[StepAnswer(to=one.to, working_days=one.working_days) for one in state.ladder],
            **{name: getattr(state, name) for name in NUMBERS},
        )

    found.query(
        "/communities/{scope}/working-days",
        get_working_days,
        action="read_deadlines",
        summary="Show the working days in force",
    )
    found.query(
        "/communities/{scope}/deadline-policy",
        get_deadline_policy,
        action="read_deadlines",
        summary="Show the deadline policy in force",
    )


def _adopt_working_days(call: Call[WorkingDaysBody]) -> Draft:
    body = call.body
    return Draft(
        AdoptWorkingDays(
            district=call.scope,
            version=body.version,
            year=body.year,
            days_off=tuple(body.days_off),
            working_weekends=tuple(body.working_weekends),
            source=body.source,
        )
    )


def _adopt_deadline_policy(call: Call[DeadlinePolicyBody]) -> Draft:
    body = call.body
    return Draft(
        AdoptDeadlinePolicy(
            district=call.scope,
            terms=tuple(
                TermDraft(
                    category=one.category, priority=one.priority, working_days=one.working_days
                )
                for one in body.terms
            ),
            ladder=tuple(
                StepDraft(to=one.to, working_days=one.working_days) for one in body.ladder
            ),
            **{name: getattr(body, name) for name in NUMBERS},
        )
    )
