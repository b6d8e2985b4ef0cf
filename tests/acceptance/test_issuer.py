"""A service that asks its issuer for keys: rotated, hammered, away at the start and later on."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from shared.cli.client import ApiClient, ClientLimits
from shared.cli.directory import ADMINISTRATOR, Community, Post, set_up_directory
from shared.cli.local_site import ProcessPlan
from shared.kit.embedded.ports import free_port
from tests.fixtures.issuer import JWKS, RotatingIssuer
from tests.fixtures.ordeal import Ordeal, eventually

log = logging.getLogger(__name__)

CLIENTS = 50
WITHIN_S = 30
OFTEN = {
    "jwks_file": "",
    "issuer_refresh_interval_s": "3600",
    "issuer_refetch_interval_s": "1",
    "issuer_timeout_s": "2",
}
PLAN = ProcessPlan("deliberation-of-issuer", "deliberation", "serve", OFTEN)


@dataclass(frozen=True)
class Replica:
    """A replica that trusts a rotating issuer, and somebody who may read there."""

    client: httpx.AsyncClient
    issuer: RotatingIssuer
    path: str
    subject: str

    def token(self, **claims: Any) -> str:
        return self.issuer.token(self.subject, **claims)

    async def read(self, token: str) -> tuple[int, str]:
        """Read with this token; give the status and the code of a problem."""
        answer = await self.client.get(self.path, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, "" if answer.is_success else answer.json()["code"]

    async def readiness(self) -> tuple[int, str]:
        """Give the status of readiness and what it says of the issuer."""
        answer = await self.client.get("/health/ready")
        states = {check["name"]: check["state"] for check in answer.json()["checks"]}
        return answer.status_code, states["issuer"]

    async def lives(self) -> bool:
        try:
            return (await self.client.get("/health/live")).is_success
        except httpx.TransportError:
            return False

    async def can_read(self) -> bool:
        return await self.read(self.token()) == (200, "")


@asynccontextmanager
async def replica(ordeal: Ordeal, node: str, issuer: RotatingIssuer) -> AsyncGenerator[Replica]:
    """Start a replica, whether it becomes ready or not."""
    district, subject = ordeal.district, f"anna-of-{node}"
    url, token = district.url("deliberation"), district.token(ADMINISTRATOR)
    async with ApiClient(url, token, ClientLimits(in_flight_max=4)) as directory:
        await set_up_directory(
            directory,
            district=district.district,
            community=Community(node, node),
            issuer=issuer.url,
            posts=(Post(subject, "secretary"),),
        )
    district.add(replace(PLAN, settings={**OFTEN, "issuer": issuer.url}))
    district.launch(PLAN.name)
    path = f"/api/deliberation/v1/communities/{node}/agenda"
    limits = httpx.Limits(max_connections=CLIENTS)
    base = district.url_of(PLAN.name)
    try:
        async with httpx.AsyncClient(
            base_url=base, limits=limits, trust_env=False, timeout=30
        ) as client:
            there = Replica(client, issuer, path, subject)
            await eventually(there.lives, within_s=WITHIN_S)
            yield there
    finally:
        await ordeal.terminate(PLAN.name)


@pytest.fixture
def issuer() -> RotatingIssuer:
    return RotatingIssuer(f"http://127.0.0.1:{free_port()}")


async def test_a_rotation_is_followed_with_one_fetch_and_nobody_can_cause_more(
    ordeal: Ordeal, issuer: RotatingIssuer
) -> None:
    with issuer.served():
        async with replica(ordeal, "rotating", issuer) as there:
            await asyncio.to_thread(ordeal.district.wait_ready, PLAN.name)
            await eventually(there.can_read, within_s=WITHIN_S)
            assert await there.readiness() == (200, "ok")
            old, before = there.token(), issuer.fetched[JWKS]
            assert await there.read(old) == (200, "")

            issuer.rotate(keep=1)
            new = there.token()
            answers = await asyncio.gather(*(there.read(new) for _ in range(CLIENTS)))
            assert Counter(answers) == {(200, ""): CLIENTS}
            assert issuer.fetched[JWKS] == before + 1
            assert await there.read(old) == (200, ""), "its key is still published"

            made_up = [issuer.made_up(f"made-up-{number}") for number in range(CLIENTS)]
            answers = await asyncio.gather(*(there.read(token) for token in made_up))
            assert Counter(answers) == {(401, "token_key_unknown"): CLIENTS}
            assert issuer.fetched[JWKS] <= before + 2 + 1, "once an interval"

            issuer.rotate(keep=1)
            await eventually(there.can_read, within_s=WITHIN_S)
            assert await there.read(old) == (401, "token_key_unknown"), "its key is gone"
            log.info("fetches of the keys: %s", issuer.fetched[JWKS])


async def test_while_the_issuer_is_away_known_keys_go_on(
    ordeal: Ordeal, issuer: RotatingIssuer
) -> None:
    async with replica(ordeal, "away-later", issuer) as there:
        with issuer.served():
            await eventually(there.can_read, within_s=WITHIN_S)
        old = there.token()
        issuer.rotate(keep=1)

        async def unknown_key_cannot_be_judged() -> bool:
            return await there.read(there.token()) == (503, "issuer_unavailable")

        await eventually(unknown_key_cannot_be_judged, within_s=WITHIN_S)
        assert await there.read(old) == (200, "")
        assert await there.readiness() == (200, "degraded")
        with issuer.served():
            await eventually(there.can_read, within_s=WITHIN_S)
            assert await there.readiness() == (200, "ok")


async def test_a_start_without_the_issuer_is_made_good_when_it_is_there(
    ordeal: Ordeal, issuer: RotatingIssuer
) -> None:
    async with replica(ordeal, "away-first", issuer) as there:
        answer = await there.client.get(
            there.path, headers={"Authorization": f"Bearer {there.token()}"}
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
        assert answer.headers["Retry-After"] == "1"
        assert (await there.client.get(there.path)).json()["code"] == "token_missing"
        assert await there.readiness() == (503, "failed")
        assert "cogov_issuer_fetches_total" in (await there.client.get("/metrics")).text
        with issuer.served():
            took = await eventually(there.can_read, within_s=WITHIN_S)
            log.info("after a start without the issuer it was let in after %.1f s", took)
            assert await there.readiness() == (200, "ok")
        said = {line.get("event") for line in ordeal.log_lines(PLAN.name)}
        assert {"issuer.not_answered", "issuer.keys_changed"} <= said


async def test_each_refusal_has_its_code(ordeal: Ordeal, issuer: RotatingIssuer) -> None:
    now = int(issuer.now())
    with issuer.served():
        async with replica(ordeal, "refusing", issuer) as there:
            await eventually(there.can_read, within_s=WITHIN_S)
            genuine = there.token()
            refused = {
                "token_expired": there.token(exp=now - 40),
                "token_not_yet_valid": there.token(nbf=now + 300),
                "token_audience_wrong": there.token(aud="elsewhere"),
                "token_issuer_wrong": there.token(iss="https://elsewhere.example"),
                "token_key_unknown": issuer.made_up("made-up"),
                "token_invalid": f"{genuine[:-8]}AAAAAAAA",
                "token_algorithm_refused": issuer.unsigned(there.subject),
            }
            for code, token in refused.items():
                assert await there.read(token) == (401, code)
            within = there.token(exp=now - 5, nbf=now + 10)
            assert await there.read(within) == (200, ""), "clocks differ by less than the skew"
