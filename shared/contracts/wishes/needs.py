"""Events of `services/wishes` about needs (W3): what they came from, and how each of them ends.

Streams: `wishes/need/<need>` and `wishes/need_source/<kind>.<id>` (scope: the community), all
public. A joining is told on both sides in one append. `texts` names a vault record.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Event


class SourceKind(StrEnum):
    """What a need can come from."""

    REQUEST = "request"
    WISH = "wish"
    VISIT = "visit"
    INCIDENT = "incident"


class NeedExit(StrEnum):
    """How a need ends; each has one of these, the motion being the rare one."""

    SOLVED_IN_GRID = "solved_in_grid"
    MATCHED = "matched"
    PROJECT = "project"
    MOTION = "motion"
    DECLINED = "declined"


class PriorityReason(StrEnum):
    """Why a need comes before others."""

    SAFETY = "safety"
    VULNERABLE_PERSONS = "vulnerable_persons"
    MANY_PERSONS = "many_persons"
    URGENCY = "urgency"
    LONG_STANDING = "long_standing"
    EASILY_MET = "easily_met"


class DeclineReason(StrEnum):
    """Why nothing is done about a need."""

    NOT_COMPETENT = "not_competent"
    UNLAWFUL = "unlawful"
    NO_MEANS = "no_means"
    NOT_CONFIRMED = "not_confirmed"
    DUPLICATE = "duplicate"


class NeedEvent(Event):
    """Any event of this page."""

    service: ClassVar[str] = "wishes"


class Source(BaseModel):
    """What a need came from: a request, a wish, a visit or an incident, by its id."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=200)

    kind: SourceKind
    id: UUID


class NeedRecorded(NeedEvent):
    """Something is lacking; `grid` is empty for a need of the whole community."""

    need: UUID
    category: str
    grid: str
    area: str
    texts: UUID


class NeedClustered(NeedEvent):
    """These sources say the same and belong to the need from now on."""

    need: UUID
    sources: tuple[Source, ...]


class NeedSeparated(NeedEvent):
    """These sources do not belong to the need after all."""

    need: UUID
    sources: tuple[Source, ...]


class SourceJoined(NeedEvent):
    """The source is part of a need."""

    kind: SourceKind
    source: UUID
    need: UUID


class SourceLeft(NeedEvent):
    """The source is part of the need no longer."""

    kind: SourceKind
    source: UUID
    need: UUID


class NeedConfirmed(NeedEvent):
    """It was looked at, and it is so."""

    need: UUID


class NeedPrioritised(NeedEvent):
    """The need has a place in the order: the higher the score (1 to 100), the sooner."""

    need: UUID
    score: int
    reason: PriorityReason


class NeedEnded(NeedEvent):
    """The need took its one exit, `days` whole days after it was recorded.

    `reference` is what met it: the resource, the project or the motion. `cost_fen` is empty where
    the cost is not known, `reason` where the need was not declined.
    """

    need: UUID
    exit: NeedExit
    days: int
    cost_fen: int | None = None
    reference: UUID | None = None
    reason: DeclineReason | None = None


class NeedRetired(NeedEvent):
    """The ended need is off the list."""

    need: UUID


EVENTS: tuple[type[Event], ...] = (
    NeedRecorded,
    NeedClustered,
    NeedSeparated,
    SourceJoined,
    SourceLeft,
    NeedConfirmed,
    NeedPrioritised,
    NeedEnded,
    NeedRetired,
)


def need_stream(need: UUID | str) -> str:
    """Name the stream of a need."""
    return f"wishes/need/{need}"


def need_source_stream(kind: SourceKind, source: UUID | str) -> str:
    """Name the stream of the needs that a source joined."""
    return f"wishes/need_source/{kind.value}.{source}"
