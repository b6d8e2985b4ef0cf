from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

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
from services.wishes.resource.domain import RESOURCE
from services.wishes.resource.read_model import RESOURCE_USES, RESOURCES
from services.wishes.resource.states import NotOffered, Stage
from shared.contracts.wishes.needs import NeedRecorded, need_stream
from shared.contracts.wishes.resources import ResourceKind, resource_stream
from shared.kit.testing.spec import NOW, Spec, fold_all

R, NEED = str(UUID(int=1)), UUID(int=2)
STREAM = resource_stream(R)
RECORDED = NeedRecorded(need=NEED, category="elders", grid="", area="East", texts=UUID(int=8))
BEGUN: tuple[ResourceCommand, ...] = (
    OfferResource(
        resource=R,
        kind=ResourceKind.GOODS,
        area="East",
        provider=str(UUID(int=3)),
        quantity=10,
        price_fen=0,
        valid_from=NOW,
        valid_until=NOW + timedelta(days=30),
        texts=str(UUID(int=9)),
    ),
    VerifyResource(resource=R),
)

reservations = st.integers(10, 13).map(lambda number: str(UUID(int=number)))
commands: st.SearchStrategy[ResourceCommand] = st.one_of(
    st.builds(
        ReserveResource,
        resource=st.just(R),
        reservation=reservations,
        need=st.just(str(NEED)),
        quantity=st.integers(1, 6),
    ),
    *(
        st.builds(step, resource=st.just(R), reservation=reservations)
        for step in (ReleaseReservation, TakeIntoUse, ReturnResource, ConsumeResource)
    ),
    st.builds(SetAvailability, resource=st.just(R), quantity=st.integers(0, 12)),
    st.builds(WithdrawOffer, resource=st.just(R)),
)


@given(st.lists(commands, max_size=30))
def test_whatever_is_asked_no_more_is_kept_than_there_is_and_the_tables_say_so(
    life: list[ResourceCommand],
) -> None:
    spec = Spec(RESOURCE, scope="elm").given(need_stream(NEED), RECORDED)
    for command in (*BEGUN, *life):
        spec = spec.after(*spec.when(command).events)
        state = spec.state(STREAM)
        assert not isinstance(state, NotOffered)
        assert 0 <= state.offer.kept <= state.offer.quantity

    state = spec.state(STREAM)
    assert not isinstance(state, NotOffered)
    facts = spec.facts[STREAM]
    (row,) = fold_all(RESOURCES, facts).values()
    held = state.offer.held.values()
    assert row.state == type(state).__name__.lower()
    assert (row.quantity, row.reserved + row.in_use) == (state.offer.quantity, state.offer.kept)
    assert row.in_use == sum(one.quantity for one in held if one.stage is Stage.IN_USE)
    assert row.consumed == sum(one.quantity for one in held if one.stage is Stage.CONSUMED)
    uses = fold_all(RESOURCE_USES, facts).values()
    assert {str(use.reservation): use.stage for use in uses} == {
        reservation: one.stage.value for reservation, one in state.offer.held.items()
    }
