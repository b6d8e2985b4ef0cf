"""Merges: no cycle, the earliest deadline, everything back; beside an oracle of plain pointers."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.wishes.wish import refusals
from services.wishes.wish.commands import (
    ConfirmByCallback,
    ConfirmWish,
    MergeWishes,
    UnmergeWish,
    WithdrawWish,
)
from services.wishes.wish.merging import DUPLICATES_MAX, LEVELS_MAX
from services.wishes.wish.states import Claimed, Merged, OnTheWall, Submitted
from shared.contracts.wishes.wishes import (
    DuplicatesJoined,
    DuplicatesLeft,
    Follower,
    WishFulfilled,
    WishMerged,
    WishUnmerged,
)
from shared.decider import To
from tests.fixtures.requests import closing
from tests.fixtures.wishes import (
    HELPER,
    NORTH,
    OTHER,
    WISHER,
    Wishes,
    claim,
    done,
    fulfil,
    requester,
    screen,
    stream,
    submit,
    wish,
)

DAYS = ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06", "2026-03-09")


def on_the_wall(*numbers: int) -> Wishes:
    """Give wishes with these numbers, the higher ones submitted and due later."""
    spec = NORTH
    for number in numbers:
        at = closing(DAYS[(number - 1) % len(DAYS)])
        spec = done(spec, submit(number), screen(number), at=at)
    return spec


def merge(child: int, parent: int) -> MergeWishes:
    return MergeWishes(wish=wish(child), parent=wish(parent))


def unmerge(number: int) -> UnmergeWish:
    return UnmergeWish(wish=wish(number))


def due_at(spec: Wishes, number: int) -> datetime | None:
    state = spec.state(stream(number))
    assert isinstance(state, Submitted | OnTheWall | Claimed | Merged)
    return state.file.due_at


TWO = on_the_wall(1, 2)
LATE = closing("2026-03-10")


def test_the_parent_has_the_earlier_deadline_of_its_child() -> None:
    first = due_at(TWO, 1)
    joined = Follower(
        wish=UUID(int=1),
        requester=UUID(requester(1)),
        submitted_by="",
        level=1,
        due_at=first,
    )
    TWO.when(merge(1, 2), at=LATE).then(
        To(stream(1), WishMerged(wish=UUID(int=1), parent=UUID(int=2))),
        To(stream(2), DuplicatesJoined(wish=UUID(int=2), joined=(joined,), due_at=first)),
    )
    merged = done(TWO, merge(1, 2), at=LATE)
    assert due_at(merged, 2) == first
    merged.when(merge(1, 2), at=LATE).then_nothing()


def test_what_was_merged_stands_for_itself_again_and_takes_its_deadline_with_it() -> None:
    merged = done(TWO, merge(1, 2), at=LATE)
    merged.when(unmerge(1), at=LATE).then(
        To(stream(1), WishUnmerged(wish=UUID(int=1), parent=UUID(int=2))),
        To(
            stream(2),
            DuplicatesLeft(wish=UUID(int=2), left=(UUID(int=1),), due_at=due_at(TWO, 2)),
        ),
    )
    after = done(merged, unmerge(1), at=LATE)
    assert (due_at(after, 1), due_at(after, 2)) == (due_at(TWO, 1), due_at(TWO, 2))
    after.when(unmerge(1), at=LATE).then_nothing()


def test_a_wish_nobody_screened_is_merged_and_comes_back_unscreened() -> None:
    spec = done(on_the_wall(1), submit(2), at=closing(DAYS[0]))
    back = done(done(spec, merge(2, 1), at=LATE), unmerge(2), at=LATE)
    assert isinstance(back.state(stream(2)), Submitted)


def test_a_cycle_is_refused() -> None:
    TWO.when(merge(1, 1), at=LATE).then_refused(refusals.MergeCycle)
    merged = done(TWO, merge(1, 2), at=LATE)
    merged.when(merge(2, 1), at=LATE).then_refused(refusals.MergeCycle)


def test_merging_into_what_was_merged_goes_to_its_root() -> None:
    spec = done(on_the_wall(1, 2, 3), merge(2, 1), merge(3, 2), at=LATE)
    state = spec.state(stream(3))
    assert isinstance(state, Merged)
    assert state.parent == wish(1)
    spec.when(claim(2), at=LATE, by=HELPER).then_refused(refusals.WishIsMerged)
    spec.when(fulfil(2), at=LATE, by=HELPER).then_refused(refusals.WishIsMerged)


def test_a_merged_wish_is_not_merged_elsewhere_nor_into_what_is_not_there() -> None:
    spec = done(on_the_wall(1, 2, 3), merge(2, 1), at=LATE)
    spec.when(merge(2, 3), at=LATE).then_refused(refusals.WishIsMerged)
    spec.when(merge(3, 9), at=LATE).then_refused(refusals.WishNotFound)


def test_a_wish_of_another_community_is_not_found() -> None:
    facts = {name: facts for name, facts in on_the_wall(2).facts.items() if "wish/" in name}
    spec = on_the_wall(1)
    for name, of_wish in facts.items():
        spec = spec.given(name, *(fact.event for fact in of_wish), scope="oak")
    spec.when(merge(1, 2), at=LATE).then_refused(refusals.WishNotFound)


def test_merges_follow_one_another_up_to_a_limit() -> None:
    last = LEVELS_MAX + 1
    spec = on_the_wall(*range(1, last + 2))
    for number in range(1, last):
        spec = done(spec, merge(number, number + 1), at=LATE)
    refused = spec.when(merge(last, last + 1), at=LATE)
    refused.then_refused(refusals.MergeTooDeep, levels_max=LEVELS_MAX)


def test_a_wish_has_a_limited_number_of_duplicates() -> None:
    spec = on_the_wall(1, DUPLICATES_MAX + 2)
    many = tuple(
        Follower(wish=UUID(int=n), requester=UUID(int=n), submitted_by="", level=1)
        for n in range(1000, 1000 + DUPLICATES_MAX)
    )
    one_less = spec.given(stream(1), DuplicatesJoined(wish=UUID(int=1), joined=many[1:]))
    assert done(one_less, merge(DUPLICATES_MAX + 2, 1), at=LATE)
    full = spec.given(stream(1), DuplicatesJoined(wish=UUID(int=1), joined=many))
    refused = full.when(merge(DUPLICATES_MAX + 2, 1), at=LATE)
    refused.then_refused(refusals.TooManyDuplicates, duplicates_max=DUPLICATES_MAX)


def test_every_requester_is_asked_and_each_may_confirm() -> None:
    spec = done(NORTH, submit(1), submit(2), by=WISHER)
    spec = done(done(spec, screen(1)), merge(2, 1))
    spec = done(spec, claim(1), by=HELPER)
    fulfilled = WishFulfilled(
        wish=UUID(int=1),
        round=0,
        asked=(UUID(int=1), UUID(int=2)),
        close_at=spec.at.replace(day=12),
    )
    spec.when(fulfil(1), by=HELPER).then(To(stream(1), fulfilled))
    spec = done(spec, fulfil(1), by=HELPER)
    for confirm, by in (
        (ConfirmByCallback(wish=wish(2), requester=requester(2)), OTHER),
        (ConfirmWish(wish=wish(2)), WISHER),
    ):
        (to,) = spec.when(confirm, by=by).events
        assert to.stream == stream(1)
    spec.when(unmerge(2)).then_refused(refusals.WishHasEnded)


def test_what_is_fulfilled_is_not_merged_nor_is_a_parent_withdrawn() -> None:
    spec = done(
        done(on_the_wall(1, 2), claim(1), at=LATE, by=HELPER), fulfil(1), at=LATE, by=HELPER
    )
    for command in (merge(1, 2), merge(2, 1)):
        spec.when(command, at=LATE).then_refused(refusals.WishHasEnded)
    spec.when(unmerge(1), at=LATE).then_refused(refusals.WishNotMerged)
    merged = done(TWO, merge(2, 1), at=LATE)
    for number, refusal in ((1, refusals.OthersWishForIt), (2, refusals.WishIsMerged)):
        withdraw = WithdrawWish(wish=wish(number), requester=requester(number))
        merged.when(withdraw, at=LATE).then_refused(refusal)


WISHES = 6
ALL = on_the_wall(*range(1, WISHES + 1))
numbers = st.integers(1, WISHES)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("merge"), numbers, numbers), st.tuples(st.just("unmerge"), numbers)
    ),
    max_size=14,
)


class Pointers:
    """The oracle: who was merged into whom, and nothing else."""

    def __init__(self, deadlines: Mapping[int, datetime | None]) -> None:
        self.parent: dict[int, int] = {}
        self.deadlines = deadlines

    def root(self, number: int) -> int:
        while number in self.parent:
            number = self.parent[number]
        return number

    def level(self, number: int) -> int:
        level = 0
        while number in self.parent:
            number, level = self.parent[number], level + 1
        return level

    def below(self, number: int) -> list[int]:
        return [one for one in self.deadlines if number in self.line(one)]

    def line(self, number: int) -> list[int]:
        line = [number]
        while number in self.parent:
            number = self.parent[number]
            line.append(number)
        return line

    def merge(self, child: int, parent: int) -> bool:
        root = self.root(parent)
        if child in self.parent or root == child:
            return False
        height = max(self.level(one) - self.level(child) for one in self.below(child))
        if height + 1 > LEVELS_MAX:
            return False
        self.parent[child] = root
        return True

    def unmerge(self, child: int) -> bool:
        return self.parent.pop(child, None) is not None

    def due_at(self, number: int) -> datetime:
        return min(at for one in self.below(number) if (at := self.deadlines[one]) is not None)


@example(  # a line as long as may be, asked about from its root: no round of reading to spare
    [
        ("merge", 1, 4),
        ("merge", 3, 1),
        ("merge", 4, 2),
        ("unmerge", 1),
        ("merge", 2, 1),
        ("merge", 1, 3),
    ]
)
@given(steps)
def test_merges_are_what_plain_pointers_say(
    asked: list[tuple[str, int, int] | tuple[str, int]],
) -> None:
    spec = ALL
    oracle = Pointers({number: due_at(ALL, number) for number in range(1, WISHES + 1)})
    for step in asked:
        match step:
            case (_, child, parent):
                outcome, changes = (
                    spec.when(merge(child, parent), at=LATE),
                    oracle.merge(child, parent),
                )
            case (_, child):
                outcome, changes = spec.when(unmerge(child), at=LATE), oracle.unmerge(child)
        assert bool(outcome.events) == changes
        spec = spec.after(*outcome.events, at=LATE)
        for number in range(1, WISHES + 1):
            state = spec.state(stream(number))
            assert isinstance(state, Merged | OnTheWall)
            parent = int(UUID(state.parent)) if isinstance(state, Merged) else None
            assert parent == oracle.parent.get(number)
            assert state.file.due_at == oracle.due_at(number)
            followers = {int(UUID(one.wish)) for one in state.file.duplicates}
            assert {number, *followers} == set(oracle.below(number))


def test_everything_is_as_before_when_all_are_unmerged_again() -> None:
    spec = done(ALL, merge(2, 1), merge(3, 1), merge(1, 4), at=LATE)
    spec = done(spec, unmerge(3), unmerge(1), unmerge(2), at=LATE)
    for number in range(1, WISHES + 1):
        assert isinstance(spec.state(stream(number)), OnTheWall)
        assert due_at(spec, number) == due_at(ALL, number)


@pytest.mark.parametrize("number", [1, 2])
def test_a_wish_that_was_never_merged_has_its_own_deadline(number: int) -> None:
    state = TWO.state(stream(number))
    assert isinstance(state, OnTheWall)
    assert state.file.due_at == state.file.own_due_at
