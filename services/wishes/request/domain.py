"""A resident's request, from its receipt to its end (W2).

The rules:

- A request is an enquiry, an opinion, a complaint or a problem. It is received under a category of
  the district's category policy, or as uncategorised; the policy's version is kept with it.
- The desk accepts a request or returns it with a reason. An accepted one is dispatched to a unit.
  That first receiver stays accountable to the end, whoever handles the request later.
- A unit may hand the request on, at most `TRANSFERS_MAX` times, and may ask the requester for
  more. While the requester is asked, the request stays where it is. No clock ever starts again.
- The handling unit answers. The desk may answer an accepted enquiry on the spot, naming the unit
  that knew the answer.
- An answered request is closed as answered, one without an answer only as withdrawn; closed is not
  the same as solved. What is returned or closed has come to its end.
- No step is earlier than the receipt, and a step taken again changes nothing: it is already so.

Commands and events carry ids of vault records (`texts`), never a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast, get_args
from uuid import UUID

import msgspec

from services.wishes.request import refusals
from services.wishes.request.category import category_reads, check_category
from services.wishes.request.commands import (
    AcceptRequest,
    AnswerRequest,
    AskForInfo,
    CloseRequest,
    DispatchRequest,
    GiveInfo,
    ReceiveRequest,
    RequestCommand,
    ReturnRequest,
    TransferRequest,
)
from shared.contracts.wishes import (
    CloseReason,
    InfoAsked,
    InfoGiven,
    RequestAccepted,
    RequestAnswered,
    RequestClosed,
    RequestDispatched,
    RequestKind,
    RequestReceived,
    RequestReturned,
    RequestTransferred,
    ReturnReason,
    WishesEvent,
    request_stream,
)
from shared.decider import (
    Asked,
    Decider,
    Fact,
    State,
    States,
    To,
    View,
)

# Eleven units that each say "not ours" cannot all be right: somebody above them must decide.
TRANSFERS_MAX = 10


class File(msgspec.Struct, frozen=True, kw_only=True):
    """What stays true of a request from its receipt on; `texts` is the request's own record."""

    kind: RequestKind
    received_at: datetime
    requester: str
    texts: str


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """Who has the request, who is accountable for it, and how often it was handed on."""

    unit: str
    accountable: str
    hops: int


class NotReceived(State):
    """There is no such request."""


class Received(State):
    """It is at the desk, not yet taken on."""

    file: File


class Accepted(State):
    """The desk took it on; no unit has it."""

    file: File


class Returned(State):
    """It went back to the requester, for good."""

    file: File
    reason: ReturnReason


class Dispatched(State):
    """A unit handles it; `info` is the record of what the requester gave last."""

    file: File
    handling: Handling
    info: str = ""


class AwaitingInfo(State):
    """Its unit waits for what it asked the requester in the record `asked`."""

    file: File
    handling: Handling
    asked: str


class Answered(State):
    """Its unit answered in the record `answer`."""

    file: File
    answer: str


class Closed(State):
    """It has come to its end."""

    file: File
    reason: CloseReason


Open = Received | Accepted | Dispatched | AwaitingInfo | Answered
Request = NotReceived | Open | Returned | Closed


RequestEvent = (
    RequestReceived
    | RequestAccepted
    | RequestReturned
    | RequestDispatched
    | RequestTransferred
    | InfoAsked
    | InfoGiven
    | RequestAnswered
    | RequestClosed
)


def evolve(state: Request, fact: Fact) -> Request:
    """Follow one fact; a fact that no decision puts there is a broken log, and raises."""
    event = cast("RequestEvent", fact.event)
    match event:
        case RequestReceived():
            return Received(file=_opened(event, fact.occurred_at))
        case RequestAccepted():
            return Accepted(file=_file(state))
        case RequestReturned(reason=reason):
            return Returned(file=_file(state), reason=reason)
        case RequestDispatched(unit=unit):
            first = Handling(unit=unit, accountable=unit, hops=0)
            return Dispatched(file=_file(state), handling=first)
        case RequestTransferred(to_unit=unit, accountable=accountable, hop=hop):
            handling = Handling(unit=unit, accountable=accountable, hops=hop)
            return Dispatched(file=_file(state), handling=handling)
        case InfoAsked(texts=texts):
            return AwaitingInfo(file=_file(state), handling=_handling(state), asked=str(texts))
        case InfoGiven(texts=texts):
            return Dispatched(file=_file(state), handling=_handling(state), info=str(texts))
        case RequestAnswered(texts=texts):
            return Answered(file=_file(state), answer=str(texts))
        case RequestClosed(reason=reason):
            return Closed(file=_file(state), reason=reason)


def decide(command: RequestCommand, state: Request, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    if not isinstance(state, NotReceived):
        _check_file(command, state.file, asked)
    match state:
        case NotReceived():
            event = _before_receipt(command, states)
        case Received() | Accepted():
            event = _at_the_desk(command, state)
        case Dispatched() | AwaitingInfo():
            event = _with_a_unit(command, state)
        case Answered():
            event = _after_the_answer(command, state)
        case Returned() | Closed():
            event = _after_the_end(command, state)
    return [] if event is None else [To(request_stream(command.request), event)]


def _before_receipt(command: RequestCommand, states: States) -> WishesEvent:
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


def _at_the_desk(command: RequestCommand, state: Received | Accepted) -> WishesEvent | None:
    request = UUID(command.request)
    match command, state:
        case ReceiveRequest(), _:
            return _received_again(command, state.file)
        case AcceptRequest(), Received():
            return RequestAccepted(request=request)
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
            return _withdrawn(command)


def _with_a_unit(command: RequestCommand, state: Dispatched | AwaitingInfo) -> WishesEvent | None:
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
            return _answered(command, state.handling)
        case CloseRequest(), _:
            return _withdrawn(command)


def _after_the_answer(command: RequestCommand, state: Answered) -> WishesEvent | None:
    match command:
        case ReceiveRequest():
            return _received_again(command, state.file)
        case AcceptRequest():
            return None
        case ReturnRequest():
            raise refusals.RequestAlreadyAccepted
        case AnswerRequest(texts=texts) if texts == state.answer:
            return None
        case CloseRequest(reason=CloseReason.ANSWERED as reason):
            return RequestClosed(request=UUID(command.request), reason=reason)
        case (
            DispatchRequest()
            | TransferRequest()
            | AskForInfo()
            | GiveInfo()
            | AnswerRequest()
            | CloseRequest()
        ):
            raise refusals.RequestAlreadyAnswered


def _after_the_end(command: RequestCommand, state: Returned | Closed) -> None:
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


def _check_file(command: RequestCommand, file: File, asked: Asked) -> None:
    if asked.occurred_at < file.received_at:
        raise refusals.BeforeReceived
    by_name = isinstance(command, AskForInfo | GiveInfo | AnswerRequest)
    if by_name and command.requester != file.requester:
        raise refusals.NotTheRequester


def _received_again(command: ReceiveRequest, file: File) -> None:
    if command.texts != file.texts:
        raise refusals.RequestTaken


def _dispatched_again(command: DispatchRequest, handling: Handling) -> None:
    if handling.hops or command.unit != handling.unit:
        raise refusals.RequestAlreadyDispatched


def _transferred(command: TransferRequest, handling: Handling) -> WishesEvent | None:
    if command.to_unit == handling.unit:
        return None
    if handling.hops >= TRANSFERS_MAX:
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
    return _answer(command, command.unit)


def _answered(command: AnswerRequest, handling: Handling) -> WishesEvent:
    if command.unit not in ("", handling.unit):
        raise refusals.NotHandlingUnit
    return _answer(command, handling.unit)


def _answer(command: AnswerRequest, unit: str) -> WishesEvent:
    request, texts = UUID(command.request), UUID(command.texts)
    return RequestAnswered(request=request, unit=unit, texts=texts, dated=command.dated)


def _withdrawn(command: CloseRequest) -> WishesEvent:
    if command.reason is not CloseReason.WITHDRAWN:
        raise refusals.RequestNotAnswered
    return RequestClosed(request=UUID(command.request), reason=command.reason)


def _opened(event: RequestReceived, at: datetime) -> File:
    who, texts = str(event.requester), str(event.texts)
    return File(kind=event.kind, received_at=at, requester=who, texts=texts)


def _file(state: Request) -> File:
    assert not isinstance(state, NotReceived), "a request's first event is its receipt"
    return state.file


def _handling(state: Request) -> Handling:
    assert isinstance(state, Dispatched | AwaitingInfo), "only a unit asks and hears"
    return state.handling


REQUEST: Decider[RequestCommand, Request] = Decider(
    name="request",
    view=View("wishes.request", 1, Request, NotReceived(), evolve),
    commands=get_args(RequestCommand),
    target=lambda command: request_stream(command.request),
    decide=decide,
    reads=category_reads,
)
