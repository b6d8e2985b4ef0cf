"""A micro-wish, from its submission to the requester's own word (W1).

The rules:

- A resident submits a wish, or somebody else does and names the relation; then the person is called
  and says that it is so before the wish is screened.
- The screeners put a wish on the wall with a masked text that they wrote, or reject it with a
  reason. Before that nothing of it is public; the original stays sealed.
- A wish is taken back by its requester until it is closed; the event names the claim and the work
  that must be made good.
- No step is earlier than the submission, and a step taken again changes nothing.

The rules of claims open `claiming.py`, those of merges `merging.py`, those of the end `closing.py`,
those of the policy `policy.py`. Commands and events carry ids of vault records, never a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args
from uuid import UUID

from services.wishes.wish import refusals
from services.wishes.wish.claiming import decide_claim
from services.wishes.wish.closing import decide_closing, wall_times
from services.wishes.wish.commands import (
    ClaimCommand,
    ClosingCommand,
    ConfirmProxy,
    MergeCommand,
    MergeWishes,
    RejectWish,
    ScreeningCommand,
    ScreenWish,
    SubmitWish,
    WishCommand,
    WithdrawWish,
)
from services.wishes.wish.evolution import TIMERS, VIEW
from services.wishes.wish.merging import decide_merge
from services.wishes.wish.states import (
    Claimed,
    Closed,
    Fulfilled,
    Known,
    Merged,
    NoWish,
    OnTheWall,
    Rejected,
    Submitted,
    Wish,
    Withdrawn,
)
from shared.contracts.wishes.wishes import (
    ProxyConfirmed,
    WishEvent,
    WishRejected,
    WishScreened,
    WishSubmitted,
    WishWithdrawn,
    wish_stream,
)
from shared.decider import Asked, Decider, Read, States, To


def decide(command: WishCommand, state: Wish, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    if isinstance(state, NoWish):
        if not isinstance(command, SubmitWish):
            raise refusals.WishNotFound
        return [To(wish_stream(command.wish), _submitted(command))]
    if asked.occurred_at < state.file.submitted_at:
        raise refusals.BeforeSubmitted
    if isinstance(command, ClaimCommand):
        return decide_claim(command, state, states, asked)
    if isinstance(command, MergeCommand):
        return decide_merge(command, state, states, asked)
    if isinstance(command, ClosingCommand):
        return decide_closing(command, state, states, asked)
    event = _screening(command, state, states, asked)
    return [] if event is None else [To(wish_stream(command.wish), event)]


def _submitted(command: SubmitWish) -> WishSubmitted:
    return WishSubmitted(
        wish=UUID(command.wish),
        category=command.category,
        area=command.area,
        requester=UUID(command.requester),
        texts=UUID(command.texts),
        relation=command.relation,
    )


def _screening(
    command: ScreeningCommand, state: Known, states: States, asked: Asked
) -> WishEvent | None:
    match command:
        case SubmitWish():
            if command.texts != state.file.texts:
                raise refusals.WishTaken
            return None
        case ConfirmProxy():
            if not state.file.by_proxy:
                raise refusals.ProxyUnknown
            return ProxyConfirmed(wish=UUID(command.wish)) if state.file.proxied else None
        case ScreenWish():
            return _screened(command, state, states, asked)
        case RejectWish():
            match state:
                case Submitted():
                    return WishRejected(wish=UUID(command.wish), reason=command.reason)
                case Rejected():
                    return None
                case _:
                    raise refusals.WishAlreadyScreened
        case WithdrawWish():
            return _withdrawn(command, state)


def _screened(
    command: ScreenWish, state: Known, states: States, asked: Asked
) -> WishScreened | None:
    if command.requester != state.file.requester:
        raise refusals.NotTheWishersAccount
    if not isinstance(state, Submitted):
        if command.public_texts == state.file.public_texts:
            return None
        raise refusals.WishAlreadyScreened
    if state.file.proxied:
        raise refusals.ProxyUnconfirmed
    times = wall_times(state.file.category, command.district, states, asked)
    return WishScreened.model_validate(
        {
            "wish": UUID(command.wish),
            "public_texts": UUID(command.public_texts),
            "district": command.district,
            **times,
        }
    )


def _withdrawn(command: WithdrawWish, state: Known) -> WishWithdrawn | None:
    if command.requester != state.file.requester:
        raise refusals.NotTheWishersAccount
    if state.file.duplicates:
        raise refusals.OthersWishForIt
    wish = UUID(command.wish)
    match state:
        case Submitted() | OnTheWall():
            return WishWithdrawn(wish=wish)
        case Claimed(claim=claim) | Fulfilled(claim=claim):
            return WishWithdrawn(
                wish=wish,
                claimer_class=claim.claimer_class,
                claimer=claim.claimer,
                handler=UUID(claim.handler) if claim.handler else None,
                begun=claim.begun or isinstance(state, Fulfilled),
            )
        case Withdrawn():
            return None
        case Merged():
            raise refusals.WishIsMerged
        case Rejected() | Closed():
            raise refusals.WishHasEnded


def _reads(command: WishCommand) -> Sequence[Read[Any]]:
    """Name what a command is known to read; a line of merges is followed from there."""
    return (Read(wish_stream(command.parent), VIEW),) if isinstance(command, MergeWishes) else ()


WISH: Decider[WishCommand, Wish] = Decider(
    name="wish",
    view=VIEW,
    commands=get_args(WishCommand),
    target=lambda command: wish_stream(command.wish),
    decide=decide,
    reads=_reads,
    timers=TIMERS,
)
