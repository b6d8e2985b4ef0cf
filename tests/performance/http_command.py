"""Rows `http_command` and `http_receive`: POSTs to the wishes service, against an empty endpoint.

The service is the real process (serve and write: edge, authority, writer, log, relay) beside
PostgreSQL and Kafka; the other processes of the district are stopped while it is measured.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psutil
import uvloop

from shared.cli.local_site import LocalDistrict
from shared.kit.embedded.ports import free_port
from tests.performance.children import child
from tests.performance.let_in import prepared, reception
from tests.performance.measuring import (
    CLIENTS,
    Bench,
    Row,
    Run,
    Sides,
    Stopwatch,
    described,
    middle,
)

_PER_S = 2500  # how many requests a second of measuring is worth, about
_WARM = 1000
_SCOPES = tuple(f"community-{number}" for number in range(10))
_ACCOUNTS = 500

Request = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """A server's process, and how to be let in."""

    pid: int
    port: int
    token: str


@dataclass(frozen=True, slots=True)
class Answered:
    """One load, the Locations it was answered, and how busy the load's own process was."""

    run: Run
    locations: list[str]
    load_cores: float


def measure_http_command(bench: Bench) -> list[Row]:
    """Measure both commands: a step that only writes its event, and one that seals texts too."""
    district = LocalDistrict(bench.root / "district", bench.site, database_prefix="bench_")
    try:
        token = prepared(district, _SCOPES)
        for name in ("deliberation", "deliberation-project", "wishes-project"):
            district.terminate(name)
        port = int(district.url("wishes").rpartition(":")[2])
        target = Target(_pid_on(port), port, token)
        received, accepted = Sides(), Sides()
        shares: list[float] = []
        for _ in range(bench.runs):
            shares += uvloop.run(_once(bench, target, received, accepted))
    finally:
        district.stop()
    return [
        _row("http_command", "acceptance of a request", accepted, shares),
        _row("http_receive", "a request with three sealed texts", received, shares),
    ]


def _row(name: str, what: str, sides: Sides, shares: list[float]) -> Row:
    ours = middle(sides.ours)
    note = (
        f"{what}; {CLIENTS} connections; the load took {max(shares):.2f} of a core at most;"
        f" {described('empty endpoint', sides.baseline)}; {described('ours', sides.ours)}"
    )
    met = sides.ratio >= 1 and ours.percentile(0.99) <= 25
    return Row(name, ">= 1 x empty endpoint, p99 <= 25 ms", met, note, sides)


async def _once(bench: Bench, ours: Target, received: Sides, accepted: Sides) -> list[float]:
    """Take both rows once: what our side receives, it then accepts."""
    count = int(bench.seconds * _PER_S) + _WARM
    empty_port = free_port()
    receiving = _receptions(count)
    took = await _load(bench, ours, receiving, "201", keep=True)
    accepting = _acceptances(took.locations)
    done = await _load(bench, ours, accepting, "200")
    async with child("tests.performance.empty_endpoint", {"port": empty_port}) as empty:
        await empty.ready()
        other = Target(empty.pid, empty_port, ours.token)
        await _answering(empty_port)
        empty_took = await _load(bench, other, receiving, "201")
        empty_done = await _load(bench, other, accepting, "200")
    received.ours.append(took.run)
    received.baseline.append(empty_took.run)
    accepted.ours.append(done.run)
    accepted.baseline.append(empty_done.run)
    return [one.load_cores for one in (took, done, empty_took, empty_done)]


async def _load(
    bench: Bench,
    server: Target,
    requests: list[Request],
    status: str,
    *,
    keep: bool = False,
) -> Answered:
    path = bench.root / "requests.json"
    path.write_text(json.dumps(requests), encoding="utf-8")
    task: dict[str, Any] = {
        "requests": str(path),
        "port": server.port,
        "token": server.token,
        "warm": _WARM,
        "connections": CLIENTS,
        "keep": keep,
    }
    async with child("tests.performance.http_load", task) as load:
        await load.ready()
        watch = Stopwatch(server.pid)
        load.go()
        said = await load.result()
        done = len(requests) - _WARM
        run = replace(watch.run(done, said["latencies_ms"]), seconds=said["seconds"])
    if said["statuses"] != {status: done}:
        raise RuntimeError(f"not every request was answered {status}: {said['statuses']}")
    return Answered(run, said["locations"], said["cores"])


def _receptions(count: int) -> list[Request]:
    return [
        (
            f"/api/wishes/v1/communities/{_SCOPES[number % len(_SCOPES)]}/requests",
            json.dumps(reception(f"account-{number % _ACCOUNTS}")),
        )
        for number in range(count)
    ]


def _acceptances(locations: list[str]) -> list[Request]:
    return [(f"{location}/acceptance", json.dumps({"entered": "live"})) for location in locations]


def _pid_on(port: int) -> int:
    """Find the process that listens on a port of this machine."""
    return next(
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr[1:] == (port,) and one.pid is not None
    )


async def _answering(port: int) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                await client.get(f"http://127.0.0.1:{port}/")
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                return
