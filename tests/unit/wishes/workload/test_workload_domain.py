from uuid import UUID

from msgspec.structs import replace

from services.wishes.language import LoadCorrected, LoadTaken, workload_stream
from services.wishes.workload.domain import (
    OPEN_MAX,
    UNIT_WORKLOAD,
    CorrectLoad,
    LoadOutOfBounds,
    NotThisCommunity,
)
from shared.decider import To
from shared.kit.testing.spec import Spec

STREAM = workload_stream("elm")
SPEC = Spec(UNIT_WORKLOAD, scope="elm").given(
    STREAM,
    LoadTaken(unit="parks", request=UUID(int=1)),
    LoadTaken(unit="roads", request=UUID(int=2)),
)
CORRECT = CorrectLoad(community="elm", unit="parks", open=5)


def test_a_count_sets_one_units_load_right() -> None:
    corrected = LoadCorrected(unit="parks", open=5)

    SPEC.when(CORRECT).then(To(STREAM, corrected))
    SPEC.given(STREAM, corrected).when(CORRECT).then_nothing()
    assert SPEC.given(STREAM, corrected).state(STREAM, "roads").open == 1


def test_a_load_lies_within_its_limits_and_belongs_to_its_community() -> None:
    for count in (-1, OPEN_MAX + 1):
        SPEC.when(replace(CORRECT, open=count)).then_refused(LoadOutOfBounds, open_max=OPEN_MAX)
    assert SPEC.when(replace(CORRECT, open=OPEN_MAX)).refusal is None
    assert SPEC.when(replace(CORRECT, open=0)).refusal is None
    SPEC.when(replace(CORRECT, community="oak")).then_refused(NotThisCommunity)
