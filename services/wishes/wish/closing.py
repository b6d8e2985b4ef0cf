"""What follows on a fulfilled wish: the requesters' word, silence, reopening, ratings (W1, W15).

The rules:

- Only the handler says that a wish is fulfilled. Every requester, of the wish and of those that
  were merged into it, is asked then; one who confirms closes it.
- Who fulfilled it does not close it: a requester does, or somebody else who asked one. Nobody
  confirms for the person for whom it was submitted but by asking.
- What nobody confirms in time is closed unconfirmed, which is counted apart; it can be confirmed
  still.
- A fulfilled wish goes back to the wall within a window once it is closed, and a limited number of
  times. It has a new deadline; its age goes on. From a number of times on the secretary is told.
- Each requester rates a closing once, and may change that until it is frozen. A low rating opens
  one review of the closing, which somebody else than the handler concludes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.wishes.wish import refusals
from services.wishes.wish.commands import (
    CloseSilentWish,
    ClosingCommand,
    ConcludeWishReview,
    ConfirmByCallback,
    ConfirmWish,
    FulfilWish,
    RateWish,
    ReopenWish,
)
from services.wishes.wish.merging import Root, root_of
from services.wishes.wish.policy import policy_of
from services.wishes.wish.states import (
    Claimed,
    Closed,
    File,
    Fulfilled,
    Known,
    OnTheWall,
    Submitted,
)
from shared.contracts.wishes.wishes import (
    WishClosedUnconfirmed,
    WishConfirmed,
    WishEscalated,
    WishEvent,
    WishFulfilled,
    WishRated,
    WishReopened,
    WishReviewConcluded,
    WishReviewOpened,
    wish_stream,
)
from shared.decider import Asked, States, To

RATINGS: Final = range(1, 6)


def decide_closing(
    command: ClosingCommand, state: Known, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows from a command about the end; nothing when it is already so."""
    root = root_of(command.wish, state, states)
    events = _decided(command, state.file, root, states, asked)
    return [To(wish_stream(root.wish), event) for event in events]


def wall_times(
    category: str, district: str, states: States, asked: Asked
) -> dict[str, datetime | int | None]:
    """Give the policy, its calendar, and the deadlines of a wish that is put on the wall."""
    terms, working_days = policy_of(district, states)
    found: dict[str, datetime | int | None] = {
        "policy": terms.version,
        "calendar": working_days.version,
    }
    if terms.version:
        calendar = working_days.calendar
        found["due_at"] = calendar.after(asked.occurred_at, terms.term(category).wish_days)
        if terms.community_claim_days:
            found["community_claims_at"] = calendar.after(asked.at, terms.community_claim_days)
    return found


def _decided(
    command: ClosingCommand, own: File, root: Root, states: States, asked: Asked
) -> Iterator[WishEvent]:
    wish, state = UUID(root.wish), root.state
    match command:
        case FulfilWish():
            yield from _fulfilled(wish, state, states, asked, merged=root.wish != command.wish)
        case ConfirmWish() | ConfirmByCallback():
            yield from _confirmed(command, own, wish, state, asked)
        case CloseSilentWish():
            if isinstance(state, Fulfilled):
                yield WishClosedUnconfirmed(wish=wish, round=state.file.round)
        case ReopenWish():
            yield from _reopened(command, own, root, states, asked)
        case RateWish():
            yield from _rated(command, own, root, states, asked)
        case ConcludeWishReview():
            if not isinstance(state, Closed) or not state.under_review:
                raise refusals.NoWishReviewOpen
            if _by_who_fulfilled(state, asked):
                raise refusals.WishSelfClosing
            yield WishReviewConcluded(wish=wish, round=state.file.round)


def _fulfilled(
    wish: UUID, state: Known, states: States, asked: Asked, *, merged: bool
) -> Iterator[WishEvent]:
    match state:
        case _ if merged:
            raise refusals.WishIsMerged
        case Claimed(claim=claim, file=file):
            if asked.resident != claim.handler:
                raise refusals.NotTheHandler
            terms, _ = policy_of(file.district, states)
            wait = timedelta(days=terms.auto_close_days)
            yield WishFulfilled(
                wish=wish,
                round=file.round,
                asked=(wish, *(UUID(one.wish) for one in file.duplicates)),
                close_at=asked.at + wait if terms.version else None,
            )
        case Fulfilled():
            return
        case Submitted() | OnTheWall():
            raise refusals.WishNotClaimed
        case _:
            raise refusals.WishHasEnded


def _confirmed(
    command: ConfirmWish | ConfirmByCallback, own: File, wish: UUID, state: Known, asked: Asked
) -> Iterator[WishEvent]:
    if not isinstance(state, Fulfilled | Closed):
        raise refusals.WishNotFulfilled
    if _by_who_fulfilled(state, asked):
        raise refusals.WishSelfClosing
    match command:
        case ConfirmByCallback(requester=requester):
            _check_account(requester, own)
        case ConfirmWish():
            if own.by_proxy or asked.resident != own.submitted_by:
                raise refusals.NotTheWisher
    if isinstance(state, Closed) and state.confirmed:
        return
    yield WishConfirmed(
        wish=wish,
        round=state.file.round,
        by_wish=UUID(command.wish),
        by_callback=isinstance(command, ConfirmByCallback),
    )


def _reopened(
    command: ReopenWish, own: File, root: Root, states: States, asked: Asked
) -> Iterator[WishEvent]:
    wish, state = UUID(root.wish), root.state
    _check_account(command.requester, own)
    file = state.file
    if command.texts == file.reopened:
        return
    if not isinstance(state, Fulfilled | Closed):
        raise refusals.NothingToReopenHere
    terms, _ = policy_of(file.district, states)
    window = timedelta(days=terms.reopen_window_days)
    if isinstance(state, Closed) and asked.occurred_at > state.at + window:
        raise refusals.WishReopenWindowOver(days=terms.reopen_window_days)
    if file.round >= terms.reopens_max:
        raise refusals.WishReopenLimitReached(reopens_max=terms.reopens_max)
    number = file.round + 1
    times = wall_times(file.category, file.district, states, asked)
    told = {"wish": wish, "round": number, "texts": UUID(command.texts), **times}
    yield WishReopened.model_validate(told)
    if number >= terms.reopens_escalated_from:
        yield WishEscalated(wish=wish, round=number)


def _rated(
    command: RateWish, own: File, root: Root, states: States, asked: Asked
) -> Iterator[WishEvent]:
    wish, state = UUID(root.wish), root.state
    _check_account(command.requester, own)
    if command.rating not in RATINGS:
        raise refusals.RatingOutOfBounds
    if not isinstance(state, Closed):
        raise refusals.WishNotClosed
    if _by_who_fulfilled(state, asked):
        raise refusals.WishSelfClosing
    said = {one.by_wish: one.rating for one in state.ratings}
    if said.get(command.wish) == command.rating:
        return
    terms, _ = policy_of(state.file.district, states)
    if asked.occurred_at > state.at + timedelta(days=terms.rating_freeze_days):
        raise refusals.RatingFrozen(days=terms.rating_freeze_days)
    number = state.file.round
    yield WishRated(wish=wish, round=number, by_wish=UUID(command.wish), rating=command.rating)
    if command.rating <= terms.low_rating_max and not state.reviewed:
        yield WishReviewOpened(wish=wish, round=number)


def _by_who_fulfilled(state: Fulfilled | Closed, asked: Asked) -> bool:
    return bool(asked.resident) and asked.resident in (state.by, state.claim.handler)


def _check_account(requester: str, own: File) -> None:
    if requester != own.requester:
        raise refusals.NotTheWishersAccount
