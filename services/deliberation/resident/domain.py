"""The roll of residents: who is on it, under which pseudonyms; never a name.

The rules:

- A resident is registered once, on the district. Name and phone are sealed under the resident's
  own key; nobody else on the roll has the same ID number, which is kept as a claim only.
- Accounts under which a resident is known to other services are linked to the resident, at most
  `ACCOUNTS_MAX`; an account is one person's.
- Who is erased stays off the roll: nothing is added under that id any more.
- A step taken again changes nothing: it is already so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.deliberation.language import FORGOTTEN
from shared.authority import NODE, Allow
from shared.contracts.deliberation import (
    AccountLinked,
    DeliberationEvent,
    NodeKind,
    ResidentKind,
    ResidentRegistered,
    erasure_stream,
    node_stream,
    resident_stream,
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

ACCOUNTS_MAX = 10
RESIDENTS_PER_COMMAND_MAX = 200
ID_NUMBER, ACCOUNT = "id_number", "account"  # the kinds of claims


class NotOnTheRoll(State):
    """Nobody was registered under this id."""


class OnTheRoll(State):
    """A resident, with the pseudonyms that stand for the resident elsewhere."""

    kind: ResidentKind
    texts: str
    subject: str
    accounts: tuple[str, ...] = ()


class RegisterResident(Command):
    """Put a resident on the roll; `subject` sealed the texts, `accounts` are pseudonyms."""

    resident: str
    kind: ResidentKind
    texts: str
    subject: str
    accounts: tuple[str, ...] = ()


class RegisterResidents(Command):
    """Put several residents on the roll; all of them or none."""

    residents: tuple[RegisterResident, ...]


class LinkAccount(Command):
    """Say that an account of another service is this resident's."""

    resident: str
    account: str


class ResidentNotFound(Refused):
    """There is no such resident on the roll."""

    kind = RefusalKind.NOT_FOUND


class ResidentErased(Refused):
    """The resident was erased: whoever comes back is registered anew."""


class ResidentTaken(Refused):
    """A resident is on the roll under this id already."""


class IdNumberTaken(Refused):
    """Somebody with this ID number is on the roll already."""


class AccountTaken(Refused):
    """This account is linked to another resident."""


class TooManyAccounts(Refused):
    """A resident has no more accounts than this."""


class RollOutOfBounds(Refused):
    """A command registers some residents, but not more than this, and nobody twice."""

    kind = RefusalKind.INVALID


class NotTheDistrict(Refused):
    """Residents belong to the district as a whole."""

    kind = RefusalKind.INVALID


Resident = NotOnTheRoll | OnTheRoll
ResidentCommand = RegisterResident | RegisterResidents | LinkAccount


def evolve(state: Resident, fact: Fact) -> Resident:
    """Follow a resident's stream."""
    match fact.event, state:
        case ResidentRegistered(kind=kind, texts=texts, subject=subject), _:
            return OnTheRoll(kind=kind, texts=str(texts), subject=str(subject))
        case AccountLinked(account=account), OnTheRoll(accounts=accounts):
            return OnTheRoll(
                kind=state.kind,
                texts=state.texts,
                subject=state.subject,
                accounts=(*accounts, str(account)),
            )
        case _:
            return state


ON_THE_ROLL: View[Resident] = View("resident", 1, Resident, NotOnTheRoll(), evolve)


def decide(command: ResidentCommand, state: Resident, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    match command:
        case RegisterResidents(residents=residents):
            names = {one.resident for one in residents}
            if not 1 <= len(residents) <= RESIDENTS_PER_COMMAND_MAX or len(names) < len(residents):
                raise RollOutOfBounds(most=RESIDENTS_PER_COMMAND_MAX)
            known = (states.get(resident_stream(one.resident), ON_THE_ROLL) for one in residents)
            return [
                to
                for one, before in zip(residents, known, strict=True)
                for to in _decide_one(one, before, states, asked)
            ]
        case RegisterResident() | LinkAccount():
            return _decide_one(command, state, states, asked)


def _decide_one(
    command: RegisterResident | LinkAccount, state: Resident, states: States, asked: Asked
) -> Sequence[To]:
    if states.get(erasure_stream(command.resident), FORGOTTEN).asked:
        raise ResidentErased
    match command, state:
        case RegisterResident(), NotOnTheRoll():
            if states.get(node_stream(asked.scope), NODE).kind != NodeKind.DISTRICT.value:
                raise NotTheDistrict
            return _to(command, _registered(command), *_linked(command, command.accounts, ()))
        case RegisterResident(texts=texts), OnTheRoll():
            if texts != state.texts:
                raise ResidentTaken
            return []
        case LinkAccount(), NotOnTheRoll():
            raise ResidentNotFound
        case LinkAccount(account=account), OnTheRoll(accounts=accounts):
            return _to(command, *_linked(command, (account,), accounts))


def _registered(command: RegisterResident) -> ResidentRegistered:
    return ResidentRegistered(
        resident=UUID(command.resident),
        kind=command.kind,
        texts=UUID(command.texts),
        subject=UUID(command.subject),
    )


def _linked(
    command: RegisterResident | LinkAccount, accounts: Sequence[str], known: Sequence[str]
) -> list[AccountLinked]:
    added = [account for account in dict.fromkeys(accounts) if account not in known]
    if len(known) + len(added) > ACCOUNTS_MAX:
        raise TooManyAccounts(accounts_max=ACCOUNTS_MAX)
    resident = UUID(command.resident)
    return [AccountLinked(resident=resident, account=UUID(account)) for account in added]


def _to(command: RegisterResident | LinkAccount, *events: DeliberationEvent) -> Sequence[To]:
    return [To(resident_stream(command.resident), event) for event in events]


def _target(command: ResidentCommand) -> str:
    match command:
        case RegisterResidents(residents=residents):
            return resident_stream(residents[0].resident if residents else "")
        case RegisterResident(resident=resident) | LinkAccount(resident=resident):
            return resident_stream(resident)


def _reads(command: ResidentCommand) -> Sequence[Read[Any]]:
    match command:
        case RegisterResidents(residents=residents):
            names = tuple(dict.fromkeys(one.resident for one in residents))
            return (
                *(Read(resident_stream(name), ON_THE_ROLL) for name in names),
                *(Read(erasure_stream(name), FORGOTTEN) for name in names),
            )
        case RegisterResident(resident=resident) | LinkAccount(resident=resident):
            return (Read(erasure_stream(resident), FORGOTTEN),)


RESIDENT: Decider[ResidentCommand, Resident] = Decider(
    name="resident",
    view=ON_THE_ROLL,
    commands=(RegisterResident, RegisterResidents, LinkAccount),
    target=_target,
    decide=decide,
    reads=_reads,
)

CLAIM_REFUSALS = {ID_NUMBER: IdNumberTaken, ACCOUNT: AccountTaken}

ACCESS = (
    Allow("district_admin", RegisterResident),
    Allow("district_admin", RegisterResidents),
    Allow("district_admin", LinkAccount),
    *(
        Allow(role, action, fresh=True)
        for role in ("district_admin", "secretary", "desk")
        for action in ("search_residents", "read_resident_texts")
    ),
)
