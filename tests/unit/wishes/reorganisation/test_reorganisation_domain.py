from uuid import UUID

from msgspec.structs import replace

from services.wishes.language import LoadTaken, UnitReorganised, reorganisation_stream
from services.wishes.reorganisation.domain import (
    REORGANISATION,
    NotThisCommunity,
    ReorganiseUnit,
    SameUnit,
)
from shared.decider import To
from shared.kit.testing.spec import Spec

STREAM = reorganisation_stream("elm")
SPEC = Spec(REORGANISATION, scope="elm")
REORGANISE = ReorganiseUnit(community="elm", from_unit="parks", to_unit="gardens")
EVENT = UnitReorganised(from_unit="parks", to_unit="gardens")


def test_a_units_work_goes_to_another_one_as_often_as_it_is_said() -> None:
    SPEC.when(REORGANISE).then(To(STREAM, EVENT))
    again = SPEC.given(STREAM, EVENT, LoadTaken(unit="parks", request=UUID(int=1)))
    again.when(REORGANISE).then(To(STREAM, EVENT))
    assert again.state(STREAM).count == 1


def test_a_unit_is_not_its_own_successor_and_another_communitys_matter_is_not_ours() -> None:
    SPEC.when(replace(REORGANISE, to_unit="parks")).then_refused(SameUnit)
    SPEC.when(replace(REORGANISE, community="oak")).then_refused(NotThisCommunity)
