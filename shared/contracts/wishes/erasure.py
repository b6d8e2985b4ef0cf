"""Events of `services/wishes` about the erasure of a person (X8).

Streams: `wishes/erasure/<resident>` (scope: the district). All are public.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from shared.contracts.envelope import Event


class ErasureEvent(Event):
    """Any event of this page."""

    service: ClassVar[str] = "wishes"


class SubjectTextsErased(ErasureEvent):
    """The texts of these pseudonyms are gone with this event; files and keys follow."""

    resident: UUID
    subjects: tuple[UUID, ...]


class SubjectErasureDone(ErasureEvent):
    """Nothing of the resident is left here: the answer to the directory's request."""

    resident: UUID


EVENTS: tuple[type[Event], ...] = (SubjectTextsErased, SubjectErasureDone)


def subject_erasure_stream(resident: UUID | str) -> str:
    """Name the stream of this service's part in a resident's erasure."""
    return f"wishes/erasure/{resident}"
