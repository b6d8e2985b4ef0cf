"""A matter that recurs goes to the council of the other service and comes back to each request."""

import logging
from typing import Any

from shared.cli.directory import ADMINISTRATOR, SECRETARY
from tests.fixtures.clients import Client, Journal
from tests.fixtures.ordeal import Ordeal, eventually
from tests.fixtures.workload import receive

log = logging.getLogger(__name__)

TIMES = 5
LATE = {"entered": "late", "occurred_at": "2024-03-04T09:00:00+08:00"}


async def test_five_requests_become_an_item_and_its_fate_comes_back_to_each(
    ordeal: Ordeal,
) -> None:
    path = await ordeal.community("recurring")
    await _adopt_categories(ordeal)
    agenda = "/api/deliberation/v1/communities/recurring/agenda/items"
    async with ordeal.client("wishes") as client, _secretary(ordeal) as council:
        for number in range(10):  # what happened long ago brings nothing up
            await receive(client, path, f"old-{number}", **_about("East"), **LATE)
        ones = [
            await receive(client, path, f"new-{number}", **_about("East"))
            for number in range(TIMES - 1)
        ]
        await ordeal.drained()
        assert (await council.get(agenda)).content["items"] == []

        ones.append(await receive(client, path, "enough", **_about("East")))
        took = await eventually(lambda: _has_items(council, agenda, 1), within_s=30)
        (item,) = (await council.get(agenda)).content["items"]
        assert (item["area"], item["requests"], item["state"]) == ("East", TIMES, "taken")

        fate = f"{agenda}/{item['item']}/fate"
        done = await council.post(fate, {"fate": "in_project"}, key="fate")
        assert done.status == 200, done.content
        requests = [f"{path}/{one.content['id']}/fates" for one in ones]

        async def all_told() -> bool:
            told = [(await client.get(one)).content["items"] for one in requests]
            return all([one["fate"] for one in each] == ["in_project"] for each in told)

        back = await eventually(all_told, within_s=30)
        log.info("on the agenda after %.2f s, told to %d requests after %.2f s", took, TIMES, back)
        again = await council.post(fate, {"fate": "rejected"}, key="other fate")
        assert again.code == "item_settled_otherwise"
    await ordeal.drained()
    causes = await ordeal.row(
        "wishes",
        "SELECT count(*) AS told, min(e.hops) AS hops, count(DISTINCT e.correlation_id) AS chains"
        " FROM kit.event AS e WHERE e.type = 'cogov.wishes.fate_told.v1' AND e.scope = $1",
        "recurring",
    )
    assert (causes["told"], causes["chains"]) == (TIMES, 1)
    assert causes["hops"] > 1
    await ordeal.assert_clean()


async def _adopt_categories(ordeal: Ordeal) -> None:
    district = ordeal.district
    roads = {"name": "Roads", "unit": "unit-1", "keywords": ["pothole"]}
    token = district.token(ADMINISTRATOR)
    async with Client([district.url("wishes")], token, Journal()) as administrator:
        where = f"/api/wishes/v1/districts/{district.district}/category-policy"
        done = await administrator.post(where, {"version": 1, "categories": [roads]}, key="roads")
        assert done.status < 300, done.content


def _about(area: str) -> dict[str, Any]:
    return {"area": area, "category": "Roads"}


def _secretary(ordeal: Ordeal) -> Client:
    url = ordeal.district.url("deliberation")
    return Client([url], ordeal.district.token(SECRETARY), Journal())


async def _has_items(council: Client, agenda: str, count: int) -> bool:
    return len((await council.get(agenda)).content["items"]) == count
