"""Wishes as rows: where a wish stands, and what each requester said."""

from uuid import UUID

from services.wishes.wish.commands import (
    ConfirmByCallback,
    ConfirmProxy,
    MergeWishes,
    RateWish,
    RecordProgress,
    RejectWish,
    ReleaseClaim,
    ReopenWish,
    UnmergeWish,
    WithdrawWish,
)
from services.wishes.wish.read_model import WISH_ANSWERS, WISHES, WishRow
from shared.contracts.wishes.wishes import RejectReason, Relation
from shared.kit.testing.spec import fold_all
from tests.fixtures.wishes import (
    CLAIMED,
    FULFILLED,
    HELPER,
    MONDAY,
    NORTH,
    ON_THE_WALL,
    OTHER,
    WISHER,
    Wishes,
    claim,
    done,
    fired,
    fulfil,
    requester,
    screen,
    stream,
    submit,
    wish,
)

W = wish()
CALLED = ConfirmByCallback(wish=W, requester=requester())


def row(spec: Wishes, number: int = 1) -> WishRow:
    return fold_all(WISHES, spec.facts[stream(number)])["elm", wish(number)]


def test_a_wish_s_row_follows_its_life() -> None:
    assert (row(ON_THE_WALL).state, row(ON_THE_WALL).submitted_by) == ("open", WISHER)
    claimed = row(CLAIMED)
    assert (claimed.state, claimed.claimer_class, claimed.handler) == (
        "claimed", "party_member", HELPER
    )  # fmt: skip
    begun = done(CLAIMED, RecordProgress(wish=W, requester=requester(), texts=wish(7)), by=HELPER)
    assert (row(begun).state, row(begun).progress_texts) == ("in_progress", UUID(int=7))
    assert row(fired(CLAIMED, "claim_reminder")).reminded
    assert row(FULFILLED).state == "fulfilled"
    assert row(done(FULFILLED, CALLED, by=OTHER)).state == "confirmed"
    silent = row(fired(FULFILLED, "auto_close"))
    assert (silent.state, silent.end_reason) == ("unconfirmed", "unconfirmed")


def test_a_claim_that_ended_leaves_only_when_it_was_first() -> None:
    for spec in (
        done(CLAIMED, ReleaseClaim(wish=W), by=HELPER),
        fired(fired(CLAIMED, "claim_reminder"), "claim_expiry"),
    ):
        found = row(spec)
        assert (found.state, found.claimer, found.handler, found.reminded) == (
            "open",
            "",
            "",
            False,
        )
        assert (found.claimed_at, found.claim_until) == (None, None)
        assert found.first_claimed_at == MONDAY


def test_ends_and_proxies_are_told_apart() -> None:
    rejected = done(NORTH, submit(), RejectWish(wish=W, reason=RejectReason.UNCLEAR))
    assert (row(rejected).state, row(rejected).end_reason) == ("rejected", "unclear")
    withdrawn = done(CLAIMED, WithdrawWish(wish=W, requester=requester()))
    assert row(withdrawn).state == "withdrawn"
    proxied = done(NORTH, submit(relation=Relation.NEIGHBOUR), ConfirmProxy(wish=W))
    assert (row(proxied).relation, row(proxied).proxy_confirmed) == ("neighbour", True)


def test_a_reopened_row_has_a_new_deadline_and_its_age() -> None:
    reopen = ReopenWish(wish=W, requester=requester(), texts=wish(9))
    found = row(done(FULFILLED, reopen))
    assert (found.state, found.round, found.fulfilled_at) == ("open", 1, None)
    assert (found.submitted_at, found.claimer) == (MONDAY, "")


def test_merged_rows_name_each_other_and_forget_it_when_unmerged() -> None:
    both = done(ON_THE_WALL, submit(2), screen(2))
    merged = done(both, MergeWishes(wish=wish(2), parent=W))
    assert (row(merged, 2).state, row(merged, 2).merged_into) == ("merged", W)
    assert row(merged).duplicates == 1
    back = done(merged, UnmergeWish(wish=wish(2)))
    assert (row(back, 2).state, row(back, 2).merged_into) == ("open", "")
    assert (row(back).duplicates, row(back).due_at) == (0, row(both).due_at)


def test_a_fact_seen_twice_changes_nothing() -> None:
    facts = CLAIMED.facts[stream()]
    assert fold_all(WISHES, (*facts, *facts)) == fold_all(WISHES, facts)


def test_each_requester_has_a_row_a_closing_and_a_rating_seen_twice_counts_once() -> None:
    merged = done(done(ON_THE_WALL, submit(2)), MergeWishes(wish=wish(2), parent=W))
    spec = done(done(merged, claim(), fulfil(), by=HELPER), CALLED, by=OTHER)
    rate = RateWish(wish=wish(2), requester=requester(2), rating=5)
    spec = done(spec, rate, by=OTHER)
    facts = spec.facts[stream()]
    rows = fold_all(WISH_ANSWERS, (*facts, facts[-1]))
    said = {UUID(one.by_wish).int: (one.confirmed, one.rating) for one in rows.values()}
    assert said == {1: (True, 0), 2: (False, 5)}
