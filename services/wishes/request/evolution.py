"""How a request's state follows from its facts, and which timers a state has (W2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, cast

from msgspec.structs import replace

from services.wishes.request.commands import (
    CloseUnconfirmed,
    EscalateOverdue,
    RemindRequest,
    RequestCommand,
    ResumeByLimit,
    ScheduleCallback,
)
from services.wishes.request.states import (
    Accepted,
    Answer,
    Answered,
    AwaitingInfo,
    Closed,
    Confirmation,
    Deadline,
    Dispatched,
    File,
    Handling,
    NotReceived,
    Pause,
    Received,
    Request,
    Returned,
    RungAt,
    Said,
    Timed,
)
from shared.contracts.wishes import (
    CallbackDue,
    CallbackRecorded,
    ClockPaused,
    ClockResumed,
    ConfirmationAwaited,
    DeadlineSet,
    InfoAsked,
    InfoGiven,
    RequestAccepted,
    RequestAnswered,
    RequestClosed,
    RequestDeescalated,
    RequestDispatched,
    RequestEscalated,
    RequestReceived,
    RequestReminded,
    RequestReopened,
    RequestReturned,
    RequestTransferred,
    ReviewConcluded,
    ReviewOpened,
    Rung,
    TransferReason,
)
from shared.decider import Due, Fact, Timers, View

HandlingEvent = (
    RequestReceived
    | RequestAccepted
    | RequestReturned
    | RequestDispatched
    | RequestTransferred
    | InfoAsked
    | InfoGiven
    | RequestAnswered
    | RequestClosed
    | RequestReopened
)
ClockEvent = (
    DeadlineSet
    | ClockPaused
    | ClockResumed
    | RequestReminded
    | RequestEscalated
    | RequestDeescalated
)
ConfirmationEvent = (
    ConfirmationAwaited | CallbackDue | CallbackRecorded | ReviewOpened | ReviewConcluded
)

REMINDER: Final = "reminder"
PAUSE: Final = "pause"
ESCALATION: Final = "escalation-"
CALL_BACK: Final = "call_back"
AUTO_CLOSE: Final = "auto_close"


def evolve(state: Request, fact: Fact) -> Request:
    """Follow one fact; a fact that no decision puts there is a broken log, and raises."""
    event = cast("HandlingEvent | ClockEvent | ConfirmationEvent", fact.event)
    if isinstance(event, ClockEvent):
        assert isinstance(state, Timed), "only an accepted request without an answer has a clock"
        return _clocked(state, event, fact)
    if isinstance(event, ConfirmationEvent):
        assert isinstance(state, Answered | Closed), "only an answer can be confirmed"
        return _confirmed(state, event)
    return _handled(state, event, fact)


def _handled(state: Request, event: HandlingEvent, fact: Fact) -> Request:
    match event:
        case RequestReceived():
            return Received(file=_opened(event, fact.occurred_at))
        case RequestAccepted(priority=priority):
            return Accepted(file=replace(_file(state), priority=priority))
        case RequestReturned(reason=reason):
            return Returned(file=_file(state), reason=reason)
        case RequestDispatched(unit=unit):
            first = Handling(unit=unit, accountable=unit, hops=0)
            return Dispatched(file=_file(state), handling=first, deadline=_deadline(state))
        case RequestTransferred():
            return _handed_on(state, event)
        case InfoAsked(texts=texts):
            turn, deadline = _handling(state), _deadline(state)
            asked = str(texts)
            return AwaitingInfo(file=_file(state), handling=turn, asked=asked, deadline=deadline)
        case InfoGiven(texts=texts):
            turn, deadline = _handling(state), _deadline(state)
            info = str(texts)
            return Dispatched(file=_file(state), handling=turn, deadline=deadline, info=info)
        case RequestAnswered(unit=unit, texts=texts):
            turn = Handling(unit=unit, accountable=unit, hops=0)
            if isinstance(state, Dispatched | AwaitingInfo):
                turn = state.handling
            answer = Answer(texts=str(texts), by=fact.actor, handling=turn)
            return Answered(file=_file(state), answer=answer)
        case RequestClosed(reason=reason):
            answer = state.answer if isinstance(state, Answered) else None
            return Closed(file=_file(state), reason=reason, at=fact.occurred_at, answer=answer)
        case RequestReopened(round=number, texts=texts):
            assert isinstance(state, Answered | Closed)
            assert state.answer is not None, "only what was answered is reopened"
            file = replace(state.file, round=number, reopened=str(texts))
            return Dispatched(file=file, handling=state.answer.handling)


def _handed_on(state: Request, event: RequestTransferred) -> Request:
    wanted = event.reason is not TransferReason.REORGANISED
    handling = Handling(
        unit=event.to_unit,
        accountable=event.accountable,
        hops=event.hop,
        refused=_handling(state).refused + wanted,
    )
    if isinstance(state, AwaitingInfo):
        return replace(state, handling=handling)
    return Dispatched(file=_file(state), handling=handling, deadline=_deadline(state))


def _clocked(state: Timed, event: ClockEvent, fact: Fact) -> Timed:
    if isinstance(event, DeadlineSet):
        file = replace(state.file, district=event.district)
        deadline = Deadline(
            due_at=event.due_at, remind_at=event.remind_at, ladder=_rungs(event.ladder)
        )
        return replace(state, file=file, deadline=deadline)
    assert state.deadline is not None, "only a clock that was set runs"
    return replace(state, deadline=_ticked(state.deadline, event, fact))


def _ticked(
    deadline: Deadline,
    event: ClockPaused | ClockResumed | RequestReminded | RequestEscalated | RequestDeescalated,
    fact: Fact,
) -> Deadline:
    match event:
        case ClockPaused(reason=reason, runs_at=runs_at):
            pause = Pause(
                reason=reason, since=fact.occurred_at, entered_at=fact.at, runs_at=runs_at
            )
            return replace(deadline, pauses=deadline.pauses + 1, pause=pause)
        case ClockResumed():
            return replace(
                deadline,
                due_at=event.due_at,
                remind_at=event.remind_at,
                ladder=_rungs(event.ladder),
                paused_days=deadline.paused_days + event.working_days,
                pause=None,
            )
        case RequestReminded():
            return replace(deadline, remind_at=None)
        case RequestEscalated(level=level):
            return replace(deadline, level=level, reached=max(level, deadline.reached))
        case RequestDeescalated(level=level):
            return replace(deadline, level=level)


def _confirmed(state: Answered | Closed, event: ConfirmationEvent) -> Request:
    match event, state:
        case ConfirmationAwaited(), Answered():
            confirmation = Confirmation(call_back_at=event.call_back_at, close_at=event.close_at)
            return replace(state, confirmation=confirmation)
        case CallbackDue(), Answered(confirmation=Confirmation() as confirmation):
            return replace(state, confirmation=replace(confirmation, call_back_at=None))
        case CallbackRecorded(), _:
            return replace(state, answer=_called_back(state.answer, event))
        case ReviewOpened(), Closed():
            return replace(state, under_review=True)
        case ReviewConcluded(), Closed():
            return replace(state, under_review=False)
        case _:
            message = f"{type(event).__name__} cannot follow on {type(state).__name__}"
            raise AssertionError(message)


def _called_back(answer: Answer | None, event: CallbackRecorded) -> Answer:
    assert answer is not None, "only an answer is asked about"
    said = None
    if event.solved is not None and event.satisfied is not None:
        said = Said(solved=event.solved, satisfied=event.satisfied)
    return replace(answer, calls=answer.calls + 1, said=said)


def _opened(event: RequestReceived, at: datetime) -> File:
    return File(
        kind=event.kind,
        received_at=at,
        requester=str(event.requester),
        texts=str(event.texts),
        category=event.category,
    )


def _rungs(ladder: Sequence[Rung]) -> tuple[RungAt, ...]:
    return tuple(RungAt(level=rung.level, to=rung.to, at=rung.at) for rung in ladder)


def _file(state: Request) -> File:
    assert not isinstance(state, NotReceived), "a request's first event is its receipt"
    return state.file


def _handling(state: Request) -> Handling:
    assert isinstance(state, Dispatched | AwaitingInfo), "only a unit asks and hears"
    return state.handling


def _deadline(state: Request) -> Deadline | None:
    return state.deadline if isinstance(state, Timed) else None


def due(state: Request) -> Mapping[str, datetime]:
    """Name what must happen to a request later, and when."""
    match state:
        case Accepted(deadline=Deadline() as deadline):
            return _due_of(deadline)
        case Dispatched(deadline=Deadline() as deadline):
            return _due_of(deadline)
        case AwaitingInfo(deadline=Deadline() as deadline):
            return _due_of(deadline)
        case Answered(confirmation=Confirmation(call_back_at=None, close_at=close_at)):
            return {AUTO_CLOSE: close_at}
        case Answered(confirmation=Confirmation(call_back_at=datetime() as at, close_at=close_at)):
            return {CALL_BACK: at, AUTO_CLOSE: close_at}
        case _:
            return {}


def _due_of(deadline: Deadline) -> Mapping[str, datetime]:
    """While the clock stands still only its limit runs; else the reminder and the next level."""
    if deadline.pause is not None:
        return {PAUSE: deadline.pause.runs_at}
    found = {} if deadline.remind_at is None else {REMINDER: deadline.remind_at}
    if deadline.reached < len(deadline.ladder):
        rung = deadline.ladder[deadline.reached]
        found[f"{ESCALATION}{rung.level}"] = rung.at
    return found


def fire(timer: Due) -> RequestCommand:
    """Give the command that a timer's end is."""
    match timer.name:
        case "reminder":
            return RemindRequest(request=timer.id)
        case "pause":
            return ResumeByLimit(request=timer.id)
        case "call_back":
            return ScheduleCallback(request=timer.id)
        case "auto_close":
            return CloseUnconfirmed(request=timer.id)
        case _:
            level = int(timer.name.removeprefix(ESCALATION))
            return EscalateOverdue(request=timer.id, level=level)


VIEW: View[Request] = View("wishes.request", 3, Request, NotReceived(), evolve)
TIMERS: Timers[RequestCommand, Request] = Timers(due=due, fire=fire)
