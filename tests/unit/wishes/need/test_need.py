from datetime import timedelta
from uuid import UUID

import pytest

from services.wishes.need import refusals
from services.wishes.need.commands import (
    ClusterSources,
    ConfirmNeed,
    DeclineNeed,
    EndNeed,
    NeedCommand,
    PrioritiseNeed,
    RecordNeed,
    Reference,
    RetireNeed,
    SeparateSources,
)
from services.wishes.need.domain import COST_FEN_MAX, NEED, SCORE_MAX, SOURCES_MAX
from services.wishes.need.states import Clustered, Collected, Confirmed
from shared.contracts.wishes import RequestKind, RequestReceived, request_stream
from shared.contracts.wishes.needs import (
    DeclineReason,
    NeedClustered,
    NeedConfirmed,
    NeedEnded,
    NeedExit,
    NeedPrioritised,
    NeedRecorded,
    NeedRetired,
    NeedSeparated,
    PriorityReason,
    Source,
    SourceJoined,
    SourceKind,
    SourceLeft,
    need_source_stream,
    need_stream,
)
from shared.contracts.wishes.resources import ResourceKind, ResourceOffered, resource_stream
from shared.decider import To
from shared.kit.testing.spec import NOW, Spec

ID, OTHER, REQUEST, THING = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
N = str(ID)
STREAM = need_stream(N)
RECORDED = NeedRecorded(need=ID, category="elders", grid="g1", area="East", texts=UUID(int=9))
RECORD = RecordNeed(need=N, category="elders", grid="g1", area="East", texts=str(UUID(int=9)))
RECEIVED = RequestReceived(
    request=REQUEST,
    kind=RequestKind.PROBLEM,
    category="lifts",
    category_policy=0,
    area="East",
    requester=UUID(int=8),
    texts=UUID(int=7),
)
FROM_REQUEST = Reference(kind=SourceKind.REQUEST, id=str(REQUEST))
FROM_VISIT = Reference(kind=SourceKind.VISIT, id=str(THING))
SOURCE = Source(kind=SourceKind.REQUEST, id=REQUEST)
SOURCE_STREAM = need_source_stream(SourceKind.REQUEST, REQUEST)
JOINED = SourceJoined(kind=SourceKind.REQUEST, source=REQUEST, need=ID)
IN_GRID = EndNeed(need=N, exit=NeedExit.SOLVED_IN_GRID, cost_fen=1200)
ENDED = NeedEnded(need=ID, exit=NeedExit.SOLVED_IN_GRID, days=0, cost_fen=1200)
DECLINE = DeclineNeed(need=N, reason=DeclineReason.NO_MEANS)
OFFERED = ResourceOffered(
    resource=THING,
    kind=ResourceKind.VENUE,
    area="East",
    provider=UUID(int=6),
    quantity=1,
    price_fen=0,
    valid_from=NOW,
    valid_until=NOW + timedelta(days=1),
    texts=UUID(int=5),
)

NONE = Spec(NEED, scope="elm")
OPEN = (
    NONE.given(STREAM, RECORDED)
    .given(request_stream(REQUEST), RECEIVED)
    .given(resource_stream(THING), OFFERED)
)
CLUSTERED = OPEN.given(STREAM, NeedClustered(need=ID, sources=(SOURCE,))).given(
    SOURCE_STREAM, JOINED
)
CONFIRMED = CLUSTERED.given(STREAM, NeedConfirmed(need=ID))
OVER = CONFIRMED.given(STREAM, ENDED)


def test_a_need_is_recorded_once() -> None:
    NONE.when(RECORD).then(To(STREAM, RECORDED))
    OPEN.when(RECORD).then_nothing()
    another = RecordNeed(need=N, category="x", grid="", area="East", texts=str(UUID(int=5)))
    OPEN.when(another).then_refused(refusals.NeedTaken)


@pytest.mark.parametrize(
    "command",
    [
        ClusterSources(need=N, sources=(FROM_REQUEST,)),
        ConfirmNeed(need=N),
        PrioritiseNeed(need=N, score=1, reason=PriorityReason.SAFETY),
        IN_GRID,
        DECLINE,
        RetireNeed(need=N),
    ],
)
def test_nothing_can_be_done_about_a_need_that_nobody_recorded(command: NeedCommand) -> None:
    NONE.when(command).then_refused(refusals.NeedNotFound)


def test_nothing_happens_before_the_recording() -> None:
    before = NOW - timedelta(seconds=1)
    OPEN.when(ConfirmNeed(need=N), at=before).then_refused(refusals.BeforeRecorded)


def test_a_source_joins_and_both_sides_are_told() -> None:
    OPEN.when(ClusterSources(need=N, sources=(FROM_REQUEST, FROM_VISIT, FROM_REQUEST))).then(
        To(
            STREAM,
            NeedClustered(need=ID, sources=(SOURCE, Source(kind=SourceKind.VISIT, id=THING))),
        ),
        To(SOURCE_STREAM, JOINED),
        To(
            need_source_stream(SourceKind.VISIT, THING),
            SourceJoined(kind=SourceKind.VISIT, source=THING, need=ID),
        ),
    )
    assert isinstance(CLUSTERED.state(STREAM), Clustered)


def test_what_joined_already_joins_no_more_even_after_the_end() -> None:
    for spec in (CLUSTERED, OVER):
        spec.when(ClusterSources(need=N, sources=(FROM_REQUEST,))).then_nothing()


def test_a_source_is_part_of_one_need_at_a_time() -> None:
    elsewhere = SourceJoined(kind=SourceKind.REQUEST, source=REQUEST, need=OTHER)
    taken = OPEN.given(SOURCE_STREAM, elsewhere)
    join = ClusterSources(need=N, sources=(FROM_VISIT, FROM_REQUEST))
    taken.when(join).then_refused(
        refusals.SourceInOtherNeed, kind="request", source=str(REQUEST), need=str(OTHER)
    )
    left = SourceLeft(kind=SourceKind.REQUEST, source=REQUEST, need=OTHER)
    assert taken.given(SOURCE_STREAM, left).when(join).refusal is None


def test_a_request_that_is_not_there_or_elsewhere_is_no_source() -> None:
    join = ClusterSources(need=N, sources=(FROM_REQUEST,))
    here = NONE.given(STREAM, RECORDED)
    for spec in (here, here.given(request_stream(REQUEST), RECEIVED, scope="oak")):
        spec.when(join).then_refused(refusals.SourceNotFound, kind="request", source=str(REQUEST))


def test_a_source_of_another_community_stays_there() -> None:
    visit = need_source_stream(SourceKind.VISIT, THING)
    seen = OPEN.given(
        visit, SourceJoined(kind=SourceKind.VISIT, source=THING, need=OTHER), scope="oak"
    )
    seen.when(ClusterSources(need=N, sources=(FROM_VISIT,))).then_refused(
        refusals.SourceNotFound, kind="visit", source=str(THING)
    )


def test_a_source_can_be_taken_out_while_the_need_is_open() -> None:
    separate = SeparateSources(need=N, sources=(FROM_REQUEST, FROM_VISIT))
    events = CLUSTERED.when(separate)
    events.then(
        To(STREAM, NeedSeparated(need=ID, sources=(SOURCE,))),
        To(SOURCE_STREAM, SourceLeft(kind=SourceKind.REQUEST, source=REQUEST, need=ID)),
    )
    after = CLUSTERED.after(*events.events)
    assert isinstance(after.state(STREAM), Collected)
    after.when(separate).then_nothing()
    OVER.when(separate).then_refused(refusals.NeedHasEnded, exit="solved_in_grid")


def test_a_need_has_a_limit_of_sources() -> None:
    many = tuple(
        Source(kind=SourceKind.VISIT, id=UUID(int=n)) for n in range(100, 99 + SOURCES_MAX)
    )
    almost = OPEN.given(STREAM, NeedClustered(need=ID, sources=many))
    one = almost.when(ClusterSources(need=N, sources=(FROM_VISIT,)))
    assert one.refusal is None
    both = almost.when(ClusterSources(need=N, sources=(FROM_VISIT, FROM_REQUEST)))
    both.then_refused(refusals.SourceLimitReached, sources_max=SOURCES_MAX)


def test_a_need_is_confirmed_once_and_counts_its_sources_on() -> None:
    OPEN.when(ConfirmNeed(need=N)).then(To(STREAM, NeedConfirmed(need=ID)))
    CONFIRMED.when(ConfirmNeed(need=N)).then_nothing()
    OVER.when(ConfirmNeed(need=N)).then_refused(refusals.NeedHasEnded, exit="solved_in_grid")
    visit = CONFIRMED.when(ClusterSources(need=N, sources=(FROM_VISIT,)))
    state = CONFIRMED.after(*visit.events).state(STREAM)
    assert isinstance(state, Confirmed)
    assert state.about.sources == 2


def test_a_confirmed_need_has_its_place_in_the_order() -> None:
    first = PrioritiseNeed(need=N, score=SCORE_MAX, reason=PriorityReason.SAFETY)
    event = NeedPrioritised(need=ID, score=SCORE_MAX, reason=PriorityReason.SAFETY)
    CLUSTERED.when(first).then_refused(refusals.NeedNotConfirmed)
    CONFIRMED.when(first).then(To(STREAM, event))
    CONFIRMED.given(STREAM, event).when(first).then_nothing()
    lower = PrioritiseNeed(need=N, score=1, reason=PriorityReason.SAFETY)
    assert CONFIRMED.given(STREAM, event).when(lower).refusal is None
    OVER.when(first).then_refused(refusals.NeedHasEnded, exit="solved_in_grid")


@pytest.mark.parametrize("score", [0, -1, SCORE_MAX + 1])
def test_a_score_has_bounds(score: int) -> None:
    command = PrioritiseNeed(need=N, score=score, reason=PriorityReason.SAFETY)
    CONFIRMED.when(command).then_refused(refusals.ScoreOutOfBounds, score_max=SCORE_MAX)


def test_an_exit_says_how_many_whole_days_it_took_and_what_it_cost() -> None:
    almost_two = NOW + timedelta(days=2, seconds=-1)
    event = NeedEnded(need=ID, exit=NeedExit.SOLVED_IN_GRID, days=1, cost_fen=1200)
    CONFIRMED.when(IN_GRID, at=almost_two).then(To(STREAM, event))


@pytest.mark.parametrize("exit_", [NeedExit.MATCHED, NeedExit.PROJECT, NeedExit.MOTION])
def test_what_is_not_solved_in_the_grid_names_what_met_it(exit_: NeedExit) -> None:
    CONFIRMED.when(EndNeed(need=N, exit=exit_)).then_refused(refusals.ExitNeedsReference)
    CONFIRMED.when(EndNeed(need=N, exit=exit_, reference=str(THING))).then(
        To(STREAM, NeedEnded(need=ID, exit=exit_, days=0, reference=THING))
    )


def test_a_need_is_matched_to_a_resource_of_this_community() -> None:
    matched = EndNeed(need=N, exit=NeedExit.MATCHED, reference=str(THING))
    without = NONE.given(STREAM, RECORDED, NeedConfirmed(need=ID))
    for spec in (without, without.given(resource_stream(THING), OFFERED, scope="oak")):
        spec.when(matched).then_refused(refusals.ExitReferenceNotFound, reference=str(THING))


def test_only_a_confirmed_need_takes_another_exit_than_being_declined() -> None:
    CLUSTERED.when(IN_GRID).then_refused(refusals.NeedNotConfirmed)
    declined = NeedEnded(need=ID, exit=NeedExit.DECLINED, days=0, reason=DeclineReason.NO_MEANS)
    CLUSTERED.when(DECLINE).then(To(STREAM, declined))
    without = EndNeed(need=N, exit=NeedExit.DECLINED)
    CONFIRMED.when(without).then_refused(refusals.ExitNeedsReason)


@pytest.mark.parametrize("cost", [-1, COST_FEN_MAX + 1])
def test_a_cost_has_bounds(cost: int) -> None:
    command = EndNeed(need=N, exit=NeedExit.SOLVED_IN_GRID, cost_fen=cost)
    CONFIRMED.when(command).then_refused(refusals.CostOutOfBounds, cost_fen_max=COST_FEN_MAX)


def test_a_second_exit_is_refused_and_the_same_again_changes_nothing() -> None:
    OVER.when(IN_GRID).then_nothing()
    for second in (
        DECLINE,
        EndNeed(need=N, exit=NeedExit.MOTION, reference=str(THING)),
        EndNeed(need=N, exit=NeedExit.SOLVED_IN_GRID, cost_fen=1),
    ):
        OVER.when(second).then_refused(refusals.NeedHasEnded, exit="solved_in_grid")
        retired = OVER.given(STREAM, NeedRetired(need=ID))
        retired.when(second).then_refused(refusals.NeedHasEnded, exit="solved_in_grid")


def test_only_what_ended_is_retired() -> None:
    retire = RetireNeed(need=N)
    CONFIRMED.when(retire).then_refused(refusals.NeedNotEnded)
    OVER.when(retire).then(To(STREAM, NeedRetired(need=ID)))
    OVER.given(STREAM, NeedRetired(need=ID)).when(retire).then_nothing()
