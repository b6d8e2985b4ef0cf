"""How often a matter must recur: versions of a place, and which of them counts a request."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.wishes.recurrence.adopting import (
    DEFAULT,
    RECURRENCE_POLICY,
    TIMES_BOUNDS,
    VERSIONS_MAX,
    WINDOW_BOUNDS,
    AdoptRecurrencePolicy,
    OftenOutOfBounds,
    RecurrenceVersionsExhausted,
    RecurrenceVersionSkipped,
    RecurrenceVersionTaken,
)
from services.wishes.recurrence.domain import (
    MATTER,
    MatterRecurred,
    NoteOccurrence,
    OccurrenceNoted,
    matter_id,
    matter_stream,
)
from shared.contracts.deliberation import NodeAdded, NodeKind, node_stream
from shared.contracts.wishes.recurrence_policy import (
    RecurrencePolicyAdopted,
    recurrence_policy_stream,
)
from shared.decider import To
from shared.kit.testing.spec import NOW, Spec

ELM, STREET, DISTRICT = "elm", "street", "district"
MATTER_ID = matter_id(ELM, "East", "Roads")
STREAM = matter_stream(MATTER_ID)
TODAY = date(2024, 5, 1)


def adopt(version: int = 1, **other: Any) -> AdoptRecurrencePolicy:
    said: dict[str, Any] = {"effective_from": TODAY, "times": 3, "window_days": 30, **other}
    return AdoptRecurrencePolicy(node=ELM, version=version, **said)


def adopted(version: int = 1, **other: Any) -> RecurrencePolicyAdopted:
    said: dict[str, Any] = {"effective_from": TODAY, "times": 3, "window_days": 30, **other}
    return RecurrencePolicyAdopted(version=version, **said)


# --- adopting -----------------------------------------------------------------------------------


def test_versions_follow_one_another_and_say_one_thing_each() -> None:
    stream = recurrence_policy_stream(ELM)
    spec = Spec(RECURRENCE_POLICY, ELM)
    spec.when(adopt()).then(To(stream, adopted()))
    spec.when(adopt(2)).then_refused(RecurrenceVersionSkipped, next=1)

    first = spec.given(stream, adopted())
    first.when(adopt()).then_nothing()
    first.when(adopt(times=4)).then_refused(RecurrenceVersionTaken, version=1)
    first.when(adopt(2, times=4)).then(To(stream, adopted(2, times=4)))


@pytest.mark.parametrize(
    ("name", "bounds"), [("times", TIMES_BOUNDS), ("window_days", WINDOW_BOUNDS)]
)
def test_numbers_have_bounds(name: str, bounds: tuple[int, int]) -> None:
    least, most = bounds
    spec = Spec(RECURRENCE_POLICY, ELM)
    for number in (least, most):
        assert spec.when(adopt(**{name: number})).refusal is None
    for number in (least - 1, most + 1):
        spec.when(adopt(**{name: number})).then_refused(
            OftenOutOfBounds, name=name, least=least, most=most
        )


def test_a_place_has_so_many_versions_and_no_more() -> None:
    stream = recurrence_policy_stream(ELM)
    spec = Spec(RECURRENCE_POLICY, ELM).given(
        stream, *(adopted(version) for version in range(1, VERSIONS_MAX))
    )
    full = spec.after(*spec.when(adopt(VERSIONS_MAX)).events)
    full.when(adopt(VERSIONS_MAX + 1)).then_refused(
        RecurrenceVersionsExhausted, versions_max=VERSIONS_MAX
    )


# --- what counts --------------------------------------------------------------------------------


def request(number: int) -> UUID:
    return UUID(int=number + 1)


def noted(number: int) -> OccurrenceNoted:
    return OccurrenceNoted(matter=UUID(MATTER_ID), request=request(number))


def counted(times: int) -> Spec[Any, Any]:
    """Give a matter of a community two places below the district, counted so often."""
    return (
        Spec(MATTER, ELM)
        .given(
            node_stream(ELM),
            NodeAdded(node=ELM, name=ELM, kind=NodeKind.COMMUNITY, path=(DISTRICT, STREET, ELM)),
            scope=DISTRICT,
        )
        .given(STREAM, *(noted(number) for number in range(times)))
    )


def says(node: str, *versions: RecurrencePolicyAdopted, times: int = 2) -> Spec[Any, Any]:
    return counted(times).given(recurrence_policy_stream(node), *versions, scope=node)


def brought_up(spec: Spec[Any, Any], number: int, at: datetime = NOW) -> MatterRecurred | None:
    """Give what the next request brings up, if anything."""
    command = NoteOccurrence(
        matter=MATTER_ID,
        area="East",
        category="Roads",
        request=str(request(number)),
        received_at=at,
    )
    events = [to.event for to in spec.when(command, at=at).events]
    return next((event for event in events if isinstance(event, MatterRecurred)), None)


@pytest.mark.parametrize("node", [ELM, STREET, DISTRICT])
def test_a_policy_of_the_place_or_of_one_above_says_how_often_is_enough(node: str) -> None:
    assert brought_up(counted(2), 2) is None
    assert brought_up(says(node, adopted(), times=1), 1) is None
    found = brought_up(says(node, adopted()), 2)
    assert found is not None
    assert (len(found.requests), found.policy, found.policy_of) == (3, 1, node)


def test_the_nearest_place_counts() -> None:
    above = says(DISTRICT, adopted(times=2))
    assert brought_up(above, 2) is not None
    own = above.given(recurrence_policy_stream(ELM), adopted(times=4))
    assert brought_up(own, 2) is None


def test_a_version_counts_from_its_day_in_shanghai_on() -> None:
    spec = says(ELM, adopted(effective_from=date(2024, 5, 3)))
    eve = datetime(2024, 5, 2, 15, 59, tzinfo=UTC)
    assert brought_up(spec, 2, eve) is None
    assert brought_up(spec, 2, eve + timedelta(minutes=1)) is not None


def test_of_the_versions_that_have_begun_the_last_one_is_in_force() -> None:
    spec = says(ELM, adopted(), adopted(2, times=4), adopted(3, effective_from=date(2030, 1, 1)))
    assert brought_up(spec, 2) is None
    spec = says(ELM, adopted(1, effective_from=date(2024, 4, 30)), adopted(2, times=4), times=3)
    found = brought_up(spec, 3)
    assert found is not None
    assert found.policy == 2


def test_the_window_is_that_of_the_policy() -> None:
    spec = says(ELM, adopted())
    later = NOW + timedelta(days=30)
    assert brought_up(spec, 2, later - timedelta(minutes=1)) is not None
    assert brought_up(spec, 2, later) is None


def test_adopted_late_it_changes_nothing_that_was_counted_before() -> None:
    # Three were there and were not enough; adopting brings nothing up, the next request does.
    late = says(ELM, adopted(effective_from=date(2024, 1, 1)), times=3)
    found = brought_up(late, 3)
    assert found is not None
    assert len(found.requests) == 4
    # What is with the council stays with it, however few would be too few now.
    with_it = counted(DEFAULT.times - 1)
    up = with_it.when(
        NoteOccurrence(
            matter=MATTER_ID,
            area="East",
            category="Roads",
            request=str(request(9)),
            received_at=NOW,
        )
    )
    harder = with_it.after(*up.events).given(recurrence_policy_stream(ELM), adopted(times=50))
    assert harder.state(STREAM).recurrence
    assert brought_up(harder, 10) is None
