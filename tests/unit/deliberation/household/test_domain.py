"""Households and residences: one place a day, one household a day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from services.deliberation.household import refusals
from services.deliberation.household.commands import (
    EndHousehold,
    HouseholdCommand,
    HouseholdDraft,
    LeaveResidence,
    MoveHousehold,
    RegisterHouseholds,
    ResidenceDraft,
    TakeResidences,
)
from services.deliberation.household.domain import HOUSEHOLD, HouseholdState
from shared.contracts.deliberation import (
    ResidentKind,
    ResidentRegistered,
    SubjectErasureRequested,
    erasure_stream,
    resident_stream,
)
from shared.contracts.deliberation.households import (
    HouseholdEnded,
    HouseholdMoved,
    HouseholdRegistered,
    ResidenceLeft,
    ResidenceTaken,
    household_stream,
)
from shared.contracts.deliberation.layout import AreaAdded, AreaEnded, AreaKind, layout_stream
from shared.decider import To
from shared.kit.testing.spec import Spec

HouseholdSpec = Spec[HouseholdCommand, HouseholdState]
ELM = "elm"
HOME, OTHER, ANN = UUID(int=1), UUID(int=2), UUID(int=3)
DAY, JULY = date(2025, 1, 1), date(2025, 7, 1)
STREAM, RESIDENT = household_stream(HOME), resident_stream(ANN)


def _draft(premises: str = "b1", day: date = DAY, household: UUID = HOME) -> HouseholdDraft:
    return HouseholdDraft(household=str(household), premises=premises, starts_on=day)


def _take(household: UUID = HOME, day: date = DAY) -> TakeResidences:
    draft = ResidenceDraft(
        resident=str(ANN), household=str(household), kind=ResidentKind.TENANT, starts_on=day
    )
    return TakeResidences(community=ELM, residences=(draft,))


def _taken(household: UUID = HOME, day: date = DAY) -> ResidenceTaken:
    return ResidenceTaken(
        resident=ANN, household=household, community=ELM, kind=ResidentKind.TENANT, starts_on=day
    )


@pytest.fixture
def built() -> HouseholdSpec:
    """Give a community with two buildings and a grid; one building ends in July."""
    spec: HouseholdSpec = Spec(HOUSEHOLD, scope=ELM)
    for area, kind in (
        ("b1", AreaKind.BUILDING),
        ("b2", AreaKind.BUILDING),
        ("g1", AreaKind.GRID),
    ):
        added = AreaAdded(area=area, kind=kind, name=area, parent="", starts_on=DAY)
        spec = spec.given(layout_stream(ELM), added)
    return spec.given(layout_stream(ELM), AreaEnded(area="b2", ends_on=JULY))


@pytest.fixture
def housed(built: HouseholdSpec) -> HouseholdSpec:
    """Give that community with two households, and a resident on the roll."""
    for household in (HOME, OTHER):
        registered = HouseholdRegistered(household=household, premises="b1", starts_on=DAY)
        built = built.given(household_stream(household), registered)
    on_the_roll = ResidentRegistered(
        resident=ANN, kind=ResidentKind.TENANT, texts=UUID(int=8), subject=UUID(int=9)
    )
    return built.given(RESIDENT, on_the_roll, scope="district")


def test_households_are_registered_together(built: HouseholdSpec) -> None:
    both = RegisterHouseholds(community=ELM, households=(_draft(), _draft("b2", household=OTHER)))
    outcome = built.when(both)
    outcome.then(
        To(STREAM, HouseholdRegistered(household=HOME, premises="b1", starts_on=DAY)),
        To(
            household_stream(OTHER),
            HouseholdRegistered(household=OTHER, premises="b2", starts_on=DAY),
        ),
    )
    built.after(*outcome.events).when(both).then_nothing()


@pytest.mark.parametrize(
    ("premises", "day"), [("b9", DAY), ("g1", DAY), ("b2", JULY), ("b1", date(2024, 12, 31))]
)
def test_premises_stand_on_the_first_day(built: HouseholdSpec, premises: str, day: date) -> None:
    command = RegisterHouseholds(community=ELM, households=(_draft(premises, day),))
    built.when(command).then_refused(refusals.PremisesUnknown, premises=premises)


def test_a_household_registered_otherwise_is_refused(housed: HouseholdSpec) -> None:
    command = RegisterHouseholds(community=ELM, households=(_draft("b1", JULY),))
    housed.when(command).then_refused(refusals.HouseholdTaken, household=str(HOME))


def test_a_command_names_some_but_not_too_many_and_nothing_twice(built: HouseholdSpec) -> None:
    many = tuple(_draft(household=UUID(int=number)) for number in range(201))
    for households in ((), (_draft(), _draft()), many):
        command = RegisterHouseholds(community=ELM, households=households)
        built.when(command).then_refused(refusals.BatchOutOfBounds, most=200)


def test_a_household_moves_and_ends(housed: HouseholdSpec) -> None:
    march = date(2025, 3, 1)
    move = MoveHousehold(community=ELM, household=str(HOME), premises="b2", starts_on=march)
    outcome = housed.when(move)
    outcome.then(To(STREAM, HouseholdMoved(household=HOME, premises="b2", starts_on=march)))
    moved = housed.after(*outcome.events)
    moved.when(move).then_nothing()
    late = MoveHousehold(community=ELM, household=str(HOME), premises="b2", starts_on=JULY)
    moved.when(late).then_refused(refusals.PremisesUnknown, premises="b2")
    end = EndHousehold(household=str(HOME), ends_on=JULY)
    outcome = moved.when(end)
    outcome.then(To(STREAM, HouseholdEnded(household=HOME, ends_on=JULY)))
    ended = moved.after(*outcome.events)
    ended.when(end).then_nothing()
    ended.when(_take(day=JULY)).then_refused(refusals.HouseholdOver, household=str(HOME))


def test_what_does_not_exist_is_not_found(built: HouseholdSpec) -> None:
    built.when(EndHousehold(household=str(HOME), ends_on=JULY)).then_refused(
        refusals.HouseholdNotFound
    )
    built.when(_take()).then_refused(refusals.HouseholdNotFound, household=str(HOME))


def test_a_household_of_another_community_is_not_found(housed: HouseholdSpec) -> None:
    foreign = UUID(int=77)
    registered = HouseholdRegistered(household=foreign, premises="b1", starts_on=DAY)
    spec = housed.given(household_stream(foreign), registered, scope="oak")
    spec.when(_take(foreign)).then_refused(refusals.HouseholdNotFound, household=str(foreign))


def test_to_live_elsewhere_is_to_live_here_no_more(housed: HouseholdSpec) -> None:
    outcome = housed.when(_take())
    outcome.then(To(RESIDENT, _taken()))
    living = housed.after(*outcome.events)
    living.when(_take()).then_nothing()
    living.when(_take(OTHER, JULY)).then(To(RESIDENT, _taken(OTHER, JULY)))


def test_who_is_not_on_the_roll_or_was_erased_takes_no_residence(housed: HouseholdSpec) -> None:
    stranger = Spec(HOUSEHOLD, scope=ELM, facts={**housed.facts, RESIDENT: ()})
    stranger.when(_take()).then_refused(refusals.ResidentUnknown, resident=str(ANN))
    asked = SubjectErasureRequested(resident=ANN, subjects=(UUID(int=9),), services=())
    erased = housed.given(erasure_stream(ANN), asked, scope="district")
    erased.when(_take()).then_refused(refusals.ResidentForgotten, resident=str(ANN))


def test_a_resident_leaves_the_household_they_live_in(housed: HouseholdSpec) -> None:
    living = housed.after(To(RESIDENT, _taken()))
    leave = LeaveResidence(household=str(HOME), resident=str(ANN), ends_on=JULY)
    outcome = living.when(leave, at=datetime(2025, 7, 1, tzinfo=UTC))
    outcome.then(To(RESIDENT, ResidenceLeft(resident=ANN, ends_on=JULY)))
    living.after(*outcome.events).when(leave).then_nothing()
    other = LeaveResidence(household=str(OTHER), resident=str(ANN), ends_on=JULY)
    living.when(other).then_refused(refusals.LivesElsewhere)
