"""Matters that recur: counted, brought up once, and told back; the process by its table."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.wishes.recurrence.adopting import DEFAULT
from services.wishes.recurrence.domain import (
    FATE,
    MATTER,
    FreeMatter,
    MatterFreed,
    MatterRecurred,
    NoteOccurrence,
    OccurrenceNoted,
    TellFate,
    matter_id,
    matter_stream,
)
from services.wishes.recurrence.policy import RULES
from services.wishes.recurrence.process import (
    ANSWER_DAYS,
    ASKS_MAX,
    DECIDER,
    STEPS,
    AskAgain,
    BringUp,
    HearDeclined,
    HearSettled,
    HearTaken,
    RecurrenceUnknown,
    due,
)
from shared.contracts.deliberation.agenda import (
    AgendaItemDeclined,
    AgendaItemSettled,
    AgendaItemTaken,
)
from shared.contracts.wishes import RequestKind, RequestReceived
from shared.contracts.wishes.recurrence import (
    AgendaItemRequested,
    Fate,
    FateTold,
    RecurrenceDeclined,
    RecurrenceLapsed,
    RecurrenceOnAgenda,
    RecurrenceSettled,
    fate_stream,
    recurrence_stream,
)
from shared.decider import Command, To
from shared.kit.testing.spec import NOW, Spec, facts_of
from shared.process import Step, decide_by, nothing

SCOPE = "elm"
TIMES, WINDOW_DAYS = DEFAULT.times, DEFAULT.window_days
MATTER_ID = matter_id(SCOPE, "East", "Roads")
STREAM = matter_stream(MATTER_ID)
REQUESTS = [UUID(int=number) for number in range(1, 20)]
RECURRENCE = UUID(int=99)
BROUGHT = AgendaItemRequested(
    recurrence=RECURRENCE,
    matter=UUID(MATTER_ID),
    area="East",
    category="Roads",
    requests=tuple(REQUESTS[:TIMES]),
    since=NOW,
    ask=1,
)
PROCESS = recurrence_stream(RECURRENCE)
END: dict[str, Any] = {
    "recurrence": RECURRENCE,
    "matter": UUID(MATTER_ID),
    "requests": tuple(REQUESTS[:TIMES]),
}


def note(number: int, at: datetime = NOW) -> NoteOccurrence:
    return NoteOccurrence(
        matter=MATTER_ID,
        area="East",
        category="Roads",
        request=str(REQUESTS[number]),
        received_at=at,
    )


def noted(number: int) -> OccurrenceNoted:
    return OccurrenceNoted(matter=UUID(MATTER_ID), request=REQUESTS[number])


def counted(times: int) -> Spec[Any, Any]:
    return Spec(MATTER, SCOPE).given(STREAM, *(noted(number) for number in range(times)))


# --- counting -----------------------------------------------------------------------------------


def test_the_request_that_makes_it_enough_brings_the_matter_up() -> None:
    recurred = MatterRecurred(
        matter=UUID(MATTER_ID),
        recurrence=uuid5(UUID(MATTER_ID), str(REQUESTS[TIMES - 1])),
        area="East",
        category="Roads",
        requests=tuple(REQUESTS[:TIMES]),
        since=NOW,
    )
    last = TIMES - 1
    counted(last).when(note(last)).then(To(STREAM, noted(last)), To(STREAM, recurred))


def test_one_less_is_only_counted() -> None:
    counted(TIMES - 2).when(note(TIMES - 2)).then(To(STREAM, noted(TIMES - 2)))


def test_a_request_counts_once() -> None:
    counted(2).when(note(1)).then_nothing()


def test_what_happened_before_the_window_is_not_counted() -> None:
    old = NOW - timedelta(days=WINDOW_DAYS)
    counted(TIMES - 1).when(note(TIMES - 1, old)).then_nothing()
    later = NOW + timedelta(days=WINDOW_DAYS)
    counted(TIMES - 1).when(note(TIMES - 1, later), at=later).then(To(STREAM, noted(TIMES - 1)))


def test_while_the_council_has_it_it_is_not_brought_up_again() -> None:
    spec = counted(TIMES - 1)
    spec = spec.after(*spec.when(note(TIMES - 1)).events)
    for number in range(TIMES, 3 * TIMES):
        outcome = spec.when(note(number))
        outcome.then(To(STREAM, noted(number)))
        spec = spec.after(*outcome.events)
    recurrence = str(uuid5(UUID(MATTER_ID), str(REQUESTS[TIMES - 1])))
    spec.when(FreeMatter(matter=MATTER_ID, recurrence="another")).then_nothing()
    freed = spec.when(FreeMatter(matter=MATTER_ID, recurrence=recurrence))
    freed.then(To(STREAM, MatterFreed(matter=UUID(MATTER_ID))))
    assert len(spec.after(*freed.events).when(note(3 * TIMES)).events) == 2


def test_a_request_is_told_a_fate_once() -> None:
    request = str(REQUESTS[0])
    told = FateTold(request=REQUESTS[0], recurrence=RECURRENCE, fate=Fate.RESOLVED)
    tell = TellFate(request=request, recurrence=str(RECURRENCE), fate=Fate.RESOLVED)
    spec = Spec(FATE, SCOPE)
    spec.when(tell).then(To(fate_stream(request), told))
    spec.given(fate_stream(request), told).when(tell).then_nothing()


# --- the process --------------------------------------------------------------------------------


def asking(ask: int = 1) -> Spec[Any, Any]:
    event = BROUGHT.model_copy(update={"ask": ask})
    return Spec(DECIDER, SCOPE).given(PROCESS, event)


def test_it_is_brought_up_and_asked_for() -> None:
    command = BringUp(
        recurrence=str(RECURRENCE),
        matter=MATTER_ID,
        area="East",
        category="Roads",
        requests=tuple(str(request) for request in REQUESTS[:TIMES]),
        since=NOW,
    )
    Spec(DECIDER, SCOPE).when(command).then(To(PROCESS, BROUGHT))
    asking().when(command).then_nothing()


@pytest.mark.parametrize(
    ("heard", "given"),
    [
        (HearTaken(recurrence=str(RECURRENCE)), RecurrenceOnAgenda(recurrence=RECURRENCE)),
        (
            HearDeclined(recurrence=str(RECURRENCE), code="full"),
            RecurrenceDeclined(**END, code="full"),
        ),
        (
            HearSettled(recurrence=str(RECURRENCE), fate=Fate.REJECTED),
            RecurrenceSettled(**END, fate=Fate.REJECTED),
        ),
    ],
)
def test_an_answer_is_heard_once(heard: Command, given: RecurrenceOnAgenda) -> None:
    asking().when(heard).then(To(PROCESS, given))
    asking().given(PROCESS, given).when(heard).then_nothing()


def test_unanswered_it_asks_again_and_at_last_gives_up() -> None:
    spec = asking()
    assert due(spec.state(PROCESS)) == {"unanswered": NOW + timedelta(days=ANSWER_DAYS)}
    again = AskAgain(recurrence=str(RECURRENCE))
    spec.when(again).then(To(PROCESS, BROUGHT.model_copy(update={"ask": 2})))
    asking(ASKS_MAX).when(again).then(To(PROCESS, RecurrenceLapsed(**END)))
    assert due(asking(ASKS_MAX).given(PROCESS, RecurrenceLapsed(**END)).state(PROCESS)) == {}


def test_on_the_agenda_it_waits_without_a_limit_and_is_settled_once() -> None:
    spec = asking().given(PROCESS, RecurrenceOnAgenda(recurrence=RECURRENCE))
    assert due(spec.state(PROCESS)) == {}
    settled = RecurrenceSettled(**END, fate=Fate.IN_PROJECT)
    spec.when(HearSettled(recurrence=str(RECURRENCE), fate=Fate.IN_PROJECT)).then(
        To(PROCESS, settled)
    )


def test_an_answer_to_what_nobody_asked_is_refused() -> None:
    Spec(DECIDER, SCOPE).when(HearTaken(recurrence=str(RECURRENCE))).then_refused(RecurrenceUnknown)


def test_every_step_of_the_table_gives_what_it_says() -> None:
    given = {event for step in STEPS for event in step.gives}
    assert given == {
        AgendaItemRequested,
        RecurrenceOnAgenda,
        RecurrenceDeclined,
        RecurrenceSettled,
        RecurrenceLapsed,
    }


def test_a_table_that_lacks_a_pair_or_has_one_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        decide_by(STEPS[:-1], lambda _command: PROCESS)
    with pytest.raises(ValueError, match="twice"):
        decide_by((*STEPS, Step(state=STEPS[0].state, on=STEPS[0].on, then=nothing)), str)


# --- the policies -------------------------------------------------------------------------------


def reactions(event: object) -> list[Command]:
    (fact,) = facts_of("wishes/request/1", event, scope=SCOPE)  # pyright: ignore[reportArgumentType]
    return [c for rule in RULES if isinstance(event, rule.events) for c in rule.react(fact)]


@pytest.mark.parametrize(
    ("area", "category", "counts"),
    [("East", "Roads", True), ("unknown", "Roads", False), ("East", "uncategorised", False)],
)
def test_a_request_counts_for_its_area_and_category(area: str, category: str, counts: bool) -> None:  # noqa: FBT001
    event = RequestReceived(
        request=REQUESTS[0],
        kind=RequestKind.PROBLEM,
        category=category,
        category_policy=1,
        area=area,
        requester=UUID(int=5),
        texts=UUID(int=6),
    )
    assert bool(reactions(event)) is counts


def test_an_end_is_told_to_every_request_and_frees_the_matter() -> None:
    sent = reactions(RecurrenceSettled(**END, fate=Fate.RESOLVED))
    assert [type(command) for command in sent] == [*([TellFate] * TIMES), FreeMatter]
    declined = reactions(RecurrenceDeclined(**END, code="x"))
    lapsed = reactions(RecurrenceLapsed(**END))
    fates = [one[0].fate for one in (declined, lapsed) if isinstance(one[0], TellFate)]
    assert fates == [Fate.DECLINED, Fate.NOT_HEARD]


def test_answers_are_heard_by_their_id() -> None:
    assert reactions(AgendaItemTaken(item=RECURRENCE, area="a", category="c", requests=5)) == [
        HearTaken(recurrence=str(RECURRENCE))
    ]
    assert reactions(AgendaItemDeclined(item=RECURRENCE, code="x")) == [
        HearDeclined(recurrence=str(RECURRENCE), code="x")
    ]
    assert reactions(AgendaItemSettled(item=RECURRENCE, fate=Fate.REJECTED)) == [
        HearSettled(recurrence=str(RECURRENCE), fate=Fate.REJECTED)
    ]
