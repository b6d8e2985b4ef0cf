"""A unit's load follows its requests, its limit holds, and a reorganisation moves everything."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from services.wishes.language import (
    WORKLOAD,
    Load,
    LoadCorrected,
    LoadReleased,
    LoadTaken,
    workload_stream,
)
from services.wishes.request import refusals
from services.wishes.request.commands import (
    AskForInfo,
    CloseRequest,
    HandOnRequests,
    RequestCommand,
    TransferRequest,
)
from services.wishes.request.domain import TRANSFERS_MAX
from services.wishes.request.states import AwaitingInfo, Dispatched
from shared.contracts.wishes import (
    CloseReason,
    RequestAccepted,
    RequestDispatched,
    RequestTransferred,
    TransferReason,
    request_stream,
)
from shared.decider import To
from shared.kit.testing.spec import facts_of
from tests.fixtures.requests import (
    ACCEPT,
    ANSWER,
    DISPATCH,
    DISTRICT,
    ID,
    NO_POLICY,
    NORTH,
    POLICY,
    RECEIVE,
    REQUESTER,
    STREAM,
    R,
    Requests,
    china,
    done,
    policy,
)

LOADS = workload_stream("elm")
OTHER = UUID(int=77)
TRANSFER = TransferRequest(request=R, to_unit="roads", reason=TransferReason.OVERLOADED)
WITHDRAW = CloseRequest(request=R, reason=CloseReason.WITHDRAWN)
ACCEPTED = done(NORTH, RECEIVE, ACCEPT)
DISPATCHED = done(ACCEPTED, DISPATCH)


def load(spec: Requests, unit: str) -> int:
    state = WORKLOAD.initial
    for fact in spec.facts.get(LOADS, ()):
        if WORKLOAD.key_of is not None and WORKLOAD.key_of(fact) == unit:
            state = WORKLOAD.evolve(state, fact)
    return state.open


def full(spec: Requests, unit: str, count: int = 2) -> Requests:
    return spec.given(LOADS, *[LoadTaken(unit=unit, request=OTHER) for _ in range(count)])


def test_a_dispatch_is_one_more_and_in_the_same_append() -> None:
    ACCEPTED.when(DISPATCH).then(
        To(STREAM, RequestDispatched(request=ID, unit="parks")),
        To(LOADS, LoadTaken(unit="parks", request=ID)),
    )


def test_a_transfer_moves_the_load() -> None:
    handed_on = done(DISPATCHED, TRANSFER)

    assert (load(handed_on, "parks"), load(handed_on, "roads")) == (0, 1)


@pytest.mark.parametrize("last", [ANSWER, WITHDRAW])
def test_an_answer_or_a_withdrawal_is_one_less(last: RequestCommand) -> None:
    assert load(done(DISPATCHED, last), "parks") == 0


def test_a_withdrawal_at_the_desk_touches_no_unit() -> None:
    assert LOADS not in done(ACCEPTED, WITHDRAW).facts


def test_a_unit_at_its_limit_takes_nothing_more() -> None:
    assert full(ACCEPTED, "parks", 1).when(DISPATCH).refusal is None
    full(ACCEPTED, "parks").when(DISPATCH).then_refused(refusals.UnitOverloaded, open_max=2)
    full(DISPATCHED, "roads").when(TRANSFER).then_refused(refusals.UnitOverloaded, open_max=2)
    assert full(ACCEPTED, "roads").when(DISPATCH).refusal is None


def test_without_a_limit_or_a_policy_a_unit_takes_everything() -> None:
    unlimited = full(ACCEPTED, "parks").given(POLICY, policy(2, open_max=0), scope=DISTRICT)

    assert unlimited.when(DISPATCH).refusal is None
    assert full(done(NO_POLICY, RECEIVE, ACCEPT), "parks").when(DISPATCH).refusal is None


def test_what_has_happened_already_is_not_refused_for_the_load() -> None:
    late = full(ACCEPTED, "parks").when(DISPATCH, entered_at=china("2026-02-13"))

    assert late.refusal is None


def test_a_load_that_was_never_counted_stops_at_none() -> None:
    state = Load()
    events = (
        LoadReleased(unit="parks", request=ID),
        LoadCorrected(unit="parks", open=7),
        LoadTaken(unit="parks", request=ID),
        RequestAccepted(request=ID),
    )
    seen: list[int] = []
    for fact in facts_of(LOADS, *events, scope="elm"):
        state = WORKLOAD.evolve(state, fact)
        seen.append(state.open)

    assert seen == [0, 7, 8, 8]


def page(*requests: str) -> HandOnRequests:
    return HandOnRequests(requests=requests, from_unit="parks", to_unit="gardens")


def test_a_reorganised_units_requests_are_handed_on_once() -> None:
    other = str(OTHER)
    both = DISPATCHED.given(
        request_stream(other),
        *[fact.event for fact in DISPATCHED.facts[STREAM]],
    )
    gone = done(both, TRANSFER)

    outcome = both.when(page(R, other))
    assert [to.stream for to in outcome.events] == [
        STREAM, LOADS, LOADS, request_stream(other), LOADS, LOADS,
    ]  # fmt: skip
    assert outcome.events[0].event == RequestTransferred(
        request=ID,
        from_unit="parks",
        to_unit="gardens",
        accountable="parks",
        reason=TransferReason.REORGANISED,
        hop=1,
    )
    both.after(*outcome.events).when(page(R, other)).then_nothing()
    assert {to.stream for to in gone.when(page(R, other)).events} == {
        request_stream(other),
        LOADS,
    }
    NORTH.when(page(R)).then_nothing()


def test_a_reorganisation_leaves_clock_question_and_transfers_as_they_are() -> None:
    ask = AskForInfo(request=R, requester=REQUESTER, texts=str(UUID(int=4)))
    asked = done(DISPATCHED, ask)
    before = asked.state(STREAM)
    assert isinstance(before, AwaitingInfo)

    state = full(asked, "gardens").after(*asked.when(page(R)).events).state(STREAM)

    assert isinstance(state, AwaitingInfo)
    assert state.deadline == before.deadline
    assert state.handling == replace(before.handling, unit="gardens", hops=1)


def test_a_reorganisation_is_not_counted_against_the_transfers() -> None:
    spec = DISPATCHED.given(POLICY, policy(2, open_max=0), scope=DISTRICT)
    spec = spec.after(*spec.when(page(R)).events)
    for number in range(TRANSFERS_MAX):
        spec = done(spec, replace(TRANSFER, to_unit=f"unit-{number}"))

    state = spec.state(STREAM)
    assert isinstance(state, Dispatched)
    assert (state.handling.hops, state.handling.refused) == (TRANSFERS_MAX + 1, TRANSFERS_MAX)
    spec.when(TRANSFER).then_refused(refusals.TransferLimitReached, transfers_max=TRANSFERS_MAX)
