"""What the aggregate decides upon and what its tables show is the same, on every day."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.deliberation.layout.read_model import AREAS, CADRES, CELLS, STAND_IN
from services.deliberation.layout.states import LAYOUT, Layout
from shared.contracts.deliberation.layout import (
    AreaAdded,
    AreaKind,
    AreaMoved,
    CadreAssigned,
    Hierarchy,
    LayoutEvent,
    PremisesAssigned,
    StandInNamed,
    layout_stream,
)
from shared.decider import Fact
from shared.effective import on
from shared.kit.read_models.model import ReadModel
from shared.kit.testing.spec import facts_of, fold_all

FIRST = date(2025, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(12)]
BEGUN = (
    AreaAdded(area="c1", kind=AreaKind.COMPOUND, name="1", parent="", starts_on=FIRST),
    AreaAdded(area="b1", kind=AreaKind.BUILDING, name="1", parent="", starts_on=FIRST),
    AreaAdded(area="g1", kind=AreaKind.GRID, name="1", parent="", starts_on=FIRST),
    AreaAdded(area="g2", kind=AreaKind.GRID, name="2", parent="", starts_on=FIRST),
    AreaAdded(area="n1", kind=AreaKind.NEIGHBOURHOOD, name="1", parent="g1", starts_on=FIRST),
)
day = st.sampled_from(DAYS)
grid = st.sampled_from(["g1", "g2"])
cadre = st.sampled_from([None, UUID(int=1), UUID(int=2)])
said = st.one_of(
    st.builds(CadreAssigned, area=st.just("g1"), cadre=cadre, starts_on=day),
    st.builds(StandInNamed, cadre=cadre, starts_on=day),
    st.builds(AreaMoved, area=st.just("n1"), parent=grid, starts_on=day),
    st.builds(AreaMoved, area=st.just("b1"), parent=st.sampled_from(["", "c1"]), starts_on=day),
    st.builds(
        PremisesAssigned,
        premises=st.just("b1"),
        hierarchy=st.just(Hierarchy.GRID),
        area=grid,
        starts_on=day,
    ),
)


@given(events=st.lists(said, max_size=8))
def test_state_and_tables_say_the_same_in_whatever_order_things_are_entered(
    events: list[LayoutEvent],
) -> None:
    facts = list(facts_of(layout_stream("elm"), *BEGUN, *events, scope="elm"))
    state = LAYOUT.initial
    for fact in facts:
        state = LAYOUT.evolve(state, fact)

    for each in DAYS:
        assert _decided(state, each) == {
            "cadre": _shown(CADRES, facts, ("elm", "g1"), "cadre", each),
            "stand_in": _shown(CADRES, facts, ("elm", STAND_IN), "cadre", each),
            "parent": _shown(AREAS, facts, ("elm", "n1"), "parent", each),
            "above": _shown(AREAS, facts, ("elm", "b1"), "parent", each),
            "cell": _shown(CELLS, facts, ("elm", "b1", "grid"), "area", each),
        }


def _decided(state: Layout, each: date) -> dict[str, str]:
    tree = state.on(each)
    return {
        "cadre": tree.cadres.get("g1", ""),
        "stand_in": tree.stand_in,
        "parent": tree.parents["n1"],
        "above": tree.parents["b1"],
        "cell": tree.cell_of("b1", Hierarchy.GRID),
    }


def _shown(
    model: ReadModel[Any], facts: list[Fact], subject: tuple[str, ...], column: str, each: date
) -> str:
    rows = fold_all(model, facts)
    periods = [row for key, row in sorted(rows.items()) if key[:-1] == subject]
    held = on(periods, each)
    return "" if held is None else str(getattr(held, column))
