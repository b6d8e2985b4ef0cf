"""Kafka and PostgreSQL go away and come back; the services wait, say so, and go on."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any, Final

import httpx
import pytest

from shared.kit.embedded.postgres import Mode
from tests.fixtures.clients import Client, Journal
from tests.fixtures.ordeal import LEASE_S, Ordeal, eventually
from tests.fixtures.workload import ANSWERED, COMMANDS, REQUESTS, play, receive

log = logging.getLogger(__name__)

SERVICES = ("wishes", "deliberation")
CALLERS = 6
LONG: Final = "longer_than_the_lease"


async def test_kafka_is_away_at_the_start_and_for_a_while_later(ordeal: Ordeal) -> None:
    path = await ordeal.community("no-kafka")
    await ordeal.drained()
    await ordeal.terminate(*SERVICES)
    await asyncio.to_thread(ordeal.site.kafka.kill)
    try:
        for name in SERVICES:
            ordeal.district.launch(name)
        for name in SERVICES:
            took = await eventually(lambda name=name: _is(ordeal, name, "degraded"), within_s=30)
            log.info("%s serves without Kafka after %.1f s", name, took)
        async with ordeal.client("wishes") as client:
            replies = await play(client, path)
            assert [reply.status < 300 for reply in replies] == [True] * COMMANDS
            assert set(client.journal.seen) == {"200", "201"}
            log.info("without Kafka: %s", client.journal)
        assert (await _checks(ordeal, "wishes"))["kafka"] == "degraded"
        heard = await _heard(ordeal, "no-kafka")
        assert heard["heard"] == 0
        backlog = await ordeal.row(
            "wishes",
            """
            SELECT h.position - c.position AS events
            FROM kit.head AS h JOIN kit.cursor AS c ON c.name = 'relay'
            """,
        )
        assert backlog["events"] >= COMMANDS
    finally:
        await asyncio.to_thread(ordeal.site.kafka.start)
    for name in SERVICES:
        took = await eventually(lambda name=name: _is(ordeal, name, "ok"), within_s=60)
        log.info("%s is ready %.1f s after Kafka is back", name, took)
    await ordeal.drained()
    totals = await _heard(ordeal, "no-kafka")
    assert (totals["heard"], totals["answered"]) == (REQUESTS, ANSWERED)
    await ordeal.assert_clean()  # the order within streams and on the topic among it


@pytest.mark.parametrize("how", ["fast", "immediate", LONG])
async def test_postgres_is_restarted_under_load(ordeal: Ordeal, how: str) -> None:
    node = f"postgres-{how.replace('_', '-')}"
    path = await ordeal.community(node)
    said = {name: ordeal.district.log_of(name).stat().st_size for name in SERVICES}
    async with ordeal.client("wishes") as client, _load(client, path) as load:
        await eventually(load.has_answers, within_s=30)
        away_since = time.monotonic()
        mode: Mode = "immediate" if how == "immediate" else "fast"
        await asyncio.to_thread(ordeal.site.postgres.stop, mode)
        try:
            if how == LONG:
                await _started_anew(ordeal, said)
        finally:
            await asyncio.to_thread(ordeal.site.postgres.start)
        away_s = time.monotonic() - away_since
        await eventually(load.has_answers, within_s=30)
    log.info("%s: away %.1f s; commands: %s; reads: %s", how, away_s, client.journal, load.reads)
    assert _crashes(ordeal, said) == []
    for journal in (client.journal, load.reads):
        assert journal.unexpected == {}
        assert journal.without_retry_after == 0
        assert journal.longest_s < away_s + LEASE_S + 8, "somebody was kept waiting for nothing"
    away = {status for status in client.journal.seen if status.startswith("503")}
    assert away or how != LONG
    for name in SERVICES:
        await eventually(lambda name=name: _is(ordeal, name, "ok"), within_s=60)
    await ordeal.drained()
    figures = await ordeal.figures(node)
    assert figures["figures"]["received"] == figures["totals"]["heard"] == load.answered
    await ordeal.assert_clean()


class _Load:
    """Callers that take requests in, one after the other, and others that read the figures."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path
        self._over = False
        self._seen = 0
        self.reads = Journal()
        self.answered = 0

    async def has_answers(self) -> bool:
        """Tell whether there were some since this was asked last."""
        enough = self.answered >= self._seen + 2 * CALLERS
        if enough:
            self._seen = self.answered
        return enough

    async def write(self, number: int) -> None:
        turn = 0
        while not self._over:
            turn += 1
            reply = await receive(self._client, self._path, f"caller-{number}-{turn}")
            self.answered += reply.status == HTTPStatus.CREATED

    async def read(self, reader: Client) -> None:
        while not self._over:
            await reader.get(f"{self._path}/figures")

    def end(self) -> None:
        self._over = True


@contextlib.asynccontextmanager
async def _load(client: Client, path: str) -> AsyncGenerator[_Load]:
    load = _Load(client, path)
    async with client.twin(load.reads) as reader, asyncio.TaskGroup() as callers:
        for number in range(CALLERS):
            callers.create_task(load.write(number))
            callers.create_task(load.read(reader))
        try:
            yield load
        finally:
            load.end()


async def _started_anew(ordeal: Ordeal, since: dict[str, int]) -> None:
    """Wait until the writers have given up and start anew, while Postgres is still away."""

    async def all_anew() -> bool:
        return all(_lines(ordeal, since, name, "database.not_reached") for name in SERVICES)

    await eventually(all_anew, within_s=LEASE_S + 15)


def _crashes(ordeal: Ordeal, since: dict[str, int]) -> list[dict[str, Any]]:
    return [line for name in SERVICES for line in _lines(ordeal, since, name, "http.crashed")]


def _lines(ordeal: Ordeal, since: dict[str, int], name: str, event: str) -> list[dict[str, Any]]:
    return [line for line in ordeal.log_lines(name, since[name]) if line.get("event") == event]


async def _is(ordeal: Ordeal, name: str, state: str) -> bool:
    health = await _health(ordeal, name)
    return health.get("state") == state


async def _checks(ordeal: Ordeal, name: str) -> dict[str, str]:
    health = await _health(ordeal, name)
    return {check["name"]: check["state"] for check in health["checks"]}


async def _health(ordeal: Ordeal, name: str) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=5) as client:
        try:
            response = await client.get(f"{ordeal.district.url_of(name)}/health/ready")
        except httpx.TransportError:
            return {}
    health = response.json()
    assert response.status_code == (503 if health["state"] == "failed" else 200)
    return health


async def _heard(ordeal: Ordeal, node: str) -> dict[str, Any]:
    return (await ordeal.figures(node))["totals"]
