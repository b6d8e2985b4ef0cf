"""Wishes that say the same: one goes on for all (W1).

The rules:

- A wish that nobody fulfilled is merged into another one, which goes on for both. Merging into one
  that was merged itself goes to its root; merging into what was merged into oneself is refused.
- Whoever wished for the same follows the root: asked when it is fulfilled, rating it afterwards.
- The root is due at the earliest of all deadlines, its own among them.
- A merged wish can stand for itself again, with what was merged into it, as long as its root goes
  on. What it brought leaves with it; a claim that it had does not come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from msgspec.structs import replace

from services.wishes.wish import refusals
from services.wishes.wish.commands import MergeCommand, MergeWishes, UnmergeWish
from services.wishes.wish.evolution import VIEW
from services.wishes.wish.states import (
    Claimed,
    Duplicate,
    File,
    Going,
    Known,
    Merged,
    NoWish,
    OnTheWall,
    Submitted,
)
from shared.contracts.wishes.wishes import (
    DuplicatesJoined,
    DuplicatesLeft,
    Follower,
    WishMerged,
    WishUnmerged,
    wish_stream,
)
from shared.decider import Asked, States, To

DUPLICATES_MAX: Final = 200
LEVELS_MAX: Final = 3  # merges between a wish and its root: each is one stream more to read


class Root(NamedTuple):
    """The wish that goes on for another one, or for itself."""

    wish: str
    state: Known


def decide_merge(command: MergeCommand, state: Known, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a merge, or from its end; nothing when it is already so."""
    match command:
        case MergeWishes():
            return _merged(command, state, states, asked)
        case UnmergeWish():
            return _unmerged(command, state, states)


def root_of(wish: str, state: Known, states: States) -> Root:
    """Give the wish that goes on for this one: itself, or what it was merged into in the end."""
    return _line(wish, state, states)[-1]


def _line(wish: str, state: Known, states: States) -> list[Root]:
    """Give a wish, what it was merged into, and so on up to the root."""
    line = [Root(wish, state)]
    while isinstance(state, Merged):
        wish, state = state.parent, known(state.parent, states)
        line.append(Root(wish, state))
    return line


def known(wish: str, states: States) -> Known:
    """Give a wish that there is."""
    found = states.get(wish_stream(wish), VIEW)
    if isinstance(found, NoWish):
        raise refusals.WishNotFound
    return found


def _merged(command: MergeWishes, state: Known, states: States, asked: Asked) -> Sequence[To]:
    if command.parent == command.wish:
        raise refusals.MergeCycle
    root, root_state = root_of(command.parent, known(command.parent, states), states)
    if root_state.file.scope != asked.scope:
        raise refusals.WishNotFound
    if root == command.wish:
        raise refusals.MergeCycle
    if isinstance(state, Merged):
        if root_of(command.wish, state, states)[0] == root:
            return []
        raise refusals.WishIsMerged
    if not isinstance(state, Going) or not isinstance(root_state, Going):
        raise refusals.WishHasEnded
    joined = (_itself(command.wish, state.file), *_one_further(state.file.duplicates))
    after = replace(root_state.file, duplicates=(*root_state.file.duplicates, *joined))
    if len(after.duplicates) > DUPLICATES_MAX:
        raise refusals.TooManyDuplicates(duplicates_max=DUPLICATES_MAX)
    if max(one.level for one in joined) > LEVELS_MAX:
        raise refusals.MergeTooDeep(levels_max=LEVELS_MAX)
    return [
        To(wish_stream(command.wish), WishMerged(wish=UUID(command.wish), parent=UUID(root))),
        To(
            wish_stream(root),
            DuplicatesJoined(
                wish=UUID(root),
                joined=tuple(_follower(one) for one in joined),
                due_at=after.due_at,
            ),
        ),
    ]


def _unmerged(command: UnmergeWish, state: Known, states: States) -> Sequence[To]:
    match state:
        case Merged():
            _, *above = _line(command.wish, state, states)
        case Submitted() | OnTheWall() | Claimed():
            return []
        case _:
            raise refusals.WishNotMerged
    if not isinstance(above[-1].state, Going):
        raise refusals.WishHasEnded
    left = (command.wish, *(one.wish for one in state.file.duplicates))
    unmerged = WishUnmerged(wish=UUID(command.wish), parent=UUID(state.parent))
    return [
        To(wish_stream(command.wish), unmerged),
        *(To(wish_stream(one.wish), _left(one.wish, one.state.file, left)) for one in above),
    ]


def _left(wish: str, file: File, left: Sequence[str]) -> DuplicatesLeft:
    kept = tuple(one for one in file.duplicates if one.wish not in left)
    after = replace(file, duplicates=kept)
    gone = tuple(UUID(one) for one in left)
    return DuplicatesLeft(wish=UUID(wish), left=gone, due_at=after.due_at)


def _itself(wish: str, file: File) -> Duplicate:
    return Duplicate(
        wish=wish,
        requester=file.requester,
        submitted_by=file.submitted_by,
        level=1,
        due_at=file.own_due_at,
    )


def _one_further(duplicates: Sequence[Duplicate]) -> tuple[Duplicate, ...]:
    return tuple(replace(one, level=one.level + 1) for one in duplicates)


def _follower(one: Duplicate) -> Follower:
    return Follower(
        wish=UUID(one.wish),
        requester=UUID(one.requester),
        submitted_by=one.submitted_by,
        level=one.level,
        due_at=one.due_at,
    )
