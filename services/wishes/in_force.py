"""The working days and the deadline policy in force, as more than one feature reads them."""

from __future__ import annotations

from typing import Any

import msgspec

from services.wishes.calendar import Calendar, Year
from shared.contracts.wishes.deadlines import (
    DeadlinePolicyAdopted,
    Priority,
    WorkingDaysAdopted,
    deadline_policy_stream,
    working_days_stream,
)
from shared.decider import Fact, Needs, Read, State, States, View


class WorkingDays(State):
    """The last version of every year's working days; version 0: none was adopted."""

    version: int = 0
    calendar: Calendar = Calendar()
    sources: dict[int, str] = msgspec.field(default_factory=dict[int, str])


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """Within how many working days; without a category: the default of the priority."""

    category: str
    priority: Priority
    working_days: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A rung of the ladder, `working_days` after the one before."""

    to: str
    working_days: int


class Terms(State):
    """The deadline policy in force, the fields as in `DeadlinePolicyAdopted`; version 0: none."""

    version: int = 0
    terms: tuple[Term, ...] = ()
    ladder: tuple[Step, ...] = ()
    pauses_max: int = 0
    paused_days_max: int = 0
    call_back_days: int = 0
    auto_close_days: int = 0
    low_rating_max: int = 0
    reopen_window_days: int = 0
    reopens_max: int = 0
    reopens_escalated_from: int = 0
    open_max: int = 0

    def working_days(self, category: str, priority: Priority) -> int:
        """Give the term of a category and priority, or the default of the priority."""
        found = {term.category: term for term in self.terms if term.priority is priority}
        return (found.get(category) or found[""]).working_days


def evolve_working_days(state: WorkingDays, fact: Fact) -> WorkingDays:
    """Follow the district's working days."""
    match fact.event:
        case WorkingDaysAdopted() as event:
            year = Year(days_off=event.days_off, working_weekends=event.working_weekends)
            return WorkingDays(
                version=event.version,
                calendar=Calendar(years={**state.calendar.years, event.year: year}),
                sources={**state.sources, event.year: event.source},
            )
        case _:
            return state


def evolve_terms(state: Terms, fact: Fact) -> Terms:
    """Follow the district's deadline policy: the last version is in force."""
    match fact.event:
        case DeadlinePolicyAdopted(terms=terms, default_terms=defaults, ladder=ladder) as event:
            numbers: dict[str, Any] = {name: getattr(event, name) for name in NUMBERS}
            return Terms(
                terms=tuple(
                    Term(
                        category=one.category, priority=one.priority, working_days=one.working_days
                    )
                    for one in (*terms, *defaults)
                ),
                ladder=tuple(Step(to=one.to, working_days=one.working_days) for one in ladder),
                **numbers,
            )
        case _:
            return state


NUMBERS = tuple(name for name in Terms.__struct_fields__ if name not in ("terms", "ladder"))
WORKING_DAYS = View(
    "wishes.working_days_in_force", 2, WorkingDays, WorkingDays(), evolve_working_days
)
TERMS = View("wishes.terms_in_force", 1, Terms, Terms(), evolve_terms)


def reads_of(district: str) -> tuple[Read[Terms], Read[WorkingDays]]:
    """Name what a deadline of the district depends on."""
    return (
        Read(deadline_policy_stream(district), TERMS),
        Read(working_days_stream(district), WORKING_DAYS),
    )


def time_of(district: str, states: States) -> tuple[Terms, WorkingDays]:
    """Give the policy and the working days in force; those of no district are none."""
    if not district:
        return Terms(), WorkingDays()
    terms, working_days = reads_of(district)
    try:
        return states.get(terms.stream, TERMS), states.get(working_days.stream, WORKING_DAYS)
    except Needs:
        raise Needs(terms, working_days) from None
