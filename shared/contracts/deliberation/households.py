"""Events of `services/deliberation` about households, and about who lives in which one.

Streams: `deliberation/household/<household>` (scope: the community); residences stand in
`deliberation/resident/<resident>` (scope: the district). All are public. A door's label is in the
vault. What is said to hold from `starts_on` on holds until before the day of the next change of
the same thing, whether that one is entered earlier or later.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from shared.contracts.deliberation import ResidentKind
from shared.contracts.envelope import Event


class HouseholdEvent(Event):
    """Any event of this page."""

    service: ClassVar[str] = "deliberation"


class HouseholdRegistered(HouseholdEvent):
    """A household lives in these premises from a day on; `texts` names the record with its door.

    `subject` is the pseudonym under whose key the door is sealed; both are null where none is kept.
    """

    household: UUID
    premises: str
    starts_on: date
    texts: UUID | None = None
    subject: UUID | None = None


class HouseholdMoved(HouseholdEvent):
    """From a day a household lives in other premises of the community."""

    household: UUID
    premises: str
    starts_on: date


class HouseholdEnded(HouseholdEvent):
    """From a day there is no such household; whoever lived in it lives there no more."""

    household: UUID
    ends_on: date


class ResidenceTaken(HouseholdEvent):
    """From a day a resident lives in a household of a community, and in no other one."""

    resident: UUID
    household: UUID
    community: str
    kind: ResidentKind
    starts_on: date


class ResidenceLeft(HouseholdEvent):
    """From a day a resident lives in no household of the district."""

    resident: UUID
    ends_on: date


EVENTS: tuple[type[Event], ...] = (
    HouseholdRegistered,
    HouseholdMoved,
    HouseholdEnded,
    ResidenceTaken,
    ResidenceLeft,
)


def household_stream(household: UUID | str) -> str:
    """Name the stream of a household."""
    return f"deliberation/household/{household}"
