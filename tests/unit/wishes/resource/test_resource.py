from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from services.wishes.resource import refusals
from services.wishes.resource.commands import (
    ConsumeResource,
    OfferResource,
    ReleaseReservation,
    ReserveResource,
    ResourceCommand,
    ReturnResource,
    SetAvailability,
    TakeIntoUse,
    VerifyResource,
    WithdrawOffer,
)
from services.wishes.resource.domain import (
    EXPIRY,
    PRICE_FEN_MAX,
    QUANTITY_MAX,
    RESERVATIONS_MAX,
    RESOURCE,
    VALID_DAYS_MAX,
)
from services.wishes.resource.states import Available
from shared.contracts.wishes.needs import NeedEnded, NeedExit, NeedRecorded, need_stream
from shared.contracts.wishes.resources import (
    AvailabilitySet,
    OfferWithdrawn,
    ReservationReleased,
    ResourceConsumed,
    ResourceEvent,
    ResourceExpired,
    ResourceKind,
    ResourceOffered,
    ResourceReserved,
    ResourceReturned,
    ResourceTaken,
    ResourceVerified,
    resource_stream,
)
from shared.decider import Refused, To
from shared.kit.testing.spec import NOW, Spec

ID, NEED, OTHER, ONE, TWO = (UUID(int=number) for number in range(1, 6))
R, HELD = str(ID), {"resource": str(ID), "reservation": str(ONE)}
STREAM = resource_stream(R)
UNTIL = NOW + timedelta(days=30)
OFFER = OfferResource(
    resource=R,
    kind=ResourceKind.VENUE,
    area="East",
    provider=str(OTHER),
    quantity=10,
    price_fen=500,
    valid_from=NOW,
    valid_until=UNTIL,
    texts=str(UUID(int=9)),
)
OFFERED = ResourceOffered(
    resource=ID,
    kind=ResourceKind.VENUE,
    area="East",
    provider=OTHER,
    quantity=10,
    price_fen=500,
    valid_from=NOW,
    valid_until=UNTIL,
    texts=UUID(int=9),
)
RECORDED = NeedRecorded(need=NEED, category="elders", grid="", area="East", texts=UUID(int=8))
RELEASE, TAKE = ReleaseReservation(**HELD), TakeIntoUse(**HELD)
RETURN, CONSUME = ReturnResource(**HELD), ConsumeResource(**HELD)


def reserve(quantity: int, reservation: UUID = ONE) -> ReserveResource:
    return ReserveResource(
        resource=R, reservation=str(reservation), need=str(NEED), quantity=quantity
    )


def reserved(quantity: int, reservation: UUID = ONE) -> ResourceReserved:
    return ResourceReserved(resource=ID, reservation=reservation, need=NEED, quantity=quantity)


NONE = Spec(RESOURCE, scope="elm").given(need_stream(NEED), RECORDED)
NEW = NONE.given(STREAM, OFFERED)
STANDING = NEW.given(STREAM, ResourceVerified(resource=ID))
RESERVED = STANDING.given(STREAM, reserved(4))
IN_USE = RESERVED.given(STREAM, ResourceTaken(resource=ID, reservation=ONE, quantity=4))
WITHDRAWN, EXPIRED = OfferWithdrawn(resource=ID), ResourceExpired(resource=ID)


def test_a_resource_is_offered_once() -> None:
    NONE.when(OFFER).then(To(STREAM, OFFERED))
    NEW.when(OFFER).then_nothing()
    NEW.when(replace(OFFER, texts=str(ONE))).then_refused(refusals.ResourceTakenByAnother)


@pytest.mark.parametrize(
    ("command", "refusal", "details"),
    [
        (
            replace(OFFER, quantity=0),
            refusals.QuantityOutOfBounds,
            {"quantity_min": 1, "quantity_max": QUANTITY_MAX},
        ),
        (
            replace(OFFER, quantity=QUANTITY_MAX + 1),
            refusals.QuantityOutOfBounds,
            {"quantity_min": 1, "quantity_max": QUANTITY_MAX},
        ),
        (
            replace(OFFER, price_fen=-1),
            refusals.PriceOutOfBounds,
            {"price_fen_max": PRICE_FEN_MAX},
        ),
        (
            replace(OFFER, price_fen=PRICE_FEN_MAX + 1),
            refusals.PriceOutOfBounds,
            {"price_fen_max": PRICE_FEN_MAX},
        ),
        (
            replace(OFFER, valid_until=NOW),
            refusals.ValidityInvalid,
            {"valid_days_max": VALID_DAYS_MAX},
        ),
        (
            replace(OFFER, valid_until=NOW + timedelta(days=VALID_DAYS_MAX, seconds=1)),
            refusals.ValidityInvalid,
            {"valid_days_max": VALID_DAYS_MAX},
        ),
    ],
)
def test_an_offer_has_bounds(
    command: OfferResource, refusal: type[Refused], details: dict[str, int]
) -> None:
    NONE.when(command).then_refused(refusal, **details)


@pytest.mark.parametrize(
    "command", [VerifyResource(resource=R), reserve(1), RELEASE, WithdrawOffer(resource=R)]
)
def test_nothing_can_be_done_about_what_nobody_offered(command: ResourceCommand) -> None:
    NONE.when(command).then_refused(refusals.ResourceNotFound)


def test_nothing_happens_before_the_offer() -> None:
    early = NOW - timedelta(seconds=1)
    NEW.when(VerifyResource(resource=R), at=early).then_refused(refusals.BeforeOffered)


def test_an_offer_is_verified_once_and_only_then_reserved() -> None:
    NEW.when(VerifyResource(resource=R)).then(To(STREAM, ResourceVerified(resource=ID)))
    STANDING.when(VerifyResource(resource=R)).then_nothing()
    NEW.when(reserve(1)).then_refused(refusals.ResourceNotVerified)


def test_what_is_reserved_is_never_more_than_there_is() -> None:
    STANDING.when(reserve(10)).then(To(STREAM, reserved(10)))
    STANDING.when(reserve(11)).then_refused(refusals.NotEnoughFree, free=10)
    RESERVED.when(reserve(6, TWO)).then(To(STREAM, reserved(6, TWO)))
    RESERVED.when(reserve(7, TWO)).then_refused(refusals.NotEnoughFree, free=6)
    IN_USE.when(reserve(7, TWO)).then_refused(refusals.NotEnoughFree, free=6)


def test_a_reservation_asked_for_again_changes_nothing() -> None:
    RESERVED.when(reserve(4)).then_nothing()
    RESERVED.when(reserve(5)).then_refused(refusals.ReservationTaken)


@pytest.mark.parametrize("quantity", [0, -1, QUANTITY_MAX + 1])
def test_a_reservation_is_of_something(quantity: int) -> None:
    STANDING.when(reserve(quantity)).then_refused(
        refusals.QuantityOutOfBounds, quantity_min=1, quantity_max=QUANTITY_MAX
    )


def test_a_reservation_is_for_an_open_need_of_this_community() -> None:
    nothing = Spec(RESOURCE, scope="elm").given(STREAM, OFFERED, ResourceVerified(resource=ID))
    for spec in (nothing, nothing.given(need_stream(NEED), RECORDED, scope="oak")):
        spec.when(reserve(1)).then_refused(refusals.NeedNotFound)
    ended = NeedEnded(need=NEED, exit=NeedExit.SOLVED_IN_GRID, days=1)
    STANDING.given(need_stream(NEED), ended).when(reserve(1)).then_refused(refusals.NeedIsOver)


def test_an_offer_is_reserved_from_its_first_moment_until_before_its_last() -> None:
    later = NONE.given(
        STREAM, OFFERED.model_copy(update={"valid_from": NOW + timedelta(hours=1)})
    ).given(STREAM, ResourceVerified(resource=ID))
    later.when(reserve(1)).then_refused(refusals.OfferNotValidNow)
    assert later.when(reserve(1), at=NOW + timedelta(hours=1)).refusal is None
    STANDING.when(reserve(1), at=UNTIL).then_refused(refusals.OfferNotValidNow)
    assert STANDING.when(reserve(1), at=UNTIL - timedelta(microseconds=1)).refusal is None
    RESERVED.when(TAKE, at=UNTIL).then_refused(refusals.OfferNotValidNow)


def test_an_offer_has_a_limit_of_reservations() -> None:
    many = [reserved(1, UUID(int=1000 + number)) for number in range(RESERVATIONS_MAX - 1)]
    wide = NONE.given(STREAM, OFFERED.model_copy(update={"quantity": QUANTITY_MAX}))
    almost = wide.given(STREAM, ResourceVerified(resource=ID), *many)
    almost.when(reserve(1)).then(To(STREAM, reserved(1)))
    almost.given(STREAM, reserved(1)).when(reserve(1, TWO)).then_refused(
        refusals.ReservationLimitReached, reservations_max=RESERVATIONS_MAX
    )


def test_what_was_kept_is_released_or_used_and_then_returned_or_used_up() -> None:
    parts: dict[str, Any] = {"resource": ID, "reservation": ONE, "quantity": 4}
    RESERVED.when(RELEASE).then(To(STREAM, ReservationReleased(**parts)))
    RESERVED.when(TAKE).then(To(STREAM, ResourceTaken(**parts)))
    IN_USE.when(TAKE).then_nothing()
    IN_USE.when(RETURN).then(To(STREAM, ResourceReturned(**parts)))
    IN_USE.when(CONSUME).then(To(STREAM, ResourceConsumed(**parts)))
    for end, command in (
        (ReservationReleased(**parts), RELEASE),
        (ResourceReturned(**parts), RETURN),
        (ResourceConsumed(**parts), CONSUME),
    ):
        over = IN_USE.given(STREAM, end)
        over.when(command).then_nothing()
        left = 6 if command is CONSUME else 10
        over.when(reserve(11, TWO)).then_refused(refusals.NotEnoughFree, free=left)


def test_a_stage_cannot_be_skipped_or_taken_back() -> None:
    RESERVED.when(RETURN).then_refused(refusals.ReservationNotSo, stage="reserved")
    RESERVED.when(CONSUME).then_refused(refusals.ReservationNotSo, stage="reserved")
    IN_USE.when(RELEASE).then_refused(refusals.ReservationNotSo, stage="in_use")
    returned = IN_USE.given(STREAM, ResourceReturned(resource=ID, reservation=ONE, quantity=4))
    returned.when(CONSUME).then_refused(refusals.ReservationNotSo, stage="returned")
    STANDING.when(RELEASE).then_refused(refusals.ReservationNotFound)


def test_the_quantity_is_set_anew_but_not_below_what_is_kept() -> None:
    def to(quantity: int) -> SetAvailability:
        return SetAvailability(resource=R, quantity=quantity)

    RESERVED.when(to(4)).then(To(STREAM, AvailabilitySet(resource=ID, quantity=4)))
    RESERVED.when(to(10)).then_nothing()
    RESERVED.when(to(3)).then_refused(refusals.QuantityInUse, kept=4)
    for wrong in (-1, QUANTITY_MAX + 1):
        RESERVED.when(to(wrong)).then_refused(
            refusals.QuantityOutOfBounds, quantity_min=0, quantity_max=QUANTITY_MAX
        )
    none = STANDING.given(STREAM, AvailabilitySet(resource=ID, quantity=0))
    none.when(reserve(1)).then_refused(refusals.NotEnoughFree, free=0)


@pytest.mark.parametrize(
    ("end", "refusal"),
    [(WITHDRAWN, refusals.OfferWasWithdrawn), (EXPIRED, refusals.OfferHasExpired)],
)
def test_after_the_end_nothing_is_kept_but_what_is_in_use_comes_back(
    end: ResourceEvent, refusal: type[Refused]
) -> None:
    over, used = RESERVED.given(STREAM, end), IN_USE.given(STREAM, end)
    for command in (
        reserve(1, TWO),
        TAKE,
        VerifyResource(resource=R),
        SetAvailability(resource=R, quantity=4),
    ):
        over.when(command).then_refused(refusal)
    assert over.when(RELEASE).refusal is None
    assert used.when(RETURN).refusal is None
    assert over.timers(STREAM) == {}


def test_an_offer_is_withdrawn_once_and_not_after_its_time() -> None:
    withdraw = WithdrawOffer(resource=R)
    NEW.when(withdraw).then(To(STREAM, WITHDRAWN))
    NEW.given(STREAM, WITHDRAWN).when(withdraw).then_nothing()
    NEW.given(STREAM, EXPIRED).when(withdraw).then_refused(refusals.OfferHasExpired)


def test_an_offer_expires_by_itself_at_the_end_of_its_time() -> None:
    for spec in (NEW, STANDING, RESERVED):
        assert spec.timers(STREAM) == {EXPIRY: UNTIL}
        fired = spec.fired(STREAM, EXPIRY)
        fired.then(To(STREAM, EXPIRED))
        assert spec.after(*fired.events).timers(STREAM) == {}


def test_what_is_kept_is_what_the_state_says() -> None:
    state = IN_USE.given(STREAM, reserved(2, TWO)).state(STREAM)
    assert isinstance(state, Available)
    assert state.offer.kept == 6
