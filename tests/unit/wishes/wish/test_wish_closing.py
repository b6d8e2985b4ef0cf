"""After the handler's word: the requesters', silence, reopening, ratings, reviews."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from services.wishes.wish import refusals
from services.wishes.wish.commands import (
    CloseSilentWish,
    ConcludeWishReview,
    ConfirmByCallback,
    ConfirmProxy,
    ConfirmWish,
    RateWish,
    ReopenWish,
)
from services.wishes.wish.states import Closed, Fulfilled, OnTheWall
from shared.contracts.wishes.wishes import (
    Relation,
    WishClosedUnconfirmed,
    WishConfirmed,
    WishEscalated,
    WishRated,
    WishReopened,
    WishReviewConcluded,
    WishReviewOpened,
)
from shared.decider import To
from tests.fixtures.requests import china, closing
from tests.fixtures.wishes import (
    CLAIMED,
    FULFILLED,
    HELPER,
    MONDAY,
    NO_POLICY,
    NORTH,
    ON_THE_WALL,
    OTHER,
    WISHER,
    Wishes,
    claim,
    done,
    fired,
    fulfil,
    kinds,
    requester,
    screen,
    stream,
    submit,
    wish,
)

W, ID = wish(), UUID(int=1)
CALLED = ConfirmByCallback(wish=W, requester=requester())
OWN = ConfirmWish(wish=W)
CONFIRMED = done(FULFILLED, CALLED, by=OTHER)
SILENT = fired(FULFILLED, "auto_close")
LOW, HIGH = (RateWish(wish=W, requester=requester(), rating=rating) for rating in (2, 5))
REVIEW = ConcludeWishReview(wish=W)


def reopening(number: int = 1) -> ReopenWish:
    return ReopenWish(wish=W, requester=requester(), texts=wish(500 + number))


def again(spec: Wishes, number: int) -> Wishes:
    """Give the facts after it was reopened and fulfilled once more."""
    reopened = done(spec, reopening(number))
    return done(reopened, claim(), fulfil(), by=HELPER)


@pytest.mark.parametrize("confirm", [CALLED, OWN])
@pytest.mark.parametrize("spec", [FULFILLED, SILENT])
def test_the_handler_does_not_close_the_wish(spec: Wishes, confirm: ConfirmWish) -> None:
    outcome = spec.when(confirm, by=HELPER)
    outcome.then_refused(refusals.WishSelfClosing)
    assert outcome.refusal is not None
    assert (outcome.refusal.code(), outcome.refusal.kind.value) == ("self_closing", "forbidden")


def test_the_requester_closes_it_or_somebody_who_asked() -> None:
    confirmed = WishConfirmed(wish=ID, round=0, by_wish=ID)
    FULFILLED.when(OWN, by=WISHER).then(To(stream(), confirmed))
    called = confirmed.model_copy(update={"by_callback": True})
    FULFILLED.when(CALLED, by=OTHER).then(To(stream(), called))
    CONFIRMED.when(OWN, by=WISHER).then_nothing()
    FULFILLED.when(OWN, by=OTHER).then_refused(refusals.NotTheWisher)
    foreign = replace(CALLED, requester=wish(8))
    FULFILLED.when(foreign, by=OTHER).then_refused(refusals.NotTheWishersAccount)
    CLAIMED.when(CALLED, by=OTHER).then_refused(refusals.WishNotFulfilled)


def test_whoever_submitted_it_for_somebody_does_not_confirm_for_that_person() -> None:
    spec = done(NORTH, submit(relation=Relation.CHILD), by=WISHER)
    spec = done(done(spec, ConfirmProxy(wish=W), screen()), claim(), fulfil(), by=HELPER)
    spec.when(OWN, by=WISHER).then_refused(refusals.NotTheWisher)
    assert done(spec, CALLED, by=OTHER)


def test_silence_closes_it_unconfirmed_and_it_can_be_confirmed_still() -> None:
    unconfirmed = WishClosedUnconfirmed(wish=ID, round=0)
    FULFILLED.fired(stream(), "auto_close").then(To(stream(), unconfirmed))
    assert FULFILLED.timers(stream()) == {"auto_close": MONDAY + timedelta(days=10)}
    SILENT.when(CloseSilentWish(wish=W)).then_nothing()
    state = done(SILENT, CALLED, by=OTHER).state(stream())
    assert isinstance(state, Closed)
    assert state.confirmed


def test_what_is_fulfilled_is_fulfilled_once() -> None:
    FULFILLED.when(fulfil(), by=HELPER).then_nothing()
    CONFIRMED.when(fulfil(), by=HELPER).then_refused(refusals.WishHasEnded)
    ON_THE_WALL.when(fulfil(), by=HELPER).then_refused(refusals.WishNotClaimed)


def test_a_reopened_wish_is_on_the_wall_with_a_new_deadline_and_its_old_age() -> None:
    at = china("2026-03-09")
    reopened = WishReopened(
        wish=ID,
        round=1,
        texts=UUID(int=501),
        policy=1,
        calendar=1,
        due_at=closing("2026-03-23"),
        community_claims_at=closing("2026-03-12"),
    )
    CONFIRMED.when(reopening(), at=at).then(To(stream(), reopened))
    after = done(CONFIRMED, reopening(), at=at)
    after.when(reopening(), at=at).then_nothing()
    state = after.state(stream())
    assert isinstance(state, OnTheWall)
    assert (state.file.round, state.file.submitted_at) == (1, MONDAY)


def test_the_third_reopening_goes_up_and_the_fifth_is_refused() -> None:
    spec = again(again(CONFIRMED, 1), 2)
    assert "WishEscalated" not in kinds(spec)
    third = spec.when(reopening(3)).events
    assert third[1:] == (To(stream(), WishEscalated(wish=ID, round=3)),)
    spec = again(again(spec, 3), 4)
    spec.when(reopening(5)).then_refused(refusals.WishReopenLimitReached, reopens_max=4)


def test_the_window_to_reopen_ends() -> None:
    last = MONDAY + timedelta(days=30)
    assert done(CONFIRMED, reopening(), at=last)
    over = CONFIRMED.when(reopening(), at=last + timedelta(seconds=1))
    over.then_refused(refusals.WishReopenWindowOver, days=30)


def test_only_the_requester_s_fulfilled_wish_is_reopened() -> None:
    CLAIMED.when(reopening()).then_refused(refusals.NothingToReopenHere)
    foreign = replace(reopening(), requester=wish(8))
    CONFIRMED.when(foreign).then_refused(refusals.NotTheWishersAccount)
    spec = done(done(NO_POLICY, submit(), screen()), claim(), fulfil(), by=HELPER)
    spec.when(reopening()).then_refused(refusals.WishReopenLimitReached, reopens_max=0)


def test_a_closing_is_rated_once_and_changed_until_it_is_frozen() -> None:
    rated = WishRated(wish=ID, round=0, by_wish=ID, rating=5)
    CONFIRMED.when(HIGH, by=OTHER).then(To(stream(), rated))
    once = done(CONFIRMED, HIGH, by=OTHER)
    once.when(HIGH, by=OTHER).then_nothing()
    changed = replace(HIGH, rating=4)
    last = MONDAY + timedelta(days=7)
    state = done(once, changed, at=last, by=OTHER).state(stream())
    assert isinstance(state, Closed)
    assert [one.rating for one in state.ratings] == [4]
    frozen = once.when(changed, at=last + timedelta(seconds=1), by=OTHER)
    frozen.then_refused(refusals.RatingFrozen, days=7)


@pytest.mark.parametrize("rating", [0, 6])
def test_a_rating_is_between_1_and_5(rating: int) -> None:
    outcome = CONFIRMED.when(replace(HIGH, rating=rating), by=OTHER)
    outcome.then_refused(refusals.RatingOutOfBounds)


def test_only_a_requester_s_closing_is_rated_and_not_by_the_handler() -> None:
    FULFILLED.when(HIGH, by=OTHER).then_refused(refusals.WishNotClosed)
    CONFIRMED.when(HIGH, by=HELPER).then_refused(refusals.WishSelfClosing)
    foreign = replace(HIGH, requester=wish(8))
    CONFIRMED.when(foreign, by=OTHER).then_refused(refusals.NotTheWishersAccount)


def test_a_low_rating_opens_one_review_that_another_than_the_handler_concludes() -> None:
    opened = WishReviewOpened(wish=ID, round=0)
    assert CONFIRMED.when(LOW, by=OTHER).events[1:] == (To(stream(), opened),)
    low = done(CONFIRMED, LOW, by=OTHER)
    assert len(low.when(replace(LOW, rating=1), by=OTHER).events) == 1
    low.when(REVIEW, by=HELPER).then_refused(refusals.WishSelfClosing)
    low.when(REVIEW, by=OTHER).then(To(stream(), WishReviewConcluded(wish=ID, round=0)))
    done(low, REVIEW, by=OTHER).when(REVIEW, by=OTHER).then_refused(refusals.NoWishReviewOpen)
    CONFIRMED.when(REVIEW, by=OTHER).then_refused(refusals.NoWishReviewOpen)


def test_a_fulfilled_wish_remembers_who_said_so() -> None:
    state = FULFILLED.state(stream())
    assert isinstance(state, Fulfilled)
    assert state.by == HELPER
