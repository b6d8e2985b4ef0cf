"""How often one caller may ask: at the edge of each limit, and never for others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from shared.kit.http.problems import Problem
from shared.kit.http.rates import Kind, RateLimits, Rates
from shared.kit.submission import Caller, Unavailable
from tests.fixtures.edge import MEADOWS, Ports

ANNA, LI = Caller("https://login.example", "anna"), Caller("https://login.example", "li")
LIMITS = RateLimits(
    window_s=10,
    commands_max=3,
    queries_max=2,
    reveals_window_s=60,
    reveals_max=1,
    integrations=frozenset({"city-system"}),
    integration_commands_max=5,
    callers_max=4,
)


class HandTime:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> HandTime:
    return HandTime()


@pytest.fixture
def rates(now: HandTime) -> Rates:
    return Rates(LIMITS, now=now)


def refused(rates: Rates, caller: Caller, kind: Kind) -> Mapping[str, str]:
    with pytest.raises(Problem) as caught:
        rates.count(caller, kind)
    assert (caught.value.status_code, caught.value.code) == (429, "rate_limited")
    return caught.value.headers or {}


@pytest.mark.parametrize(
    ("kind", "requests_max", "window_s"),
    [(Kind.COMMANDS, 3, 10), (Kind.QUERIES, 2, 10), (Kind.REVEALS, 1, 60)],
)
def test_the_last_allowed_request_is_answered_and_the_next_refused(
    rates: Rates, now: HandTime, kind: Kind, requests_max: int, window_s: int
) -> None:
    for _ in range(requests_max):
        rates.count(ANNA, kind)
    headers = refused(rates, ANNA, kind)
    assert headers["Retry-After"] == str(window_s)
    assert headers["RateLimit-Policy"] == f'"{kind}";q={requests_max};w={window_s}'
    assert headers["RateLimit"] == f'"{kind}";r=0;t={window_s}'
    now.at += window_s - 0.5
    assert refused(rates, ANNA, kind)["Retry-After"] == "1"
    now.at += 0.5
    rates.count(ANNA, kind)


def test_the_window_moves_with_the_requests(rates: Rates, now: HandTime) -> None:
    for _ in range(3):
        rates.count(ANNA, Kind.COMMANDS)
        now.at += 4
    rates.count(ANNA, Kind.COMMANDS)  # 12 s after the first, which counts no more
    assert refused(rates, ANNA, Kind.COMMANDS)["Retry-After"] == "2"  # the second leaves then
    now.at += 2
    rates.count(ANNA, Kind.COMMANDS)


def test_what_is_refused_is_not_counted(rates: Rates, now: HandTime) -> None:
    for _ in range(3):
        rates.count(ANNA, Kind.COMMANDS)
    for _ in range(80):
        now.at += 0.0625  # exact, so that the last one is 5 s after the first
        refused(rates, ANNA, Kind.COMMANDS)
    now.at += 5
    rates.count(ANNA, Kind.COMMANDS)


def test_callers_and_kinds_are_counted_apart(rates: Rates) -> None:
    rates.count(ANNA, Kind.REVEALS)
    rates.count(LI, Kind.REVEALS)
    rates.count(ANNA, Kind.QUERIES)
    rates.count(Caller("https://other.example", "anna"), Kind.REVEALS)
    refused(rates, ANNA, Kind.REVEALS)


def test_an_integration_may_give_more_commands_but_reads_like_others(rates: Rates) -> None:
    system = Caller("https://login.example", "city-system")
    for _ in range(5):
        rates.count(system, Kind.COMMANDS)
    refused(rates, system, Kind.COMMANDS)
    for _ in range(2):
        rates.count(system, Kind.QUERIES)
    refused(rates, system, Kind.QUERIES)


def test_only_so_many_windows_are_kept(rates: Rates) -> None:
    for n in range(20):
        rates.count(Caller("i", str(n)), Kind.COMMANDS)
    assert rates.kept == 4


def test_a_caller_who_keeps_asking_is_not_forgotten_for_those_who_do_not(rates: Rates) -> None:
    for n in range(3):
        rates.count(ANNA, Kind.COMMANDS)
        rates.count(Caller("i", str(n)), Kind.COMMANDS)
    refused(rates, ANNA, Kind.COMMANDS)


async def post(client: httpx.AsyncClient, ports: Ports, key: str) -> httpx.Response:
    headers = ports.headers(idempotency_key=key)
    return await client.post(MEADOWS, json={"name": "Wide"}, headers=headers)


async def test_over_http_too_many_commands_are_told_when_to_come_back(tmp_path: Path) -> None:
    ports = Ports(tmp_path, rates=LIMITS)
    async with ports.client() as client:
        for n in range(3):
            assert (await post(client, ports, f"k{n}")).status_code == 201
        response = await post(client, ports, "k3")
        assert response.status_code == 429
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == "rate_limited"
        assert response.headers["retry-after"] == "10"
        assert len(ports.submitted) == 3
        assert (await client.get(MEADOWS, headers=ports.headers())).status_code == 200
        ports.clock.at += timedelta(seconds=10)
        assert (await post(client, ports, "k3")).status_code == 201
        metrics = (await client.get("/metrics")).text
    assert 'cogov_commands_rejected_total{reason="rate"} 1.0' in metrics


async def test_over_http_queries_are_limited_before_anything_is_read(tmp_path: Path) -> None:
    ports = Ports(tmp_path, rates=LIMITS)
    async with ports.client() as client:
        for expected in (200, 200, 429, 429):
            response = await client.get(MEADOWS, headers=ports.headers())
            assert response.status_code == expected
        assert response.headers["ratelimit"] == '"queries";r=0;t=10'
    assert len(ports.reads) == 2


async def test_without_a_token_nothing_is_counted(tmp_path: Path) -> None:
    ports = Ports(tmp_path, rates=LIMITS)
    async with ports.client() as client:
        for _ in range(5):
            response = await client.get(MEADOWS, headers=ports.headers(authorization=""))
            assert response.status_code == 401
        assert (await client.get(MEADOWS, headers=ports.headers())).status_code == 200


async def test_stale_authority_is_counted_as_a_rejected_command(tmp_path: Path) -> None:
    ports = Ports(tmp_path, answer=Unavailable("authority_stale", "Too old."))
    async with ports.client() as client:
        assert (await post(client, ports, "k")).status_code == 503
        metrics = (await client.get("/metrics")).text
    assert 'cogov_commands_rejected_total{reason="authority_stale"} 1.0' in metrics
