"""HTTP of requests: each step a POST; the case file, the list and the figures as GETs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import Field

from services.wishes.language import UNCATEGORISED, UNIT_PATTERN
from services.wishes.request.commands import (
    AcceptRequest,
    AnswerRequest,
    AskForInfo,
    CloseRequest,
    DispatchRequest,
    GiveInfo,
    ReceiveRequest,
    ReturnRequest,
    TransferRequest,
)
from services.wishes.request.reading import add_queries
from services.wishes.request.timing_api import add_timing
from shared.contracts.wishes import CloseReason, RequestKind, ReturnReason, TransferReason
from shared.contracts.wishes.deadlines import Priority
from shared.kit.http.bodies import TimedBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.ports import Secret
from shared.kit.service import Rooms

Unit = Annotated[str, Field(pattern=UNIT_PATTERN)]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
UNKNOWN_AREA = "unknown"

# Gives the policy version and the category of a subject and a text.
Assign = Callable[[str, str], Awaitable[tuple[int, str]]]


class ReceiveBody(TimedBody):
    """A resident's request. Without a category the district's keyword rule assigns one."""

    kind: RequestKind
    subject: Annotated[str, Field(min_length=1, max_length=200)]
    text: Text
    account: Annotated[str, Field(min_length=1, max_length=64, description="of the requester")]
    area: Annotated[str, Field(min_length=1, max_length=64)] = UNKNOWN_AREA
    category: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class AcceptBody(TimedBody):
    """How soon it must be answered; the deadline policy in force says in how many days."""

    priority: Priority = Priority.NORMAL


class ReturnBody(TimedBody):
    """Why the desk does not take it on."""

    reason: ReturnReason


class DispatchBody(TimedBody):
    """The first receiver, who stays accountable."""

    unit: Unit


class TransferBody(TimedBody):
    """To whom, and why."""

    to_unit: Unit
    reason: TransferReason


class InfoBody(TimedBody):
    """What is asked of the requester, or what the requester gave."""

    text: Text
    account: Annotated[str, Field(min_length=1, max_length=64, description="of the requester")]


class AnswerBody(InfoBody):
    """The answer; `unit` is needed on the spot. `dated` false: the day it was given is unknown."""

    unit: Unit | None = None
    dated: bool = True


class CloseBody(TimedBody):
    """How it ends."""

    reason: CloseReason


def routes(rooms: Rooms, assign: Assign) -> Routes:
    """Give the routes of requests."""
    found = Routes("wishes", rooms.edge)

    async def receive(call: Call[ReceiveBody]) -> Draft:
        return await _receive(call, rooms.district, assign)

    def accept(call: Call[AcceptBody]) -> Draft:
        request, priority = str(call.id("request")), call.body.priority
        return Draft(AcceptRequest(request=request, priority=priority, district=rooms.district))

    path = "/communities/{scope}/requests"
    one = f"{path}/{{request}}"
    found.command(
        path, ReceiveBody, receive, action=ReceiveRequest, status=201, summary="Take a request in"
    )
    found.command(
        f"{one}/acceptance", AcceptBody, accept, action=AcceptRequest, summary="Take it on"
    )
    found.command(
        f"{one}/return", ReturnBody, _return, action=ReturnRequest, summary="Send it back"
    )
    found.command(
        f"{one}/dispatch",
        DispatchBody,
        _dispatch,
        action=DispatchRequest,
        summary="Give it to its first unit",
    )
    found.command(
        f"{one}/transfers",
        TransferBody,
        _transfer,
        action=TransferRequest,
        summary="Hand it on to another unit",
    )
    found.command(f"{one}/info-requests", InfoBody, _ask, action=AskForInfo, summary="Ask for more")
    found.command(f"{one}/info", InfoBody, _give, action=GiveInfo, summary="Give what was asked")
    found.command(f"{one}/answer", AnswerBody, _answer, action=AnswerRequest, summary="Answer it")
    found.command(f"{one}/closing", CloseBody, _close, action=CloseRequest, summary="End it")
    add_timing(found, rooms.district)
    add_queries(found, rooms)
    return found


async def _receive(call: Call[ReceiveBody], district: str, assign: Assign) -> Draft:
    body = call.body
    version, assigned = await assign(body.subject, body.text)
    request, texts = call.new_id(), call.new_id()
    requester = call.vault.subject_id("account", body.account)
    secrets = await call.vault.seal(
        requester, texts, {"subject": body.subject, "text": body.text, "account": body.account}
    )
    return Draft(
        ReceiveRequest(
            request=str(request),
            kind=body.kind,
            district=district if version else "",
            category=body.category or assigned or UNCATEGORISED,
            category_policy=version,
            area=body.area,
            requester=str(requester),
            texts=str(texts),
        ),
        secrets=secrets,
        created=str(request),
    )


def _return(call: Call[ReturnBody]) -> Draft:
    return Draft(ReturnRequest(request=str(call.id("request")), reason=call.body.reason))


def _dispatch(call: Call[DispatchBody]) -> Draft:
    return Draft(DispatchRequest(request=str(call.id("request")), unit=call.body.unit))


def _transfer(call: Call[TransferBody]) -> Draft:
    body = call.body
    return Draft(
        TransferRequest(request=str(call.id("request")), to_unit=body.to_unit, reason=body.reason)
    )


async def _ask(call: Call[InfoBody]) -> Draft:
    requester, texts, secrets = await _sealed(call, "question")
    command = AskForInfo(request=str(call.id("request")), requester=requester, texts=texts)
    return Draft(command, secrets=secrets)


async def _give(call: Call[InfoBody]) -> Draft:
    requester, texts, secrets = await _sealed(call, "info")
    command = GiveInfo(request=str(call.id("request")), requester=requester, texts=texts)
    return Draft(command, secrets=secrets)


async def _answer(call: Call[AnswerBody]) -> Draft:
    requester, texts, secrets = await _sealed(call, "answer")
    command = AnswerRequest(
        request=str(call.id("request")),
        requester=requester,
        texts=texts,
        unit=call.body.unit or "",
        dated=call.body.dated,
    )
    return Draft(command, secrets=secrets)


def _close(call: Call[CloseBody]) -> Draft:
    return Draft(CloseRequest(request=str(call.id("request")), reason=call.body.reason))


async def _sealed(
    call: Call[InfoBody] | Call[AnswerBody], field: str
) -> tuple[str, str, tuple[Secret, ...]]:
    """Seal the text as the requester's; give requester, record and secrets."""
    requester, texts = call.vault.subject_id("account", call.body.account), call.new_id()
    secrets = await call.vault.seal(requester, texts, {field: call.body.text})
    return str(requester), str(texts), secrets
