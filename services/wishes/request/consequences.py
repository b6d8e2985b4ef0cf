"""What a step brings with it, in the same append: clock, work-load, call-back, closing (W2).

A step without a row here brings nothing.

| step | brings |
|---|---|
| accepted | the deadline |
| dispatched | the unit's load |
| handed on | the load's move |
| info asked | a pause, while the policy allows one |
| info given | the clock runs again, if it stood still for that |
| answered | the unit's release, the call-back |
| closed by withdrawal | the unit's release |
| called back and contacted | the closing, perhaps a review |
| reopened | the unit's load, a new deadline, perhaps an escalation |
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from services.wishes.in_force import time_of
from services.wishes.request.commands import (
    AcceptRequest,
    AskForInfo,
    GiveInfo,
    RecordCallback,
    ReopenRequest,
    RequestStep,
)
from services.wishes.request.confirmation import closed, confirmation_awaited, review_opened
from services.wishes.request.deadline import deadline_set, paused, reopened_too_often, resumed
from services.wishes.request.states import (
    Answered,
    AwaitingInfo,
    Closed,
    Dispatched,
    File,
    NotReceived,
    Open,
    Request,
    Returned,
    Said,
    Timed,
)
from services.wishes.request.workload import moved, released, taken
from shared.contracts.wishes import (
    CallbackRecorded,
    CloseReason,
    InfoAsked,
    InfoGiven,
    PauseReason,
    RequestAccepted,
    RequestAnswered,
    RequestClosed,
    RequestDispatched,
    RequestReopened,
    RequestTransferred,
    WishesEvent,
    request_stream,
)
from shared.decider import Asked, States, To


def consequences(
    command: RequestStep, event: WishesEvent, state: Request, states: States, asked: Asked
) -> Iterator[To]:
    """Give what an event brings with it; `state` is the one before the event."""
    if isinstance(state, NotReceived):
        return
    match event:
        case RequestDispatched(request=request, unit=unit):
            yield taken(request, unit, states, asked, capped=state.file)
        case RequestTransferred(request=request, from_unit=before, to_unit=after):
            yield from moved(request, before, after, states, asked, capped=state.file)
        case RequestAnswered() | RequestClosed() if isinstance(state, Dispatched | AwaitingInfo):
            yield released(event.request, state.handling.unit, states, asked)
        case RequestReopened(request=request, unit=unit):
            yield taken(request, unit, states, asked)
        case _:
            pass
    for told in _told(command, event, state, states, asked):
        yield To(request_stream(command.request), told)


def _told(
    command: RequestStep,
    event: WishesEvent,
    state: Open | Returned | Closed,
    states: States,
    asked: Asked,
) -> Iterator[WishesEvent]:
    file = state.file
    found: WishesEvent | None = None
    match command, event:
        case AcceptRequest(request=request, district=district), RequestAccepted(priority=priority):
            prioritised = replace(file, priority=priority)
            found = deadline_set(request, prioritised, district, states, asked)
        case AskForInfo(request=request), InfoAsked() if isinstance(state, Timed):
            if _pause(state) is None:
                found = paused(request, state, PauseReason.REQUESTER_ASKED, states, asked)
        case GiveInfo(request=request), InfoGiven() if isinstance(state, Timed):
            if _pause(state) is PauseReason.REQUESTER_ASKED:
                found = resumed(request, state, states, asked)
        case _, RequestAnswered():
            found = confirmation_awaited(command.request, file, states, asked)
        case RecordCallback(), CallbackRecorded(solved=bool(solved), satisfied=int(satisfied)):
            said = Said(solved=solved, satisfied=satisfied)
            yield from _said(command.request, state, said, states)
        case ReopenRequest(), RequestReopened():
            yield from _reopened(command, event, file, states, asked)
        case _:
            pass
    if found is not None:
        yield found


def _pause(state: Timed) -> PauseReason | None:
    pause = None if state.deadline is None else state.deadline.pause
    return None if pause is None else pause.reason


def _said(
    request: str, state: Open | Returned | Closed, said: Said, states: States
) -> Iterator[WishesEvent]:
    """What the requester said ends the request, unless it had ended by itself."""
    if isinstance(state, Answered):
        yield closed(request, state.file, CloseReason.ANSWERED)
    review = review_opened(request, state.file, said, states)
    if review is not None:
        yield review


def _reopened(
    command: ReopenRequest, event: RequestReopened, file: File, states: States, asked: Asked
) -> Iterator[WishesEvent]:
    district = command.district or file.district
    terms, _ = time_of(district, states)
    again = replace(file, round=event.round)
    deadline = deadline_set(command.request, again, district, states, asked)
    assert deadline is not None, "only where a policy allows it is a request reopened"
    yield deadline
    escalated = reopened_too_often(command.request, deadline, event.unit, terms)
    if escalated is not None:
        yield escalated
