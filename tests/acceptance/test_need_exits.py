"""B16 over HTTP: 1,000 needs, each with one exit, in figures that lead back to needs and events."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid5

import pytest

from shared.cli.directory import SECRETARY
from tests.fixtures.clients import Client, Journal
from tests.fixtures.ordeal import Ordeal
from tests.fixtures.workload import receive

log = logging.getLogger(__name__)

NEEDS = 1000
EXITS = {"solved_in_grid": 700, "matched": 200, "project": 80, "motion": 20}
DAYS = {"solved_in_grid": 3, "matched": 10, "project": 60, "motion": 90}
COST_FEN = {"solved_in_grid": 0, "matched": 5_000, "project": 250_000, "motion": 1_000}
_MONDAY = datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=8)))
_MET_BY = UUID(int=16)


@pytest.mark.timeout(600)
async def test_of_1000_needs_each_has_one_exit_and_700_never_leave_the_grid(
    ordeal: Ordeal,
) -> None:
    requests = await ordeal.community("needs")
    path = requests.removesuffix("/requests") + "/needs"
    planned = [exit_ for exit_, count in EXITS.items() for _ in range(count)]
    assert len(planned) == NEEDS
    async with ordeal.client("wishes") as client:
        offer = await _offered(client, path)
        gate = asyncio.Semaphore(32)

        async def play(number: int, exit_: str) -> str:
            async with gate:
                return await _ended(client, path, number, exit_, offer)

        made = await asyncio.gather(*(play(n, exit_) for n, exit_ in enumerate(planned)))
        await ordeal.drained()

        exits = (await client.get(f"{path}/exits")).content
        assert (exits["recorded"], exits["open"], exits["ended"]) == (NEEDS, 0, NEEDS)
        counted = {one["exit"]: one["share"]["needs"] for one in exits["exits"]}
        assert counted == {**EXITS, "declined": 0}
        assert sum(counted.values()) == NEEDS
        assert exits["kept_in_grid"] == {"needs": 700, "of": NEEDS, "permille": 700}
        for one in exits["exits"]:
            _assert_figures(one)

        listed = {exit_: await _drilled(client, f"{path}?exit={exit_}") for exit_ in EXITS}
        assert Counter(planned) == {exit_: len(ids) for exit_, ids in listed.items()}
        assert sorted(made) == sorted(one for ids in listed.values() for one in ids)
        await _assert_one_exit_each(ordeal)

        elsewhere = {"exit": "matched", "reference": str(_MET_BY), "cost_fen": 1}
        unmet = await _recorded(client, path, NEEDS)
        await client.post(f"{path}/{unmet}/confirmation", {}, key="confirm-unmet")
        absent = await client.post(f"{path}/{unmet}/exit", elsewhere, key="absent")
        assert (absent.status, absent.code) == (422, "exit_reference_not_found")
        second = {"reason": "duplicate", **_late(_MONDAY + timedelta(days=100))}
        refused = await client.post(f"{path}/{made[0]}/declining", second, key="second")
        assert (refused.status, refused.code) == (409, "need_has_ended")
        assert refused.content["exit"] == "solved_in_grid"
        names = [one["event"] for one in await _items(client, f"{path}/{made[0]}/events")]
        assert names == [
            f"cogov.wishes.need_{what}.v1" for what in ("recorded", "confirmed", "ended")
        ]
        log.info("exits %s, kept in grid %s", counted, exits["kept_in_grid"])
    await ordeal.assert_clean()


async def test_a_need_lists_its_sources_and_each_request_answers_which_need_it_joined(
    ordeal: Ordeal,
) -> None:
    requests = await ordeal.community("lineage")
    community = requests.removesuffix("/requests")
    path = f"{community}/needs"
    async with ordeal.client("wishes") as client, _secretary(ordeal) as secretary:
        ones = [await receive(client, requests, f"r{number}") for number in range(2)]
        ids = [one.content["id"] for one in ones]
        first, second = [await _recorded(client, path, number) for number in range(2)]
        sources = [*({"kind": "request", "id": one} for one in ids), _visit(1)]
        joined = await client.post(f"{path}/{first}/sources", {"sources": sources}, key="join")
        assert joined.status == 200, joined.content

        again = await client.post(f"{path}/{second}/sources", {"sources": sources}, key="again")
        assert (again.status, again.code) == (409, "source_in_other_need")
        unknown = {"sources": [{"kind": "request", "id": str(_MET_BY)}]}
        absent = await client.post(f"{path}/{first}/sources", unknown, key="absent")
        assert (absent.status, absent.code) == (422, "source_not_found")
        await ordeal.drained()

        shown = (await client.get(f"{path}/{first}")).content
        assert (shown["state"], shown["source_count"]) == ("clustered", 3)
        assert {(one["kind"], one["id"]) for one in shown["sources"]} == {
            (one["kind"], one["id"]) for one in sources
        }
        for one in sources:
            back = await client.get(f"{community}/sources/{one['kind']}/{one['id']}/need")
            assert back.content["need"] == first
        none = await client.get(f"{community}/sources/visit/{_MET_BY}/need")
        assert (none.status, none.code) == (404, "source_in_no_need")

        apart = {"sources": [_visit(1)]}
        await client.post(f"{path}/{first}/sources/separation", apart, key="apart")
        moved = await client.post(f"{path}/{second}/sources", apart, key="moved")
        assert moved.status == 200, moved.content
        await _in_order(client, path, first, second)
        await ordeal.drained()
        assert await _drilled(client, path) == [second, first]
        texts = (await secretary.get(f"{path}/{first}/texts")).content["texts"]
        assert texts == {"title": "A canteen", "text": "Nobody cooks for those who live alone."}
        assert (await client.get(f"{path}/{first}/texts")).code == "role_missing"
    await ordeal.assert_clean()


async def _recorded(client: Client, path: str, number: int, **more: Any) -> str:
    body = {
        "title": "A canteen",
        "text": "Nobody cooks for those who live alone.",
        "category": "居家养老",
        "area": "East",
        "grid": f"grid-{number % 12}",
        **more,
    }
    made = await client.post(path, body, key=f"need-{number}")
    assert made.status == 201, made.content
    return made.content["id"]


async def _offered(client: Client, path: str) -> str:
    body: dict[str, Any] = {
        "kind": "service",
        "title": "Meals",
        "text": "Brought to the door.",
        "area": "East",
        "provider": str(_MET_BY),
        "quantity": 200,
        "valid_from": _MONDAY.isoformat(),
        "valid_until": (_MONDAY + timedelta(days=365)).isoformat(),
    }
    made = await client.post(path.removesuffix("/needs") + "/resources", body, key="offer")
    assert made.status == 201, made.content
    return made.content["id"]


async def _ended(client: Client, path: str, number: int, exit_: str, offer: str) -> str:
    need = await _recorded(client, path, number, **_late(_MONDAY))
    one = f"{path}/{need}"
    await client.post(f"{one}/confirmation", _late(_MONDAY), key=f"confirm-{number}")
    body: dict[str, Any] = {"exit": exit_, **_late(_MONDAY + timedelta(days=DAYS[exit_]))}
    if exit_ != "solved_in_grid":
        met_by = offer if exit_ == "matched" else str(uuid5(_MET_BY, exit_))
        body |= {"reference": met_by, "cost_fen": COST_FEN[exit_]}
    done = await client.post(f"{one}/exit", body, key=f"exit-{number}")
    assert done.status == 200, done.content
    return need


def _assert_figures(one: dict[str, Any]) -> None:
    exit_ = one["exit"]
    needs = EXITS.get(exit_, 0)
    assert one["share"] == {"needs": needs, "of": NEEDS, "permille": needs}
    assert one["median_days"] == (DAYS[exit_] if needs else None)
    assert one["total_days"] == needs * DAYS.get(exit_, 0)
    # What was solved in the grid has no known cost: it is not counted as costing nothing.
    assert one["costed"] == (0 if exit_ == "solved_in_grid" else needs)
    assert one["cost_fen"] == needs * COST_FEN.get(exit_, 0)


async def _assert_one_exit_each(ordeal: Ordeal) -> None:
    ends = await ordeal.row(
        "wishes",
        "SELECT count(*) AS ends, count(DISTINCT e.stream) AS needs FROM kit.event AS e"
        " WHERE e.scope = 'needs' AND e.type = 'cogov.wishes.need_ended.v1'",
    )
    assert (ends["ends"], ends["needs"]) == (NEEDS, NEEDS)


async def _in_order(client: Client, path: str, first: str, second: str) -> None:
    for need, score in ((first, 10), (second, 90)):
        await client.post(f"{path}/{need}/confirmation", {}, key=f"confirm-{need}")
        body = {"score": score, "reason": "urgency"}
        done = await client.post(f"{path}/{need}/priority", body, key=f"order-{need}")
        assert done.status == 200, done.content


async def _drilled(client: Client, path: str) -> list[str]:
    return [one["need"] for one in await _items(client, path)]


async def _items(client: Client, path: str) -> Sequence[dict[str, Any]]:
    """Give a whole list, page by page."""
    mark = "&" if "?" in path else "?"
    found: list[dict[str, Any]] = []
    page = (await client.get(f"{path}{mark}limit=200")).content
    while True:
        found += page["items"]
        if page["next"] is None:
            return found
        page = (await client.get(f"{path}{mark}limit=200&cursor={page['next']}")).content


def _secretary(ordeal: Ordeal) -> Client:
    district = ordeal.district
    return Client([district.url("wishes")], district.token(SECRETARY), Journal())


def _visit(number: int) -> dict[str, str]:
    return {"kind": "visit", "id": str(UUID(int=number))}


def _late(when: datetime) -> dict[str, str]:
    return {"entered": "late", "occurred_at": when.isoformat()}
