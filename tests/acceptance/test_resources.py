"""Resources over HTTP: never reserved beyond what there is, and gone at the end of their time."""

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from shared.cli.local_site import PLANS, LocalDistrict, ProcessPlan
from shared.kit.clock import set_site_clock
from shared.kit.embedded import Site
from tests.fixtures.clients import Client, Reply
from tests.fixtures.ordeal import LEASE_S, Ordeal, bootstrapped, eventually

log = logging.getLogger(__name__)

CHINA = timezone(timedelta(hours=8))
BEGIN = datetime(2026, 3, 2, 9, tzinfo=CHINA)
END = datetime(2026, 3, 12, 9, tzinfo=CHINA)
QUANTITY, ASKING = 10, 50
PROVIDER = str(UUID(int=77))
OFFER: dict[str, Any] = {
    "kind": "venue",
    "title": "The hall",
    "text": "Ten tables.",
    "area": "East",
    "provider": PROVIDER,
    "quantity": QUANTITY,
    "price_fen": 500,
    "valid_from": BEGIN.isoformat(),
    "valid_until": END.isoformat(),
}


@dataclass(frozen=True, slots=True)
class Dated:
    """A district of its own whose clock the test moves."""

    ordeal: Ordeal
    clock: Path

    def set(self, at: datetime) -> None:
        set_site_clock(self.clock, at - datetime.now(UTC))


@pytest.fixture(scope="module")
def dated() -> Generator[Dated]:
    with tempfile.TemporaryDirectory(prefix="cogov-resources-") as folder:
        root = Path(folder)
        clock = root / "site-clock"
        # Roles begin a day before the tests, which set the clock back each time.
        set_site_clock(clock, BEGIN - timedelta(days=1) - datetime.now(UTC))
        settings = {"lease_seconds": str(LEASE_S), "site_clock_file": str(clock)}
        plans = tuple(ProcessPlan(p.name, p.service, p.roles, settings) for p in PLANS)
        with Site(root) as site, LocalDistrict(root, site, plans=plans) as district:
            district.prepare()
            district.start()
            found = Dated(Ordeal(site, district, root), clock)
            asyncio.run(bootstrapped(found.ordeal))
            yield found


async def test_50_reservations_at_once_of_a_quantity_of_10_are_exactly_10(dated: Dated) -> None:
    dated.set(BEGIN)
    ordeal = dated.ordeal
    community = (await ordeal.community("rush")).removesuffix("/requests")
    async with ordeal.client("wishes") as client:
        need = await _need(client, community)
        one = await _offered(client, community, "rush")

        replies = await asyncio.gather(
            *(_reserve(client, one, need, number, 1) for number in range(ASKING))
        )
        answers = Counter((reply.status, reply.code) for reply in replies)
        assert answers == {(200, ""): QUANTITY, (409, "not_enough_free"): ASKING - QUANTITY}
        await ordeal.drained()
        shown = (await client.get(one)).content
        assert (shown["reserved"], shown["free"]) == (QUANTITY, 0)
        kept = (await client.get(f"{one}/reservations?limit=200")).content["items"]
        assert (len(kept), {reservation["need"] for reservation in kept}) == (QUANTITY, {need})
        log.info("%d at once for %d: %s", ASKING, QUANTITY, dict(answers))
    await ordeal.assert_clean()


async def test_an_offer_expires_on_the_site_clock_and_its_idle_days_are_counted(
    dated: Dated,
) -> None:
    dated.set(BEGIN)
    ordeal = dated.ordeal
    community = (await ordeal.community("expiry")).removesuffix("/requests")
    async with ordeal.client("wishes") as client:
        need = await _need(client, community)
        one = await _offered(client, community, "expiry")
        await _reserve(client, one, need, 1, 4)
        held = f"{one}/reservations/{UUID(int=1)}"
        await client.post(f"{held}/use", {}, key="use")
        dated.set(BEGIN + timedelta(days=2))
        back = await client.post(f"{held}/return", {}, key="return")
        assert back.status == 200, back.content
        await ordeal.drained()
        (listed,) = (await client.get(f"{community}/resources?kind=venue")).content["items"]
        assert (listed["quantity"], listed["free"], listed["in_use"]) == (10, 10, 0)

        dated.set(END - timedelta(minutes=1))
        again = await _reserve(client, one, need, 2, 1)
        assert again.status == 200, again.content
        dated.set(END + timedelta(minutes=1))
        took = await eventually(lambda: _expired(client, one), within_s=30)
        log.info("expired %.2f s after its time", took)
        await ordeal.drained()
        assert (await client.get(f"{community}/resources")).content["items"] == []
        late = await _reserve(client, one, need, 3, 1)
        assert (late.status, late.code) == (409, "offer_has_expired")
        freed = await client.post(f"{one}/reservations/{UUID(int=2)}/release", {}, key="release")
        assert freed.status == 200, freed.content

        (history,) = (await client.get(f"{community}/providers/{PROVIDER}/resources")).content[
            "items"
        ]
        assert (history["state"], history["free"]) == ("expired", 0)
        assert datetime.fromisoformat(history["ended_at"]) == END
        # 2 to 12 March are eleven days; it was in use on the 2nd, 3rd and 4th.
        idle = (await client.get(f"{community}/resources/idle-days")).content["items"]
        assert idle == [
            {"kind": "venue", "offers": 1, "days_offered": 11, "days_idle": 8, "permille": 727}
        ]
    await ordeal.drained()
    fired = await ordeal.row(
        "wishes",
        "SELECT count(*) AS expired FROM kit.event AS e"
        " WHERE e.scope = 'expiry' AND e.type = 'cogov.wishes.resource_expired.v1'",
    )
    assert fired["expired"] == 1
    await ordeal.assert_clean()


async def test_a_time_that_has_no_place_in_every_zone_is_refused(dated: Dated) -> None:
    dated.set(BEGIN)
    ordeal = dated.ordeal
    community = (await ordeal.community("times")).removesuffix("/requests")
    before = await ordeal.row("wishes", "SELECT h.position FROM kit.head AS h")
    async with ordeal.client("wishes") as client:
        for number, when in enumerate(("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")):
            body = {**OFFER, "valid_until": when}
            refused = await client.post(f"{community}/resources", body, key=f"times-{number}")
            assert (refused.status, refused.code) == (422, "request_invalid")
            for name in ("recorded_before", "ended_from", "ended_before"):
                asked = await client.get(f"{community}/needs?{name}={quote(when)}")
                assert (asked.status, asked.code) == (422, "request_invalid")
        twice = {**OFFER, "account": "R00042"}
        refused = await client.post(f"{community}/resources", twice, key="twice")
        assert (refused.status, refused.code) == (422, "request_invalid")
    assert await ordeal.row("wishes", "SELECT h.position FROM kit.head AS h") == before


async def _need(client: Client, community: str) -> str:
    body = {"title": "A room", "text": "For the choir.", "category": "文化娱乐", "area": "East"}
    made = await client.post(f"{community}/needs", body, key="need")
    assert made.status == 201, made.content
    return made.content["id"]


async def _offered(client: Client, community: str, key: str) -> str:
    made = await client.post(f"{community}/resources", OFFER, key=f"offer-{key}")
    assert made.status == 201, made.content
    one = f"{community}/resources/{made.content['id']}"
    early = await _reserve(client, one, str(UUID(int=5)), 99, 1)
    assert (early.status, early.code) == (409, "resource_not_verified")
    verified = await client.post(f"{one}/verification", {}, key=f"verify-{key}")
    assert verified.status == 200, verified.content
    return one


async def _reserve(client: Client, one: str, need: str, number: int, quantity: int) -> Reply:
    body = {"reservation": str(UUID(int=number)), "need": need, "quantity": quantity}
    return await client.post(f"{one}/reservations", body, key=f"reserve-{number}")


async def _expired(client: Client, one: str) -> bool:
    return (await client.get(one)).content["state"] == "expired"
