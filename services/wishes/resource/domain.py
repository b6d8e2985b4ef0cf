"""An offer of a resource or a service, from when it is made to its end (W4).

The rules:

- A provider offers a quantity of a talent, a skill, goods, a venue, a facility or a service, at a
  price for one, from a time until a time at most `VALID_DAYS_MAX` days later.
- Once verified, parts of it are reserved for open needs of the community while the offer is valid.
  What is reserved and in use together is never more than the quantity; at most `RESERVATIONS_MAX`
  reservations are made of one offer.
- A reservation is released, or taken into use and then returned or used up. What is used up the
  offer has less.
- The provider may set the quantity anew, not below what is kept, and withdraw the offer. At the end
  of its time it expires by itself. Afterwards nothing is reserved or taken; what was kept can still
  be released, and what is in use come back.
- No step is earlier than the offer, and a step taken again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, get_args
from uuid import UUID

from msgspec.structs import replace

from services.wishes.resource import refusals
from services.wishes.resource.commands import (
    ConsumeResource,
    ExpireResource,
    HoldingCommand,
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
from services.wishes.resource.states import (
    Available,
    Expired,
    Held,
    NeedPlace,
    NotOffered,
    Offer,
    Offered,
    On,
    Over,
    Resource,
    Stage,
    Withdrawn,
)
from shared.contracts.wishes.needs import NeedEnded, NeedRecorded, need_stream
from shared.contracts.wishes.resources import (
    AvailabilitySet,
    OfferWithdrawn,
    ReservationReleased,
    ResourceConsumed,
    ResourceEvent,
    ResourceExpired,
    ResourceOffered,
    ResourceReserved,
    ResourceReturned,
    ResourceTaken,
    ResourceVerified,
    resource_stream,
)
from shared.decider import Asked, Decider, Due, Fact, Read, States, Timers, To, View

QUANTITY_MAX: Final = 1_000_000
PRICE_FEN_MAX: Final = 10**11
VALID_DAYS_MAX: Final = 3660
RESERVATIONS_MAX: Final = 1000  # of one offer, over all its time
EXPIRY: Final = "expiry"

_STAGES: Final[Mapping[type[ResourceEvent], Stage]] = {
    ReservationReleased: Stage.RELEASED,
    ResourceTaken: Stage.IN_USE,
    ResourceReturned: Stage.RETURNED,
    ResourceConsumed: Stage.CONSUMED,
}


def evolve(state: Resource, fact: Fact) -> Resource:
    """Follow an offer's own stream."""
    event = fact.event
    if isinstance(state, NotOffered):
        return Offered(offer=_offer(event, fact)) if isinstance(event, ResourceOffered) else state
    offer = state.offer
    match event:
        case ResourceVerified():
            return Available(offer=offer)
        case AvailabilitySet(quantity=quantity):
            return replace(state, offer=replace(offer, quantity=quantity))
        case ResourceReserved(reservation=reservation, need=need, quantity=quantity):
            held = Held(need=str(need), quantity=quantity)
            return replace(state, offer=_holding(offer, str(reservation), held))
        case (
            ReservationReleased(reservation=reservation)
            | ResourceTaken(reservation=reservation)
            | ResourceReturned(reservation=reservation)
            | ResourceConsumed(reservation=reservation)
        ):
            return replace(state, offer=_moved(offer, str(reservation), _STAGES[type(event)]))
        case OfferWithdrawn():
            return Withdrawn(offer=offer)
        case ResourceExpired():
            return Expired(offer=offer)
        case _:
            return state


def due(state: Resource) -> Mapping[str, datetime]:
    """Say when the offer expires, while it stands."""
    return {EXPIRY: state.offer.valid_until} if isinstance(state, On) else {}


def _fire(timer: Due) -> ResourceCommand:
    return ExpireResource(resource=timer.id)


def evolve_need(state: NeedPlace, fact: Fact) -> NeedPlace:
    """Follow a need's stream: whether it is there, where, and whether it has ended."""
    match fact.event:
        case NeedRecorded():
            return NeedPlace(scope=fact.scope)
        case NeedEnded():
            return NeedPlace(scope=state.scope, ended=True)
        case _:
            return state


NEED_PLACE = View("wishes.resource.need", 1, NeedPlace, NeedPlace(), evolve_need)


def decide(command: ResourceCommand, state: Resource, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    event = _step(command, state, states, asked)
    return [] if event is None else [To(resource_stream(command.resource), event)]


def _step(
    command: ResourceCommand, state: Resource, states: States, asked: Asked
) -> ResourceEvent | None:
    if isinstance(state, NotOffered):
        if not isinstance(command, OfferResource):
            raise refusals.ResourceNotFound
        return _offered(command)
    if asked.occurred_at < state.offer.offered_at:
        raise refusals.BeforeOffered
    match command:
        case OfferResource(texts=texts):
            if texts != state.offer.texts:
                raise refusals.ResourceTakenByAnother
            return None
        case ReserveResource():
            return _reserved(command, state, states, asked)
        case ReleaseReservation() | TakeIntoUse() | ReturnResource() | ConsumeResource():
            return _next_stage(command, state, asked)
        case VerifyResource() | SetAvailability() | WithdrawOffer() | ExpireResource():
            return _of_the_offer(command, state)


def _of_the_offer(
    command: VerifyResource | SetAvailability | WithdrawOffer | ExpireResource, state: On | Over
) -> ResourceEvent | None:
    resource = UUID(command.resource)
    match command, state:
        case WithdrawOffer(), Withdrawn():
            return None
        case ExpireResource(), Withdrawn() | Expired():
            return None
        case ExpireResource(), Offered() | Available():
            return ResourceExpired(resource=resource)
        case _, Withdrawn() | Expired():
            raise _over(state)
        case WithdrawOffer(), Offered() | Available():
            return OfferWithdrawn(resource=resource)
        case VerifyResource(), Offered():
            return ResourceVerified(resource=resource)
        case VerifyResource(), Available():
            return None
        case SetAvailability(quantity=quantity), Offered() | Available():
            return _available(resource, quantity, state.offer)


def _available(resource: UUID, quantity: int, offer: Offer) -> AvailabilitySet | None:
    if not 0 <= quantity <= QUANTITY_MAX:
        raise refusals.QuantityOutOfBounds(quantity_min=0, quantity_max=QUANTITY_MAX)
    if quantity < offer.kept:
        raise refusals.QuantityInUse(kept=offer.kept)
    if quantity == offer.quantity:
        return None
    return AvailabilitySet(resource=resource, quantity=quantity)


def _reserved(
    command: ReserveResource, state: On | Over, states: States, asked: Asked
) -> ResourceReserved | None:
    offer, quantity = state.offer, command.quantity
    known = offer.held.get(command.reservation)
    if known is not None:
        if (known.need, known.quantity) != (command.need, quantity):
            raise refusals.ReservationTaken
        return None
    if isinstance(state, Over):
        raise _over(state)
    if isinstance(state, Offered):
        raise refusals.ResourceNotVerified
    if not offer.valid_from <= asked.occurred_at < offer.valid_until:
        raise refusals.OfferNotValidNow
    _check_quantity(quantity)
    if len(offer.held) >= RESERVATIONS_MAX:
        raise refusals.ReservationLimitReached(reservations_max=RESERVATIONS_MAX)
    need = states.get(need_stream(command.need), NEED_PLACE)
    if need.scope != asked.scope:
        raise refusals.NeedNotFound
    if need.ended:
        raise refusals.NeedIsOver
    if quantity > offer.quantity - offer.kept:
        raise refusals.NotEnoughFree(free=offer.quantity - offer.kept)
    return ResourceReserved(
        resource=UUID(command.resource),
        reservation=UUID(command.reservation),
        need=UUID(command.need),
        quantity=quantity,
    )


def _next_stage(command: HoldingCommand, state: On | Over, asked: Asked) -> ResourceEvent | None:
    known = state.offer.held.get(command.reservation)
    if known is None:
        raise refusals.ReservationNotFound
    event = _stage_event(command, known.quantity)
    if known.stage is _STAGES[type(event)]:
        return None
    before = (
        Stage.RESERVED if isinstance(command, ReleaseReservation | TakeIntoUse) else Stage.IN_USE
    )
    if known.stage is not before:
        raise refusals.ReservationNotSo(stage=known.stage.value)
    if isinstance(command, TakeIntoUse):
        if isinstance(state, Over):
            raise _over(state)
        if asked.occurred_at >= state.offer.valid_until:
            raise refusals.OfferNotValidNow
    return event


def _stage_event(command: HoldingCommand, quantity: int) -> ResourceEvent:
    resource, reservation = UUID(command.resource), UUID(command.reservation)
    match command:
        case ReleaseReservation():
            made = ReservationReleased
        case TakeIntoUse():
            made = ResourceTaken
        case ReturnResource():
            made = ResourceReturned
        case ConsumeResource():
            made = ResourceConsumed
    return made(resource=resource, reservation=reservation, quantity=quantity)


def _offered(command: OfferResource) -> ResourceOffered:
    _check_quantity(command.quantity)
    if not 0 <= command.price_fen <= PRICE_FEN_MAX:
        raise refusals.PriceOutOfBounds(price_fen_max=PRICE_FEN_MAX)
    longest = timedelta(days=VALID_DAYS_MAX)
    if not timedelta(0) < command.valid_until - command.valid_from <= longest:
        raise refusals.ValidityInvalid(valid_days_max=VALID_DAYS_MAX)
    return ResourceOffered(
        resource=UUID(command.resource),
        kind=command.kind,
        area=command.area,
        provider=UUID(command.provider),
        quantity=command.quantity,
        price_fen=command.price_fen,
        valid_from=command.valid_from,
        valid_until=command.valid_until,
        texts=UUID(command.texts),
    )


def _check_quantity(quantity: int) -> None:
    if not 1 <= quantity <= QUANTITY_MAX:
        raise refusals.QuantityOutOfBounds(quantity_min=1, quantity_max=QUANTITY_MAX)


def _over(state: Over) -> refusals.OfferWasWithdrawn | refusals.OfferHasExpired:
    match state:
        case Withdrawn():
            return refusals.OfferWasWithdrawn()
        case Expired():
            return refusals.OfferHasExpired()


def _offer(event: ResourceOffered, fact: Fact) -> Offer:
    return Offer(
        texts=str(event.texts),
        quantity=event.quantity,
        offered_at=fact.occurred_at,
        valid_from=event.valid_from,
        valid_until=event.valid_until,
    )


def _holding(offer: Offer, reservation: str, held: Held) -> Offer:
    return replace(offer, held={**offer.held, reservation: held})


def _moved(offer: Offer, reservation: str, stage: Stage) -> Offer:
    held = replace(offer.held[reservation], stage=stage)
    left = offer.quantity - held.quantity if stage is Stage.CONSUMED else offer.quantity
    return replace(_holding(offer, reservation, held), quantity=left)


def _reads(command: ResourceCommand) -> Sequence[Read[Any]]:
    match command:
        case ReserveResource(need=need):
            return (Read(need_stream(need), NEED_PLACE),)
        case _:
            return ()


RESOURCE: Decider[ResourceCommand, Resource] = Decider(
    name="resource",
    view=View("wishes.resource", 1, Resource, NotOffered(), evolve),
    commands=get_args(ResourceCommand),
    target=lambda command: resource_stream(command.resource),
    decide=decide,
    reads=_reads,
    timers=Timers(due=due, fire=_fire),
)
