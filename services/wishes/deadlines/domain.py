"""How time is counted in a district: its working days, and its deadline policy.

The rules:

- Both are adopted by the district for all of its communities, in versions 1, 2, 3 … without a gap.
  An adopted version never changes; what it says again changes nothing.
- A version of the working days is about one year. A later version of the same year replaces it, as
  a government notice may; deadlines that were given before stay as they are.
- A day off lies in the year, a make-up day on a Saturday or Sunday of it; no day is both.
- The policy has one default term for each priority, at most one term for a category and priority,
  and a ladder of one to five steps with names of their own.
- Limits are limits: every number lies between the least and the most that are named below.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from services.wishes.calendar import WORKING_DAYS_MAX
from services.wishes.versions import digest_of, is_new
from shared.authority import NODE, Allow
from shared.contracts.deliberation import NodeKind, node_stream
from shared.contracts.envelope import Event
from shared.contracts.wishes.deadlines import (
    DeadlinePolicyAdopted,
    Priority,
    Step,
    Term,
    WorkingDaysAdopted,
    deadline_policy_stream,
    working_days_stream,
)
from shared.decider import (
    Asked,
    Command,
    Decider,
    Fact,
    Read,
    RefusalKind,
    Refused,
    State,
    States,
    To,
    View,
)

YEARS: Final = range(1949, 2201)
DAYS_LISTED_MAX: Final = 100  # of a year's days off, and of its make-up days
TERMS_MAX: Final = 400
STEPS_MAX: Final = 5
_SATURDAY: Final = 5


class Versions(State):
    """The versions adopted so far, each as a digest of what it says."""

    digests: tuple[str, ...] = ()


class TermDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A term as proposed; without a category it is the default of its priority."""

    priority: Priority
    working_days: int
    category: str = ""


class StepDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the ladder as proposed."""

    to: str
    working_days: int


class AdoptWorkingDays(Command):
    """Put a year's working days into force."""

    district: str
    version: int
    year: int
    days_off: tuple[date, ...]
    working_weekends: tuple[date, ...]
    source: str


class AdoptDeadlinePolicy(Command):
    """Put a version of the deadline policy into force; the fields are the event's."""

    district: str
    version: int
    terms: tuple[TermDraft, ...]
    ladder: tuple[StepDraft, ...]
    pauses_max: int
    paused_days_max: int
    call_back_days: int
    auto_close_days: int
    low_rating_max: int
    reopen_window_days: int
    reopens_max: int
    reopens_escalated_from: int
    open_max: int


# The least and the most of every number of the policy.
BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "pauses_max": (0, 20),
    "paused_days_max": (0, 250),
    "call_back_days": (1, 60),
    "auto_close_days": (1, 365),
    "low_rating_max": (0, 4),
    "reopen_window_days": (0, 365),
    "reopens_max": (0, 20),
    "reopens_escalated_from": (1, 20),
    "open_max": (0, 1_000_000),
}


class NotADistrict(Refused):
    """Working days and deadlines belong to a district."""

    kind = RefusalKind.INVALID


class DayOutOfPlace(Refused):
    """A day off lies in its year; a make-up day is a Saturday or Sunday of it and no day off."""

    kind = RefusalKind.INVALID


class NumberOutOfBounds(Refused):
    """A number of the policy is too small or too large."""

    kind = RefusalKind.INVALID


class TermsIncomplete(Refused):
    """Each priority has one default term, and a category and priority one term at most."""

    kind = RefusalKind.INVALID


class LadderOutOfBounds(Refused):
    """The ladder has some steps with names of their own, but not more than its limit."""

    kind = RefusalKind.INVALID


class TimeVersionTaken(Refused):
    """This version says something else already."""


class TimeVersionSkipped(Refused):
    """Versions follow one another without a gap."""


def evolve(state: Versions, fact: Fact) -> Versions:
    """Follow one fact."""
    match fact.event:
        case WorkingDaysAdopted() | DeadlinePolicyAdopted():
            return Versions(digests=(*state.digests, digest_of(fact.event)))
        case _:
            return state


def decide_working_days(
    command: AdoptWorkingDays, state: Versions, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows from a year's working days; nothing when it is already so."""
    _check_district(command.district, states, asked)
    _check_days(command)
    event = WorkingDaysAdopted(
        version=command.version,
        year=command.year,
        days_off=tuple(sorted(set(command.days_off))),
        working_weekends=tuple(sorted(set(command.working_weekends))),
        source=command.source,
    )
    return _next(state, command.version, event, working_days_stream(command.district))


def decide_deadline_policy(
    command: AdoptDeadlinePolicy, state: Versions, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows from a policy; nothing when it is already so."""
    _check_district(command.district, states, asked)
    _check_numbers(command)
    _check_terms(command.terms)
    names = [step.to for step in command.ladder]
    if not 1 <= len(names) <= STEPS_MAX or len(set(names)) < len(names):
        raise LadderOutOfBounds(steps_max=STEPS_MAX)
    terms = [
        Term(category=term.category, priority=term.priority, working_days=term.working_days)
        for term in command.terms
    ]
    event = DeadlinePolicyAdopted(
        version=command.version,
        terms=tuple(term for term in terms if term.category),
        default_terms=tuple(term for term in terms if not term.category),
        ladder=tuple(Step(to=step.to, working_days=step.working_days) for step in command.ladder),
        **{name: getattr(command, name) for name in BOUNDS},
    )
    return _next(state, command.version, event, deadline_policy_stream(command.district))


def _check_district(district: str, states: States, asked: Asked) -> None:
    place = states.get(node_stream(district), NODE)
    if district != asked.scope or place.kind != NodeKind.DISTRICT.value:
        raise NotADistrict


def _check_days(command: AdoptWorkingDays) -> None:
    if command.year not in YEARS:
        raise NumberOutOfBounds(name="year", least=YEARS.start, most=YEARS.stop - 1)
    if max(len(command.days_off), len(command.working_weekends)) > DAYS_LISTED_MAX:
        raise NumberOutOfBounds(name="days", least=0, most=DAYS_LISTED_MAX)
    for day in (*command.days_off, *command.working_weekends):
        if day.year != command.year:
            raise DayOutOfPlace(day=day.isoformat())
    for day in command.working_weekends:
        if day.weekday() < _SATURDAY or day in command.days_off:
            raise DayOutOfPlace(day=day.isoformat())


def _check_numbers(command: AdoptDeadlinePolicy) -> None:
    for name, (least, most) in BOUNDS.items():
        if not least <= getattr(command, name) <= most:
            raise NumberOutOfBounds(name=name, least=least, most=most)
    for term in command.terms:
        if not 1 <= term.working_days <= WORKING_DAYS_MAX:
            raise NumberOutOfBounds(name="working_days", least=1, most=WORKING_DAYS_MAX)
    for number, step in enumerate(command.ladder):
        least = 1 if number else 0
        if not least <= step.working_days <= WORKING_DAYS_MAX:
            raise NumberOutOfBounds(name="working_days", least=least, most=WORKING_DAYS_MAX)


def _check_terms(terms: Sequence[TermDraft]) -> None:
    named = {(term.category, term.priority) for term in terms}
    defaults = {priority for category, priority in named if not category}
    if len(named) < len(terms) or defaults != set(Priority) or len(terms) > TERMS_MAX:
        raise TermsIncomplete(terms_max=TERMS_MAX)


def _next(state: Versions, version: int, event: Event, stream: str) -> Sequence[To]:
    """Adopt the next version, find that it is adopted already, or refuse."""
    new = is_new(
        state.digests,
        version,
        digest_of(event),
        taken=TimeVersionTaken,
        skipped=TimeVersionSkipped,
    )
    return [To(stream, event)] if new else []


WORKING_DAYS: Decider[AdoptWorkingDays, Versions] = Decider(
    name="working_days",
    view=View("wishes.working_days", 1, Versions, Versions(), evolve),
    commands=(AdoptWorkingDays,),
    target=lambda command: working_days_stream(command.district),
    decide=decide_working_days,
    reads=lambda command: (Read(node_stream(command.district), NODE),),
)
DEADLINE_POLICY: Decider[AdoptDeadlinePolicy, Versions] = Decider(
    name="deadline_policy",
    view=View("wishes.deadline_policy", 1, Versions, Versions(), evolve),
    commands=(AdoptDeadlinePolicy,),
    target=lambda command: deadline_policy_stream(command.district),
    decide=decide_deadline_policy,
    reads=lambda command: (Read(node_stream(command.district), NODE),),
)

_READERS = ("district_admin", "secretary", "desk", "department", "integration", "resident")
ACCESS = (
    Allow("district_admin", AdoptWorkingDays),
    Allow("district_admin", AdoptDeadlinePolicy),
    *(Allow(role, "read_deadlines") for role in _READERS),
)
