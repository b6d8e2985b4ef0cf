"""A request's clock, levels and call-backs as tables.

A row for each request under a deadline, for each time it went up or down, and for each answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from shared.contracts.wishes import (
    CallbackDue,
    CallbackRecorded,
    ClockPaused,
    ClockResumed,
    ConfirmationAwaited,
    DeadlineSet,
    RequestAnswered,
    RequestClosed,
    RequestDeescalated,
    RequestDispatched,
    RequestEscalated,
    RequestReminded,
    RequestTransferred,
    ReviewConcluded,
    ReviewOpened,
)
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row

DOWN = "deescalation"


class DeadlineRow(Row):
    """A request's clock in its last round; `stopped_at` is when it was answered or closed.

    `due_at` counts from what happened. `level` is where the request is, 0 with its unit alone;
    `paused_at` stands while the clock stands still.
    """

    scope: str
    request: str
    version: int
    round: int
    policy: int
    calendar: int
    working_days: int
    priority: str
    provisional: bool
    due_at: datetime
    unit: str = ""
    accountable: str = ""
    level: int = 0
    level_to: str = ""
    pauses: int = 0
    paused_days: int = 0
    paused_at: datetime | None = None
    pause_reason: str = ""
    reminded_at: datetime | None = None
    stopped_at: datetime | None = None


class EscalationRow(Row):
    """A time that a request went up, or (by `deescalation`) down, to a level."""

    scope: str
    request: str
    version: int
    level: int
    sent_to: str
    by: str
    accountable: str
    at: datetime
    due_at: datetime | None = None


class CallbackRow(Row):
    """An answer, and what was said of it when the requester was called back.

    Without `call_back_at` nobody is to be called. `satisfied` is from 1 to 5, 0 when nobody said.
    `review` is empty, `open`, or what it found.
    """

    scope: str
    request: str
    round: int
    version: int
    unit: str
    answered_at: datetime
    call_back_at: datetime | None = None
    due_at: datetime | None = None
    calls: int = 0
    called_at: datetime | None = None
    contacted: bool = False
    solved: bool = False
    satisfied: int = 0
    closed_at: datetime | None = None
    unconfirmed: bool = False
    review: str = ""
    review_reason: str = ""


ClockFact = (
    RequestDispatched
    | RequestTransferred
    | ClockPaused
    | ClockResumed
    | RequestReminded
    | RequestEscalated
    | RequestDeescalated
    | RequestAnswered
    | RequestClosed
)
AnswerFact = (
    ConfirmationAwaited
    | CallbackDue
    | CallbackRecorded
    | ReviewOpened
    | ReviewConcluded
    | RequestClosed
)


def request_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the one row of a request."""
    return ((fact.scope, fact.id),)


def fold_deadline(_key: tuple[Any, ...], row: DeadlineRow | None, fact: Fact) -> DeadlineRow | None:
    """Follow a request's clock; it begins anew with each round."""
    event = fact.event
    if row is not None and fact.version <= row.version:
        return row
    if isinstance(event, DeadlineSet):
        begun = _begun(event, fact)
        if row is None:
            return begun
        return replace(begun, unit=row.unit, accountable=row.accountable)
    if row is None or not isinstance(event, ClockFact):
        return row
    return replace(_ticked(row, event, fact.occurred_at), version=fact.version)


def _begun(event: DeadlineSet, fact: Fact) -> DeadlineRow:
    return DeadlineRow(
        scope=fact.scope,
        request=fact.id,
        version=fact.version,
        round=event.round,
        policy=event.policy,
        calendar=event.calendar,
        working_days=event.working_days,
        priority=event.priority.value,
        provisional=event.provisional,
        due_at=event.due_at,
    )


def _ticked(  # noqa: PLR0911 - a table, an arm per event
    row: DeadlineRow, event: ClockFact, at: datetime
) -> DeadlineRow:
    match event:
        case RequestDispatched(unit=unit):
            return replace(row, unit=unit, accountable=unit)
        case RequestTransferred(to_unit=unit):
            return replace(row, unit=unit)
        case ClockPaused(reason=reason):
            return replace(row, pauses=row.pauses + 1, paused_at=at, pause_reason=reason.value)
        case ClockResumed(working_days=days, due_at=due_at):
            paused_days = row.paused_days + days
            return replace(
                row, due_at=due_at, paused_days=paused_days, paused_at=None, pause_reason=""
            )
        case RequestReminded():
            return replace(row, reminded_at=at)
        case RequestEscalated(level=level, to=to):
            return replace(row, level=level, level_to=to)
        case RequestDeescalated(level=level):
            return replace(row, level=level, level_to="")
        case RequestAnswered() | RequestClosed():
            stopped_at = row.stopped_at or at
            return replace(row, stopped_at=stopped_at, paused_at=None, pause_reason="")


def escalation_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the row of this one time."""
    return ((fact.scope, fact.id, fact.version),)


def fold_escalation(
    _key: tuple[Any, ...], row: EscalationRow | None, fact: Fact
) -> EscalationRow | None:
    """Write down one time."""
    match fact.event:
        case RequestEscalated() as event:
            return EscalationRow(
                scope=fact.scope,
                request=fact.id,
                version=fact.version,
                level=event.level,
                sent_to=event.to,
                by=event.by.value,
                accountable=event.accountable,
                at=fact.occurred_at,
                due_at=event.due_at,
            )
        case RequestDeescalated(level=level):
            return EscalationRow(
                scope=fact.scope,
                request=fact.id,
                version=fact.version,
                level=level,
                sent_to="",
                by=DOWN,
                accountable="",
                at=fact.occurred_at,
            )
        case _:
            return row


def callback_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the row of the answer of this round."""
    match fact.event:
        case RequestAnswered() | ConfirmationAwaited() | CallbackDue() as event:
            return ((fact.scope, fact.id, event.round),)
        case CallbackRecorded() | ReviewOpened() | ReviewConcluded() | RequestClosed() as event:
            return ((fact.scope, fact.id, event.round),)
        case _:
            return ()


def fold_callback(_key: tuple[Any, ...], row: CallbackRow | None, fact: Fact) -> CallbackRow | None:
    """Follow what comes after an answer; without one there is no row."""
    event = fact.event
    if isinstance(event, RequestAnswered) and row is None:
        return CallbackRow(
            scope=fact.scope,
            request=fact.id,
            round=event.round,
            version=fact.version,
            unit=event.unit,
            answered_at=fact.occurred_at,
        )
    if row is None or fact.version <= row.version or not isinstance(event, AnswerFact):
        return row
    return replace(_said(row, event, fact.occurred_at), version=fact.version)


def _said(row: CallbackRow, event: AnswerFact, at: datetime) -> CallbackRow:
    match event:
        case ConfirmationAwaited(call_back_at=call_back_at):
            return replace(row, call_back_at=call_back_at)
        case CallbackDue():
            return replace(row, due_at=at)
        case CallbackRecorded(contacted=contacted, solved=solved, satisfied=satisfied):
            return replace(
                row,
                calls=row.calls + 1,
                called_at=at,
                contacted=contacted,
                solved=bool(solved),
                satisfied=satisfied or 0,
            )
        case ReviewOpened(reason=reason):
            return replace(row, review="open", review_reason=reason.value)
        case ReviewConcluded(finding=finding):
            return replace(row, review=finding.value)
        case RequestClosed(unconfirmed=unconfirmed):
            return replace(row, closed_at=at, unconfirmed=unconfirmed)


DEADLINES = ReadModel(
    name="request_deadlines",
    revision=1,
    row=DeadlineRow,
    key=("scope", "request"),
    keys=request_keys,
    fold=fold_deadline,
    events=(
        DeadlineSet,
        RequestDispatched,
        RequestTransferred,
        ClockPaused,
        ClockResumed,
        RequestReminded,
        RequestEscalated,
        RequestDeescalated,
        RequestAnswered,
        RequestClosed,
    ),
    indexes=(("scope", "due_at", "request"),),
)
ESCALATIONS = ReadModel(
    name="request_escalations",
    revision=1,
    row=EscalationRow,
    key=("scope", "request", "version"),
    keys=escalation_keys,
    fold=fold_escalation,
    events=(RequestEscalated, RequestDeescalated),
)
CALLBACKS = ReadModel(
    name="request_callbacks",
    revision=1,
    row=CallbackRow,
    key=("scope", "request", "round"),
    keys=callback_keys,
    fold=fold_callback,
    events=(
        RequestAnswered,
        ConfirmationAwaited,
        CallbackDue,
        CallbackRecorded,
        ReviewOpened,
        ReviewConcluded,
        RequestClosed,
    ),
    indexes=(("scope", "due_at"),),
)
