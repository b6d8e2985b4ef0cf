"""Deadlines over HTTP on a site clock: working days, one escalation each, nothing backwards.

The district adopts them by the commands of docs/how-to/adopt-deadlines.md.
"""

import asyncio
import json
import logging
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from shared.cli.deadlines import DEMO_POLICY
from shared.cli.directory import ADMINISTRATOR
from shared.cli.local_site import PLANS, LocalDistrict, ProcessPlan
from shared.kit.clock import set_site_clock
from shared.kit.embedded import Site
from tests.fixtures.clients import Client
from tests.fixtures.ordeal import LEASE_S, Ordeal, bootstrapped, eventually
from tests.fixtures.pages import follow
from tests.fixtures.workload import receive

log = logging.getLogger(__name__)

CHINA = timezone(timedelta(hours=8))
# Thursday. Of 2026 the Spring Festival is off from 15 to 23 February; Saturday the 14th is worked.
BEFORE_THE_FESTIVAL = datetime(2026, 2, 12, 10, tzinfo=CHINA)
TERMS = [
    {"priority": "normal", "working_days": 5},
    {"priority": "urgent", "working_days": 3},
    {"priority": "emergency", "working_days": 1},
]
POLICY = {**DEMO_POLICY, "terms": TERMS, "open_max": 2000}
REQUESTS = 500
PAGE = "adopt-deadlines.md"
TOLD = """
SELECT count(*) AS events, count(DISTINCT e.stream) AS requests
FROM kit.event AS e WHERE e.scope = $1 AND e.type = 'cogov.wishes.' || $2::text || '.v1'
"""


@dataclass(frozen=True, slots=True)
class Dated:
    """A district of its own whose clock the test moves."""

    ordeal: Ordeal
    clock: Path

    def set(self, at: datetime) -> None:
        set_site_clock(self.clock, at - datetime.now(UTC))


@pytest.fixture(scope="module")
def dated() -> Generator[Dated]:
    with tempfile.TemporaryDirectory(prefix="cogov-dated-") as folder:
        root = Path(folder)
        clock = root / "site-clock"
        # Roles begin a day before the tests, which set the clock back each time.
        set_site_clock(clock, BEFORE_THE_FESTIVAL - timedelta(days=1) - datetime.now(UTC))
        settings = {"lease_seconds": str(LEASE_S), "site_clock_file": str(clock)}
        plans = tuple(ProcessPlan(p.name, p.service, p.roles, settings) for p in PLANS)
        with Site(root) as site, LocalDistrict(root, site, plans=plans) as district:
            district.prepare()
            district.start()
            found = Dated(Ordeal(site, district, root), clock)
            asyncio.run(_open(found.ordeal))
            yield found


async def test_a_working_day_deadline_over_the_spring_festival(dated: Dated) -> None:
    dated.set(BEFORE_THE_FESTIVAL)
    path = await dated.ordeal.community("festival")
    async with dated.ordeal.client("wishes") as client:
        one = await _accepted(client, path, "lamp")
        deadline = await _deadline(dated, client, one)
        # 13 Friday, 14 Saturday (worked), then 24, 25, 26 February.
        assert _day(deadline["due_at"]) == "2026-02-26 18:00"
        assert (deadline["working_days"], deadline["provisional"]) == (5, False)

        dated.set(datetime(2026, 2, 26, 17, 59, tzinfo=CHINA))
        await eventually(lambda: _reminded(client, one), within_s=30)
        assert (await _times(client, one))["escalations"] == []

        dated.set(datetime(2026, 2, 26, 18, 1, tzinfo=CHINA))
        await eventually(lambda: _level(client, one, 1), within_s=30)
        (escalation,) = (await _times(client, one))["escalations"]
        assert (escalation["level"], escalation["by"]) == (1, "deadline")
        log.info("due %s, escalated to %s", _day(deadline["due_at"]), escalation["sent_to"])
    await dated.ordeal.drained()
    await dated.ordeal.assert_clean()


@pytest.mark.timeout(300)
async def test_500_deadlines_due_at_once_escalate_once_each_though_the_writer_dies(
    dated: Dated, tmp_path: Path
) -> None:
    dated.set(BEFORE_THE_FESTIVAL)
    ordeal, said = dated.ordeal, tmp_path / "said"
    path = await ordeal.community("crowd")
    async with ordeal.client("wishes") as client:
        gate = asyncio.Semaphore(40)

        async def accept(number: int) -> None:
            async with gate:
                await _accepted(client, path, f"crowd-{number}")

        await asyncio.gather(*(accept(number) for number in range(REQUESTS)))
        dated.set(datetime(2026, 2, 26, 17, 59, tzinfo=CHINA))
        await eventually(lambda: _all(ordeal, "request_reminded"), within_s=90)
        # The first page of firings is answered, then the process dies before the next.
        ordeal.launch_armed("wishes", "timer.fired", said)
        await eventually(lambda: _serves(client, path), within_s=60)
        dated.set(datetime(2026, 2, 26, 18, 1, tzinfo=CHINA))
        await ordeal.crashed("wishes", "timer.fired", said)
        half = await ordeal.row("wishes", TOLD, "crowd", "request_escalated")
        await ordeal.start("wishes")

        took = await eventually(lambda: _all(ordeal, "request_escalated"), within_s=90)
        await ordeal.drained()
        after = await ordeal.row("wishes", TOLD, "crowd", "request_escalated")
        log.info(
            "%d due at once; %d escalated when the writer died; %d events for %d requests %.1f s"
            " after it was started again",
            REQUESTS, half["requests"], after["events"], after["requests"], took,
        )  # fmt: skip
        assert 0 < half["requests"] < REQUESTS
        assert (after["events"], after["requests"]) == (REQUESTS, REQUESTS)
    # Units are told one after the other: on a busy machine longer than verify waits.
    await eventually(lambda: _told_all(ordeal), within_s=120)
    await ordeal.assert_clean()


async def test_late_facts_escalate_nothing_backwards(dated: Dated) -> None:
    dated.set(BEFORE_THE_FESTIVAL)
    ordeal = dated.ordeal
    path = await ordeal.community("late")
    long_ago = {"entered": "late", "occurred_at": "2025-03-03T09:00:00+08:00"}
    async with ordeal.client("wishes") as client:
        taken = await receive(client, path, "late", **long_ago)
        one = f"{path}/{taken.content['id']}"
        await client.post(f"{one}/acceptance", long_ago, key="late-accept")
        deadline = await _deadline(dated, client, one)
        assert _day(deadline["due_at"]) == "2025-03-10 18:00"
        # A month past its day, yet nobody is told before the time counted from now is over.
        fired = await ordeal.row("wishes", TOLD, "late", "request_escalated")
        assert fired["events"] == 0
        due = await ordeal.row(
            "wishes",
            "SELECT min(t.due_at) AS due_at FROM kit.timer AS t WHERE t.scope = $1",
            "late",
        )
        assert due["due_at"] > BEFORE_THE_FESTIVAL
    await ordeal.drained()
    await ordeal.assert_clean()


async def _all(ordeal: Ordeal, event: str) -> bool:
    return (await ordeal.row("wishes", TOLD, "crowd", event))["requests"] == REQUESTS


async def _open(ordeal: Ordeal) -> None:
    await bootstrapped(ordeal)
    await ordeal.community("first")
    folder = ordeal.root / "adopting"
    folder.mkdir()
    (folder / "admin.token").write_text(ordeal.district.token(ADMINISTRATOR), encoding="utf-8")
    (folder / "policy.json").write_text(json.dumps(POLICY), encoding="utf-8")
    filled = {
        "http://127.0.0.1:8080": ordeal.district.url("wishes"),
        "my-district": ordeal.district.district,
    }
    said = [await asyncio.to_thread(follow, PAGE, folder, filled) for _ in range(2)]
    assert said == [
        "adopted\nadopted\n",
        "nothing changed: it was in force already\n" * 2,
    ]


async def _accepted(client: Client, path: str, key: str) -> str:
    taken = await receive(client, path, key)
    one = f"{path}/{taken.content['id']}"
    reply = await client.post(f"{one}/acceptance", {}, key=f"{key}-accept")
    assert reply.status == 200, reply.content
    return one


async def _told_all(ordeal: Ordeal) -> bool:
    row = await ordeal.row(
        "wishes",
        "SELECT c.position >= max(e.position) AS told"
        " FROM kit.cursor AS c, kit.event AS e"
        " WHERE c.name = 'effect:notices' AND e.type = 'cogov.wishes.request_escalated.v1'"
        " GROUP BY c.position",
    )
    return row["told"]


async def _times(client: Client, one: str) -> dict[str, Any]:
    return (await client.get(one)).content["times"]


async def _deadline(dated: Dated, client: Client, one: str) -> dict[str, Any]:
    await dated.ordeal.drained()
    return (await _times(client, one))["deadline"]


async def _reminded(client: Client, one: str) -> bool:
    return (await _times(client, one))["deadline"]["reminded_at"] is not None


async def _level(client: Client, one: str, level: int) -> bool:
    return (await _times(client, one))["deadline"]["level"] == level


async def _serves(client: Client, path: str) -> bool:
    return (await client.get(path)).status == 200


def _day(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
