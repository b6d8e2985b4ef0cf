"""Items of the agenda: asked for, answered, asked again, settled once."""

from uuid import UUID

import pytest

from services.deliberation.agenda.domain import (
    AGENDA_ITEM,
    NOT_A_COMMUNITY,
    TAKING,
    FateNotDecided,
    ItemNotFound,
    ItemSettledOtherwise,
    ItemWasDeclined,
    SettleItem,
    TakeOnAgenda,
)
from shared.contracts.deliberation import NodeAdded, NodeKind, node_stream
from shared.contracts.deliberation.agenda import (
    AgendaItemDeclined,
    AgendaItemSettled,
    AgendaItemTaken,
    agenda_item_stream,
)
from shared.contracts.wishes.recurrence import AgendaItemRequested, Fate
from shared.decider import To
from shared.kit.testing.spec import NOW, Spec, facts_of

ITEM = UUID(int=7)
STREAM = agenda_item_stream(ITEM)
TAKE = TakeOnAgenda(item=str(ITEM), area="East", category="Roads", requests=5)
TAKEN = AgendaItemTaken(item=ITEM, area="East", category="Roads", requests=5)
DECLINED = AgendaItemDeclined(item=ITEM, code=NOT_A_COMMUNITY)


def place(kind: NodeKind) -> NodeAdded:
    return NodeAdded(node="elm", kind=kind, name="Elm", path=("d", "elm"))


EMPTY = Spec(AGENDA_ITEM, "elm").given(node_stream("elm"), place(NodeKind.COMMUNITY))


def settle(fate: Fate) -> SettleItem:
    return SettleItem(item=str(ITEM), fate=fate)


def test_a_community_s_matter_is_taken_on() -> None:
    EMPTY.when(TAKE).then(To(STREAM, TAKEN))


def test_elsewhere_there_is_no_council() -> None:
    street = Spec(AGENDA_ITEM, "elm").given(node_stream("elm"), place(NodeKind.STREET))
    street.when(TAKE).then(To(STREAM, DECLINED))


@pytest.mark.parametrize(
    "answer", [TAKEN, DECLINED, AgendaItemSettled(item=ITEM, fate=Fate.RESOLVED)]
)
def test_asked_again_it_answers_again(answer: AgendaItemTaken) -> None:
    EMPTY.given(STREAM, answer).when(TAKE).then(To(STREAM, answer))


def test_the_council_decides_once() -> None:
    settled = AgendaItemSettled(item=ITEM, fate=Fate.IN_PROJECT)
    spec = EMPTY.given(STREAM, TAKEN)
    spec.when(settle(Fate.IN_PROJECT)).then(To(STREAM, settled))
    spec.given(STREAM, settled).when(settle(Fate.IN_PROJECT)).then_nothing()
    spec.given(STREAM, settled).when(settle(Fate.REJECTED)).then_refused(
        ItemSettledOtherwise, fate="in_project"
    )


def test_what_is_no_decision_of_a_council_is_refused() -> None:
    EMPTY.given(STREAM, TAKEN).when(settle(Fate.NOT_HEARD)).then_refused(
        FateNotDecided, fate="not_heard"
    )


def test_there_is_nothing_to_settle_before_it_is_taken_or_when_it_was_declined() -> None:
    EMPTY.when(settle(Fate.RESOLVED)).then_refused(ItemNotFound)
    EMPTY.given(STREAM, DECLINED).when(settle(Fate.RESOLVED)).then_refused(ItemWasDeclined)


def test_the_request_heard_asks_for_it_under_its_id() -> None:
    event = AgendaItemRequested(
        recurrence=ITEM,
        matter=UUID(int=8),
        area="East",
        category="Roads",
        requests=tuple(UUID(int=n) for n in range(5)),
        since=NOW,
        ask=1,
    )
    (fact,) = facts_of("wishes/recurrence/x", event, scope="elm")
    assert TAKING.react(fact) == (TAKE,)
