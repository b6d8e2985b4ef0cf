"""Events of `services/wishes` about matters that recur: what is asked of the council, and its end.

Streams: `wishes/recurrence/<recurrence>` and `wishes/fate/<request>` (scope: the community).
All are public.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.envelope import Event


class Fate(StrEnum):
    """What became of a matter that was brought before the council."""

    RESOLVED = "resolved"
    IN_PROJECT = "in_project"
    REJECTED = "rejected"
    NOT_COMPETENT = "not_competent"
    DECLINED = "declined"
    NOT_HEARD = "not_heard"


class RecurrenceEvent(Event):
    """Any event of this page."""

    service: ClassVar[str] = "wishes"


class AgendaItemRequested(RecurrenceEvent):
    """The council is asked to take a matter on its agenda; asked again, `ask` counts from 1."""

    recurrence: UUID
    matter: UUID
    area: str
    category: str
    requests: tuple[UUID, ...]
    since: datetime
    ask: int


class RecurrenceOnAgenda(RecurrenceEvent):
    """The council has taken the matter on its agenda."""

    recurrence: UUID


class RecurrenceDeclined(RecurrenceEvent):
    """The council did not take it; `code` says why."""

    recurrence: UUID
    matter: UUID
    requests: tuple[UUID, ...]
    code: str


class RecurrenceSettled(RecurrenceEvent):
    """The council has decided what becomes of it."""

    recurrence: UUID
    matter: UUID
    requests: tuple[UUID, ...]
    fate: Fate


class RecurrenceLapsed(RecurrenceEvent):
    """Nobody answered, however often it was asked."""

    recurrence: UUID
    matter: UUID
    requests: tuple[UUID, ...]


class FateTold(RecurrenceEvent):
    """A request is told what became of the matter that it was part of."""

    request: UUID
    recurrence: UUID
    fate: Fate


EVENTS: tuple[type[Event], ...] = (
    AgendaItemRequested,
    RecurrenceOnAgenda,
    RecurrenceDeclined,
    RecurrenceSettled,
    RecurrenceLapsed,
    FateTold,
)


def recurrence_stream(recurrence: UUID | str) -> str:
    """Name the stream of a recurrence."""
    return f"wishes/recurrence/{recurrence}"


def fate_stream(request: UUID | str) -> str:
    """Name the stream of what became of a request's matter."""
    return f"wishes/fate/{request}"
