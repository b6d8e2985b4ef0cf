from datetime import timedelta
from uuid import UUID

from services.wishes.need.queries import ExitFigures, Totals
from services.wishes.need.read_model import NEED_HISTORY, NEED_SOURCES, NEEDS
from services.wishes.need.reading import exits_answer
from shared.contracts.wishes.needs import (
    NeedConfirmed,
    NeedEnded,
    NeedExit,
    NeedPrioritised,
    NeedRecorded,
    NeedRetired,
    PriorityReason,
    SourceJoined,
    SourceKind,
    SourceLeft,
    need_source_stream,
    need_stream,
)
from shared.kit.testing.spec import NOW, facts_of, fold_all

ID, VISIT = UUID(int=1), UUID(int=2)
RECORDED = NeedRecorded(need=ID, category="elders", grid="", area="East", texts=UUID(int=9))


def test_a_need_is_one_row_from_its_recording_to_its_retirement() -> None:
    begun = facts_of(
        need_stream(ID),
        RECORDED,
        NeedConfirmed(need=ID),
        NeedPrioritised(need=ID, score=7, reason=PriorityReason.URGENCY),
        scope="elm",
    )
    ended = facts_of(
        need_stream(ID),
        NeedEnded(need=ID, exit=NeedExit.MATCHED, days=3, cost_fen=500, reference=UUID(int=4)),
        NeedRetired(need=ID),
        scope="elm",
        at=NOW + timedelta(days=3),
        after=3,
    )
    (row,) = fold_all(NEEDS, [*begun, *ended]).values()

    assert (row.state, row.version, row.score, row.priority_reason) == ("retired", 5, 7, "urgency")
    assert (row.exit, row.days, row.cost_fen, row.reference) == ("matched", 3, 500, UUID(int=4))
    assert (row.recorded_at, row.confirmed_at) == (NOW, NOW)
    assert row.ended_at == row.retired_at == NOW + timedelta(days=3)


def test_each_event_of_a_need_is_a_row() -> None:
    facts = facts_of(need_stream(ID), RECORDED, NeedConfirmed(need=ID), scope="elm")
    rows = fold_all(NEED_HISTORY, facts).values()

    assert [(row.version, row.event) for row in rows] == [
        (1, "cogov.wishes.need_recorded.v1"),
        (2, "cogov.wishes.need_confirmed.v1"),
    ]


def test_a_source_has_a_row_while_it_is_part_of_a_need() -> None:
    stream = need_source_stream(SourceKind.VISIT, VISIT)
    joined = SourceJoined(kind=SourceKind.VISIT, source=VISIT, need=ID)
    left = SourceLeft(kind=SourceKind.VISIT, source=VISIT, need=ID)

    (row,) = fold_all(NEED_SOURCES, facts_of(stream, joined, scope="elm")).values()
    assert (row.kind, row.source, row.need) == ("visit", VISIT, str(ID))
    assert fold_all(NEED_SOURCES, facts_of(stream, joined, left, scope="elm")) == {}


def test_of_nothing_there_is_no_share() -> None:
    answer = exits_answer(Totals(recorded=2, open=2, ended=0), [])

    assert [one.exit for one in answer.exits] == list(NeedExit)
    assert {one.share.permille for one in answer.exits} == {None}
    assert answer.kept_in_grid.permille is None


def test_a_share_is_rounded_half_up() -> None:
    def exit_(name: str, needs: int) -> ExitFigures:
        return ExitFigures(
            exit=name, needs=needs, median_days=1, total_days=needs, costed=0, cost_fen=0
        )

    answer = exits_answer(
        Totals(recorded=16, open=0, ended=16), [exit_("solved_in_grid", 1), exit_("motion", 15)]
    )

    shares = {one.exit.value: one.share.permille for one in answer.exits}
    assert (shares["solved_in_grid"], shares["motion"]) == (63, 938)  # 62.5 and 937.5
    assert answer.kept_in_grid.permille == 63
