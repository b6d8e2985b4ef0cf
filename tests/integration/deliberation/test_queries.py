"""The queries of the agenda and the directory, on tables that hold a small district."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from services.deliberation.agenda.read_model import MATTERS, AgendaItem, list_agenda, totals
from services.deliberation.directory.read_model import (
    GRANTS,
    NODES,
    find_node,
    list_grants,
    list_nodes,
)
from shared.contracts.deliberation import (
    NodeAdded,
    NodeKind,
    RoleGranted,
    grants_stream,
    node_stream,
)
from shared.contracts.wishes import (
    RequestAnswered,
    RequestKind,
    RequestReceived,
    request_stream,
)
from shared.decider import Fact
from shared.kit.read_models.tables import Tables
from shared.kit.testing.spec import NOW, facts_of
from tests.fixtures.tables import filled

JANUARY = datetime(2024, 1, 10, tzinfo=UTC)
MARCH = datetime(2024, 3, 10, tzinfo=UTC)
RESIDENT = UUID(int=500)


def matter(
    number: int,
    at: datetime = MARCH,
    *,
    area: str = "a1",
    category: str = "roads",
    answered: bool = False,
    scope: str = "elm",
) -> list[Fact]:
    request = UUID(int=number)
    stream = request_stream(request)
    received = RequestReceived(
        request=request,
        kind=RequestKind.PROBLEM,
        category=category,
        category_policy=1,
        area=area,
        requester=UUID(int=1000),
        texts=UUID(int=1001),
    )
    answer = RequestAnswered(request=request, unit="parks", texts=UUID(int=1002))
    facts = list(facts_of(stream, received, scope=scope, at=at))
    if answered:
        facts += facts_of(stream, answer, scope=scope, at=at + timedelta(days=1), after=1)
    return facts


def item(month: str, area: str, category: str, *, matters: int, answered: int = 0) -> AgendaItem:
    return AgendaItem(
        month=month,
        area=area,
        category=category,
        matters=matters,
        open=matters - answered,
        answered=answered,
    )


@pytest.fixture
async def tables(pool: asyncpg.Pool) -> Tables:
    facts = [
        *matter(1, answered=True),
        *matter(2),
        *matter(3),
        *matter(4, category="noise"),
        *matter(5, area="a2", category="noise"),
        *matter(6, JANUARY),
        *matter(7, JANUARY, answered=True),
        *matter(8, scope="oak"),
    ]
    return await filled(pool, (MATTERS,), facts)


AGENDA = [
    item("2024-03", "a1", "roads", matters=3, answered=1),
    item("2024-01", "a1", "roads", matters=2, answered=1),
    item("2024-03", "a1", "noise", matters=1),
    item("2024-03", "a2", "noise", matters=1),
]


async def agenda(
    tables: Tables,
    *,
    month_from: str = "0001-01",
    month_to: str = "9999-12",
    category: str | None = None,
    area: str | None = None,
) -> list[AgendaItem]:
    """Read the agenda one group a page."""
    seen: list[AgendaItem] = []
    after = None
    while True:
        rows = await list_agenda(
            tables,
            "elm",
            month_from=month_from,
            month_to=month_to,
            category=category,
            area=area,
            after=after,
            limit=1,
        )
        if not rows:
            return seen
        seen += rows
        after = (rows[-1].matters, rows[-1].month, rows[-1].area, rows[-1].category)


async def test_the_agenda_begins_with_the_largest_group(tables: Tables) -> None:
    assert await agenda(tables) == AGENDA


async def test_the_agenda_is_narrowed(tables: Tables) -> None:
    assert await agenda(tables, month_from="2024-02") == [AGENDA[0], AGENDA[2], AGENDA[3]]
    assert await agenda(tables, month_to="2024-02") == [AGENDA[1]]
    assert await agenda(tables, category="noise") == AGENDA[2:]
    assert await agenda(tables, area="a2") == AGENDA[3:]


async def test_the_totals_are_those_of_the_community(tables: Tables) -> None:
    found = await totals(tables, "elm")

    assert (found.heard, found.answered, found.open) == (7, 2, 5)
    assert (found.areas, found.categories, found.months) == (2, 2, 2)


async def test_places_and_grants_are_listed_by_id(pool: asyncpg.Pool) -> None:
    def place(node: str) -> list[Fact]:
        added = NodeAdded(
            node=node, kind=NodeKind.COMMUNITY, name=node.title(), path=("north", node)
        )
        return list(facts_of(node_stream(node), added, scope="north"))

    granted = [
        RoleGranted(
            grant_id=UUID(int=number), resident=RESIDENT, role="desk", node="elm", starts_at=NOW
        )
        for number in (3, 1, 2)
    ]
    facts = [
        *place("oak"),
        *place("elm"),
        *facts_of(grants_stream(RESIDENT), *granted, scope="north"),
    ]
    tables = await filled(pool, (NODES, GRANTS), facts)

    assert [row.node for row in await list_nodes(tables, "north", "", 10)] == ["elm", "oak"]
    assert [row.node for row in await list_nodes(tables, "north", "elm", 10)] == ["oak"]
    found = await find_node(tables, "north", "elm")
    assert found is not None
    assert (found.name, found.path) == ("Elm", ("north", "elm"))
    assert await find_node(tables, "south", "elm") is None
    grants = await list_grants(tables, "north", RESIDENT, UUID(int=1), 1)
    assert [row.grant_id.int for row in grants] == [2]
