"""A resident's request, from its receipt to its end (W2).

The rules:

- A request is an enquiry, an opinion, a complaint or a problem. It is received under a category of
  the district's category policy, or as uncategorised; the policy's version is kept with it.
- The desk accepts a request, with a priority, or returns it with a reason. An accepted one is
  dispatched to a unit. That first receiver stays accountable to the end, whoever handles it later.
- A unit may hand the request on, at most `TRANSFERS_MAX` times, and may ask the requester for
  more. While the requester is asked, the request stays where it is. A transfer starts no clock
  again. When a unit is reorganised, what it has is handed on; that counts as nobody's wish.
- The handling unit answers. The desk may answer an accepted enquiry on the spot, naming the unit
  that knew the answer.
- An answered request is closed as answered, but not by who answered it; one without an answer only
  as withdrawn. Closed is not the same as solved. What was returned or withdrawn has come to its
  end; what was answered may be reopened.
- No step is earlier than the receipt, and a step taken again changes nothing: it is already so.

The rules of the clock open `deadline.py`, those of the call-back and of reopening
`confirmation.py`, those of the units' load `workload.py`; `consequences.py` says which step brings
which of them. Commands and events carry ids of vault records (`texts`), never a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args
from uuid import UUID

from services.wishes.in_force import reads_of
from services.wishes.request import refusals
from services.wishes.request.category import category_reads, check_category
from services.wishes.request.commands import (
    AcceptRequest,
    AnswerRequest,
    AskForInfo,
    ClockCommand,
    CloseRequest,
    ConfirmationCommand,
    DispatchRequest,
    GiveInfo,
    HandlingCommand,
    HandOnRequests,
    ReceiveRequest,
    RecordCallback,
    ReopenRequest,
    RequestCommand,
    RequestStep,
    ReturnRequest,
    TransferRequest,
)
from services.wishes.request.confirmation import by_who_answered, closed, decide_confirmation
from services.wishes.request.consequences import consequences
from services.wishes.request.deadline import decide_clock
from services.wishes.request.evolution import TIMERS, VIEW
from services.wishes.request.reorganisation import hand_on, hand_on_reads
from services.wishes.request.states import (
    Accepted,
    Answered,
    AwaitingInfo,
    Closed,
    Dispatched,
    File,
    Handling,
    NotReceived,
    Received,
    Request,
    Returned,
)
from shared.contracts.wishes import (
    CloseReason,
    InfoAsked,
    InfoGiven,
    RequestAccepted,
    RequestAnswered,
    RequestDispatched,
    RequestKind,
    RequestReceived,
    RequestReturned,
    RequestTransferred,
    WishesEvent,
    request_stream,
)
from shared.decider import Asked, Decider, Read, States, To

# Eleven units that each say "not ours" cannot all be right: somebody above them must decide.
TRANSFERS_MAX: Final = 10


def decide(command: RequestCommand, state: Request, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    if isinstance(command, HandOnRequests):
        return hand_on(command, states, asked)
    if not isinstance(state, NotReceived):
        _check_file(command, state.file, asked)
    event = _step(command, state, states, asked)
    if event is None:
        return []
    brought = consequences(command, event, state, states, asked)
    return [To(request_stream(command.request), event), *brought]


def _step(command: RequestStep, state: Request, states: States, asked: Asked) -> WishesEvent | None:
    if isinstance(command, ClockCommand):
        return decide_clock(command, state, states, asked)
    if isinstance(command, ConfirmationCommand):
        return decide_confirmation(command, state, states, asked)
    match state:
        case NotReceived():
            return _before_receipt(command, states)
        case Received() | Accepted():
            return _at_the_desk(command, state)
        case Dispatched() | AwaitingInfo():
            return _with_a_unit(command, state)
        case Answered():
            return _after_the_answer(command, state, asked)
        case Returned() | Closed():
            return _after_the_end(command, state)


def _before_receipt(command: HandlingCommand, states: States) -> WishesEvent:
    if not isinstance(command, ReceiveRequest):
        raise refusals.RequestNotFound
    check_category(command, states)
    return RequestReceived(
        request=UUID(command.request),
        kind=command.kind,
        category=command.category,
        category_policy=command.category_policy,
        area=command.area,
        requester=UUID(command.requester),
        texts=UUID(command.texts),
    )


def _at_the_desk(command: HandlingCommand, state: Received | Accepted) -> WishesEvent | None:
    request = UUID(command.request)
    match command, state:
        case ReceiveRequest(), _:
            return _received_again(command, state.file)
        case AcceptRequest(priority=priority), Received():
            return RequestAccepted(request=request, priority=priority)
        case AcceptRequest(), Accepted():
            return None
        case ReturnRequest(reason=reason), Received():
            return RequestReturned(request=request, reason=reason)
        case ReturnRequest(), Accepted():
            raise refusals.RequestAlreadyAccepted
        case DispatchRequest() | AnswerRequest(), Received():
            raise refusals.RequestNotAccepted
        case DispatchRequest(unit=unit), Accepted():
            return RequestDispatched(request=request, unit=unit)
        case AnswerRequest(), Accepted():
            return _answered_on_the_spot(command, state.file)
        case TransferRequest() | AskForInfo(), _:
            raise refusals.RequestNotDispatched
        case GiveInfo(), _:
            raise refusals.NoInfoAwaited
        case CloseRequest(), _:
            return _withdrawn(command, state.file)


def _with_a_unit(command: HandlingCommand, state: Dispatched | AwaitingInfo) -> WishesEvent | None:
    request = UUID(command.request)
    match command, state:
        case ReceiveRequest(), _:
            return _received_again(command, state.file)
        case AcceptRequest(), _:
            return None
        case ReturnRequest(), _:
            raise refusals.RequestAlreadyAccepted
        case DispatchRequest(), _:
            return _dispatched_again(command, state.handling)
        case TransferRequest(), Dispatched():
            return _transferred(command, state.handling)
        case AskForInfo(texts=texts), Dispatched():
            return InfoAsked(request=request, unit=state.handling.unit, texts=UUID(texts))
        case AskForInfo(texts=texts), AwaitingInfo(asked=asked) if texts == asked:
            return None
        case TransferRequest() | AskForInfo(), AwaitingInfo():
            raise refusals.InfoAwaited
        case GiveInfo(texts=texts), AwaitingInfo():
            return InfoGiven(request=request, texts=UUID(texts))
        case GiveInfo(texts=texts), Dispatched(info=info) if texts == info:
            return None
        case GiveInfo(), Dispatched():
            raise refusals.NoInfoAwaited
        case AnswerRequest(), _:
            return _answered(command, state)
        case CloseRequest(), _:
            return _withdrawn(command, state.file)


def _after_the_answer(
    command: HandlingCommand, state: Answered, asked: Asked
) -> WishesEvent | None:
    match command:
        case ReceiveRequest():
            return _received_again(command, state.file)
        case AcceptRequest():
            return None
        case ReturnRequest():
            raise refusals.RequestAlreadyAccepted
        case AnswerRequest(texts=texts) if texts == state.answer.texts:
            return None
        case CloseRequest(reason=CloseReason.ANSWERED as reason):
            if by_who_answered(asked, state.answer):
                raise refusals.SelfClosingRefused
            return closed(command.request, state.file, reason)
        case (
            DispatchRequest()
            | TransferRequest()
            | AskForInfo()
            | GiveInfo()
            | AnswerRequest()
            | CloseRequest()
        ):
            raise refusals.RequestAlreadyAnswered


def _after_the_end(command: HandlingCommand, state: Returned | Closed) -> None:
    match command, state:
        case ReceiveRequest(), _:
            return _received_again(command, state.file)
        case ReturnRequest(reason=was), Returned(reason=reason) if was is reason:
            return None
        case CloseRequest(reason=was), Closed(reason=reason) if was is reason:
            return None
        case _, Returned():
            raise refusals.RequestWasReturned
        case _, Closed():
            raise refusals.RequestIsClosed


def _check_file(command: RequestStep, file: File, asked: Asked) -> None:
    if asked.occurred_at < file.received_at:
        raise refusals.BeforeReceived
    match command:
        case (
            AskForInfo(requester=requester)
            | GiveInfo(requester=requester)
            | AnswerRequest(requester=requester)
            | RecordCallback(requester=requester)
            | ReopenRequest(requester=requester)
        ) if requester != file.requester:
            raise refusals.NotTheRequester
        case _:
            pass


def _received_again(command: ReceiveRequest, file: File) -> None:
    if command.texts != file.texts:
        raise refusals.RequestTaken


def _dispatched_again(command: DispatchRequest, handling: Handling) -> None:
    if handling.hops or command.unit != handling.unit:
        raise refusals.RequestAlreadyDispatched


def _transferred(command: TransferRequest, handling: Handling) -> WishesEvent | None:
    if command.to_unit == handling.unit:
        return None
    if handling.refused >= TRANSFERS_MAX:
        raise refusals.TransferLimitReached(transfers_max=TRANSFERS_MAX)
    return RequestTransferred(
        request=UUID(command.request),
        from_unit=handling.unit,
        to_unit=command.to_unit,
        accountable=handling.accountable,
        reason=command.reason,
        hop=handling.hops + 1,
    )


def _answered_on_the_spot(command: AnswerRequest, file: File) -> WishesEvent:
    if file.kind is not RequestKind.ENQUIRY:
        raise refusals.RequestNotDispatched
    if not command.unit:
        raise refusals.UnitMissing
    return _answer(command, command.unit, file)


def _answered(command: AnswerRequest, state: Dispatched | AwaitingInfo) -> WishesEvent:
    if command.unit not in ("", state.handling.unit):
        raise refusals.NotHandlingUnit
    return _answer(command, state.handling.unit, state.file)


def _answer(command: AnswerRequest, unit: str, file: File) -> WishesEvent:
    return RequestAnswered(
        request=UUID(command.request),
        unit=unit,
        texts=UUID(command.texts),
        dated=command.dated,
        round=file.round,
    )


def _withdrawn(command: CloseRequest, file: File) -> WishesEvent:
    if command.reason is not CloseReason.WITHDRAWN:
        raise refusals.RequestNotAnswered
    return closed(command.request, file, command.reason)


def _reads(command: RequestCommand) -> Sequence[Read[Any]]:
    match command:
        case HandOnRequests():
            return hand_on_reads(command)
        case AcceptRequest(district=district) | ReopenRequest(district=district) if district:
            return reads_of(district)
        case _:
            return category_reads(command)


REQUEST: Decider[RequestCommand, Request] = Decider(
    name="request",
    view=VIEW,
    commands=get_args(RequestCommand),
    target=lambda command: request_stream(
        command.requests[0] if isinstance(command, HandOnRequests) else command.request
    ),
    decide=decide,
    reads=_reads,
    timers=TIMERS,
)
