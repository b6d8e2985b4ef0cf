"""Wishes' part in a resident's erasure: texts at once, files and keys next, then the answer.

| state | input | what follows |
|---|---|---|
| NotAsked | EraseTexts | SubjectTextsErased deletes the texts in its append; an effect the rest |
| Erasing | ConfirmErasure | SubjectErasureDone, the answer that the directory waits for |
| Erased | either | nothing: it is already so |

There is no timeout here: the directory alarms when no answer comes, and an effect that cannot do
its work is stuck.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.contracts.deliberation import SubjectErasureRequested
from shared.contracts.wishes.erasure import (
    SubjectErasureDone,
    SubjectTextsErased,
    subject_erasure_stream,
)
from shared.decider import Asked, Command, Decider, Fact, Refused, State, States, To, View
from shared.rules import Begins, Policy


class NotAsked(State):
    """Nobody asked to erase the resident."""


class Erasing(State):
    """The texts are gone; files and keys are not yet known to be."""


class Erased(State):
    """Nothing is left."""


class EraseTexts(Command):
    """Erase every text of these pseudonyms."""

    resident: str
    subjects: tuple[str, ...]


class ConfirmErasure(Command):
    """Files and keys are gone; `done` false: they could not be."""

    resident: str
    done: bool


class NotErased(Refused):
    """What is left of the resident could not be erased."""


class ErasureNotAsked(Refused):
    """Nobody asked to erase the resident."""


Erasure = NotAsked | Erasing | Erased
ErasureCommand = EraseTexts | ConfirmErasure


def evolve(state: Erasure, fact: Fact) -> Erasure:
    """Follow the process."""
    match fact.event:
        case SubjectTextsErased():
            return Erasing()
        case SubjectErasureDone():
            return Erased()
        case _:
            return state


def decide(command: ErasureCommand, state: Erasure, _states: States, _asked: Asked) -> Sequence[To]:
    """Give what follows from an input."""
    stream, resident = subject_erasure_stream(command.resident), UUID(command.resident)
    match command, state:
        case EraseTexts(subjects=subjects), NotAsked():
            erased = tuple(UUID(subject) for subject in subjects)
            return [To(stream, SubjectTextsErased(resident=resident, subjects=erased))]
        case EraseTexts(), Erasing() | Erased():
            return []
        case ConfirmErasure(), NotAsked():
            raise ErasureNotAsked
        case ConfirmErasure(done=False), Erasing():
            raise NotErased
        case ConfirmErasure(), Erasing():
            return [To(stream, SubjectErasureDone(resident=resident))]
        case ConfirmErasure(), Erased():
            return []


def asked_to_erase(fact: Fact) -> Sequence[Command]:
    """Erase whom the directory names."""
    match fact.event:
        case SubjectErasureRequested(resident=resident, subjects=subjects):
            named = tuple(str(subject) for subject in subjects)
            return [EraseTexts(resident=str(resident), subjects=named)]
        case _:
            return []


def subjects_of(event: SubjectTextsErased) -> Sequence[UUID]:
    """Name whose texts go with the event's append."""
    return event.subjects


ERASURE: Decider[ErasureCommand, Erasure] = Decider(
    name="erasure",
    view=View("wishes.erasure", 1, Erasure, NotAsked(), evolve),
    commands=(EraseTexts, ConfirmErasure),
    target=lambda command: subject_erasure_stream(command.resident),
    decide=decide,
)
ERASE_WHEN_ASKED = Policy(
    name="erase_when_asked",
    events=(SubjectErasureRequested,),
    begins=Begins.BEGINNING,
    react=asked_to_erase,
)
