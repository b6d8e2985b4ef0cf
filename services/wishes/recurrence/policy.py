"""What feeds the recurrence process, and what its end sets going; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from services.wishes.language import UNCATEGORISED
from services.wishes.recurrence.domain import (
    FreeMatter,
    MatterRecurred,
    NoteOccurrence,
    TellFate,
    matter_id,
)
from services.wishes.recurrence.process import (
    BringUp,
    HearDeclined,
    HearSettled,
    HearTaken,
    RecurrenceUnknown,
)
from shared.contracts.deliberation.agenda import (
    AgendaItemDeclined,
    AgendaItemSettled,
    AgendaItemTaken,
)
from shared.contracts.wishes import RequestReceived
from shared.contracts.wishes.recurrence import (
    Fate,
    RecurrenceDeclined,
    RecurrenceLapsed,
    RecurrenceSettled,
    recurrence_stream,
)
from shared.decider import Command, Fact
from shared.rules import Begins, Policy, Wait

_UNKNOWN_AREA: Final = "unknown"


def _count(fact: Fact) -> Sequence[Command]:
    match fact.event:
        case RequestReceived(category=category, area=area) as event if (
            category != UNCATEGORISED and area != _UNKNOWN_AREA
        ):
            return (
                NoteOccurrence(
                    matter=matter_id(fact.scope, area, category),
                    area=area,
                    category=category,
                    request=str(event.request),
                    received_at=fact.occurred_at,
                ),
            )
        case _:
            return ()


def _begin(fact: Fact) -> Sequence[Command]:
    match fact.event:
        case MatterRecurred() as event:
            return (
                BringUp(
                    recurrence=str(event.recurrence),
                    matter=str(event.matter),
                    area=event.area,
                    category=event.category,
                    requests=tuple(str(request) for request in event.requests),
                    since=event.since,
                ),
            )
        case _:
            return ()


def _hear(fact: Fact) -> Sequence[Command]:
    match fact.event:
        case AgendaItemTaken(item=item):
            return (HearTaken(recurrence=str(item)),)
        case AgendaItemDeclined(item=item, code=code):
            return (HearDeclined(recurrence=str(item), code=code),)
        case AgendaItemSettled(item=item, fate=fate):
            return (HearSettled(recurrence=str(item), fate=fate),)
        case _:
            return ()


def _tell(fact: Fact) -> Sequence[Command]:
    match fact.event:
        case RecurrenceSettled(fate=fate) as event:
            pass
        case RecurrenceDeclined() as event:
            fate = Fate.DECLINED
        case RecurrenceLapsed() as event:
            fate = Fate.NOT_HEARD
        case _:
            return ()
    recurrence = str(event.recurrence)
    told = [
        TellFate(request=str(request), recurrence=recurrence, fate=fate)
        for request in event.requests
    ]
    return (*told, FreeMatter(matter=str(event.matter), recurrence=recurrence))


# What was received before the rule existed brings nothing up; the rest misses nothing.
RULES: Final = (
    Policy(name="recurrence-counting", events=(RequestReceived,), begins=Begins.LIVE, react=_count),
    Policy(
        name="recurrence-beginning",
        events=(MatterRecurred,),
        begins=Begins.BEGINNING,
        react=_begin,
    ),
    Policy(
        name="recurrence-hearing",
        events=(AgendaItemTaken, AgendaItemDeclined, AgendaItemSettled),
        begins=Begins.BEGINNING,
        react=_hear,
        refusals={
            # After a restore the council may know of a recurrence before we do again.
            RecurrenceUnknown: Wait(
                streams=lambda command: (recurrence_stream(command.recurrence),),
                within=timedelta(days=1),
            )
        },
    ),
    Policy(
        name="recurrence-telling",
        events=(RecurrenceSettled, RecurrenceDeclined, RecurrenceLapsed),
        begins=Begins.BEGINNING,
        react=_tell,
    ),
)
