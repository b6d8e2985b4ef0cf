"""Micro-wishes over HTTP on a site clock: the figures of A2, the race for a claim, its expiry."""

import asyncio
import logging
import re
import tempfile
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from shared.cli.client import ApiClient, ClientLimits
from shared.cli.deadlines import adopt_working_days
from shared.cli.directory import ADMINISTRATOR, SECRETARY
from shared.cli.local_site import PLANS, LocalDistrict, ProcessPlan
from shared.kit.clock import set_site_clock
from shared.kit.embedded import Site
from tests.fixtures.clients import Client, Journal, Reply
from tests.fixtures.ordeal import LEASE_S, Ordeal, bootstrapped, eventually

log = logging.getLogger(__name__)

CHINA = timezone(timedelta(hours=8))
MONDAY = datetime(2026, 3, 2, 10, tzinfo=CHINA)
POLICY = {
    "version": 1,
    "terms": [{"claim_days": 4, "wish_days": 10}],
    "releases_max": 3,
    "release_window_days": 30,
    "community_claim_days": 0,
    "auto_close_days": 10,
    "reopen_window_days": 30,
    "reopens_max": 4,
    "reopens_escalated_from": 3,
    "low_rating_max": 2,
    "rating_freeze_days": 7,
}
SUBMITTED, REJECTED, MERGED, CONFIRMED = 500, 10, 30, 420
CLAIMERS = 50
EVENTS_OF = "SELECT count(*) AS n FROM kit.event AS e WHERE e.stream = $1 AND e.type = $2"
BOTH = """
SELECT e.actor, e.on_behalf_of, e.data->>'requester' AS requester
FROM kit.event AS e WHERE e.stream = $1 AND e.version = 1
"""
PHONE = "13800138000"


@dataclass(frozen=True, slots=True)
class Dated:
    """A district of its own whose clock the test moves."""

    ordeal: Ordeal
    clock: Path

    def set(self, at: datetime) -> None:
        set_site_clock(self.clock, at - datetime.now(UTC))

    def secretary(self) -> Client:
        district = self.ordeal.district
        return Client([district.url_of("wishes")], district.token(SECRETARY), Journal())


@pytest.fixture(scope="module")
def dated() -> Generator[Dated]:
    with tempfile.TemporaryDirectory(prefix="cogov-wishes-") as folder:
        root = Path(folder)
        clock = root / "site-clock"
        # Roles begin a day before the tests, which set the clock back each time.
        set_site_clock(clock, MONDAY - timedelta(days=1) - datetime.now(UTC))
        settings = {"lease_seconds": str(LEASE_S), "site_clock_file": str(clock)}
        plans = tuple(ProcessPlan(p.name, p.service, p.roles, settings) for p in PLANS)
        with Site(root) as site, LocalDistrict(root, site, plans=plans) as district:
            district.prepare()
            district.start()
            found = Dated(Ordeal(site, district, root), clock)
            asyncio.run(_open(found.ordeal))
            yield found


@pytest.mark.timeout(300)
async def test_500_wishes_of_which_420_confirmed_are_solved_to_91_3_percent_of_460(
    dated: Dated,
) -> None:
    dated.set(MONDAY)
    path = await _wishes(dated, "funnel")
    async with dated.ordeal.client("wishes") as desk, dated.secretary() as secretary:
        gate = asyncio.Semaphore(30)
        first = await _submitted(desk, path, "wish-0")
        await _step(desk, f"{path}/{first}/screening", "screen-0", public_text="company")

        async def live(number: int) -> None:
            async with gate:
                await _live(desk, secretary, path, number, first)

        await asyncio.gather(*(live(number) for number in range(1, SUBMITTED)))
        await live(0)
        await dated.ordeal.drained()
        figures = (await desk.get(f"{path}/figures?month=2026-03")).content
        funnel = figures["funnel"]
        log.info("A2: %s", funnel)
        counts = {name: value for name, value in funnel.items() if name.endswith("_wishes")}
        assert counts == {
            "submitted_wishes": SUBMITTED,
            "rejected_wishes": REJECTED,
            "withdrawn_wishes": 0,
            "merged_wishes": MERGED,
            "on_the_way_wishes": SUBMITTED - REJECTED - MERGED - CONFIRMED,
            "fulfilled_wishes": 0,
            "confirmed_wishes": CONFIRMED,
            "unconfirmed_wishes": 0,
        }
        assert funnel["solved"] == {
            "confirmed_wishes": 420, "of_wishes": 460, "percent": "91.3"
        }  # fmt: skip
        assert funnel["raw"] == {"confirmed_wishes": 420, "of_wishes": 500, "percent": "84.0"}
        assert funnel["requesters_persons"] == SUBMITTED
        # Every requester of a merged wish is asked, too.
        assert figures["satisfaction"]["asked"] == CONFIRMED + MERGED
        before = (await desk.get(f"{path}/figures?month=2026-02")).content["funnel"]
        assert (before["submitted_wishes"], before["solved"]["percent"]) == (0, None)
    await dated.ordeal.assert_clean()


async def test_of_50_claims_at_once_one_is_stored_and_49_hear_the_class(dated: Dated) -> None:
    dated.set(MONDAY)
    path = await _wishes(dated, "race")
    async with dated.ordeal.client("wishes") as client:
        wish = await _submitted(client, path, "rush")
        await _step(client, f"{path}/{wish}/screening", "rush-screen", public_text="a radio")

        async def claim(number: int) -> Reply:
            body = {"claimer_class": "organisation", "claimer": f"team-{number}"}
            return await client.post(f"{path}/{wish}/claim", body, key=f"rush-{number}")

        replies = await asyncio.gather(*(claim(number) for number in range(CLAIMERS)))
        log.info("claims: %s", Counter((reply.status, reply.code) for reply in replies))
        assert Counter(reply.status for reply in replies) == {200: 1, 409: CLAIMERS - 1}
        for reply in replies:
            if reply.status == 409:
                assert reply.code == "wish_already_claimed"
                assert reply.content["claimer_class"] == "organisation"
                assert "team-" not in str(reply.content)
        stored = await dated.ordeal.row(
            "wishes", EVENTS_OF, f"wishes/wish/{wish}", "cogov.wishes.wish_claimed.v1"
        )
        assert stored["n"] == 1
    await dated.ordeal.drained()
    await dated.ordeal.assert_clean()


async def test_a_claim_is_reminded_and_goes_back_to_the_wall_by_the_site_clock(
    dated: Dated,
) -> None:
    dated.set(MONDAY)
    path = await _wishes(dated, "expiry")
    async with dated.ordeal.client("wishes") as client:
        wish = await _submitted(client, path, "slow")
        one = f"{path}/{wish}"
        await _step(client, f"{one}/screening", "slow-screen", public_text="a chair")
        await _step(client, f"{one}/claim", "slow-claim", claimer_class="party_member")

        async def reminded() -> bool:
            return (await client.get(one)).content.get("reminded") is True

        async def on_the_wall() -> bool:
            return (await client.get(one)).content["state"] == "open"

        dated.set(datetime(2026, 3, 4, 18, 1, tzinfo=CHINA))
        await eventually(reminded, within_s=30)
        assert not await on_the_wall()
        dated.set(datetime(2026, 3, 6, 18, 1, tzinfo=CHINA))
        await eventually(on_the_wall, within_s=30)
        assert (await client.get(f"{path}/claimed")).content["items"] == []
        (shown,) = (await client.get(f"{path}/wall")).content["items"]
        assert shown["text"] == "a chair"
    await dated.ordeal.drained()
    await dated.ordeal.assert_clean()


async def test_nothing_private_is_public(dated: Dated) -> None:
    dated.set(MONDAY)
    path = await _wishes(dated, "private")
    async with dated.ordeal.client("wishes") as client, dated.secretary() as secretary:
        text = f"Somebody to talk to; my number is {PHONE}."
        wish = await _submitted(client, path, "talk", text=text)
        await dated.ordeal.drained()
        assert (await client.get(f"{path}/wall")).content["items"] == []
        wide = PHONE.translate({ord(digit): ord(digit) + 0xFEE0 for digit in set(PHONE)})
        for number, typed in enumerate((text, "call 138-0013-8000", f"call {wide}")):
            refused = await client.post(
                f"{path}/{wish}/screening", {"public_text": typed}, key=f"typed-{number}"
            )
            assert (refused.status, refused.code) == (422, "personal_data_in_text")
        await _step(client, f"{path}/{wish}/screening", "talk-screen", public_text="company")
        await dated.ordeal.drained()
        pages = ("", "/wall", "/mine", "/claimed", "/overdue", "/figures", f"/{wish}")
        seen = [str((await client.get(f"{path}{page}")).content) for page in pages]
        log.info("searched %d public pages for a phone", len(seen))
        assert not any(re.search(r"1[3-9]\d{9}", page) for page in seen)
        revealed = (await secretary.get(f"{path}/{wish}/texts")).content
        assert revealed["texts"]["text"] == text
        stored = await dated.ordeal.row(
            "wishes",
            "SELECT count(*) AS n FROM kit.event AS e WHERE e.data::text LIKE $1",
            f"%{PHONE}%",
        )
        assert stored["n"] == 0


async def test_the_policy_in_force_is_shown(dated: Dated) -> None:
    dated.set(MONDAY)
    path = await _wishes(dated, "policy")
    async with dated.ordeal.client("wishes") as client:
        shown = (await client.get(path.removesuffix("wishes") + "wish-policy")).content
        assert shown == {**POLICY, "terms": [{"category": "", "claim_days": 4, "wish_days": 10}]}


async def test_a_proxy_s_wish_waits_for_the_person_and_both_are_on_record(dated: Dated) -> None:
    dated.set(MONDAY)
    path = await _wishes(dated, "proxy")
    async with dated.ordeal.client("wishes") as client:
        wish = await _submitted(client, path, "elder", relation="neighbour")
        body = {"public_text": "company"}
        refused = await client.post(f"{path}/{wish}/screening", body, key="elder-early")
        assert (refused.status, refused.code) == (409, "proxy_unconfirmed")
        await _step(client, f"{path}/{wish}/proxy-confirmation", "elder-phone")
        await _step(client, f"{path}/{wish}/screening", "elder-screen", public_text="company")
        submitted = await dated.ordeal.row("wishes", BOTH, f"wishes/wish/{wish}")
        assert submitted["on_behalf_of"] == submitted["requester"]
        assert submitted["actor"] not in ("", submitted["requester"])


async def test_the_handler_does_not_close_the_wish(dated: Dated) -> None:
    dated.set(MONDAY)
    path = await _wishes(dated, "closing")
    async with dated.ordeal.client("wishes") as client, dated.secretary() as secretary:
        wish = await _submitted(client, path, "self")
        one = f"{path}/{wish}"
        await _step(client, f"{one}/screening", "self-screen", public_text="a lamp")
        await _step(client, f"{one}/claim", "self-claim", claimer_class="party_member")
        await _step(client, f"{one}/fulfilment", "self-fulfil")
        for step, body in (("call-back", {"account": "self"}), ("confirmation", {})):
            refused = await client.post(f"{one}/{step}", body, key=f"self-{step}")
            assert (refused.status, refused.code) == (403, "self_closing")
        await _step(secretary, f"{one}/call-back", "self-call", account="self")
        await _step(secretary, f"{one}/rating", "self-rate", account="self", rating=5)
    await dated.ordeal.drained()
    await dated.ordeal.assert_clean()


async def _open(ordeal: Ordeal) -> None:
    await bootstrapped(ordeal)
    await ordeal.community("first")
    district = ordeal.district
    url, token = district.url("wishes"), district.token(ADMINISTRATOR)
    async with ApiClient(url, token, ClientLimits()) as administrator:
        await adopt_working_days(administrator, district=district.district, years=range(2026, 2027))
        await administrator.post(
            f"/api/wishes/v1/districts/{district.district}/wish-policy", POLICY, key="wish-policy"
        )


async def _wishes(dated: Dated, community: str) -> str:
    requests = await dated.ordeal.community(community)
    return requests.removesuffix("requests") + "wishes"


async def _submitted(client: Client, path: str, key: str, **more: Any) -> str:
    body = {"text": "Somebody to talk to.", "account": key, "category": "company", **more}
    reply = await client.post(path, body, key=key)
    assert reply.status == 201, reply.content
    return reply.content["id"]


async def _step(client: Client, path: str, key: str, **body: Any) -> None:
    reply = await client.post(path, body, key=key)
    assert reply.status == 200, reply.content


async def _live(desk: Client, secretary: Client, path: str, number: int, first: str) -> None:
    """Bring a wish as far as its number says; the first one has the merged ones' requesters."""
    wish, merged = first, SUBMITTED - MERGED
    if number:
        wish = await _submitted(desk, path, f"wish-{number}")
    one = f"{path}/{wish}"
    if number >= merged:
        await _step(desk, f"{one}/merge", f"merge-{number}", parent=first)
        return
    if number >= merged - REJECTED:
        await _step(desk, f"{one}/rejection", f"reject-{number}", reason="not_a_wish")
        return
    if number:
        await _step(desk, f"{one}/screening", f"screen-{number}", public_text="company")
    if number >= CONFIRMED:
        return
    await _step(desk, f"{one}/claim", f"claim-{number}", claimer_class="party_member")
    await _step(desk, f"{one}/fulfilment", f"fulfil-{number}")
    await _step(secretary, f"{one}/call-back", f"call-{number}", account=f"wish-{number}")
