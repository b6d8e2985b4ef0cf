"""The layout of a community: areas, premises and cadres, on every day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest

from services.deliberation.layout import refusals
from services.deliberation.layout.commands import (
    AddAreas,
    AreaDraft,
    AssignCadre,
    AssignPremises,
    EndArea,
    LayoutCommand,
    MergeAreas,
    MoveAreas,
    NameStandIn,
    ReplaceCadre,
    SplitArea,
    SplitDraft,
)
from services.deliberation.layout.domain import COMMUNITY_LAYOUT
from services.deliberation.layout.states import Layout
from shared.contracts.deliberation import (
    NodeAdded,
    NodeKind,
    RoleGranted,
    grants_stream,
    node_stream,
)
from shared.contracts.deliberation.layout import (
    AreaAdded,
    AreaEnded,
    AreaKind,
    AreaMoved,
    AreaUncovered,
    CadreAssigned,
    Hierarchy,
    PremisesAssigned,
    layout_stream,
)
from shared.contracts.envelope import Event
from shared.decider import To
from shared.kit.testing.spec import Spec

LayoutSpec = Spec[LayoutCommand, Layout]
ELM, DISTRICT = "elm", "lianhu"
DAY = date(2025, 1, 1)
JULY = date(2025, 7, 1)
JUNE_30 = date(2025, 6, 30)
ANN, BEN = UUID(int=1), UUID(int=2)
STREAM = layout_stream(ELM)
NODES = {
    DISTRICT: NodeAdded(node=DISTRICT, kind=NodeKind.DISTRICT, name="District", path=(DISTRICT,)),
    ELM: NodeAdded(node=ELM, kind=NodeKind.COMMUNITY, name="Elm", path=(DISTRICT, ELM)),
}


def _cadre(resident: UUID, until: datetime | None = None) -> RoleGranted:
    return RoleGranted(
        grant_id=resident,
        resident=resident,
        role="cadre",
        node=ELM,
        starts_at=datetime(2024, 1, 1, tzinfo=UTC),
        ends_at=until,
    )


def _started() -> LayoutSpec:
    spec = Spec(COMMUNITY_LAYOUT, scope=ELM)
    for node, event in NODES.items():
        spec = spec.given(node_stream(node), event, scope=DISTRICT)
    for resident in (ANN, BEN):
        spec = spec.given(grants_stream(resident), _cadre(resident), scope=DISTRICT)
    return spec


def _done(spec: LayoutSpec, command: LayoutCommand) -> LayoutSpec:
    outcome = spec.when(command)
    assert outcome.refusal is None, outcome.refusal
    assert outcome.events
    return spec.after(*outcome.events)


def _drafts(kind: AreaKind, names: list[str], parent: str = "") -> tuple[AreaDraft, ...]:
    return tuple(AreaDraft(area=name, kind=kind, name=name, parent=parent) for name in names)


def _add(
    spec: LayoutSpec, kind: AreaKind, names: list[str], parent: str = "", day: date = DAY
) -> LayoutSpec:
    areas = _drafts(kind, names, parent)
    return _done(spec, AddAreas(community=ELM, starts_on=day, areas=areas))


def _to(*events: Event) -> list[To]:
    return [To(STREAM, event) for event in events]


@pytest.fixture
def started() -> LayoutSpec:
    """Give a community without areas, and two residents who are cadres there."""
    return _started()


@pytest.fixture
def gridded(started: LayoutSpec) -> LayoutSpec:
    """Give a community with two grids, each with two neighbourhoods."""
    spec = _add(started, AreaKind.GRID, ["g1", "g2"])
    spec = _add(spec, AreaKind.NEIGHBOURHOOD, ["n1", "n2"], "g1")
    return _add(spec, AreaKind.NEIGHBOURHOOD, ["n3", "n4"], "g2")


@pytest.fixture
def built(gridded: LayoutSpec) -> LayoutSpec:
    """Give that community with a compound of one building with two units."""
    spec = _add(gridded, AreaKind.COMPOUND, ["c1"])
    spec = _add(spec, AreaKind.BUILDING, ["b1"], "c1")
    return _add(spec, AreaKind.UNIT, ["u1", "u2"], "b1")


def _layout(spec: LayoutSpec) -> Layout:
    return spec.state(STREAM)


def test_areas_are_added_in_order_a_parent_first(started: LayoutSpec) -> None:
    drafts = (
        AreaDraft(area="c1", kind=AreaKind.COMPOUND, name="East"),
        AreaDraft(area="b1", kind=AreaKind.BUILDING, name="1", parent="c1"),
    )
    command = AddAreas(community=ELM, starts_on=DAY, areas=drafts)

    started.when(command).then(
        *_to(
            AreaAdded(area="c1", kind=AreaKind.COMPOUND, name="East", parent="", starts_on=DAY),
            AreaAdded(area="b1", kind=AreaKind.BUILDING, name="1", parent="c1", starts_on=DAY),
        )
    )
    _done(started, command).when(command).then_nothing()


def test_an_area_added_otherwise_is_refused(gridded: LayoutSpec) -> None:
    areas = (AreaDraft(area="g1", kind=AreaKind.GRID, name="another"),)
    gridded.when(AddAreas(community=ELM, starts_on=DAY, areas=areas)).then_refused(
        refusals.AreaTaken, area="g1"
    )


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (AreaKind.UNIT, ""),
        (AreaKind.NEIGHBOURHOOD, ""),
        (AreaKind.GRID, "g1"),
        (AreaKind.BUILDING, "g1"),
        (AreaKind.PARTY_GROUP, "c1"),
    ],
)
def test_a_parent_of_another_kind_is_refused(
    built: LayoutSpec, kind: AreaKind, parent: str
) -> None:
    areas = (AreaDraft(area="new", kind=kind, name="new", parent=parent),)
    refusal = built.when(AddAreas(community=ELM, starts_on=DAY, areas=areas)).refusal
    assert isinstance(refusal, refusals.ParentUnfit)


def test_a_parent_must_exist_for_the_whole_time(gridded: LayoutSpec) -> None:
    areas = _drafts(AreaKind.NEIGHBOURHOOD, ["n9"], "g9")
    gridded.when(AddAreas(community=ELM, starts_on=DAY, areas=areas)).then_refused(
        refusals.ParentUnknown, parent="g9"
    )
    earlier = DAY - timedelta(days=1)
    areas = _drafts(AreaKind.NEIGHBOURHOOD, ["n9"], "g1")
    gridded.when(AddAreas(community=ELM, starts_on=earlier, areas=areas)).then_refused(
        refusals.ParentUnknown, parent="g1"
    )


@pytest.mark.parametrize("name", ["", "Grid", "-g", "g" * 64, "g.1"])
def test_an_id_is_a_short_word(started: LayoutSpec, name: str) -> None:
    areas = (AreaDraft(area=name, kind=AreaKind.GRID, name="x"),)
    refusal = started.when(AddAreas(community=ELM, starts_on=DAY, areas=areas)).refusal
    assert isinstance(refusal, refusals.AreaIdInvalid)


def test_nothing_or_the_same_twice_is_refused(started: LayoutSpec) -> None:
    for areas in ((), _drafts(AreaKind.GRID, ["g1", "g1"])):
        command = AddAreas(community=ELM, starts_on=DAY, areas=areas)
        started.when(command).then_refused(refusals.NothingNamed)


def test_only_a_community_is_laid_out() -> None:
    spec = Spec(COMMUNITY_LAYOUT, scope=DISTRICT).given(
        node_stream(DISTRICT), NODES[DISTRICT], scope=DISTRICT
    )
    areas = _drafts(AreaKind.GRID, ["g1"])
    command = AddAreas(community=DISTRICT, starts_on=DAY, areas=areas)
    spec.when(command).then_refused(refusals.NotACommunity)


def test_a_community_has_no_more_areas_than_its_limit(
    started: LayoutSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.deliberation.layout.changes.AREAS_PER_COMMUNITY_MAX", 2)
    spec = _add(started, AreaKind.GRID, ["g1", "g2"])
    command = AddAreas(community=ELM, starts_on=DAY, areas=_drafts(AreaKind.GRID, ["g3"]))
    spec.when(command).then_refused(refusals.TooManyAreas, areas_max=2)


def test_a_move_holds_from_its_day_and_leaves_the_past(gridded: LayoutSpec) -> None:
    command = MoveAreas(community=ELM, starts_on=JULY, areas=("n1",), parent="g2")

    gridded.when(command).then(*_to(AreaMoved(area="n1", parent="g2", starts_on=JULY)))
    moved = _done(gridded, command)
    assert _layout(moved).on(JUNE_30).below("g1") == ["n1", "n2"]
    assert _layout(moved).on(JULY).below("g1") == ["n2"]
    assert _layout(moved).on(JULY).below("g2") == ["n1", "n3", "n4"]
    moved.when(command).then_nothing()


def test_a_move_entered_late_holds_until_the_next_one_that_is_known(gridded: LayoutSpec) -> None:
    spec = _add(gridded, AreaKind.GRID, ["g3"])
    july = MoveAreas(community=ELM, starts_on=JULY, areas=("n1",), parent="g2")
    march = date(2025, 3, 1)
    late = MoveAreas(community=ELM, starts_on=march, areas=("n1",), parent="g3")

    _done(spec, july).when(late).then(*_to(AreaMoved(area="n1", parent="g3", starts_on=march)))


def test_an_area_does_not_move_below_one_that_ends(gridded: LayoutSpec) -> None:
    spec = _add(gridded, AreaKind.GRID, ["g3"])
    spec = _done(spec, EndArea(community=ELM, ends_on=JULY, area="g3"))
    for day in (DAY, JULY):
        command = MoveAreas(community=ELM, starts_on=day, areas=("n1",), parent="g3")
        spec.when(command).then_refused(refusals.ParentUnknown, parent="g3")


def test_an_area_ends_when_nothing_stands_below_it(gridded: LayoutSpec) -> None:
    end = EndArea(community=ELM, ends_on=JULY, area="g1")
    gridded.when(end).then_refused(refusals.AreaNotEmpty, area="g1")

    both = MoveAreas(community=ELM, starts_on=JULY, areas=("n1", "n2"), parent="g2")
    emptied = _done(gridded, both)
    emptied.when(end).then(*_to(AreaEnded(area="g1", ends_on=JULY)))
    emptied.when(EndArea(community=ELM, ends_on=JUNE_30, area="g1")).then_refused(
        refusals.AreaNotEmpty, area="g1"
    )
    ended = _done(emptied, end)
    ended.when(end).then_nothing()
    ended.when(EndArea(community=ELM, ends_on=date(2025, 8, 1), area="g1")).then_refused(
        refusals.AreaOver, area="g1"
    )


def test_a_unit_belongs_where_its_building_does_unless_something_else_is_said(
    built: LayoutSpec,
) -> None:
    spec = _done(built, AssignPremises(community=ELM, starts_on=DAY, premises=("c1",), area="n1"))
    spec = _done(spec, AssignPremises(community=ELM, starts_on=JULY, premises=("u2",), area="n3"))
    layout = _layout(spec)
    assert layout.on(JULY).cell_of("u1", Hierarchy.GRID) == "n1"
    assert layout.on(JUNE_30).cell_of("u2", Hierarchy.GRID) == "n1"
    assert layout.on(JULY).cell_of("u2", Hierarchy.GRID) == "n3"
    assert layout.on(JULY).cell_of("u2", Hierarchy.PARTY) == ""


def test_only_premises_are_assigned_and_only_to_another_hierarchy(built: LayoutSpec) -> None:
    for premises, area in (("n1", "g2"), ("b1", "c1"), ("b1", "u1")):
        command = AssignPremises(community=ELM, starts_on=DAY, premises=(premises,), area=area)
        built.when(command).then_refused(refusals.NotPremises, premises=premises, area=area)


def test_an_area_that_premises_belong_to_does_not_end(built: LayoutSpec) -> None:
    spec = _done(built, AssignPremises(community=ELM, starts_on=DAY, premises=("b1",), area="n1"))
    spec.when(EndArea(community=ELM, ends_on=JULY, area="n1")).then_refused(
        refusals.AreaNotEmpty, area="n1"
    )


def test_a_divided_area_ends_when_all_is_taken(built: LayoutSpec) -> None:
    spec = _done(built, AssignPremises(community=ELM, starts_on=DAY, premises=("b1",), area="g1"))
    spec = _done(spec, AssignCadre(community=ELM, starts_on=DAY, areas=("g1",), cadre=str(ANN)))
    split = SplitArea(
        community=ELM,
        starts_on=JULY,
        area="g1",
        into=(
            SplitDraft(area="g1a", name="1a", takes=("n1", "b1")),
            SplitDraft(area="g1b", name="1b", takes=("n2",)),
        ),
    )
    added = partial(AreaAdded, kind=AreaKind.GRID, parent="", starts_on=JULY, predecessors=("g1",))
    spec.when(split).then(
        *_to(
            added(area="g1a", name="1a"),
            CadreAssigned(area="g1a", cadre=ANN, starts_on=JULY),
            AreaMoved(area="n1", parent="g1a", starts_on=JULY),
            PremisesAssigned(premises="b1", hierarchy=Hierarchy.GRID, area="g1a", starts_on=JULY),
            added(area="g1b", name="1b"),
            CadreAssigned(area="g1b", cadre=ANN, starts_on=JULY),
            AreaMoved(area="n2", parent="g1b", starts_on=JULY),
            AreaEnded(area="g1", ends_on=JULY, successors=("g1a", "g1b")),
        )
    )


def test_a_divided_area_stays_for_what_is_not_taken(gridded: LayoutSpec) -> None:
    into = (SplitDraft(area="g5", name="5", takes=("n2",)),)
    spec = _done(gridded, SplitArea(community=ELM, starts_on=JULY, area="g1", into=into))
    assert _layout(spec).on(JULY).below("g1") == ["n1"]
    assert _layout(spec).areas["g1"].ends_on is None


def test_a_split_takes_only_what_is_there(gridded: LayoutSpec) -> None:
    into = (SplitDraft(area="g5", name="5", takes=("n3",)),)
    command = SplitArea(community=ELM, starts_on=JULY, area="g1", into=into)
    gridded.when(command).then_refused(refusals.NotBelow, area="n3")


def test_merged_areas_end_and_the_new_one_has_everything(gridded: LayoutSpec) -> None:
    merge = MergeAreas(community=ELM, starts_on=JULY, areas=("g1", "g2"), into="g3", name="3")
    spec = _done(gridded, merge)
    layout = _layout(spec)
    assert layout.on(JULY).below("g3") == ["n1", "n2", "n3", "n4"]
    assert [layout.areas[name].ends_on for name in ("g1", "g2")] == [JULY, JULY]
    assert layout.on(JUNE_30).below("g1") == ["n1", "n2"]


def test_merged_areas_of_two_cadres_need_one(gridded: LayoutSpec) -> None:
    spec = _done(gridded, AssignCadre(community=ELM, starts_on=DAY, areas=("g1",), cadre=str(ANN)))
    spec = _done(spec, AssignCadre(community=ELM, starts_on=DAY, areas=("g2",), cadre=str(BEN)))
    merge = MergeAreas(community=ELM, starts_on=JULY, areas=("g1", "g2"), into="g3", name="3")
    spec.when(merge).then_refused(refusals.CadresDiffer)
    named = MergeAreas(
        community=ELM, starts_on=JULY, areas=("g1", "g2"), into="g3", name="3", cadre=str(BEN)
    )
    assert _layout(_done(spec, named)).on(JULY).cadre_of("g3") == str(BEN)


def test_areas_of_two_kinds_do_not_become_one(gridded: LayoutSpec) -> None:
    for areas in (("g1", "n3"), ("n1", "n3")):
        merge = MergeAreas(community=ELM, starts_on=JULY, areas=areas, into="x", name="x")
        gridded.when(merge).then_refused(refusals.KindsDiffer)


def test_a_neighbourhood_is_answered_for_by_the_cadre_of_its_grid(gridded: LayoutSpec) -> None:
    spec = _done(gridded, AssignCadre(community=ELM, starts_on=DAY, areas=("g1",), cadre=str(ANN)))
    spec = _done(spec, AssignCadre(community=ELM, starts_on=JULY, areas=("n2",), cadre=str(BEN)))
    layout = _layout(spec)
    assert [layout.on(day).cadre_of("n1") for day in (JUNE_30, JULY)] == [str(ANN), str(ANN)]
    assert [layout.on(day).cadre_of("n2") for day in (JUNE_30, JULY)] == [str(ANN), str(BEN)]


def test_who_is_no_cadre_on_that_day_answers_for_nothing(gridded: LayoutSpec) -> None:
    nobody = str(UUID(int=9))
    before_office = date(2023, 12, 31)
    for cadre, day in ((nobody, DAY), (str(ANN), before_office)):
        command = AssignCadre(community=ELM, starts_on=day, areas=("g1",), cadre=cadre)
        gridded.when(command).then_refused(refusals.NotACadre)


def test_a_cadre_answers_for_areas_of_the_grid_alone(built: LayoutSpec) -> None:
    command = AssignCadre(community=ELM, starts_on=DAY, areas=("b1",), cadre=str(ANN))
    built.when(command).then_refused(refusals.CadreUnfit, area="b1")


def test_a_cadre_who_leaves_is_replaced_everywhere_on_one_day(gridded: LayoutSpec) -> None:
    areas = ("g1", "g2")
    spec = _done(gridded, AssignCadre(community=ELM, starts_on=DAY, areas=areas, cadre=str(ANN)))
    replace = ReplaceCadre(community=ELM, starts_on=JULY, cadre=str(ANN), successor=str(BEN))
    spec = _done(spec, replace)
    layout = _layout(spec)
    assert {layout.on(JUNE_30).cadre_of(area) for area in areas} == {str(ANN)}
    assert {layout.on(JULY).cadre_of(area) for area in areas} == {str(BEN)}
    assert spec.timers(STREAM) == {}


def test_a_cadre_who_leaves_without_a_successor_raises_one_alarm(gridded: LayoutSpec) -> None:
    spec = _done(gridded, AssignCadre(community=ELM, starts_on=DAY, areas=("g1",), cadre=str(ANN)))
    spec = _done(spec, ReplaceCadre(community=ELM, starts_on=JULY, cadre=str(ANN)))
    name = "uncovered:g1:2025-07-01"
    assert spec.timers(STREAM) == {name: datetime(2025, 6, 30, 16, tzinfo=UTC)}

    outcome = spec.fired(STREAM, name)
    outcome.then(*_to(AreaUncovered(area="g1", starts_on=JULY)))
    told = spec.after(*outcome.events)
    assert told.timers(STREAM) == {}


def test_the_stand_in_answers_for_who_left(gridded: LayoutSpec) -> None:
    spec = _done(gridded, AssignCadre(community=ELM, starts_on=DAY, areas=("g1",), cadre=str(ANN)))
    spec = _done(spec, NameStandIn(community=ELM, starts_on=DAY, cadre=str(BEN)))
    spec = _done(spec, ReplaceCadre(community=ELM, starts_on=JULY, cadre=str(ANN)))
    assert _layout(spec).on(JULY).cadre_of("g1") == str(BEN)
    assert spec.timers(STREAM) == {}


def test_a_cadre_answers_until_the_term_ends() -> None:
    until = datetime(2025, 6, 30, 16, tzinfo=UTC)  # midnight of 1 July in the district
    spec = Spec(COMMUNITY_LAYOUT, scope=ELM)
    for node, event in NODES.items():
        spec = spec.given(node_stream(node), event, scope=DISTRICT)
    spec = spec.given(grants_stream(ANN), _cadre(ANN, until), scope=DISTRICT)
    spec = _add(spec, AreaKind.GRID, ["g1"])
    spec = _done(spec, AssignCadre(community=ELM, starts_on=DAY, areas=("g1",), cadre=str(ANN)))
    assert _layout(spec).on(JUNE_30).cadre_of("g1") == str(ANN)
    assert _layout(spec).on(JULY).cadre_of("g1") == ""
    assert list(spec.timers(STREAM)) == ["uncovered:g1:2025-07-01"]


def test_grids_of_dongting_give_two_neighbourhoods_and_june_stays_as_it_was() -> None:
    """B3: 242 neighbourhoods = 8 grids of 24 and 2 of 25; on 1 July grid 3 gives two to grid 4."""
    spec = _add(_started(), AreaKind.GRID, [f"g{number}" for number in range(1, 11)])
    for number in range(1, 11):
        count = 24 if number <= 8 else 25
        names = [f"n{number}-{place}" for place in range(1, count + 1)]
        spec = _add(spec, AreaKind.NEIGHBOURHOOD, names, f"g{number}")
    moved = MoveAreas(community=ELM, starts_on=JULY, areas=("n3-1", "n3-2"), parent="g4")
    layout = _layout(_done(spec, moved))

    def sizes(day: date) -> list[int]:
        return [len(layout.on(day).below(f"g{number}")) for number in range(1, 11)]

    assert sizes(JUNE_30) == [24, 24, 24, 24, 24, 24, 24, 24, 25, 25]
    assert sizes(JULY) == [24, 24, 22, 26, 24, 24, 24, 24, 25, 25]
    assert sum(sizes(JUNE_30)) == sum(sizes(JULY)) == 242
