"""Notices: who is told that a request is half over, overdue or due to be called back (X5).

The rules:

- A reminder goes to the unit that has the request, or to the desk; an escalation to its level; a
  call-back to the desk. A notice holds ids and times, never a text.
- One notice an event, under one key, however often it is tried. Whether it went out is recorded
  once on a private stream, `wishes/notice/<event>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from shared.contracts.envelope import Event
from shared.contracts.wishes import CallbackDue, RequestEscalated, RequestReminded
from shared.decider import Asked, Command, Decider, Fact, State, States, To, View
from shared.rules import Effect, Outcome, Outside

SINK: Final = "notices"
DESK: Final = "community-desk"


class NoticeEvent(Event):
    """Any private event about a notice."""

    service: ClassVar[str] = "wishes"


class NoticeSent(NoticeEvent):
    """The notice went out; `reference` is what the outside calls it."""

    notice: UUID
    request: UUID
    reference: str


class NoticeFailed(NoticeEvent):
    """The notice will not go out; `code` says why."""

    notice: UUID
    request: UUID
    code: str


class Notice(State):
    """Whether the outcome is known."""

    told: bool = False


class RecordNotice(Command):
    """Tell how it went; `notice` is the id of the event that asked for it."""

    notice: str
    request: str
    done: bool
    code: str = ""
    reference: str = ""


def notice_stream(notice: str) -> str:
    """Name the stream of a notice."""
    return f"wishes/notice/{notice}"


def evolve(state: Notice, fact: Fact) -> Notice:
    """Follow one fact."""
    match fact.event:
        case NoticeSent() | NoticeFailed():
            return Notice(told=True)
        case _:
            return state


def decide(command: RecordNotice, state: Notice, states: States, asked: Asked) -> Sequence[To]:
    """Give the outcome's event, once."""
    del states, asked
    if state.told:
        return []
    notice, request = UUID(command.notice), UUID(command.request)
    event: NoticeEvent = NoticeFailed(notice=notice, request=request, code=command.code)
    if command.done:
        event = NoticeSent(notice=notice, request=request, reference=command.reference)
    return [To(notice_stream(command.notice), event)]


def asked_for(fact: Fact) -> Outside | None:
    """Say what an event has somebody told."""
    match fact.event:
        case RequestReminded(unit=unit, due_at=due_at):
            return _outside("reminder", unit or DESK, fact, due_at=due_at.isoformat())
        case RequestEscalated(to=to, level=level, by=by, accountable=accountable):
            body = {"level": level, "by": by.value, "accountable": accountable}
            return _outside("escalation", to, fact, **body)
        case CallbackDue():
            return _outside("call_back", DESK, fact)
        case _:
            return None


def told(fact: Fact, outcome: Outcome) -> RecordNotice:
    """Give the command that records how it went."""
    return RecordNotice(
        notice=fact.event_id,
        request=fact.id,
        done=outcome.done,
        code=outcome.code,
        reference=outcome.reference,
    )


def _outside(kind: str, to: str, fact: Fact, **body: Any) -> Outside:
    return Outside(kind=kind, to=to, scope=fact.scope, body={"request": fact.id, **body})


NOTICE: Decider[RecordNotice, Notice] = Decider(
    name="notice",
    view=View("wishes.notice", 1, Notice, Notice(), evolve),
    commands=(RecordNotice,),
    target=lambda command: notice_stream(command.notice),
    decide=decide,
)
NOTICES = Effect(
    name="notices",
    events=(RequestReminded, RequestEscalated, CallbackDue),
    sink=SINK,
    request=asked_for,
    outcome=told,
)
