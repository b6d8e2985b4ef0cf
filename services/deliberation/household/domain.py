"""Households of a community, and the residents who live in them.

The rules (X1):

- A household is registered once, in premises that stand on its first day, and lives in one place
  on each of its days. It may move within its community; in another one it is another household.
- A resident of the roll lives in at most one household of the district on each day, with a kind of
  residence. To live somewhere else is to live here no more: one change says both.
- A change may be entered late: it holds until the next change that is known already.
- When a household ends, whoever lived in it lives there no more.
- Of a resident who is erased nothing new is said.
- A step taken again changes nothing: it is already so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from services.deliberation.household import refusals
from services.deliberation.household.commands import (
    EndHousehold,
    HouseholdCommand,
    LeaveResidence,
    MoveHousehold,
    RegisterHouseholds,
    TakeResidences,
)
from services.deliberation.language import FORGOTTEN, Held, said, value_on
from services.deliberation.premises import PREMISES
from shared.authority import Allow
from shared.contracts.deliberation import (
    ResidentRegistered,
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
from shared.contracts.deliberation.layout import layout_stream
from shared.decider import (
    Asked,
    Decider,
    Fact,
    Read,
    State,
    States,
    To,
    View,
)

HOUSEHOLDS_PER_COMMAND_MAX: Final = 200
RESIDENCES_PER_COMMAND_MAX: Final = 200


class NoHousehold(State):
    """There is no such household."""


class Household(State):
    """A household from its first day until before `ends_on`; its premises by day."""

    community: str
    starts_on: date
    ends_on: date | None = None
    places: tuple[Held, ...] = ()


class Living(State):
    """A resident as far as residences need it: the household by day, and whether erased."""

    registered: bool = False
    households: tuple[Held, ...] = ()
    kinds: tuple[Held, ...] = ()


HouseholdState = NoHousehold | Household


def evolve(state: HouseholdState, fact: Fact) -> HouseholdState:
    """Follow a household's stream."""
    match fact.event, state:
        case HouseholdRegistered(premises=premises, starts_on=day), _:
            return Household(
                community=fact.scope, starts_on=day, places=(Held(value=premises, valid_from=day),)
            )
        case HouseholdMoved(premises=premises, starts_on=day), Household():
            places = said(state.places, day, premises)
            return msgspec.structs.replace(state, places=places)
        case HouseholdEnded(ends_on=day), Household():
            return msgspec.structs.replace(state, ends_on=day)
        case _:
            return state


def evolve_living(state: Living, fact: Fact) -> Living:
    """Follow a resident's stream."""
    match fact.event:
        case ResidentRegistered():
            return msgspec.structs.replace(state, registered=True)
        case ResidenceTaken(household=household, kind=kind, starts_on=day):
            households = said(state.households, day, str(household))
            kinds = said(state.kinds, day, kind.value)
        case ResidenceLeft(ends_on=day):
            households = said(state.households, day, "")
            kinds = said(state.kinds, day, "")
        case _:
            return state
    return msgspec.structs.replace(state, households=households, kinds=kinds)


LIVING = View("household.living", 2, Living, Living(), evolve_living)
HOUSEHOLD_VIEW: View[HouseholdState] = View(
    "household", 2, NoHousehold | Household, NoHousehold(), evolve
)


def decide(
    command: HouseholdCommand, state: HouseholdState, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    match command, state:
        case RegisterHouseholds(), _:
            return list(_registered(command, states, asked))
        case TakeResidences(), _:
            return list(_taken(command, states, asked))
        case _, NoHousehold():
            raise refusals.HouseholdNotFound
        case MoveHousehold(), Household():
            return _moved(command, state, states, asked)
        case EndHousehold(ends_on=day), Household():
            return _ended(command, state, day)
        case LeaveResidence(), Household():
            return _left(command, states)


def _registered(command: RegisterHouseholds, states: States, asked: Asked) -> Iterator[To]:
    drafts = command.households
    _check_batch([draft.household for draft in drafts], HOUSEHOLDS_PER_COMMAND_MAX)
    for draft in drafts:
        _check_premises(command.community, draft.premises, draft.starts_on, states, asked)
        stream = household_stream(draft.household)
        match states.get(stream, HOUSEHOLD_VIEW):
            case NoHousehold():
                yield To(
                    stream,
                    HouseholdRegistered(
                        household=UUID(draft.household),
                        premises=draft.premises,
                        starts_on=draft.starts_on,
                        texts=UUID(draft.texts) if draft.texts else None,
                        subject=UUID(draft.subject) if draft.subject else None,
                    ),
                )
            case Household(community=community, starts_on=day, places=places):
                known = (community, day, value_on(places, day))
                if known != (asked.scope, draft.starts_on, draft.premises):
                    raise refusals.HouseholdTaken(household=draft.household)


def _moved(command: MoveHousehold, state: Household, states: States, asked: Asked) -> Sequence[To]:
    _check_lives(state, command.household, command.starts_on)
    _check_premises(command.community, command.premises, command.starts_on, states, asked)
    if value_on(state.places, command.starts_on) == command.premises:
        return []
    household = UUID(command.household)
    event = HouseholdMoved(
        household=household, premises=command.premises, starts_on=command.starts_on
    )
    return [To(household_stream(household), event)]


def _ended(command: EndHousehold, state: Household, day: date) -> Sequence[To]:
    if state.ends_on == day:
        return []
    _check_lives(state, command.household, day)
    household = UUID(command.household)
    return [To(household_stream(household), HouseholdEnded(household=household, ends_on=day))]


def _taken(command: TakeResidences, states: States, asked: Asked) -> Iterator[To]:
    drafts = command.residences
    _check_batch([draft.resident for draft in drafts], RESIDENCES_PER_COMMAND_MAX)
    if command.community != asked.scope:
        raise refusals.HouseholdNotFound
    for draft in drafts:
        household = states.get(household_stream(draft.household), HOUSEHOLD_VIEW)
        if isinstance(household, NoHousehold) or household.community != asked.scope:
            raise refusals.HouseholdNotFound(household=draft.household)
        _check_lives(household, draft.household, draft.starts_on)
        living = _living(draft.resident, states)
        now = (
            value_on(living.households, draft.starts_on),
            value_on(living.kinds, draft.starts_on),
        )
        if now != (draft.household, draft.kind.value):
            yield To(
                resident_stream(draft.resident),
                ResidenceTaken(
                    resident=UUID(draft.resident),
                    household=UUID(draft.household),
                    community=command.community,
                    kind=draft.kind,
                    starts_on=draft.starts_on,
                ),
            )


def _left(command: LeaveResidence, states: States) -> Sequence[To]:
    living = _living(command.resident, states)
    lives_in = value_on(living.households, command.ends_on)
    if any(
        one.value == command.household and one.valid_to == command.ends_on
        for one in living.households
    ):
        return []
    if lives_in != command.household:
        raise refusals.LivesElsewhere
    resident = UUID(command.resident)
    event = ResidenceLeft(resident=resident, ends_on=command.ends_on)
    return [To(resident_stream(resident), event)]


def _living(resident: str, states: States) -> Living:
    if states.get(erasure_stream(resident), FORGOTTEN).asked:
        raise refusals.ResidentForgotten(resident=resident)
    living = states.get(resident_stream(resident), LIVING)
    if not living.registered:
        raise refusals.ResidentUnknown(resident=resident)
    return living


def _check_batch(names: Sequence[str], most: int) -> None:
    if not 1 <= len(names) <= most or len(set(names)) < len(names):
        raise refusals.BatchOutOfBounds(most=most)


def _check_premises(community: str, premises: str, day: date, states: States, asked: Asked) -> None:
    standing = states.get(layout_stream(community), PREMISES)
    if community != asked.scope or not standing.stand(premises, day):
        raise refusals.PremisesUnknown(premises=premises[:100])


def _check_lives(state: Household, household: str, day: date) -> None:
    if day < state.starts_on or (state.ends_on is not None and day >= state.ends_on):
        raise refusals.HouseholdOver(household=household)


def _target(command: HouseholdCommand) -> str:
    match command:
        case RegisterHouseholds(households=drafts) | TakeResidences(residences=drafts):
            return household_stream(drafts[0].household if drafts else "")
        case _:
            return household_stream(command.household)


def _reads(command: HouseholdCommand) -> Sequence[Read[Any]]:
    match command:
        case RegisterHouseholds(community=community, households=drafts):
            own = dict.fromkeys(draft.household for draft in drafts)
            premises = Read(layout_stream(community), PREMISES)
            return (premises, *(Read(household_stream(one), HOUSEHOLD_VIEW) for one in own))
        case MoveHousehold(community=community):
            return (Read(layout_stream(community), PREMISES),)
        case TakeResidences(residences=drafts):
            own = dict.fromkeys(draft.household for draft in drafts)
            residents = [draft.resident for draft in drafts]
            return (
                *(Read(household_stream(one), HOUSEHOLD_VIEW) for one in own),
                *_reads_of(residents),
            )
        case LeaveResidence(resident=resident):
            return _reads_of([resident])
        case EndHousehold():
            return ()


def _reads_of(residents: Sequence[str]) -> tuple[Read[Any], ...]:
    return tuple(
        read
        for resident in residents
        for read in (
            Read(resident_stream(resident), LIVING),
            Read(erasure_stream(resident), FORGOTTEN),
        )
    )


HOUSEHOLD: Decider[HouseholdCommand, HouseholdState] = Decider(
    name="household",
    view=HOUSEHOLD_VIEW,
    commands=(RegisterHouseholds, MoveHousehold, EndHousehold, TakeResidences, LeaveResidence),
    target=_target,
    decide=decide,
    reads=_reads,
)

ACCESS = tuple(
    Allow(role, action)
    for role in ("district_admin", "secretary", "desk")
    for action in (
        RegisterHouseholds,
        MoveHousehold,
        EndHousehold,
        TakeResidences,
        LeaveResidence,
        "read_households",
    )
)
