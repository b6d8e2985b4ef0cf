"""Requests as tables: a row for each case file, and one for each unit's turn with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

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
)
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row


class RequestRow(Row):
    """A request's case file; `…texts` are ids of vault records, of the last ones.

    `unit` has it, `accountable` had it first; both are empty before the dispatch. `answer_dated`
    false: the answer's day is not known, so no time to answer can be told. `end_reason` says why
    it was returned or how it was closed, at `ended_at`. `…_by` are the residents who entered it.
    `round` counts the reopenings; a reopened request has no answer again, its age goes on.
    """

    scope: str
    request: str
    kind: str
    category: str
    category_policy: int
    area: str
    requester: UUID
    texts: UUID
    state: str
    received_at: datetime
    version: int
    unit: str = ""
    accountable: str = ""
    hops: int = 0
    accepted_at: datetime | None = None
    dispatched_at: datetime | None = None
    answered_at: datetime | None = None
    answer_dated: bool = True
    answer_texts: UUID | None = None
    question_texts: UUID | None = None
    info_texts: UUID | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    received_by: str = ""
    answered_by: str = ""
    priority: str = "normal"
    round: int = 0
    reopened_at: datetime | None = None
    reopening_texts: UUID | None = None


class HopRow(Row):
    """A unit's turn with a request: hop 0 is the first receiver's, each transfer one more.

    `reason` is the transfer's. `until_at` is when the request was handed on; the last turn lasts
    until the answer or the end, which stand in the case file.
    """

    scope: str
    request: str
    hop: int
    unit: str
    since_at: datetime
    until_at: datetime | None = None
    reason: str = ""


RequestFact = (
    RequestAccepted
    | RequestReturned
    | RequestDispatched
    | RequestTransferred
    | InfoAsked
    | InfoGiven
    | RequestAnswered
    | RequestClosed
    | RequestReopened
)
# Nothing of a case file but its version, which an If-Match speaks of.
BESIDE = (
    DeadlineSet,
    ClockPaused,
    ClockResumed,
    RequestReminded,
    RequestEscalated,
    RequestDeescalated,
    ConfirmationAwaited,
    CallbackDue,
    CallbackRecorded,
    ReviewOpened,
    ReviewConcluded,
)


def request_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the one row of a request."""
    return ((fact.scope, fact.id),)


def fold_request(_key: tuple[Any, ...], row: RequestRow | None, fact: Fact) -> RequestRow | None:
    """Follow one fact; one that the row has already seen changes nothing."""
    event = fact.event
    if row is None:
        return _received(event, fact) if isinstance(event, RequestReceived) else None
    if fact.version <= row.version:
        return row
    moved = _moved(row, event, fact) if isinstance(event, RequestFact) else row
    return replace(moved, version=fact.version)


def _received(event: RequestReceived, fact: Fact) -> RequestRow:
    return RequestRow(
        scope=fact.scope,
        request=fact.id,
        kind=event.kind.value,
        category=event.category,
        category_policy=event.category_policy,
        area=event.area,
        requester=event.requester,
        texts=event.texts,
        state="received",
        received_at=fact.occurred_at,
        version=fact.version,
        received_by=fact.actor,
    )


def _moved(  # noqa: PLR0911 - a table, an arm per event
    row: RequestRow, event: RequestFact, fact: Fact
) -> RequestRow:
    at = fact.occurred_at
    match event:
        case RequestAccepted(priority=priority):
            return replace(row, state="accepted", accepted_at=at, priority=priority.value)
        case RequestReturned(reason=reason):
            return replace(row, state="returned", ended_at=at, end_reason=reason.value)
        case RequestDispatched(unit=unit):
            return replace(row, state="dispatched", dispatched_at=at, unit=unit, accountable=unit)
        case RequestTransferred(to_unit=unit, hop=hop):
            return replace(row, unit=unit, hops=hop)
        case InfoAsked(texts=texts):
            return replace(row, state="awaiting_info", question_texts=texts)
        case InfoGiven(texts=texts):
            return replace(row, state="dispatched", info_texts=texts)
        case RequestAnswered(unit=unit, texts=texts, dated=dated):
            return replace(
                row,
                state="answered",
                unit=unit,
                answered_at=at,
                answer_dated=dated,
                answer_texts=texts,
                answered_by=fact.actor,
            )
        case RequestClosed(reason=reason, unconfirmed=unconfirmed):
            why = "unconfirmed" if unconfirmed else reason.value
            return replace(row, state="closed", ended_at=at, end_reason=why)
        case RequestReopened(round=number, texts=texts):
            return _reopened(row, number, texts, at)


def _reopened(row: RequestRow, number: int, texts: UUID, at: datetime) -> RequestRow:
    return replace(
        row,
        state="dispatched",
        round=number,
        reopened_at=at,
        reopening_texts=texts,
        accountable=row.accountable or row.unit,
        answered_at=None,
        answer_dated=True,
        answered_by="",
        ended_at=None,
        end_reason="",
    )


def hop_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the hop that begins and the one that ends."""
    request = fact.id
    match fact.event:
        case RequestDispatched():
            return ((fact.scope, request, 0),)
        case RequestTransferred(hop=hop):
            return ((fact.scope, request, hop - 1), (fact.scope, request, hop))
        case _:
            return ()


def fold_hop(key: tuple[Any, ...], row: HopRow | None, fact: Fact) -> HopRow | None:
    """Begin a turn, or end the one before."""
    scope, request, number = key
    at = fact.occurred_at
    match fact.event:
        case RequestDispatched(unit=unit):
            return HopRow(scope=scope, request=request, hop=0, unit=unit, since_at=at)
        case RequestTransferred(hop=hop, to_unit=unit, reason=reason) if hop == number:
            return HopRow(
                scope=scope,
                request=request,
                hop=hop,
                unit=unit,
                since_at=at,
                reason=reason.value,
            )
        case RequestTransferred() if row is not None:
            return replace(row, until_at=at)
        case _:
            return row


REQUESTS = ReadModel(
    name="requests",
    revision=4,
    row=RequestRow,
    key=("scope", "request"),
    keys=request_keys,
    fold=fold_request,
    events=(
        RequestReceived,
        RequestAccepted,
        RequestReturned,
        RequestDispatched,
        RequestTransferred,
        InfoAsked,
        InfoGiven,
        RequestAnswered,
        RequestClosed,
        RequestReopened,
        *BESIDE,
    ),
    indexes=(("scope", "received_at", "request"), ("scope", "unit", "request")),
)
HOPS = ReadModel(
    name="request_hops",
    revision=1,
    row=HopRow,
    key=("scope", "request", "hop"),
    keys=hop_keys,
    fold=fold_hop,
    events=(RequestDispatched, RequestTransferred),
)
