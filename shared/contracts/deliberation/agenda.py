"""Events of `services/deliberation` about items of a council's agenda, asked for by wishes.

Streams: `deliberation/agenda_item/<recurrence>` (scope: the community), one for each request to
take a matter on. All are public.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from shared.contracts.envelope import Event
from shared.contracts.wishes.recurrence import Fate


class AgendaEvent(Event):
    """Any event of this page."""

    service: ClassVar[str] = "deliberation"


class AgendaItemTaken(AgendaEvent):
    """The matter is on the council's agenda; asked again, it is said again."""

    item: UUID
    area: str
    category: str
    requests: int


class AgendaItemDeclined(AgendaEvent):
    """The matter is not taken on the agenda; `code` says why."""

    item: UUID
    code: str


class AgendaItemSettled(AgendaEvent):
    """The council has decided what becomes of the matter."""

    item: UUID
    fate: Fate


EVENTS: tuple[type[Event], ...] = (AgendaItemTaken, AgendaItemDeclined, AgendaItemSettled)


def agenda_item_stream(item: UUID | str) -> str:
    """Name the stream of an item."""
    return f"deliberation/agenda_item/{item}"
