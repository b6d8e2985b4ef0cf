from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest

from services.wishes.calendar import WORKING_DAYS_MAX
from services.wishes.deadlines import domain
from services.wishes.deadlines.domain import (
    BOUNDS,
    DAYS_LISTED_MAX,
    DEADLINE_POLICY,
    STEPS_MAX,
    TERMS_MAX,
    WORKING_DAYS,
    AdoptDeadlinePolicy,
    AdoptWorkingDays,
    StepDraft,
    TermDraft,
)
from services.wishes.in_force import TERMS
from services.wishes.in_force import WORKING_DAYS as IN_FORCE
from shared.contracts.deliberation import NodeAdded, NodeKind, node_stream
from shared.contracts.wishes.deadlines import (
    DeadlinePolicyAdopted,
    Priority,
    Step,
    Term,
    WorkingDaysAdopted,
    deadline_policy_stream,
    working_days_stream,
)
from shared.decider import To
from shared.kit.testing.spec import Spec, facts_of

DAYS, POLICY = working_days_stream("north"), deadline_policy_stream("north")
MONDAY_OFF, SATURDAY_WORKED = date(2026, 2, 16), date(2026, 2, 14)
DISTRICT = NodeAdded(node="north", kind=NodeKind.DISTRICT, name="north", path=("north",))
YEAR = AdoptWorkingDays(
    district="north",
    version=1,
    year=2026,
    days_off=(MONDAY_OFF, date(2026, 1, 1), MONDAY_OFF),
    working_weekends=(SATURDAY_WORKED,),
    source="notice 7",
)
ADOPTED_YEAR = WorkingDaysAdopted(
    version=1,
    year=2026,
    days_off=(date(2026, 1, 1), MONDAY_OFF),
    working_weekends=(SATURDAY_WORKED,),
    source="notice 7",
)
DEFAULTS = {Priority.NORMAL: 10, Priority.URGENT: 3, Priority.EMERGENCY: 1}
NUMBERS: dict[str, Any] = {
    "pauses_max": 2,
    "paused_days_max": 10,
    "call_back_days": 2,
    "auto_close_days": 15,
    "low_rating_max": 2,
    "reopen_window_days": 30,
    "reopens_max": 5,
    "reopens_escalated_from": 3,
    "open_max": 200,
}
ROADS = TermDraft(category="roads", priority=Priority.NORMAL, working_days=5)
LADDER = (StepDraft(to="community", working_days=0), StepDraft(to="street", working_days=3))
TERM_DRAFTS = tuple(TermDraft(priority=one, working_days=days) for one, days in DEFAULTS.items())
ADOPT = AdoptDeadlinePolicy(
    district="north", version=1, terms=(ROADS, *TERM_DRAFTS), ladder=LADDER, **NUMBERS
)
ADOPTED = DeadlinePolicyAdopted(
    version=1,
    terms=(Term(category="roads", priority=Priority.NORMAL, working_days=5),),
    default_terms=tuple(
        Term(category="", priority=one, working_days=days) for one, days in DEFAULTS.items()
    ),
    ladder=(Step(to="community", working_days=0), Step(to="street", working_days=3)),
    **NUMBERS,
)
CALENDARS = Spec(WORKING_DAYS, scope="north").given(node_stream("north"), DISTRICT)
POLICIES = Spec(DEADLINE_POLICY, scope="north").given(node_stream("north"), DISTRICT)


def change(command: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(command, **fields)


def test_a_year_is_adopted_with_each_day_once_and_in_order() -> None:
    CALENDARS.when(YEAR).then(To(DAYS, ADOPTED_YEAR))


def test_a_policy_is_adopted_with_its_defaults_apart() -> None:
    POLICIES.when(ADOPT).then(To(POLICY, ADOPTED))


def test_what_a_version_says_again_changes_nothing_and_otherwise_is_refused() -> None:
    years, policies = CALENDARS.given(DAYS, ADOPTED_YEAR), POLICIES.given(POLICY, ADOPTED)

    years.when(YEAR).then_nothing()
    policies.when(ADOPT).then_nothing()
    years.when(change(YEAR, source="another")).then_refused(domain.TimeVersionTaken, version=1)
    policies.when(change(ADOPT, open_max=1)).then_refused(domain.TimeVersionTaken, version=1)
    years.when(change(YEAR, version=3)).then_refused(domain.TimeVersionSkipped, next=2)
    policies.when(change(ADOPT, version=0)).then_refused(domain.TimeVersionSkipped, next=2)


def test_only_a_district_adopts_and_only_for_itself() -> None:
    replace(CALENDARS, scope="elm").when(YEAR).then_refused(domain.NotADistrict)
    replace(CALENDARS, facts={}).when(YEAR).then_refused(domain.NotADistrict)
    replace(POLICIES, scope="elm").when(ADOPT).then_refused(domain.NotADistrict)
    replace(POLICIES, facts={}).when(ADOPT).then_refused(domain.NotADistrict)


@pytest.mark.parametrize(
    ("fields", "day"),
    [
        ({"days_off": (date(2025, 12, 31),)}, "2025-12-31"),
        ({"working_weekends": (date(2027, 1, 2),)}, "2027-01-02"),
        ({"working_weekends": (date(2026, 2, 13),)}, "2026-02-13"),
        ({"days_off": (SATURDAY_WORKED,)}, "2026-02-14"),
    ],
)
def test_a_day_that_is_out_of_place_is_refused(fields: dict[str, Any], day: str) -> None:
    CALENDARS.when(change(YEAR, **fields)).then_refused(domain.DayOutOfPlace, day=day)


def test_a_year_lists_some_days_and_not_more() -> None:
    CALENDARS.when(change(YEAR, days_off=(MONDAY_OFF,) * DAYS_LISTED_MAX)).then(
        To(DAYS, ADOPTED_YEAR.model_copy(update={"days_off": (MONDAY_OFF,)}))
    )
    CALENDARS.when(change(YEAR, days_off=(MONDAY_OFF,) * (DAYS_LISTED_MAX + 1))).then_refused(
        domain.NumberOutOfBounds, name="days", least=0, most=DAYS_LISTED_MAX
    )
    CALENDARS.when(change(YEAR, year=1948)).then_refused(
        domain.NumberOutOfBounds, name="year", least=1949, most=2200
    )


@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_of_the_policy_lies_between_its_bounds(name: str) -> None:
    least, most = BOUNDS[name]
    for number in (least, most):
        event = ADOPTED.model_copy(update={name: number})
        POLICIES.when(change(ADOPT, **{name: number})).then(To(POLICY, event))
    for number in (least - 1, most + 1):
        POLICIES.when(change(ADOPT, **{name: number})).then_refused(
            domain.NumberOutOfBounds, name=name, least=least, most=most
        )


@pytest.mark.parametrize("days", [0, WORKING_DAYS_MAX + 1])
def test_a_term_and_a_later_step_have_some_days(days: int) -> None:
    term = (change(ROADS, working_days=days), *TERM_DRAFTS)
    steps = (LADDER[0], change(LADDER[1], working_days=days))
    for draft in (change(ADOPT, terms=term), change(ADOPT, ladder=steps)):
        POLICIES.when(draft).then_refused(
            domain.NumberOutOfBounds, name="working_days", least=1, most=WORKING_DAYS_MAX
        )


@pytest.mark.parametrize(
    "terms",
    [
        TERM_DRAFTS[1:],
        (*TERM_DRAFTS, TERM_DRAFTS[0]),
        (*TERM_DRAFTS, ROADS, change(ROADS, working_days=6)),
        (*TERM_DRAFTS, *(change(ROADS, category=str(n)) for n in range(TERMS_MAX - 2))),
    ],
)
def test_terms_that_are_missing_double_or_too_many_are_refused(
    terms: tuple[TermDraft, ...],
) -> None:
    POLICIES.when(change(ADOPT, terms=terms)).then_refused(
        domain.TermsIncomplete, terms_max=TERMS_MAX
    )


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (LADDER[0], change(LADDER[1], to="community")),
        tuple(StepDraft(to=str(n), working_days=1) for n in range(STEPS_MAX + 1)),
    ],
)
def test_a_ladder_has_some_steps_with_names_of_their_own(steps: tuple[StepDraft, ...]) -> None:
    POLICIES.when(change(ADOPT, ladder=steps)).then_refused(
        domain.LadderOutOfBounds, steps_max=STEPS_MAX
    )


def test_the_last_version_of_each_year_is_in_force() -> None:
    other = ADOPTED_YEAR.model_copy(update={"version": 2, "year": 2027, "days_off": ()})
    again = ADOPTED_YEAR.model_copy(update={"version": 3, "days_off": (), "source": "notice 8"})
    state = IN_FORCE.initial
    for fact in facts_of(DAYS, ADOPTED_YEAR, other, again, scope="north"):
        state = IN_FORCE.evolve(state, fact)

    assert state.version == 3
    assert state.calendar.works(MONDAY_OFF)
    assert state.sources == {2026: "notice 8", 2027: "notice 7"}
    assert msgspec.json.decode(msgspec.json.encode(state), type=IN_FORCE.state) == state


def test_a_term_is_the_categorys_or_else_the_default_of_its_priority() -> None:
    (fact,) = facts_of(POLICY, ADOPTED, scope="north")
    terms = TERMS.evolve(TERMS.initial, fact)

    assert terms.working_days("roads", Priority.NORMAL) == 5
    assert terms.working_days("roads", Priority.URGENT) == 3
    assert terms.working_days("noise", Priority.NORMAL) == 10
    assert msgspec.json.decode(msgspec.json.encode(terms), type=TERMS.state) == terms


def test_facts_of_others_change_nothing() -> None:
    (fact,) = facts_of("x", DISTRICT, scope="north")

    assert IN_FORCE.evolve(IN_FORCE.initial, fact) == IN_FORCE.initial
    assert TERMS.evolve(TERMS.initial, fact) == TERMS.initial
