"""What can be asked of a request's rules (W2); ids are text, `texts` are ids of vault records.

A step whose texts are the requester's names that person too: the edge has sealed them under that
person's key, so another's would keep them from being erased.
"""

from __future__ import annotations

from shared.contracts.wishes import CloseReason, RequestKind, ReturnReason, TransferReason
from shared.decider import Command


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
    requester: str
    texts: str


class GiveInfo(Command):
    """Enter what the requester gave."""

    request: str
    requester: str
    texts: str


class AnswerRequest(Command):
    """Answer; `unit` may be left empty where a unit handles the request.

    `dated` is false when the day of an answer entered late is not known.
    """

    request: str
    requester: str
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
