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
- Nothing happens to a request before it was received, also when steps are entered late.
- A step taken again changes nothing: it is already so.

Commands and events carry ids of vault records (`texts`), never a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec

from services.wishes.language import UNCATEGORISED
from services.wishes.request import refusals
from shared.authority import Allow
from shared.contracts.wishes import (
    CategoryPolicyAdopted,
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
    TransferReason,
    WishesEvent,
    category_policy_stream,
    request_stream,
)
from shared.decider import (
    Asked,
    Command,
    Decider,
    Fact,
    Read,
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


Request = (
    NotReceived | Received | Accepted | Returned | Dispatched | AwaitingInfo | Answered | Closed
)


class ReceiveRequest(Command):
    """Take a request in; `district` names whose category policy applies, empty when there is none.

    `category_policy` is the version that the category was taken from, 0 when there is no policy.
    """

    request: str
    kind: RequestKind
    district: str
    category: str
    category_policy: int
    area: str
    requester: str
    texts: str


class AcceptRequest(Command):
    """Take a received request on."""

    request: str


class ReturnRequest(Command):
    """Send a received request back to the requester."""

    request: str
    reason: ReturnReason


class DispatchRequest(Command):
    """Give an accepted request to its first unit."""

    request: str
    unit: str


class TransferRequest(Command):
    """Hand a request on to another unit."""

    request: str
    to_unit: str
    reason: TransferReason


class AskForInfo(Command):
    """Ask the requester for more."""

    request: str
    texts: str


class GiveInfo(Command):
    """Enter what the requester gave."""

    request: str
    texts: str


class AnswerRequest(Command):
    """Answer; `unit` may be left empty where a unit handles the request.

    `dated` is false when the day of an answer entered late is not known.
    """

    request: str
    texts: str
    unit: str = ""
    dated: bool = True


class CloseRequest(Command):
    """End a request."""

    request: str
    reason: CloseReason


RequestCommand = (
    ReceiveRequest
    | AcceptRequest
    | ReturnRequest
    | DispatchRequest
    | TransferRequest
    | AskForInfo
    | GiveInfo
    | AnswerRequest
    | CloseRequest
)


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
    """Follow one fact; a fact out of place, which no decision gives, changes nothing."""
    match cast("RequestEvent", fact.event), state:
        case RequestReceived(kind=kind, texts=texts), NotReceived():
            return Received(file=File(kind=kind, received_at=fact.occurred_at, texts=str(texts)))
        case RequestAccepted(), Received(file=file):
            return Accepted(file=file)
        case RequestReturned(reason=reason), Received(file=file):
            return Returned(file=file, reason=reason)
        case RequestDispatched(unit=unit), Accepted(file=file):
            return Dispatched(file=file, handling=Handling(unit=unit, accountable=unit, hops=0))
        case RequestTransferred(to_unit=unit, accountable=accountable, hop=hop), Dispatched():
            handling = Handling(unit=unit, accountable=accountable, hops=hop)
            return Dispatched(file=state.file, handling=handling, info=state.info)
        case InfoAsked(texts=texts), Dispatched(file=file, handling=handling):
            return AwaitingInfo(file=file, handling=handling, asked=str(texts))
        case InfoGiven(texts=texts), AwaitingInfo(file=file, handling=handling):
            return Dispatched(file=file, handling=handling, info=str(texts))
        case RequestAnswered(texts=texts), Accepted() | Dispatched() | AwaitingInfo():
            return Answered(file=state.file, answer=str(texts))
        case RequestClosed(reason=reason), (
            Received() | Accepted() | Dispatched() | AwaitingInfo() | Answered()
        ):
            return Closed(file=state.file, reason=reason)
        case (
            RequestReceived()
            | RequestAccepted()
            | RequestReturned()
            | RequestDispatched()
            | RequestTransferred()
            | InfoAsked()
            | InfoGiven()
            | RequestAnswered()
            | RequestClosed(),
            _,
        ):
            return state


class Policies(State):
    """The category names of every version of a district's policy, the first version first."""

    versions: tuple[tuple[str, ...], ...] = ()


def _evolve_policies(state: Policies, fact: Fact) -> Policies:
    match fact.event:
        case CategoryPolicyAdopted(categories=categories):
            return Policies(versions=(*state.versions, tuple(c.name for c in categories)))
        case _:
            return state


POLICIES = View("wishes.request.policies", 1, Policies, Policies(), _evolve_policies)


def decide(
    command: RequestCommand, state: Request, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows from a command: events, none when it is already so, or a refusal."""
    if isinstance(command, ReceiveRequest):
        return _receive(command, state, states)
    if not isinstance(state, NotReceived) and asked.occurred_at < state.file.received_at:
        raise refusals.BeforeReceived
    event = _step(command, state)
    return [] if event is None else [To(request_stream(command.request), event)]


def _receive(command, state, states): ...
