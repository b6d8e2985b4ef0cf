"""How a wish's state follows from its facts, and which timers a state has (W1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, cast

from msgspec.structs import replace

from services.wishes.wish.commands import (
    ClaimByDefault,
    CloseSilentWish,
    ExpireClaim,
    RemindClaimer,
    WishCommand,
)
from services.wishes.wish.states import (
    Claim,
    Claimed,
    Closed,
    Duplicate,
    File,
    Fulfilled,
    Known,
    Merged,
    NoWish,
    OnTheWall,
    Rating,
    Rejected,
    Submitted,
    Wish,
    Withdrawn,
)
from shared.contracts.wishes.wishes import (
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
from shared.decider import Due, Fact, Timers, View

OfTheFile = ProxyConfirmed | DuplicatesJoined | DuplicatesLeft | WishEscalated
OfTheClaim = HandlerAssigned | ProgressRecorded | ClaimReminded
OfTheClosing = WishRated | WishReviewOpened | WishReviewConcluded
OfTheWall = WishScreened | ClaimReleased | ClaimExpired | WishReopened | WishUnmerged
OfTheEnd = (
    WishRejected
    | WishFulfilled
    | WishConfirmed
    | WishClosedUnconfirmed
    | WishWithdrawn
    | WishMerged
)
LaterEvent = OfTheFile | OfTheClaim | OfTheClosing | OfTheWall | OfTheEnd | WishClaimed

DEFAULT: Final = "community_claim"
REMINDER: Final = "claim_reminder"
EXPIRY: Final = "claim_expiry"
AUTO_CLOSE: Final = "auto_close"


def evolve(  # noqa: PLR0911 - a table, an arm per kind of event
    state: Wish, fact: Fact
) -> Wish:
    """Follow one fact; a fact that no decision puts there is a broken log, and raises."""
    if isinstance(fact.event, WishSubmitted):
        return Submitted(file=_opened(fact.event, fact))
    assert not isinstance(state, NoWish), "a wish's first event is its submission"
    event = cast("LaterEvent", fact.event)
    if isinstance(event, OfTheFile):
        return replace(state, file=_filed(state.file, event))
    if isinstance(event, OfTheClaim):
        assert isinstance(state, Claimed), "only what is claimed is carried out"
        return replace(state, claim=_carried(state.claim, event))
    if isinstance(event, OfTheClosing):
        assert isinstance(state, Closed), "only a closing is rated"
        return _rated(state, event)
    if isinstance(event, OfTheWall):
        return _walled(state, event)
    if isinstance(event, WishClaimed):
        claim = Claim(
            claimer_class=event.claimer_class,
            claimer=event.claimer,
            remind_at=event.remind_at,
            until=event.until,
            by=fact.actor,
        )
        return Claimed(file=state.file, claim=claim)
    return _ended(state, event, fact)


def _opened(event: WishSubmitted, fact: Fact) -> File:
    by_proxy = event.relation is not None
    return File(
        scope=fact.scope,
        submitted_at=fact.occurred_at,
        submitted_by=fact.actor,
        requester=str(event.requester),
        texts=str(event.texts),
        category=event.category,
        by_proxy=by_proxy,
        proxied=by_proxy,
    )


def _filed(file: File, event: OfTheFile) -> File:
    match event:
        case ProxyConfirmed():
            return replace(file, proxied=False)
        case DuplicatesJoined(joined=joined):
            added = tuple(
                Duplicate(
                    wish=str(one.wish),
                    requester=str(one.requester),
                    submitted_by=one.submitted_by,
                    level=one.level,
                    due_at=one.due_at,
                )
                for one in joined
            )
            return replace(file, duplicates=(*file.duplicates, *added))
        case DuplicatesLeft(left=left):
            gone = {str(one) for one in left}
            kept = tuple(one for one in file.duplicates if one.wish not in gone)
            return replace(file, duplicates=kept)
        case WishEscalated():
            return file


def _carried(claim: Claim, event: OfTheClaim) -> Claim:
    match event:
        case HandlerAssigned(handler=handler):
            return replace(claim, handler=str(handler))
        case ProgressRecorded():
            return replace(claim, begun=True)
        case ClaimReminded():
            return replace(claim, remind_at=None)


def _rated(state: Closed, event: OfTheClosing) -> Closed:
    match event:
        case WishRated(by_wish=by_wish, rating=rating):
            others = tuple(one for one in state.ratings if one.by_wish != str(by_wish))
            said = Rating(by_wish=str(by_wish), rating=rating)
            return replace(state, ratings=(*others, said))
        case WishReviewOpened():
            return replace(state, reviewed=True, under_review=True)
        case WishReviewConcluded():
            return replace(state, under_review=False)


def _walled(state: Known, event: OfTheWall) -> Wish:
    file = state.file
    match event:
        case WishScreened(public_texts=texts, due_at=due_at, community_claims_at=at):
            file = replace(
                file, public_texts=str(texts), own_due_at=due_at, district=event.district
            )
            return OnTheWall(file=file, community_claims_at=at)
        case WishReopened(round=number, texts=texts, due_at=due_at, community_claims_at=at):
            file = replace(file, round=number, reopened=str(texts), own_due_at=due_at)
            return OnTheWall(file=file, community_claims_at=at)
        case WishUnmerged():
            assert isinstance(state, Merged), "only what was merged is unmerged"
            return OnTheWall(file=file) if state.screened else Submitted(file=file)
        case ClaimReleased() | ClaimExpired():
            return OnTheWall(file=file)


def _ended(state: Known, event: OfTheEnd, fact: Fact) -> Wish:
    file = state.file
    match event:
        case WishRejected(reason=reason):
            return Rejected(file=file, reason=reason)
        case WishWithdrawn():
            return Withdrawn(file=file)
        case WishMerged(parent=parent):
            screened = not isinstance(state, Submitted)
            return Merged(file=file, parent=str(parent), screened=screened)
        case WishFulfilled(close_at=close_at):
            assert isinstance(state, Claimed), "only what is claimed is fulfilled"
            return Fulfilled(file=file, claim=state.claim, by=fact.actor, close_at=close_at)
        case WishConfirmed() | WishClosedUnconfirmed():
            confirmed = isinstance(event, WishConfirmed)
            if isinstance(state, Closed):
                return replace(state, confirmed=True)
            assert isinstance(state, Fulfilled), "only what is fulfilled is closed"
            return Closed(
                file=file,
                claim=state.claim,
                by=state.by,
                at=fact.occurred_at,
                confirmed=confirmed,
            )


def due(state: Wish) -> Mapping[str, datetime]:
    """Name what must happen to a wish later, and when."""
    match state:
        case OnTheWall(community_claims_at=datetime() as at):
            return {DEFAULT: at}
        case Claimed(claim=claim):
            named = {REMINDER: claim.remind_at, EXPIRY: claim.until}
            return {name: at for name, at in named.items() if at is not None}
        case Fulfilled(close_at=datetime() as at):
            return {AUTO_CLOSE: at}
        case _:
            return {}


def fire(timer: Due) -> WishCommand:
    """Give the command that a timer's end is."""
    match timer.name:
        case "community_claim":
            return ClaimByDefault(wish=timer.id)
        case "claim_reminder":
            return RemindClaimer(wish=timer.id)
        case "claim_expiry":
            return ExpireClaim(wish=timer.id)
        case _:
            return CloseSilentWish(wish=timer.id)


VIEW: View[Wish] = View("wishes.wish", 1, Wish, NoWish(), evolve)
TIMERS: Timers[WishCommand, Wish] = Timers(due=due, fire=fire)
