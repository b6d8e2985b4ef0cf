"""A matter that recurs goes to the council of the other service and comes back to each request."""

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from shared.cli.directory import ADMINISTRATOR, SECRETARY
from tests.fixtures.clients import Client, Journal
from tests.fixtures.ordeal import Ordeal, eventually
from tests.fixtures.workload import receive

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
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


async def test_a_community_s_policy_counts_from_its_day_on_and_takes_nothing_back(
    ordeal: Ordeal,
) -> None:
    path = await ordeal.community("often")
    await _adopt_categories(ordeal)
    agenda = "/api/deliberation/v1/communities/often/agenda/items"
    policy = "/api/wishes/v1/communities/often/recurrence-policy"
    async with ordeal.client("wishes") as client, _secretary(ordeal) as council:
        for number in range(TIMES - 1):
            await receive(client, path, f"north-{number}", **_about("North"))
        for number in range(TIMES):
            await receive(client, path, f"south-{number}", **_about("South"))
        await eventually(lambda: _has_items(council, agenda, 1), within_s=30)
        before = (await client.get(policy)).content
        assert (before["version"], before["times"], before["window_days"]) == (0, TIMES, 90)
        assert await _adopt(ordeal, "often", times=3, window_days=30, since="2020-01-01") == 1
        assert await _adopt(ordeal, "often", times=2, window_days=90, since="2999-01-01") == 2
        after = (await client.get(policy)).content
        assert (after["version"], after["times"], after["window_days"]) == (1, 3, 30)
        assert (after["node"], after["adopted_here"]) == ("often", 2)

        # Adopting brings nothing up, and what is with the council stays there.
        await ordeal.drained()
        (south,) = (await council.get(agenda)).content["items"]
        assert (south["area"], south["requests"], south["state"]) == ("South", TIMES, "taken")

        for number in range(2):
            await receive(client, path, f"west-{number}", **_about("West"))
        await ordeal.drained()
        assert await _has_items(council, agenda, 1)
        await receive(client, path, "west-enough", **_about("West"))
        await receive(client, path, "north-next", **_about("North"))
        await eventually(lambda: _has_items(council, agenda, 3), within_s=30)
        items = (await council.get(agenda)).content["items"]
        assert {item["area"]: item["requests"] for item in items} == {
            "South": TIMES,
            "West": 3,
            "North": TIMES,
        }
    told = await ordeal.row(
        "wishes",
        "SELECT count(*) AS recurred, count(*) FILTER (WHERE e.data ->> 'policy' = '1') AS by_it"
        " FROM kit.event AS e WHERE e.type = 'cogov.wishes.matter_recurred.v1' AND e.scope = $1",
        "often",
    )
    assert (told["recurred"], told["by_it"]) == (3, 2)
    await ordeal.assert_clean()


async def _adopt(ordeal: Ordeal, node: str, *, times: int, window_days: int, since: str) -> int:
    """Adopt a policy by the command line; give its version."""
    district = ordeal.district
    token = district.places.root / "adopting.token"
    token.write_text(district.token(ADMINISTRATOR), encoding="utf-8")
    said = ["--times", str(times), "--window-days", str(window_days), "--effective-from", since]
    where = ["--url", district.url("wishes"), "--token-file", str(token)]
    command = [sys.executable, "-m", "shared.cli", "adopt", "recurrence-policy", node]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, *said, *where],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.removeprefix("adopted version "))


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
