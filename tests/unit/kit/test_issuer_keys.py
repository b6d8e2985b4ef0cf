"""The keys of an OpenID provider: found, rotated, missed; nobody can make us hammer it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.kit.identity.issuer import IssuerKeys, IssuerLimits
from shared.kit.identity.keys import IssuerUnavailable
from shared.kit.identity.tokens import (
    TokenIssuerWrongError,
    TokenKeyUnknownError,
    TokenMissingError,
    TokenVerifier,
)
from shared.kit.observability.metrics import Metrics
from shared.kit.readiness import Readiness
from tests.fixtures.edge import MEADOWS, NOW, HandClock, Ports
from tests.fixtures.issuer import CONFIGURATION, JWKS, RotatingIssuer


def said(status: int, content: bytes = b"", **headers: str) -> httpx.Response:
    """Give an answer that is still to be read."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=names, stream=httpx.ByteStream(content))


@dataclass
class Login:
    """An issuer that is asked without a socket, and who asks it."""

    issuer: RotatingIssuer = field(default_factory=lambda: RotatingIssuer(now=NOW.timestamp))
    now: float = 0.0
    away: bool = False
    held: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    instead: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.held.set()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.release()
        await self.held.wait()
        if self.away:
            raise httpx.ConnectError("away")
        instead = self.instead(request)
        if instead is not None:
            return instead
        status, content = self.issuer.answer(request.url.path)
        return said(status, content)

    def keys(self, **limits: Any) -> IssuerKeys:
        return IssuerKeys(
            self.issuer.url,
            httpx.AsyncClient(transport=httpx.MockTransport(self.answer)),
            Metrics(self.registry),
            random.Random(1),
            limits=IssuerLimits(**limits),
            monotonic=lambda: self.now,
        )

    def tokens(self, keys: IssuerKeys) -> TokenVerifier:
        return TokenVerifier(issuer=self.issuer.url, keys=keys, clock=HandClock())

    def bearer(self, **claims: Any) -> str:
        return f"Bearer {self.issuer.token(**claims)}"

    def made_up(self, kid: str, **claims: Any) -> str:
        return f"Bearer {self.issuer.made_up(kid, **claims)}"

    @property
    def fetches(self) -> int:
        return self.issuer.fetched[JWKS]


@pytest.fixture
def login() -> Login:
    return Login()


@pytest.fixture
def keys(login: Login) -> IssuerKeys:
    return login.keys()


@pytest.fixture
async def tokens(login: Login, keys: IssuerKeys) -> TokenVerifier:
    """Give a verifier whose keys were fetched once; the clock stands where nothing is held back."""
    await keys.look_again()
    login.now = 10.0
    return login.tokens(keys)


async def test_keys_are_found_by_way_of_the_issuer_s_document(
    login: Login, tokens: TokenVerifier
) -> None:
    assert (await tokens.verify_header(login.bearer())).subject == "anna"
    assert login.issuer.fetched == {CONFIGURATION: 1, JWKS: 1}


async def test_a_token_of_a_new_key_is_accepted_after_one_fetch(
    login: Login, tokens: TokenVerifier
) -> None:
    login.issuer.rotate()
    for _ in range(3):
        assert (await tokens.verify_header(login.bearer())).subject == "anna"
    assert login.fetches == 2


async def test_all_who_come_with_a_new_key_wait_for_the_same_fetch(
    login: Login, tokens: TokenVerifier
) -> None:
    login.issuer.rotate()
    login.held.clear()
    coming = [asyncio.create_task(tokens.verify_header(login.bearer())) for _ in range(50)]
    await login.asked.acquire()
    await login.asked.acquire()  # the first two were those of the start
    await login.asked.acquire()
    coming[0].cancel()
    login.held.set()
    callers = await asyncio.gather(*coming, return_exceptions=True)
    assert isinstance(callers[0], asyncio.CancelledError), "one who leaves takes nobody along"
    assert [getattr(caller, "subject", caller) for caller in callers[1:]] == ["anna"] * 49
    assert login.fetches == 2


async def test_made_up_keys_make_the_issuer_asked_once_an_interval(
    login: Login, tokens: TokenVerifier
) -> None:
    async def flood() -> int:
        for number in range(20):
            with pytest.raises(TokenKeyUnknownError):
                await tokens.verify_header(login.made_up(f"made-up-{number}"))
        return login.fetches

    assert await flood() == 2
    login.now = 19.9
    assert await flood() == 2
    login.now = 20.0
    assert await flood() == 3


async def test_a_token_of_another_issuer_makes_nobody_asked(
    login: Login, tokens: TokenVerifier
) -> None:
    with pytest.raises(TokenIssuerWrongError):
        await tokens.verify_header(login.made_up("made-up", iss="https://elsewhere.example"))
    assert login.fetches == 1


async def test_a_token_of_a_key_that_was_removed_is_refused_though_it_was_remembered(
    login: Login, keys: IssuerKeys, tokens: TokenVerifier
) -> None:
    old = login.bearer()
    await tokens.verify_header(old)
    login.issuer.rotate(keep=1)
    await keys.look_again()
    assert (await tokens.verify_header(old)).subject == "anna", "both keys are published"
    login.now = 20.0
    login.issuer.rotate(keep=1)
    await keys.look_again()
    with pytest.raises(TokenKeyUnknownError):
        await tokens.verify_header(old)
    assert (await tokens.verify_header(login.bearer())).subject == "anna"


async def test_what_is_remembered_outlives_a_fetch_that_brings_nothing_new(
    login: Login, keys: IssuerKeys, tokens: TokenVerifier
) -> None:
    for subject in ("anna", "berta"):
        await tokens.verify_header(login.bearer(sub=subject))
    await keys.look_again()
    assert login.fetches == 2
    await tokens.verify_header(login.bearer())
    assert tokens.remembered == 2


async def test_while_the_issuer_is_away_known_keys_go_on_and_others_cannot_be_judged(
    login: Login, tokens: TokenVerifier
) -> None:
    old = login.bearer()
    login.away = True
    login.issuer.rotate()
    for _ in range(2):
        assert (await tokens.verify_header(old)).subject == "anna"
        with pytest.raises(IssuerUnavailable):
            await tokens.verify_header(login.bearer())
    login.away = False
    login.now = 20.0
    assert (await tokens.verify_header(login.bearer())).subject == "anna"


async def test_known_keys_count_for_a_day_without_the_issuer(
    login: Login, keys: IssuerKeys, tokens: TokenVerifier
) -> None:
    login.away = True
    login.now = 24 * 3600.0
    assert (await tokens.verify_header(login.bearer())).subject == "anna"
    login.now += 0.1
    with pytest.raises(IssuerUnavailable):
        await tokens.verify_header(login.bearer())
    login.away = False
    login.now += 10
    assert (await tokens.verify_header(login.bearer())).subject == "anna"


async def test_before_the_first_key_is_known_nobody_is_judged(login: Login) -> None:
    tokens = login.tokens(login.keys())
    login.away = True
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            await tokens.verify_header(login.bearer())
    with pytest.raises(TokenMissingError):
        await tokens.verify_header("")
    login.away = False
    login.now = 10.0
    assert (await tokens.verify_header(login.bearer())).subject == "anna"


async def test_keys_are_fetched_again_and_again_and_after_each_failure(login: Login) -> None:
    keys = login.keys(refresh_interval_s=0.01, refetch_interval_s=0.01)
    tokens = login.tokens(keys)
    old = login.bearer()
    login.away = True
    async with keys.kept():
        for _ in range(3):
            await login.asked.acquire()
        login.away = False
        await eventually(lambda: keys.trouble == "")
        assert (await tokens.verify_header(old)).subject == "anna"
        login.issuer.rotate(keep=0)
        known = keys.current()
        await eventually(lambda: keys.current() is not known)
        with pytest.raises(TokenKeyUnknownError):
            tokens.verify(old.removeprefix("Bearer "))


async def test_a_bug_met_while_fetching_is_said_and_the_fetching_goes_on(login: Login) -> None:
    def bug(_request: httpx.Request) -> None:
        raise RuntimeError

    login.instead = bug
    keys = login.keys(refetch_interval_s=0.01)
    with capture_logs() as logs:
        async with keys.kept():
            await eventually(lambda: keys.trouble == "RuntimeError")
            login.instead = lambda _request: None
            await eventually(lambda: keys.trouble == "")
    assert {"issuer.fetch_crashed", "issuer.keys_changed"} <= {each["event"] for each in logs}


async def test_a_service_that_stops_does_not_wait_for_the_issuer(login: Login) -> None:
    login.held.clear()
    async with login.keys().kept():
        await login.asked.acquire()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said(302, location="https://login.example/moved"), "the issuer answered 302"),
        (said(500), "the issuer answered 500"),
        (said(200, b"[]"), "the configuration is no object"),
        (said(200, b"<html>"), "unexpected character"),
        (said(200, b"\x1f", content_encoding="gzip"), "the issuer's answer is compressed"),
    ],
)
async def test_an_answer_that_cannot_be_right_leaves_the_keys_as_they_are(
    login: Login, tokens: TokenVerifier, keys: IssuerKeys, answer: httpx.Response, reason: str
) -> None:
    login.instead = lambda _request: answer
    with pytest.raises(IssuerUnavailable):
        await keys.look_again()
    assert keys.trouble.startswith(reason)
    assert (await tokens.verify_header(login.bearer())).subject == "anna"
    assert sum(login.issuer.fetched.values()) == 2


@pytest.mark.parametrize("spare", [0, -1])
async def test_a_document_may_be_as_large_as_the_limit(login: Login, spare: int) -> None:
    large = len(login.issuer.answer(JWKS)[1])
    keys = login.keys(document_bytes_max=large + spare)
    if spare:
        with pytest.raises(IssuerUnavailable):
            await keys.look_again()
        assert keys.trouble == "the issuer's answer is too large"
    else:
        await keys.look_again()
        assert keys.trouble == ""


async def test_an_issuer_that_does_not_end_its_answer_is_given_up(login: Login) -> None:
    login.held.clear()
    keys = login.keys(timeout_s=0.01)
    with pytest.raises(IssuerUnavailable):
        await keys.look_again()
    assert keys.trouble == "TimeoutError"


async def test_no_key_that_is_allowed_is_no_reason_to_forget_those_known(
    login: Login, tokens: TokenVerifier, keys: IssuerKeys
) -> None:
    login.instead = lambda request: said(200, b'{"keys": []}') if request.url.path == JWKS else None
    with pytest.raises(IssuerUnavailable):
        await keys.look_again()
    assert keys.trouble == "the JWKS holds no signing key of an allowed algorithm"
    assert (await tokens.verify_header(login.bearer())).subject == "anna"


async def test_it_is_measured_and_said_once_for_each_reason(login: Login) -> None:
    with capture_logs() as logs:
        keys = login.keys()
        for away in (True, True, False, False, True, False):
            login.away = away
            login.now += 10
            try:
                await keys.look_again()
            except IssuerUnavailable:
                assert away
        login.issuer.rotate()
        login.now += 10
        await keys.look_again()
    login.now += 7
    assert [(each["event"], each["keys"]) for each in logs] == [
        ("issuer.not_answered", 0),
        ("issuer.keys_changed", 1),
        ("issuer.not_answered", 1),
        ("issuer.resumed", 1),
        ("issuer.keys_changed", 2),
    ]
    assert login.registry.get_sample_value("cogov_issuer_keys_age_seconds") == 7
    fetches = {
        outcome: login.registry.get_sample_value("cogov_issuer_fetches_total", {"outcome": outcome})
        for outcome in ("ok", "failed")
    }
    assert fetches == {"ok": 4, "failed": 3}


async def test_readiness_says_whether_tokens_can_be_checked(login: Login) -> None:
    keys: Any = login.keys()
    nothing: Any = None
    ready = Readiness(nothing, nothing, issuer=keys)
    assert ready.issuer in ready.probes()
    assert await ready.issuer() == ("issuer", "failed", "not asked yet")
    await keys.look_again()
    assert await ready.issuer() == ("issuer", "ok", "")
    login.away = True
    login.now = 10
    with pytest.raises(IssuerUnavailable):
        await keys.look_again()
    assert await ready.issuer() == ("issuer", "degraded", "ConnectError")
    login.now = 24 * 3600 + 1
    assert await ready.issuer() == ("issuer", "failed", "ConnectError")


async def test_a_request_without_keys_is_answered_503_and_may_be_sent_again(
    login: Login, tmp_path: Path
) -> None:
    login.away = True
    ports = Ports(tmp_path, keys=login.keys())
    async with ports.client() as client:
        answers = [
            await client.get(MEADOWS, headers=ports.headers()),
            await client.post(MEADOWS, headers=ports.headers(), json={"name": "Wide"}),
        ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
        assert answer.headers["retry-after"] == "1"
    assert ports.submitted == []


async def test_a_document_that_leads_astray_is_not_followed(login: Login, keys: IssuerKeys) -> None:
    login.issuer.configuration["jwks_uri"] = "http://127.0.0.1/keys"
    with pytest.raises(IssuerUnavailable):
        await keys.look_again()
    assert keys.trouble == "this URL is not https"
    assert login.issuer.fetched == {CONFIGURATION: 1}


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.005)
