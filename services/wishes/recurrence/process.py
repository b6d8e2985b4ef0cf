"""The process that brings a matter before the council, and its fate back to every request.

Asked by an event, the council's service answers with one; nobody answering within `ANSWER_DAYS` is
asked again, `ASKS_MAX` times in all, then the requests are told that they were not heard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from shared.contracts.envelope import Event
from shared.contracts.wishes.recurrence import (
    AgendaItemRequested,
    Fate,
    RecurrenceDeclined,
    RecurrenceLapsed,
    RecurrenceOnAgenda,
    RecurrenceSettled,
    recurrence_stream,
)
from shared.decider import (
    Asked,
    Command,
    Decider,
    Due,
    Fact,
    RefusalKind,
    Refused,
    State,
    Timers,
    View,
)
from shared.process import Process, Step, StepKind, decide_by, nothing

ANSWER_DAYS: Final = 7
ASKS_MAX: Final = 3


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What was brought before the council."""

    matter: str
    area: str
    category: str
    requests: tuple[str, ...]
    since: datetime


class NotBegun(State):
    """There is no such recurrence."""


class Asking(State):
    """The council was asked, `asks` times, and has not answered; asked again at `again_at`."""

    brought: Brought
    asks: int
    again_at: datetime


class OnAgenda(State):
    """It is with the council, for as long as the council takes."""

    brought: Brought


class Ended(State):
    """It came back."""


class BringUp(Command):
    """Bring a matter before the council."""

    recurrence: str
    matter: str
    area: str
    category: str
    requests: tuple[str, ...]
    since: datetime


class HearTaken(Command):
    """The council has it on its agenda."""

    recurrence: str


class HearDeclined(Command):
    """The council does not take it."""

    recurrence: str
    code: str


class HearSettled(Command):
    """The council has decided."""

    recurrence: str
    fate: Fate


class AskAgain(Command):
    """Nobody has answered in time."""

    recurrence: str


class RecurrenceUnknown(Refused):
    """There is no such recurrence."""

    kind = RefusalKind.NOT_FOUND


RecurrenceState = NotBegun | Asking | OnAgenda | Ended
RecurrenceCommand = BringUp | HearTaken | HearDeclined | HearSettled | AskAgain


def evolve(state: RecurrenceState, fact: Fact) -> RecurrenceState:
    """Follow one fact."""
    match fact.event, state:
        case AgendaItemRequested() as event, _:
            brought = Brought(
                matter=str(event.matter),
                area=event.area,
                category=event.category,
                requests=tuple(str(request) for request in event.requests),
                since=event.since,
            )
            again_at = fact.at + timedelta(days=ANSWER_DAYS)
            return Asking(brought=brought, asks=event.ask, again_at=again_at)
        case RecurrenceOnAgenda(), Asking(brought=brought):
            return OnAgenda(brought=brought)
        case ((RecurrenceDeclined() | RecurrenceSettled() | RecurrenceLapsed()), _):
            return Ended()
        case _:
            return state


def due(state: RecurrenceState) -> Mapping[str, datetime]:
    """Give when the council is asked again."""
    return {"unanswered": state.again_at} if isinstance(state, Asking) else {}


def _bring_up(command: BringUp, _state: NotBegun, _asked: Asked) -> Sequence[Event]:
    brought = Brought(
        matter=command.matter,
        area=command.area,
        category=command.category,
        requests=command.requests,
        since=command.since,
    )
    return (_request(command.recurrence, brought, ask=1),)


def _unknown(_command: Command, _state: NotBegun, _asked: Asked) -> Sequence[Event]:
    raise RecurrenceUnknown


def _taken(command: HearTaken, _state: Asking, _asked: Asked) -> Sequence[Event]:
    return (RecurrenceOnAgenda(recurrence=UUID(command.recurrence)),)


def _declined(command: HearDeclined, state: Asking, _asked: Asked) -> Sequence[Event]:
    brought = state.brought
    return (
        RecurrenceDeclined(
            recurrence=UUID(command.recurrence),
            matter=UUID(brought.matter),
            requests=_ids(brought),
            code=command.code,
        ),
    )


def _settled(command: HearSettled, state: Asking | OnAgenda, _asked: Asked) -> Sequence[Event]:
    brought = state.brought
    return (
        RecurrenceSettled(
            recurrence=UUID(command.recurrence),
            matter=UUID(brought.matter),
            requests=_ids(brought),
            fate=command.fate,
        ),
    )


def _again(command: AskAgain, state: Asking, _asked: Asked) -> Sequence[Event]:
    brought = state.brought
    if state.asks < ASKS_MAX:
        return (_request(command.recurrence, brought, ask=state.asks + 1),)
    return (
        RecurrenceLapsed(
            recurrence=UUID(command.recurrence),
            matter=UUID(brought.matter),
            requests=_ids(brought),
        ),
    )


def _request(recurrence: str, brought: Brought, *, ask: int) -> AgendaItemRequested:
    return AgendaItemRequested(
        recurrence=UUID(recurrence),
        matter=UUID(brought.matter),
        area=brought.area,
        category=brought.category,
        requests=_ids(brought),
        since=brought.since,
        ask=ask,
    )


def _ids(brought: Brought) -> tuple[UUID, ...]:
    return tuple(UUID(request) for request in brought.requests)


STEPS: Final = (
    Step(state=NotBegun, on=BringUp, then=_bring_up, gives=(AgendaItemRequested,), to=(Asking,)),
    Step(state=NotBegun, on=HearTaken, then=_unknown),
    Step(state=NotBegun, on=HearDeclined, then=_unknown),
    Step(state=NotBegun, on=HearSettled, then=_unknown),
    Step(state=NotBegun, on=AskAgain, then=_unknown),
    Step(state=Asking, on=BringUp, then=nothing),
    Step(state=Asking, on=HearTaken, then=_taken, gives=(RecurrenceOnAgenda,), to=(OnAgenda,)),
    Step(
        state=Asking,
        on=HearDeclined,
        then=_declined,
        gives=(RecurrenceDeclined,),
        to=(Ended,),
        kind=StepKind.COMPENSATION,
    ),
    Step(state=Asking, on=HearSettled, then=_settled, gives=(RecurrenceSettled,), to=(Ended,)),
    Step(
        state=Asking,
        on=AskAgain,
        then=_again,
        gives=(AgendaItemRequested, RecurrenceLapsed),
        to=(Asking, Ended),
        kind=StepKind.TIMEOUT,
    ),
    Step(state=OnAgenda, on=BringUp, then=nothing),
    Step(state=OnAgenda, on=HearTaken, then=nothing),
    Step(state=OnAgenda, on=HearDeclined, then=nothing),
    Step(state=OnAgenda, on=HearSettled, then=_settled, gives=(RecurrenceSettled,), to=(Ended,)),
    Step(state=OnAgenda, on=AskAgain, then=nothing),
    Step(state=Ended, on=BringUp, then=nothing),
    Step(state=Ended, on=HearTaken, then=nothing),
    Step(state=Ended, on=HearDeclined, then=nothing),
    Step(state=Ended, on=HearSettled, then=nothing),
    Step(state=Ended, on=AskAgain, then=nothing),
)


def _fired(timer: Due) -> AskAgain:
    return AskAgain(recurrence=timer.id)


_TIMERS: Timers[RecurrenceCommand, RecurrenceState] = Timers(due=due, fire=_fired)
DECIDER: Decider[RecurrenceCommand, RecurrenceState] = Decider(
    name="recurrence",
    view=View("wishes.recurrence", 1, RecurrenceState, NotBegun(), evolve),
    commands=(BringUp, HearTaken, HearDeclined, HearSettled, AskAgain),
    target=lambda command: recurrence_stream(command.recurrence),
    decide=decide_by(STEPS, lambda command: recurrence_stream(command.recurrence)),
    timers=_TIMERS,
)
RECURRENCE: Final = Process(
    decider=DECIDER,
    steps=STEPS,
    sends={
        AgendaItemRequested: ("deliberation: TakeOnAgenda",),
        RecurrenceDeclined: ("TellFate to every request", "FreeMatter"),
        RecurrenceSettled: ("TellFate to every request", "FreeMatter"),
        RecurrenceLapsed: ("TellFate to every request", "FreeMatter"),
    },
)
