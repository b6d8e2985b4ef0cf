"""Who takes a wish on, for how long, and how it comes back to the wall (W1).

The rules:

- What is on the wall is claimed once. Whoever comes second is told which class was first, not who.
- A party member claims for itself and carries the wish out; a unit or an organisation names a
  handler, and the community claims by naming one. What nobody claimed in time is the community's.
- A claim has the time that the policy gives its category, counted from when it was entered. At half
  of it the claimer is reminded; at its end the wish goes back to the wall, once.
- Whoever lets too many claims go within the policy's window claims no more until it is over, or
  until the secretary forgives it; the community is never kept from claiming.
- Whoever claimed a wish, or its handler, lets it go; only the handler tells how it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.wishes.wish import refusals
from services.wishes.wish.claimer import CLAIMER_VIEW, ClaimLapsed, claimer_stream
from services.wishes.wish.commands import (
    AssignHandler,
    ClaimByDefault,
    ClaimCommand,
    ClaimForCommunity,
    ClaimWish,
    ExpireClaim,
    RecordProgress,
    ReleaseClaim,
    RemindClaimer,
)
from services.wishes.wish.policy import WishTerms, policy_of
from services.wishes.wish.states import (
    Claim,
    Claimed,
    Fulfilled,
    Known,
    Merged,
    OnTheWall,
    Submitted,
)
from shared.contracts.wishes.wishes import (
    ClaimerClass,
    ClaimExpired,
    ClaimReleased,
    ClaimReminded,
    HandlerAssigned,
    ProgressRecorded,
    WishClaimed,
    wish_stream,
)
from shared.decider import Asked, Refused, States, To


def decide_claim(command: ClaimCommand, state: Known, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a command about the claim; nothing when it is already so."""
    match command:
        case ClaimWish() | ClaimForCommunity():
            return _claimed(command, state, states, asked)
        case ClaimByDefault():
            return _by_default(command, state, states, asked)
        case RemindClaimer():
            if not isinstance(state, Claimed) or state.claim.remind_at is None:
                return []
            event = ClaimReminded(wish=UUID(command.wish), claimer=state.claim.claimer)
            return [To(wish_stream(command.wish), event)]
        case ExpireClaim():
            return _expired(command, state, asked)
        case ReleaseClaim() | AssignHandler() | RecordProgress():
            if not isinstance(state, Claimed):
                raise _not_claimed(state)
            return _carried_out(command, state.claim, asked)


def _claimed(
    command: ClaimWish | ClaimForCommunity, state: Known, states: States, asked: Asked
) -> Sequence[To]:
    claimer_class, claimer, handler = _claimer(command, asked)
    match state:
        case Claimed(claim=claim):
            if (claim.claimer_class, claim.claimer) != (claimer_class, claimer):
                raise refusals.WishAlreadyClaimed(claimer_class=claim.claimer_class.value)
            return []
        case OnTheWall():
            pass
        case Submitted():
            raise refusals.WishNotScreened
        case Merged():
            raise refusals.WishIsMerged
        case Fulfilled(claim=claim):
            raise refusals.WishAlreadyClaimed(claimer_class=claim.claimer_class.value)
        case _:
            raise refusals.WishHasEnded
    if claimer_class is not ClaimerClass.COMMUNITY:
        _check_claimer(claimer, policy_of(state.file.district, states)[0], states, asked)
    claimed = _claim(command.wish, state, (claimer_class, claimer), states, asked)
    stream, wish = wish_stream(command.wish), UUID(command.wish)
    named = [To(stream, HandlerAssigned(wish=wish, handler=UUID(handler)))] if handler else []
    return [To(stream, claimed), *named]


def _claim(
    wish: str,
    state: OnTheWall,
    by: tuple[ClaimerClass, str],
    states: States,
    asked: Asked,
) -> WishClaimed:
    terms, working_days = policy_of(state.file.district, states)
    times: dict[str, Any] = {}
    if terms.version:
        days, calendar = terms.term(state.file.category).claim_days, working_days.calendar
        times = {
            "remind_at": calendar.half_after(asked.at, days),
            "until": calendar.after(asked.at, days),
        }
    return WishClaimed(
        wish=UUID(wish),
        claimer_class=by[0],
        claimer=by[1],
        policy=terms.version,
        calendar=working_days.version,
        **times,
    )


def _claimer(command: ClaimWish | ClaimForCommunity, asked: Asked) -> tuple[ClaimerClass, str, str]:
    """Give the class, the claimer, and who carries it out (empty: named later)."""
    if isinstance(command, ClaimForCommunity):
        return ClaimerClass.COMMUNITY, asked.scope, command.handler
    match command.claimer_class:
        case ClaimerClass.PARTY_MEMBER if not command.claimer:
            return command.claimer_class, asked.resident, asked.resident
        case ClaimerClass.UNIT | ClaimerClass.ORGANISATION if command.claimer:
            return command.claimer_class, command.claimer, ""
        case _:
            raise refusals.ClaimerMissing


def _check_claimer(claimer: str, terms: WishTerms, states: States, asked: Asked) -> None:
    if not terms.releases_max:
        return
    lapses = states.get(claimer_stream(asked.scope, claimer), CLAIMER_VIEW).lapses
    since = asked.at - timedelta(days=terms.release_window_days)
    if sum(at > since for at in lapses) >= terms.releases_max:
        raise refusals.ReleasedTooOften(
            releases_max=terms.releases_max, window_days=terms.release_window_days
        )


def _by_default(
    command: ClaimByDefault, state: Known, states: States, asked: Asked
) -> Sequence[To]:
    if not isinstance(state, OnTheWall) or state.community_claims_at is None:
        return []
    claimed = _claim(command.wish, state, (ClaimerClass.COMMUNITY, asked.scope), states, asked)
    by_default = claimed.model_copy(update={"by_default": True})
    return [To(wish_stream(command.wish), by_default)]


def _expired(command: ExpireClaim, state: Known, asked: Asked) -> Sequence[To]:
    if not isinstance(state, Claimed) or state.claim.until is None:
        return []
    claim = state.claim
    expired = ClaimExpired(
        wish=UUID(command.wish), claimer_class=claim.claimer_class, claimer=claim.claimer
    )
    return [To(wish_stream(command.wish), expired), *_lapsed(command.wish, claim, asked)]


def _carried_out(
    command: ReleaseClaim | AssignHandler | RecordProgress, claim: Claim, asked: Asked
) -> Sequence[To]:
    stream, wish = wish_stream(command.wish), UUID(command.wish)
    match command:
        case ReleaseClaim():
            if asked.resident not in (claim.by, claim.handler):
                raise refusals.NotTheClaimer
            released = ClaimReleased(
                wish=wish, claimer_class=claim.claimer_class, claimer=claim.claimer
            )
            return [To(stream, released), *_lapsed(command.wish, claim, asked)]
        case AssignHandler(handler=handler):
            if handler == claim.handler:
                return []
            return [To(stream, HandlerAssigned(wish=wish, handler=UUID(handler)))]
        case RecordProgress(texts=texts):
            if asked.resident != claim.handler:
                raise refusals.NotTheHandler
            return [To(stream, ProgressRecorded(wish=wish, texts=UUID(texts)))]


def _lapsed(wish: str, claim: Claim, asked: Asked) -> Sequence[To]:
    if claim.claimer_class is ClaimerClass.COMMUNITY:
        return []
    stream = claimer_stream(asked.scope, claim.claimer)
    return [To(stream, ClaimLapsed(wish=UUID(wish), claimer=claim.claimer))]


def _not_claimed(state: Known) -> Refused:
    match state:
        case Submitted():
            return refusals.WishNotScreened()
        case OnTheWall():
            return refusals.WishNotClaimed()
        case Merged():
            return refusals.WishIsMerged()
        case _:
            return refusals.WishHasEnded()
