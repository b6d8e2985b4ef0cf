"""Events of `services/wishes` about micro-wishes, their claims and their policy (W1).

Streams: `wishes/wish/<wish>` (scope: the community), `wishes/wish_policy/<district>` (scope: the
district). Both are public. `texts` and `public_texts` name vault records: no text is in an event.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Event


class Relation(StrEnum):
    """How whoever submits a wish for somebody stands to that person."""

    CHILD = "child"
    PARENT = "parent"
    SPOUSE = "spouse"
    NEIGHBOUR = "neighbour"
    VOLUNTEER = "volunteer"
    CADRE = "cadre"
    OTHER = "other"


class RejectReason(StrEnum):
    """Why a wish does not go on the wall."""

    NOT_A_WISH = "not_a_wish"
    NOT_OURS = "not_ours"
    UNCLEAR = "unclear"
    UNLAWFUL = "unlawful"


class ClaimerClass(StrEnum):
    """Who claimed a wish, as far as others are told."""

    COMMUNITY = "community"
    PARTY_MEMBER = "party_member"
    UNIT = "unit"
    ORGANISATION = "organisation"


class WishEvent(Event):
    """Any event of this page."""

    service: ClassVar[str] = "wishes"


class WishTerm(BaseModel):
    """Within how many working days a category's claim, and its wish, must be fulfilled."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=200)

    category: str
    claim_days: int
    wish_days: int


class Follower(BaseModel):
    """A wish that was merged into another: `level` counts the merges between the two."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wish: UUID
    requester: UUID
    submitted_by: str
    level: int
    due_at: datetime | None = None


class WishPolicyAdopted(WishEvent):
    """A version of the terms and limits of wishes came into force.

    `terms` are looked up by category, without one by the term of no category. Who let
    `releases_max` claims go within `release_window_days` claims no more (0: no limit). A wish that
    nobody claimed is the community's after `community_claim_days` working days (0: never). What is
    fulfilled closes unconfirmed after `auto_close_days`; what is closed may be reopened within
    `reopen_window_days`, `reopens_max` times, and goes up from the `reopens_escalated_from`-th on.
    A rating up to `low_rating_max` is reviewed; it changes until `rating_freeze_days` are over.
    """

    version: int
    terms: tuple[WishTerm, ...]
    releases_max: int
    release_window_days: int
    community_claim_days: int
    auto_close_days: int
    reopen_window_days: int
    reopens_max: int
    reopens_escalated_from: int
    low_rating_max: int
    rating_freeze_days: int


class WishSubmitted(WishEvent):
    """Somebody wishes for something; `relation` is set where another submitted it."""

    wish: UUID
    category: str
    area: str
    requester: UUID
    texts: UUID
    relation: Relation | None = None


class ProxyConfirmed(WishEvent):
    """The person for whom a wish was submitted said on the phone that it is so."""

    wish: UUID


class WishScreened(WishEvent):
    """A wish is on the wall with the masked text `public_texts`, under its district's policy."""

    wish: UUID
    public_texts: UUID
    district: str
    policy: int
    calendar: int
    due_at: datetime | None = None
    community_claims_at: datetime | None = None


class WishRejected(WishEvent):
    """A wish does not go on the wall."""

    wish: UUID
    reason: RejectReason


class WishClaimed(WishEvent):
    """Somebody takes a wish on until `until` (none: without end); by itself, the community does."""

    wish: UUID
    claimer_class: ClaimerClass
    claimer: str
    policy: int
    calendar: int
    remind_at: datetime | None = None
    until: datetime | None = None
    by_default: bool = False


class HandlerAssigned(WishEvent):
    """Who carries the wish out."""

    wish: UUID
    handler: UUID


class ClaimReminded(WishEvent):
    """Half of a claim's time is over."""

    wish: UUID
    claimer: str


class ProgressRecorded(WishEvent):
    """The handler tells how it goes."""

    wish: UUID
    texts: UUID


class ClaimReleased(WishEvent):
    """The claimer let the wish go: it is on the wall again."""

    wish: UUID
    claimer_class: ClaimerClass
    claimer: str


class ClaimExpired(WishEvent):
    """The claim's time is over: the wish is on the wall again."""

    wish: UUID
    claimer_class: ClaimerClass
    claimer: str


class WishFulfilled(WishEvent):
    """The handler says that it is done; the requesters of the wishes `asked` are asked."""

    wish: UUID
    round: int
    asked: tuple[UUID, ...]
    close_at: datetime | None = None


class WishConfirmed(WishEvent):
    """A requester says that it is fulfilled; `by_wish` is that requester's own wish."""

    wish: UUID
    round: int
    by_wish: UUID
    by_callback: bool = False


class WishClosedUnconfirmed(WishEvent):
    """Nobody said anything in time."""

    wish: UUID
    round: int


class WishReopened(WishEvent):
    """A requester says that it is not so: the wish is on the wall again; its age goes on."""

    wish: UUID
    round: int
    texts: UUID
    policy: int
    calendar: int
    due_at: datetime | None = None
    community_claims_at: datetime | None = None


class WishEscalated(WishEvent):
    """A wish was reopened so often that the secretary is told."""

    wish: UUID
    round: int


class WishWithdrawn(WishEvent):
    """The requester takes the wish back; a claim or a handler's work that began is made good."""

    wish: UUID
    claimer_class: ClaimerClass | None = None
    claimer: str = ""
    handler: UUID | None = None
    begun: bool = False


class WishMerged(WishEvent):
    """A wish says the same as another one, which goes on for both."""

    wish: UUID
    parent: UUID


class DuplicatesJoined(WishEvent):
    """Wishes were merged into this one: from now on it is due at the earliest of all deadlines."""

    wish: UUID
    joined: tuple[Follower, ...]
    due_at: datetime | None = None


class WishUnmerged(WishEvent):
    """A wish stands for itself again."""

    wish: UUID
    parent: UUID


class DuplicatesLeft(WishEvent):
    """Wishes that were merged into this one left; it is due at the earliest of what remains."""

    wish: UUID
    left: tuple[UUID, ...]
    due_at: datetime | None = None


class WishRated(WishEvent):
    """A requester rates a closing from 1 to 5; a later rating of the same replaces it."""

    wish: UUID
    round: int
    by_wish: UUID
    rating: int


class WishReviewOpened(WishEvent):
    """A closing was rated low."""

    wish: UUID
    round: int


class WishReviewConcluded(WishEvent):
    """Somebody else than the handler looked at a closing that was rated low."""

    wish: UUID
    round: int


EVENTS: tuple[type[Event], ...] = (
    WishPolicyAdopted,
    WishSubmitted,
    ProxyConfirmed,
    WishScreened,
    WishRejected,
    WishClaimed,
    HandlerAssigned,
    ClaimReminded,
    ProgressRecorded,
    ClaimReleased,
    ClaimExpired,
    WishFulfilled,
    WishConfirmed,
    WishClosedUnconfirmed,
    WishReopened,
    WishEscalated,
    WishWithdrawn,
    WishMerged,
    DuplicatesJoined,
    WishUnmerged,
    DuplicatesLeft,
    WishRated,
    WishReviewOpened,
    WishReviewConcluded,
)


def wish_stream(wish: UUID | str) -> str:
    """Name the stream of a wish."""
    return f"wishes/wish/{wish}"


def wish_policy_stream(district: str) -> str:
    """Name the stream of a district's policy of wishes."""
    return f"wishes/wish_policy/{district}"
