"""Items of a council's agenda: matters that recur, taken on, declined, and what becomes of them.

The rules:

- Another service asks, by an event, that a matter be taken on; it is answered by an event under the
  same id. Asked again, the answer is given again and nothing else is done.
- Only a community has a council; what is asked elsewhere is declined.
- The secretary enters what the council decided, once; it does not change afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.authority import NODE, Allow
from shared.contracts.deliberation import NodeKind, node_stream
from shared.contracts.deliberation.agenda import (
    AgendaEvent,
    AgendaItemDeclined,
    AgendaItemSettled,
    AgendaItemTaken,
    agenda_item_stream,
)
from shared.contracts.wishes.recurrence import AgendaItemRequested, Fate
from shared.decider import (
    Asked,
    Command,
    Decider,
    Fact,
    RefusalKind,
    Refused,
    State,
    States,
    To,
    View,
)
from shared.rules import Begins, Policy

NOT_A_COMMUNITY = "not_a_community"
# What a council can decide; the others are answers of the process itself.
DECIDED = (Fate.RESOLVED, Fate.IN_PROJECT, Fate.REJECTED, Fate.NOT_COMPETENT)


class NoItem(State):
    """Nobody has asked."""


class Taken(State):
    """It is on the agenda."""

    area: str
    category: str
    requests: int


class Declined(State):
    """It was not taken on."""

    code: str


class Settled(State):
    """The council has decided."""

    fate: Fate


Item = NoItem | Taken | Declined | Settled


class TakeOnAgenda(Command):
    """Take a matter on the agenda, because another service asks."""

    item: str
    area: str
    category: str
    requests: int


class SettleItem(Command):
    """Enter what the council decided."""

    item: str
    fate: Fate


class ItemNotFound(Refused):
    """There is no such item."""

    kind = RefusalKind.NOT_FOUND


class ItemWasDeclined(Refused):
    """The matter was not taken on the agenda."""


class ItemSettledOtherwise(Refused):
    """The council has decided otherwise."""


class FateNotDecided(Refused):
    """A council cannot decide this."""

    kind = RefusalKind.INVALID


def evolve(state: Item, fact: Fact) -> Item:
    """Follow one fact."""
    match fact.event, state:
        case AgendaItemTaken(area=area, category=category, requests=requests), NoItem():
            return Taken(area=area, category=category, requests=requests)
        case AgendaItemDeclined(code=code), NoItem():
            return Declined(code=code)
        case AgendaItemSettled(fate=fate), _:
            return Settled(fate=fate)
        case _:
            return state


def decide(
    command: TakeOnAgenda | SettleItem, state: Item, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    item = UUID(command.item)
    match command, state:
        case TakeOnAgenda(), NoItem():
            event = _answer(command, states, asked)
        case TakeOnAgenda(), Taken(area=area, category=category, requests=requests):
            event = AgendaItemTaken(item=item, area=area, category=category, requests=requests)
        case TakeOnAgenda(), Declined(code=code):
            event = AgendaItemDeclined(item=item, code=code)
        case TakeOnAgenda(), Settled(fate=fate):
            event = AgendaItemSettled(item=item, fate=fate)
        case SettleItem(), NoItem():
            raise ItemNotFound
        case SettleItem(), Declined():
            raise ItemWasDeclined
        case SettleItem(fate=fate), Taken():
            if fate not in DECIDED:
                raise FateNotDecided(fate=fate.value)
            event = AgendaItemSettled(item=item, fate=fate)
        case SettleItem(fate=fate), Settled(fate=was):
            if fate is not was:
                raise ItemSettledOtherwise(fate=was.value)
            return []
    return [To(agenda_item_stream(command.item), event)]


def _answer(command: TakeOnAgenda, states: States, asked: Asked) -> AgendaEvent:
    item = UUID(command.item)
    if states.get(node_stream(asked.scope), NODE).kind != NodeKind.COMMUNITY.value:
        return AgendaItemDeclined(item=item, code=NOT_A_COMMUNITY)
    return AgendaItemTaken(
        item=item, area=command.area, category=command.category, requests=command.requests
    )


AGENDA_ITEM: Decider[TakeOnAgenda | SettleItem, Item] = Decider(
    name="agenda_item",
    view=View("deliberation.agenda_item", 1, Item, NoItem(), evolve),
    commands=(TakeOnAgenda, SettleItem),
    target=lambda command: agenda_item_stream(command.item),
    decide=decide,
)


def _take(fact: Fact) -> Sequence[Command]:
    match fact.event:
        case AgendaItemRequested() as event:
            return (
                TakeOnAgenda(
                    item=str(event.recurrence),
                    area=event.area,
                    category=event.category,
                    requests=len(event.requests),
                ),
            )
        case _:
            return ()


TAKING = Policy(
    name="agenda-taking", events=(AgendaItemRequested,), begins=Begins.BEGINNING, react=_take
)

ACCESS = (
    Allow("secretary", SettleItem),
    *(
        Allow(role, "read_agenda")
        for role in ("secretary", "district_admin", "desk", "resident", "integration")
    ),
)
INTERNAL = (TakeOnAgenda,)
