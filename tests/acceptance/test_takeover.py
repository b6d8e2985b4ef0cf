"""Fifty clients want one request at the same instant, and the writer is killed among them."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.cli.directory import IMPORTER
from shared.kit.identity.development_issuer import ISSUER
from shared.kit.identity.ids import command_id
from tests.fixtures.clients import Client, Journal, Reply
from tests.fixtures.ordeal import SECOND, Ordeal
from tests.fixtures.workload import receive

log = logging.getLogger(__name__)

CLIENTS = 50
FIRST = "wishes"


@pytest.mark.parametrize("killed", ["after_the_commit", "at_the_first_bytes"])
async def test_one_of_fifty_transfers_succeeds_though_the_writer_is_killed(
    ordeal: Ordeal, tmp_path: Path, killed: str
) -> None:
    node = f"takeover-{killed.replace('_', '-')}"
    path = await ordeal.community(node)
    async with ordeal.client(FIRST) as client:
        request, version = await _dispatched(client, path)
    journal = Journal()
    kill = await _two_replicas(ordeal, tmp_path / "said", killed, journal)
    epoch = await _epoch(ordeal)
    clients = [
        ordeal.client(*names, journal=journal)
        for names in [(FIRST, SECOND.name), (SECOND.name, FIRST)] * (CLIENTS // 2)
    ]
    asked = asyncio.gather(
        *(
            _transfer(client, f"{path}/{request}", version, number)
            for number, client in enumerate(clients)
        )
    )
    await kill()
    replies = await asked
    log.info("%s: %s", killed, journal)

    assert sorted(reply.status for reply in replies) == [200] + [412] * (CLIENTS - 1)
    refused = [reply.content for reply in replies if reply.status == 412]
    assert {(problem["code"], problem["version"]) for problem in refused} == {
        ("version_differs", version + 1)
    }
    assert journal.unexpected == {}
    assert journal.retried, "the kill left nobody without an answer"
    if killed == "after_the_commit":
        assert [reply.replayed for reply in replies if reply.status == 200] == [True]
    assert await _epoch(ordeal) == epoch + 1
    await _assert_in_the_log(ordeal, node, request, replies)

    await ordeal.start(FIRST, "deliberation")
    again = await asyncio.gather(
        *(
            _transfer(client, f"{path}/{request}", version, number)
            for number, client in enumerate(clients)
        )
    )
    assert all(reply.replayed for reply in again)
    assert [_said(reply) for reply in again] == [_said(reply) for reply in replies]
    for client in clients:
        await client.close()
    await ordeal.drained()
    await ordeal.assert_clean()


async def _dispatched(client: Client, path: str) -> tuple[str, int]:
    """Bring one request to its first unit; give its id and version."""
    received = await receive(client, path, "wanted")
    request = received.content["id"]
    await client.post(f"{path}/{request}/acceptance", {}, key="wanted-accept")
    unit = {"unit": "unit-0"}
    reply = await client.post(f"{path}/{request}/dispatch", unit, key="wanted-dispatch")
    assert reply.headers["etag"] == f'"{reply.content["version"]}"'
    return request, reply.content["version"]


async def _two_replicas(
    ordeal: Ordeal, said: Path, killed: str, journal: Journal
) -> Callable[[], Any]:
    """Let FIRST lead and SECOND wait; give what kills FIRST."""
    ordeal.district.add(SECOND)
    if killed == "at_the_first_bytes":
        await ordeal.start(SECOND.name)
        assert await ordeal.leader_name(FIRST, SECOND.name) == FIRST

        async def kill() -> None:
            await journal.sent.wait()
            await asyncio.to_thread(ordeal.district.kill, FIRST)

        return kill
    # What is heard is written, too, and would be the batch that the process dies with.
    await ordeal.silence("deliberation", hearer="wishes")
    await ordeal.terminate(FIRST)
    ordeal.launch_armed(FIRST, "writer.appended", said)
    assert await ordeal.leader_name(FIRST) == FIRST
    await ordeal.start(FIRST, SECOND.name)
    return lambda: ordeal.crashed(FIRST, "writer.appended", said)


async def _transfer(client: Client, request: str, version: int, number: int) -> Reply:
    return await client.post(
        f"{request}/transfers",
        {"to_unit": f"unit-{number + 1}", "reason": "overloaded"},
        key=f"transfer-{number}",
        If_Match=f'"{version}"',
    )


def _said(reply: Reply) -> tuple[int, dict[str, Any]]:
    return reply.status, reply.content


async def _epoch(ordeal: Ordeal) -> int:
    return (await ordeal.row("wishes", "SELECT h.epoch FROM kit.head AS h"))["epoch"]


async def _assert_in_the_log(ordeal: Ordeal, node: str, request: str, replies: list[Reply]) -> None:
    ids = [command_id(ISSUER, IMPORTER, node, f"transfer-{n}") for n in range(CLIENTS)]
    winner = next(n for n, reply in enumerate(replies) if reply.status == 200)
    async with ordeal.connected("wishes") as connection:
        transfers = await connection.fetch(
            """
            SELECT e.command_id, e.version, e.data::jsonb ->> 'to_unit' AS to_unit
            FROM kit.event AS e
            WHERE e.stream LIKE '%' || $1 AND e.type LIKE '%.request_transferred.%'
            """,
            request,
        )
        receipts = await connection.fetch(
            "SELECT r.command_id, r.events FROM kit.receipt AS r WHERE r.command_id = ANY($1)", ids
        )
    assert [
        (UUID(int=row["command_id"].int), row["version"], row["to_unit"]) for row in transfers
    ] == [(ids[winner], replies[winner].content["version"], f"unit-{winner + 1}")]
    # Every command was answered, and every answer is in the log, once.
    events = {UUID(int=row["command_id"].int): row["events"] for row in receipts}
    assert len(receipts) == len(events) == CLIENTS
    assert [ids.index(each) for each, written in events.items() if written] == [winner]
