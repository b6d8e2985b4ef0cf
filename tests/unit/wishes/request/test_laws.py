"""Whatever is asked of a request, in whatever order, some things stay true."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.wishes.language import (
    UNCATEGORISED,
    Load,
    evolve_load,
    unit_of,
    workload_stream,
)
from services.wishes.request.commands import (
    AcceptRequest,
    AnswerRequest,
    AskForInfo,
    CloseRequest,
    DispatchRequest,
    GiveInfo,
    ReceiveRequest,
    RequestCommand,
    ReturnRequest,
    TransferRequest,
)
from services.wishes.request.domain import REQUEST, TRANSFERS_MAX
from services.wishes.request.states import (
    AwaitingInfo,
    Closed,
    Dispatched,
    Request,
    Returned,
)
from shared.contracts.wishes import (
    CloseReason,
    RequestClosed,
    RequestDispatched,
    RequestKind,
    RequestReturned,
    RequestTransferred,
    ReturnReason,
    TransferReason,
    request_stream,
)
from shared.decider import To
from shared.kit.testing.spec import NOW, Spec

R = str(UUID(int=1))
STREAM = request_stream(R)

units = st.sampled_from(["parks", "roads", "noise"])
records = st.integers(2, 5).map(lambda number: str(UUID(int=number)))
requesters = st.sampled_from([str(UUID(int=2)), str(UUID(int=2)), str(UUID(int=9))])
commands: st.SearchStrategy[RequestCommand] = st.one_of(
    st.builds(
        ReceiveRequest,
        request=st.just(R),
        kind=st.sampled_from(RequestKind),
        district=st.just(""),
        category=st.just(UNCATEGORISED),
        category_policy=st.just(0),
        area=st.just("a1"),
        requester=records,
        texts=records,
    ),
    st.builds(AcceptRequest, request=st.just(R)),
    st.builds(ReturnRequest, request=st.just(R), reason=st.sampled_from(ReturnReason)),
    st.builds(DispatchRequest, request=st.just(R), unit=units),
    st.builds(
        TransferRequest, request=st.just(R), to_unit=units, reason=st.sampled_from(TransferReason)
    ),
    st.builds(AskForInfo, request=st.just(R), requester=requesters, texts=records),
    st.builds(GiveInfo, request=st.just(R), requester=requesters, texts=records),
    st.builds(
        AnswerRequest,
        request=st.just(R),
        requester=requesters,
        texts=records,
        unit=st.one_of(st.just(""), units),
        dated=st.booleans(),
    ),
    st.builds(CloseRequest, request=st.just(R), reason=st.sampled_from(CloseReason)),
)
# Most sequences begin as most lives do, or few of them would get anywhere.
beginnings = st.sampled_from(
    [
        (),
        (AcceptRequest(request=R),),
        (AcceptRequest(request=R), DispatchRequest(request=R, unit="parks")),
    ]
)


@st.composite
def lives(draw: st.DrawFn) -> list[RequestCommand]:
    receipt = ReceiveRequest(
        request=R,
        kind=draw(st.sampled_from(RequestKind)),
        district="",
        category=UNCATEGORISED,
        category_policy=0,
        area="a1",
        requester=str(UUID(int=2)),
        texts=str(UUID(int=3)),
    )
    return [receipt, *draw(beginnings), *draw(st.lists(commands, max_size=30))]


def lived(life: list[RequestCommand]) -> tuple[Spec[RequestCommand, Request], list[To]]:
    spec = Spec(REQUEST, scope="elm")
    decided: list[To] = []
    for hour, command in enumerate(life):
        at = NOW + timedelta(hours=hour)
        events = spec.when(command, at=at).events
        spec = spec.after(*events, at=at)
        decided.extend(events)
    return spec, decided


@given(lives())
def test_the_first_receiver_stays_accountable_and_every_transfer_is_a_hop(
    life: list[RequestCommand],
) -> None:
    spec, decided = lived(life)
    events = [to.event for to in decided]
    first = [event.unit for event in events if isinstance(event, RequestDispatched)]
    transfers = [event for event in events if isinstance(event, RequestTransferred)]

    assert len(first) <= 1
    assert all([event.accountable] == first for event in transfers)
    assert [event.hop for event in transfers] == list(range(1, len(transfers) + 1))
    assert len(transfers) <= TRANSFERS_MAX
    state = spec.state(STREAM)
    if isinstance(state, Dispatched | AwaitingInfo):
        assert [state.handling.accountable] == first
        assert state.handling.hops == len(transfers)
        assert state.handling.unit == (transfers[-1].to_unit if transfers else first[0])


@given(lives())
def test_nothing_happens_after_the_end(life: list[RequestCommand]) -> None:
    spec, decided = lived(life)
    events = [to.event for to in decided if to.stream == STREAM]
    ends = [
        place
        for place, event in enumerate(events)
        if isinstance(event, RequestClosed | RequestReturned)
    ]

    assert ends in ([], [len(events) - 1])
    assert isinstance(spec.state(STREAM), Closed | Returned) == bool(ends)


@given(lives())
def test_a_units_load_is_what_it_has(life: list[RequestCommand]) -> None:
    spec, _ = lived(life)
    facts = spec.facts.get(workload_stream("elm"), ())
    loads = Counter[str]()
    for fact in facts:
        unit = unit_of(fact)
        loads[unit] = evolve_load(Load(open=loads[unit]), fact).open

    state = spec.state(STREAM)
    has = [state.handling.unit] if isinstance(state, Dispatched | AwaitingInfo) else []
    assert list(loads.elements()) == has


@given(lives(), commands)
def test_a_command_given_twice_decides_once(
    life: list[RequestCommand], command: RequestCommand
) -> None:
    spec, _ = lived(life)
    first = spec.when(command)

    second = spec.after(*first.events).when(command)

    if first.refusal is None:
        second.then_nothing()
