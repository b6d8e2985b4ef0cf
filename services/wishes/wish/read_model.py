"""Wishes as tables: a row for each wish, and one for each requester who is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from shared.contracts.wishes.wishes import (
    EVENTS,
    ClaimExpired,
    ClaimReleased,
    ClaimReminded,
    DuplicatesJoined,
    DuplicatesLeft,
    HandlerAssigned,
    ProgressRecorded,
    ProxyConfirmed,
    WishClaimed,
    WishClosedUnconfirmed,
    WishConfirmed,
    WishEscalated,
    WishFulfilled,
    WishMerged,
    WishPolicyAdopted,
    WishRated,
    WishRejected,
    WishReopened,
    WishReviewConcluded,
    WishReviewOpened,
    WishScreened,
    WishSubmitted,
    WishUnmerged,
    WishWithdrawn,
)
from shared.decider import Fact
from shared.kit.read_models.model import ReadModel, Row


class WishRow(Row):
    """A wish as it stands; `…texts` are ids of vault records.

    `due_at` is the earliest of its own deadline and those of what was merged into it. The claim's
    columns are empty while nobody has it; `first_claimed_at` stays. `round` counts reopenings.
    """

    scope: str
    wish: str
    category: str
    area: str
    requester: UUID
    submitted_by: str
    texts: UUID
    state: str
    submitted_at: datetime
    version: int
    relation: str = ""
    proxy_confirmed: bool = False
    public_texts: UUID | None = None
    screened_at: datetime | None = None
    own_due_at: datetime | None = None
    due_at: datetime | None = None
    first_claimed_at: datetime | None = None
    claimed_at: datetime | None = None
    claimer_class: str = ""
    claimer: str = ""
    handler: str = ""
    reminded: bool = False
    claim_until: datetime | None = None
    progress_texts: UUID | None = None
    merged_into: str = ""
    duplicates: int = 0
    fulfilled_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    round: int = 0
    reopened_texts: UUID | None = None
    escalated: bool = False
    under_review: bool = False


class WishAnswerRow(Row):
    """What a requester was asked of a closing, and said; `rating` 0: nothing."""

    scope: str
    by_wish: str
    round: int
    wish: str
    asked_at: datetime
    confirmed: bool = False
    rating: int = 0


def wish_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the one row of a wish."""
    return ((fact.scope, fact.id),)


def fold_wish(_key: tuple[Any, ...], row: WishRow | None, fact: Fact) -> WishRow | None:
    """Follow one fact; one that the row has already seen changes nothing."""
    event = fact.event
    if row is None:
        return _submitted(event, fact) if isinstance(event, WishSubmitted) else None
    if fact.version <= row.version:
        return row
    return replace(row, version=fact.version, **_changed(row, fact))


def _submitted(event: WishSubmitted, fact: Fact) -> WishRow:
    return WishRow(
        scope=fact.scope,
        wish=fact.id,
        category=event.category,
        area=event.area,
        requester=event.requester,
        submitted_by=fact.actor,
        texts=event.texts,
        state="submitted",
        submitted_at=fact.occurred_at,
        version=fact.version,
        relation="" if event.relation is None else event.relation.value,
    )


_NO_CLAIM: dict[str, Any] = {
    "claimed_at": None,
    "claimer_class": "",
    "claimer": "",
    "handler": "",
    "reminded": False,
    "claim_until": None,
}


def _changed(  # noqa: PLR0911 - a table, an arm per event
    row: WishRow, fact: Fact
) -> dict[str, Any]:
    """Give the columns that a fact changes."""
    at = fact.occurred_at
    match fact.event:
        case WishClaimed(claimer_class=claimer_class, claimer=claimer, until=until):
            return {
                "state": "claimed",
                "claimed_at": at,
                "first_claimed_at": row.first_claimed_at or at,
                "claimer_class": claimer_class.value,
                "claimer": claimer,
                "claim_until": until,
            }
        case HandlerAssigned(handler=handler):
            return {"handler": str(handler)}
        case ClaimReminded():
            return {"reminded": True}
        case ProgressRecorded(texts=texts):
            return {"state": "in_progress", "progress_texts": texts}
        case ClaimReleased() | ClaimExpired():
            return {"state": "open", **_NO_CLAIM}
        case DuplicatesJoined(joined=joined, due_at=due_at):
            return {"duplicates": row.duplicates + len(joined), "due_at": due_at}
        case DuplicatesLeft(left=left, due_at=due_at):
            return {"duplicates": row.duplicates - len(left), "due_at": due_at}
        case _:
            return _begun_or_ended(row, fact)


def _begun_or_ended(  # noqa: C901, PLR0911, PLR0912 - a table, an arm per event
    row: WishRow, fact: Fact
) -> dict[str, Any]:
    at = fact.occurred_at
    match fact.event:
        case ProxyConfirmed():
            return {"proxy_confirmed": True}
        case WishScreened(public_texts=texts, due_at=due_at):
            shown = {"state": "open", "public_texts": texts, "screened_at": at}
            return {**shown, "own_due_at": due_at, "due_at": _earliest(row.due_at, due_at)}
        case WishRejected(reason=reason):
            return {"state": "rejected", "ended_at": at, "end_reason": reason.value}
        case WishWithdrawn():
            return {"state": "withdrawn", "ended_at": at, "end_reason": "withdrawn"}
        case WishMerged(parent=parent):
            return {"state": "merged", "merged_into": str(parent), **_NO_CLAIM}
        case WishUnmerged():
            state = "submitted" if row.screened_at is None else "open"
            return {"state": state, "merged_into": ""}
        case WishFulfilled():
            return {"state": "fulfilled", "fulfilled_at": at}
        case WishConfirmed():
            return {"state": "confirmed", "ended_at": at, "end_reason": "confirmed"}
        case WishClosedUnconfirmed():
            return {"state": "unconfirmed", "ended_at": at, "end_reason": "unconfirmed"}
        case WishReopened(round=number, texts=texts, due_at=due_at):
            again = {"state": "open", "round": number, "reopened_texts": texts, **_NO_CLAIM}
            ended = {"fulfilled_at": None, "ended_at": None, "end_reason": ""}
            return {**again, **ended, "own_due_at": due_at, "due_at": due_at}
        case WishEscalated():
            return {"escalated": True}
        case WishReviewOpened():
            return {"under_review": True}
        case WishReviewConcluded():
            return {"under_review": False}
        case _:
            return {}


def _earliest(*deadlines: datetime | None) -> datetime | None:
    return min((at for at in deadlines if at is not None), default=None)


def answer_keys(fact: Fact) -> tuple[tuple[Any, ...], ...]:
    """Name the requesters who are asked, or the one who speaks."""
    match fact.event:
        case WishFulfilled(asked=asked, round=number):
            return tuple((fact.scope, str(one), number) for one in asked)
        case WishConfirmed(by_wish=by_wish, round=number):
            return ((fact.scope, str(by_wish), number),)
        case WishRated(by_wish=by_wish, round=number):
            return ((fact.scope, str(by_wish), number),)
        case _:
            return ()


def fold_answer(
    key: tuple[Any, ...], row: WishAnswerRow | None, fact: Fact
) -> WishAnswerRow | None:
    """Ask, or enter what was said."""
    scope, by_wish, number = key
    if row is None:
        row = WishAnswerRow(
            scope=scope, by_wish=by_wish, round=number, wish=fact.id, asked_at=fact.occurred_at
        )
    match fact.event:
        case WishConfirmed():
            return replace(row, confirmed=True)
        case WishRated(rating=rating):
            return replace(row, rating=rating)
        case _:
            return row


WISHES = ReadModel(
    name="wishes",
    revision=1,
    row=WishRow,
    key=("scope", "wish"),
    keys=wish_keys,
    fold=fold_wish,
    events=tuple(event for event in EVENTS if event is not WishPolicyAdopted),
    indexes=(
        ("scope", "submitted_at", "wish"),
        ("scope", "state", "screened_at", "wish"),
        ("scope", "submitted_by", "submitted_at", "wish"),
        ("scope", "due_at", "wish"),
    ),
)
WISH_ANSWERS = ReadModel(
    name="wish_answers",
    revision=1,
    row=WishAnswerRow,
    key=("scope", "by_wish", "round"),
    keys=answer_keys,
    fold=fold_answer,
    events=(WishFulfilled, WishConfirmed, WishRated),
)
