"""A resident is forgotten: the directory asks every service, and alarms when one is silent.

| state | input | what follows |
|---|---|---|
| NotRequested | EraseSubject, EraseMyself | SubjectErasureRequested with every pseudonym |
| Erasing | RecordErasureAnswer | SubjectErasureAnswered; with the last one SubjectErased |
| Erasing | RaiseErasureAlarm (timer) | ErasureAnswerMissing, once; late answers still count |
| Erased | any | nothing: it is already so |

The request's append deletes the roll's own texts, and an effect ends the rest of them; the other
services hear it, do the same, and answer. The timer is due `ANSWER_WITHIN` after the request.
Only the district's administrator may erase somebody, or the person alone. What is erased cannot
be brought back, so nothing compensates: an erasure goes on until every service has answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from shared.authority import Allow
from shared.contracts.deliberation import (
    AccountLinked,
    ErasureAnswerMissing,
    ResidentRegistered,
    SubjectErased,
    SubjectErasureAnswered,
    SubjectErasureRequested,
    erasure_stream,
    resident_stream,
)
from shared.contracts.wishes.erasure import SubjectErasureDone
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
    Timers,
    To,
    View,
)
from shared.rules import Begins, Policy

OWN = "deliberation"
SERVICES = (OWN, "wishes")
ANSWER_WITHIN = timedelta(hours=24)
ANSWER_TIMER = "answer"


class NotRequested(State):
    """Nobody asked to forget the resident."""


class Erasing(State):
    """Some services have not answered yet."""

    silent: tuple[str, ...]
    answer_by: datetime
    alarmed: bool = False


class Erased(State):
    """Every service has answered."""


class Pseudonyms(State):
    """Everything that stands for a resident; empty: not on the roll."""

    subjects: tuple[str, ...] = ()


class EraseSubject(Command):
    """Forget a resident."""

    resident: str


class EraseMyself(Command):
    """Be forgotten: only whoever the resident is may ask."""

    resident: str


class RecordErasureAnswer(Command):
    """A service has nothing of the resident any more; `done` false: it could not erase it."""

    resident: str
    by: str
    done: bool = True


class RaiseErasureAlarm(Command):
    """The time to answer is over."""

    resident: str


class NotOnTheRoll(Refused):
    """There is no such resident on the roll."""

    kind = RefusalKind.NOT_FOUND


class NotYourself(Refused):
    """Only the person, or the district's administrator, may ask for this."""

    kind = RefusalKind.FORBIDDEN


class ErasureNotRequested(Refused):
    """Nobody asked to forget the resident."""


class NotErased(Refused):
    """What is left of the resident could not be erased."""


Erasure = NotRequested | Erasing | Erased
ErasureCommand = EraseSubject | EraseMyself | RecordErasureAnswer | RaiseErasureAlarm


def evolve_pseudonyms(state: Pseudonyms, fact: Fact) -> Pseudonyms:
    """Follow a resident's stream."""
    match fact.event:
        case ResidentRegistered(subject=added) | AccountLinked(account=added):
            return Pseudonyms(subjects=(*state.subjects, str(added)))
        case _:
            return state


PSEUDONYMS = View("erasure.pseudonyms", 1, Pseudonyms, Pseudonyms(), evolve_pseudonyms)


def evolve(state: Erasure, fact: Fact) -> Erasure:
    """Follow the process."""
    match fact.event, state:
        case SubjectErasureRequested(services=services), _:
            return Erasing(silent=services, answer_by=fact.at + ANSWER_WITHIN)
        case SubjectErasureAnswered(by=by), Erasing(silent=silent):
            left = tuple(service for service in silent if service != by)
            return Erasing(silent=left, answer_by=state.answer_by, alarmed=state.alarmed)
        case ErasureAnswerMissing(), Erasing(silent=silent):
            return Erasing(silent=silent, answer_by=state.answer_by, alarmed=True)
        case SubjectErased(), _:
            return Erased()
        case _:
            return state


def due(state: Erasure) -> Mapping[str, datetime]:
    """Name the time by which every service must have answered."""
    match state:
        case Erasing(answer_by=answer_by, alarmed=False):
            return {ANSWER_TIMER: answer_by}
        case _:
            return {}


def decide(command: ErasureCommand, state: Erasure, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from an input."""
    if isinstance(command, EraseMyself) and asked.resident != command.resident:
        raise NotYourself
    match command, state:
        case EraseSubject() | EraseMyself(), NotRequested():
            return _requested(command, states)
        case EraseSubject() | EraseMyself(), Erasing() | Erased():
            return []
        case RecordErasureAnswer() | RaiseErasureAlarm(), NotRequested():
            raise ErasureNotRequested
        case RecordErasureAnswer(), Erasing(silent=silent):
            return _answered(command, silent)
        case RaiseErasureAlarm(), Erasing(silent=silent, alarmed=False):
            missing = ErasureAnswerMissing(resident=UUID(command.resident), services=silent)
            return [To(erasure_stream(command.resident), missing)]
        case RecordErasureAnswer() | RaiseErasureAlarm(), Erasing() | Erased():
            return []


def _requested(command: EraseSubject | EraseMyself, states: States) -> Sequence[To]:
    subjects = states.get(resident_stream(command.resident), PSEUDONYMS).subjects
    if not subjects:
        raise NotOnTheRoll
    event = SubjectErasureRequested(
        resident=UUID(command.resident),
        subjects=tuple(UUID(subject) for subject in subjects),
        services=SERVICES,
    )
    return [To(erasure_stream(command.resident), event)]


def _answered(command: RecordErasureAnswer, silent: Sequence[str]) -> Sequence[To]:
    if not command.done:
        raise NotErased
    if command.by not in silent:
        return []
    stream, resident = erasure_stream(command.resident), UUID(command.resident)
    answered = To(stream, SubjectErasureAnswered(resident=resident, by=command.by))
    if len(silent) > 1:
        return [answered]
    return [answered, To(stream, SubjectErased(resident=resident))]


def _reads(command: ErasureCommand) -> Sequence[Read[Pseudonyms]]:
    if isinstance(command, EraseSubject | EraseMyself):
        return (Read(resident_stream(command.resident), PSEUDONYMS),)
    return ()


def heard_answer(fact: Fact) -> Sequence[Command]:
    """Record what wishes answered."""
    match fact.event:
        case SubjectErasureDone(resident=resident):
            return [RecordErasureAnswer(resident=str(resident), by="wishes")]
        case _:
            return []


def subjects_of(event: SubjectErasureRequested) -> Sequence[UUID]:
    """Name whose texts go with the event's append."""
    return event.subjects


ERASURE: Decider[ErasureCommand, Erasure] = Decider(
    name="erasure",
    view=View("erasure", 1, Erasure, NotRequested(), evolve),
    commands=(EraseSubject, EraseMyself, RecordErasureAnswer, RaiseErasureAlarm),
    target=lambda command: erasure_stream(command.resident),
    decide=decide,
    reads=_reads,
    timers=Timers(due=due, fire=lambda due: RaiseErasureAlarm(resident=due.id)),
)
RECORD_ANSWERS = Policy(
    name="record_erasure_answers",
    events=(SubjectErasureDone,),
    begins=Begins.BEGINNING,
    react=heard_answer,
)
INTERNAL = (RecordErasureAnswer, RaiseErasureAlarm)
ACCESS = (
    Allow("district_admin", EraseSubject, fresh=True),
    Allow("resident", EraseMyself, fresh=True),
    Allow("district_admin", "read_erasures"),
)
