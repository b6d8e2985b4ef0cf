"""A wish from its submission to the wall, and who claims it for how long."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from services.wishes.wish import refusals
from services.wishes.wish.claimer import (
    CLAIMER,
    ClaimLapsed,
    ForgiveLapses,
    LapsesForgiven,
    claimer_stream,
)
from services.wishes.wish.commands import (
    AssignHandler,
    ClaimByDefault,
    ClaimForCommunity,
    ClaimWish,
    ConfirmProxy,
    ExpireClaim,
    RecordProgress,
    RejectWish,
    ReleaseClaim,
    RemindClaimer,
    WishCommand,
    WithdrawWish,
)
from services.wishes.wish.states import Claimed, OnTheWall, Withdrawn
from shared.contracts.wishes.wishes import (
    ClaimerClass,
    ClaimExpired,
    ClaimReleased,
    HandlerAssigned,
    ProgressRecorded,
    ProxyConfirmed,
    RejectReason,
    Relation,
    WishClaimed,
    WishRejected,
    WishScreened,
    WishSubmitted,
    WishWithdrawn,
)
from shared.decider import Refused, To
from shared.kit.testing.spec import Spec
from tests.fixtures.requests import china, closing
from tests.fixtures.wishes import (
    CLAIMED,
    DISTRICT,
    FULFILLED,
    HELPER,
    MONDAY,
    NO_POLICY,
    NORTH,
    ON_THE_WALL,
    OTHER,
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

W = wish()
ID = UUID(int=1)
SUBMITTED = done(NORTH, submit())
PROXIED = done(NORTH, submit(relation=Relation.NEIGHBOUR))
WITHDRAW = WithdrawWish(wish=W, requester=requester())
FOR_THE_UNIT = ClaimWish(wish=W, claimer_class=ClaimerClass.UNIT, claimer="school-3")
PROGRESS = RecordProgress(wish=W, requester=requester(), texts=wish(7))


def test_a_wish_is_submitted_once() -> None:
    submitted = WishSubmitted(
        wish=ID,
        category="company",
        area="a1",
        requester=UUID(requester()),
        texts=UUID(int=201),
    )
    NORTH.when(submit()).then(To(stream(), submitted))
    SUBMITTED.when(submit()).then_nothing()
    SUBMITTED.when(submit(texts=wish(9))).then_refused(refusals.WishTaken)


def test_nothing_happens_to_a_wish_that_there_is_not_or_before_it_was_submitted() -> None:
    NORTH.when(screen()).then_refused(refusals.WishNotFound)
    earlier = MONDAY - timedelta(days=1)
    SUBMITTED.when(screen(), at=earlier).then_refused(refusals.BeforeSubmitted)


def test_a_screened_wish_is_on_the_wall_with_its_deadline() -> None:
    screened = WishScreened(
        wish=ID,
        public_texts=UUID(int=301),
        district=DISTRICT,
        policy=1,
        calendar=1,
        due_at=closing("2026-03-16"),
        community_claims_at=closing("2026-03-05"),
    )
    SUBMITTED.when(screen()).then(To(stream(), screened))
    ON_THE_WALL.when(screen()).then_nothing()
    other = replace(screen(), public_texts=wish(8))
    ON_THE_WALL.when(other).then_refused(refusals.WishAlreadyScreened)
    foreign = replace(screen(), requester=wish(8))
    SUBMITTED.when(foreign).then_refused(refusals.NotTheWishersAccount)


def test_without_a_policy_nothing_has_a_limit() -> None:
    wall = done(NO_POLICY, submit(), screen())
    assert wall.timers(stream()) == {}
    claimed = done(wall, claim(), by=HELPER)
    assert claimed.timers(stream()) == {}
    assert done(claimed, fulfil(), by=HELPER).timers(stream()) == {}


def test_a_rejected_wish_never_comes_to_the_wall() -> None:
    reject = RejectWish(wish=W, reason=RejectReason.UNCLEAR)
    rejected = WishRejected(wish=ID, reason=RejectReason.UNCLEAR)
    SUBMITTED.when(reject).then(To(stream(), rejected))
    after = done(SUBMITTED, reject)
    after.when(reject).then_nothing()
    after.when(screen()).then_refused(refusals.WishAlreadyScreened)
    after.when(claim(), by=HELPER).then_refused(refusals.WishHasEnded)
    ON_THE_WALL.when(reject).then_refused(refusals.WishAlreadyScreened)


def test_whoever_a_wish_is_for_is_called_before_it_is_screened() -> None:
    PROXIED.when(screen()).then_refused(refusals.ProxyUnconfirmed)
    PROXIED.when(ConfirmProxy(wish=W)).then(To(stream(), ProxyConfirmed(wish=ID)))
    confirmed = done(PROXIED, ConfirmProxy(wish=W))
    confirmed.when(ConfirmProxy(wish=W)).then_nothing()
    assert kinds(done(confirmed, screen()))[-1] == "WishScreened"
    SUBMITTED.when(ConfirmProxy(wish=W)).then_refused(refusals.ProxyUnknown)


def test_a_party_member_claims_and_carries_it_out_for_four_working_days() -> None:
    claimed = WishClaimed(
        wish=ID,
        claimer_class=ClaimerClass.PARTY_MEMBER,
        claimer=HELPER,
        policy=1,
        calendar=1,
        remind_at=closing("2026-03-04"),
        until=closing("2026-03-06"),
    )
    handler = HandlerAssigned(wish=ID, handler=UUID(HELPER))
    ON_THE_WALL.when(claim(), by=HELPER).then(To(stream(), claimed), To(stream(), handler))
    CLAIMED.when(claim(), by=HELPER).then_nothing()


def test_the_term_of_a_claim_is_its_category_s() -> None:
    errand = done(NORTH, submit(category="shopping"), screen())
    claimed = done(errand, claim(), by=HELPER)
    assert claimed.timers(stream())["claim_expiry"] == closing("2026-03-03")


@pytest.mark.parametrize("spec", [CLAIMED, FULFILLED])
def test_whoever_comes_second_hears_the_class_and_not_the_name(spec: Wishes) -> None:
    outcome = spec.when(claim(), by=OTHER)
    outcome.then_refused(refusals.WishAlreadyClaimed, claimer_class="party_member")
    assert HELPER not in str(outcome.refusal)


def test_what_is_not_on_the_wall_is_not_claimed() -> None:
    SUBMITTED.when(claim(), by=HELPER).then_refused(refusals.WishNotScreened)
    withdrawn = done(ON_THE_WALL, WITHDRAW)
    withdrawn.when(claim(), by=HELPER).then_refused(refusals.WishHasEnded)


@pytest.mark.parametrize(
    "command",
    [
        replace(FOR_THE_UNIT, claimer=""),
        replace(FOR_THE_UNIT, claimer_class=ClaimerClass.COMMUNITY),
        replace(FOR_THE_UNIT, claimer_class=ClaimerClass.PARTY_MEMBER),
    ],
)
def test_a_claim_names_whom_it_is_for(command: WishCommand) -> None:
    ON_THE_WALL.when(command, by=HELPER).then_refused(refusals.ClaimerMissing)


def test_the_community_claims_by_naming_a_handler() -> None:
    command = ClaimForCommunity(wish=W, handler=OTHER)
    state = done(ON_THE_WALL, command, by=HELPER).state(stream())
    assert isinstance(state, Claimed)
    assert (state.claim.claimer_class, state.claim.handler) == (ClaimerClass.COMMUNITY, OTHER)


def test_what_nobody_claims_is_the_community_s_once() -> None:
    mine = fired(ON_THE_WALL, "community_claim")
    state = mine.state(stream())
    assert isinstance(state, Claimed)
    assert (state.claim.claimer_class, state.claim.handler) == (ClaimerClass.COMMUNITY, "")
    mine.when(ClaimByDefault(wish=W)).then_nothing()
    named = done(mine, AssignHandler(wish=W, handler=OTHER))
    assert done(named, fulfil(), by=OTHER)
    again = fired(mine, "claim_expiry")
    assert isinstance(again.state(stream()), OnTheWall)
    assert again.timers(stream()) == {}


def test_a_claim_is_reminded_at_half_and_expires_back_to_the_wall() -> None:
    reminded = fired(CLAIMED, "claim_reminder")
    assert kinds(reminded)[-1] == "ClaimReminded"
    assert set(reminded.timers(stream())) == {"claim_expiry"}
    reminded.when(RemindClaimer(wish=W)).then_nothing()
    expired = ClaimExpired(wish=ID, claimer_class=ClaimerClass.PARTY_MEMBER, claimer=HELPER)
    reminded.fired(stream(), "claim_expiry").then(
        To(stream(), expired),
        To(claimer_stream("elm", HELPER), ClaimLapsed(wish=ID, claimer=HELPER)),
    )
    over = fired(reminded, "claim_expiry")
    assert isinstance(over.state(stream()), OnTheWall)
    over.when(ExpireClaim(wish=W)).then_nothing()
    assert done(over, claim(), by=OTHER)


def test_a_claim_entered_late_expires_from_when_it_was_entered() -> None:
    wall = done(NORTH, submit(), screen(), at=china("2026-02-02"))
    late = done(wall, claim(), at=china("2026-02-03"), entered_at=MONDAY, by=HELPER)
    assert late.timers(stream())["claim_expiry"] == closing("2026-03-06")
    assert late.timers(stream())["claim_reminder"] > MONDAY


def test_a_claim_is_released_by_who_claimed_or_handles_it() -> None:
    released = ClaimReleased(wish=ID, claimer_class=ClaimerClass.PARTY_MEMBER, claimer=HELPER)
    CLAIMED.when(ReleaseClaim(wish=W), by=HELPER).then(
        To(stream(), released),
        To(claimer_stream("elm", HELPER), ClaimLapsed(wish=ID, claimer=HELPER)),
    )
    CLAIMED.when(ReleaseClaim(wish=W), by=OTHER).then_refused(refusals.NotTheClaimer)
    unit = done(ON_THE_WALL, FOR_THE_UNIT, by=HELPER)
    unit.when(ReleaseClaim(wish=W), by=OTHER).then_refused(refusals.NotTheClaimer)
    handled = done(unit, AssignHandler(wish=W, handler=OTHER), by=HELPER)
    assert done(handled, ReleaseClaim(wish=W), by=OTHER)


def let_go_twice() -> Wishes:
    once = done(CLAIMED, ReleaseClaim(wish=W), by=HELPER)
    return done(once, claim(), ReleaseClaim(wish=W), by=HELPER)


def test_whoever_lets_go_too_often_claims_no_more_until_the_window_is_over() -> None:
    twice = let_go_twice()
    refused = twice.when(claim(), by=HELPER)
    refused.then_refused(refusals.ReleasedTooOften, releases_max=2, window_days=30)
    assert done(twice, claim(), by=OTHER)
    assert done(twice, claim(), at=MONDAY + timedelta(days=30), by=HELPER)


def test_the_community_may_always_claim_again() -> None:
    spec, command = ON_THE_WALL, ClaimForCommunity(wish=W, handler=OTHER)
    for _ in range(4):
        spec = done(done(spec, command, by=HELPER), ReleaseClaim(wish=W), by=HELPER)
    assert done(spec, command, by=HELPER)


def test_lapses_are_forgiven() -> None:
    lapses = claimer_stream("elm", HELPER)
    spec = Spec(CLAIMER, scope="elm").given(lapses, ClaimLapsed(wish=ID, claimer=HELPER))
    forgive = ForgiveLapses(claimer=HELPER, community="elm")
    spec.when(forgive).then(To(lapses, LapsesForgiven(claimer=HELPER)))
    spec.given(lapses, LapsesForgiven(claimer=HELPER)).when(forgive).then_nothing()
    pardoned = let_go_twice().given(lapses, LapsesForgiven(claimer=HELPER))
    assert done(pardoned, claim(), by=HELPER)


def test_only_the_handler_tells_how_it_goes() -> None:
    CLAIMED.when(PROGRESS, by=OTHER).then_refused(refusals.NotTheHandler)
    told = ProgressRecorded(wish=ID, texts=UUID(int=7))
    CLAIMED.when(PROGRESS, by=HELPER).then(To(stream(), told))
    CLAIMED.when(fulfil(), by=OTHER).then_refused(refusals.NotTheHandler)


@pytest.mark.parametrize(
    ("spec", "refusal"),
    [
        (SUBMITTED, refusals.WishNotScreened),
        (ON_THE_WALL, refusals.WishNotClaimed),
        (FULFILLED, refusals.WishHasEnded),
    ],
)
@pytest.mark.parametrize("command", [PROGRESS, ReleaseClaim(wish=W)])
def test_only_what_is_claimed_is_carried_out(
    spec: Wishes, refusal: type[Refused], command: WishCommand
) -> None:
    spec.when(command, by=HELPER).then_refused(refusal)


def test_the_same_handler_is_named_once() -> None:
    CLAIMED.when(AssignHandler(wish=W, handler=HELPER)).then_nothing()


def test_a_wish_withdrawn_mid_way_says_what_is_to_be_made_good() -> None:
    begun = done(CLAIMED, PROGRESS, by=HELPER)
    withdrawn = WishWithdrawn(
        wish=ID,
        claimer_class=ClaimerClass.PARTY_MEMBER,
        claimer=HELPER,
        handler=UUID(HELPER),
        begun=True,
    )
    begun.when(WITHDRAW).then(To(stream(), withdrawn))
    over = done(begun, WITHDRAW)
    assert isinstance(over.state(stream()), Withdrawn)
    assert over.timers(stream()) == {}
    over.when(WITHDRAW).then_nothing()
    SUBMITTED.when(WITHDRAW).then(To(stream(), WishWithdrawn(wish=ID)))
    foreign = replace(WITHDRAW, requester=wish(8))
    begun.when(foreign).then_refused(refusals.NotTheWishersAccount)
