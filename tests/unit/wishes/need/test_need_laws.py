"""Whatever is asked of two needs, in whatever order, some things stay true."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

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
from services.wishes.need.domain import MEMBERSHIP, NEED
from services.wishes.need.read_model import NEED_SOURCES, NEEDS
from services.wishes.need.states import Ended, Need, NotRecorded, Retired
from shared.contracts.wishes.needs import (
    DeclineReason,
    NeedClustered,
    NeedEnded,
    NeedExit,
    NeedSeparated,
    PriorityReason,
    SourceKind,
    need_source_stream,
    need_stream,
)
from shared.contracts.wishes.resources import ResourceKind, ResourceOffered, resource_stream
from shared.decider import To
from shared.kit.testing.spec import NOW, Spec, fold_all

NEED_IDS = tuple(str(UUID(int=number)) for number in (1, 2))
VISITS = tuple(
    Reference(kind=kind, id=str(UUID(int=number)))
    for kind in (SourceKind.VISIT, SourceKind.INCIDENT)
    for number in (7, 8)
)
OFFERED = ResourceOffered(
    resource=UUID(int=9),
    kind=ResourceKind.VENUE,
    area="East",
    provider=UUID(int=6),
    quantity=1,
    price_fen=0,
    valid_from=NOW,
    valid_until=NOW + timedelta(days=1),
    texts=UUID(int=5),
)

needs = st.sampled_from(NEED_IDS)
sources = st.lists(st.sampled_from(VISITS), min_size=1, max_size=3).map(tuple)
commands: st.SearchStrategy[NeedCommand] = st.one_of(
    st.builds(ClusterSources, need=needs, sources=sources),
    st.builds(SeparateSources, need=needs, sources=sources),
    st.builds(ConfirmNeed, need=needs),
    st.builds(
        PrioritiseNeed,
        need=needs,
        score=st.integers(0, 3),
        reason=st.sampled_from(PriorityReason),
    ),
    st.builds(
        EndNeed,
        need=needs,
        exit=st.sampled_from(NeedExit),
        reference=st.sampled_from(["", str(UUID(int=9))]),
        cost_fen=st.sampled_from([None, 0, 100]),
    ),
    st.builds(DeclineNeed, need=needs, reason=st.sampled_from(DeclineReason)),
    st.builds(RetireNeed, need=needs),
)


def record(need: str) -> RecordNeed:
    return RecordNeed(need=need, category="elders", grid="", area="East", texts=need)


@st.composite
def lives(draw: st.DrawFn) -> list[NeedCommand]:
    begun: list[NeedCommand] = [record(need) for need in NEED_IDS]
    if draw(st.booleans()):
        begun += [ConfirmNeed(need=need) for need in NEED_IDS]
    return [*begun, *draw(st.lists(commands, max_size=25))]


def lived(life: list[NeedCommand]) -> tuple[Spec[NeedCommand, Need], list[To]]:
    spec = Spec(NEED, scope="elm").given(resource_stream(UUID(int=9)), OFFERED)
    decided: list[To] = []
    for hour, command in enumerate(life):
        at = NOW + timedelta(hours=hour)
        events = spec.when(command, at=at).events
        spec = spec.after(*events, at=at)
        decided.extend(events)
    return spec, decided


@given(lives())
def test_a_need_takes_at_most_one_exit(life: list[NeedCommand]) -> None:
    spec, decided = lived(life)
    exits = Counter(str(to.event.need) for to in decided if isinstance(to.event, NeedEnded))

    for need in NEED_IDS:
        assert exits[need] <= 1
        state = spec.state(need_stream(need))
        assert not isinstance(state, NotRecorded)
        assert isinstance(state, Ended | Retired) == (exits[need] == 1)


@given(lives())
def test_a_need_lists_a_source_just_when_the_source_names_the_need(
    life: list[NeedCommand],
) -> None:
    spec, decided = lived(life)
    listed: dict[str, set[tuple[SourceKind, UUID]]] = {need: set() for need in NEED_IDS}
    for to in decided:
        match to.event:
            case NeedClustered(need=need, sources=joined):
                listed[str(need)] |= {(one.kind, one.id) for one in joined}
            case NeedSeparated(need=need, sources=left):
                listed[str(need)] -= {(one.kind, one.id) for one in left}
            case _:
                pass

    named: dict[str, set[tuple[SourceKind, UUID]]] = {need: set() for need in NEED_IDS}
    for visit in VISITS:
        member = MEMBERSHIP.initial
        for fact in spec.facts.get(need_source_stream(visit.kind, visit.id), ()):
            member = MEMBERSHIP.evolve(member, fact)
        if member.need:
            named[member.need].add((visit.kind, UUID(visit.id)))
    assert named == listed


@given(lives())
def test_the_tables_say_what_the_states_say(life: list[NeedCommand]) -> None:
    spec, _ = lived(life)
    facts = [fact for stream in spec.facts.values() for fact in stream]
    rows = fold_all(NEEDS, facts)
    sources = Counter(row.need for row in fold_all(NEED_SOURCES, facts).values())

    for need in NEED_IDS:
        state, row = spec.state(need_stream(need)), rows["elm", need]
        assert not isinstance(state, NotRecorded)
        assert row.state == type(state).__name__.lower()
        assert row.sources == state.about.sources == sources[need]
        taken = state.exit.exit.value if isinstance(state, Ended | Retired) else ""
        assert row.exit == taken


@given(lives(), commands)
def test_a_command_given_twice_decides_once(life: list[NeedCommand], command: NeedCommand) -> None:
    spec, _ = lived(life)
    first = spec.when(command, at=NOW + timedelta(days=9))

    second = spec.after(*first.events).when(command, at=NOW + timedelta(days=9))

    if first.refusal is None:
        second.then_nothing()
