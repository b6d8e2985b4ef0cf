"""The operators' port over HTTP: who may, what is listed, what is changed, and what is told."""

import asyncio
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from tests.fixtures.ordeal import Ordeal, eventually

ROOT = Path(__file__).parents[2]
STUCK = """
INSERT INTO kit.stuck (kind, rule, source_position, ordinal, source_event, scope, target,
                       command_id, command, correlation_id, traceparent, hops, code)
VALUES ('policy', 'planted', $1, 0, gen_random_uuid(), 'calm', 'wishes/request/none', NULL, NULL,
        gen_random_uuid(), '', 1, 'rule_failed')
RETURNING id
"""


async def test_an_operator_lists_and_skips_stuck_work_and_others_may_not(ordeal: Ordeal) -> None:
    stuck: int = (await ordeal.row("wishes", STUCK, 1))["id"]
    url = ordeal.district.operator_url_of("wishes")
    try:
        async with httpx.AsyncClient(base_url=f"{url}/operator/v1", trust_env=False) as client:
            nobody = await client.get("/stuck")
            desk = await client.get("/stuck", headers=_as(ordeal, "desk"))
            listed = await client.get("/stuck", headers=_as(ordeal, "administrator"))
            bare = await client.post(
                f"/stuck/{stuck}/skip", json={}, headers=_as(ordeal, "administrator")
            )
            assert nobody.status_code == HTTPStatus.UNAUTHORIZED
            assert desk.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
            assert [row["id"] for row in listed.json()] == [stuck]
            assert bare.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        await eventually(lambda: _rules(ordeal, "degraded"), within_s=20)

        done = await asyncio.to_thread(_cogov, ordeal, "skip", str(stuck), "--reason", "planted")
        assert done.stdout == f"stuck work {stuck} is skipped\n", done.stderr
        again = await asyncio.to_thread(_cogov, ordeal, "skip", str(stuck), "--reason", "twice")
        assert again.returncode == 1
        assert "not_open" in again.stderr
        kept = await ordeal.row("wishes", "SELECT * FROM kit.stuck WHERE id = $1", stuck)
        assert (kept["settled"], kept["reason"]) == ("skipped", "planted")
        assert kept["settled_by"]
        await eventually(lambda: _rules(ordeal, "ok"), within_s=20)
    finally:
        await ordeal.row("wishes", "DELETE FROM kit.stuck WHERE id = $1 RETURNING id", stuck)


async def test_a_partition_that_runs_cannot_be_resumed(ordeal: Ordeal) -> None:
    done = await asyncio.to_thread(
        _run,
        ordeal,
        "partitions",
        "resume",
        "wishes",
        "cogov.deliberation.v1",
        "0",
        "--reason",
        "to see",
    )
    assert done.returncode == 1
    assert "not_stopped" in done.stderr


def _as(ordeal: Ordeal, subject: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {ordeal.district.token(subject)}"}


async def _rules(ordeal: Ordeal, state: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        health: dict[str, Any] = (
            await client.get(f"{ordeal.district.url_of('wishes')}/health/ready")
        ).json()
    return {each["name"]: each["state"] for each in health["checks"]}["rules"] == state


def _cogov(ordeal: Ordeal, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(ordeal, "stuck", verb, "wishes", *arguments)


def _run(ordeal: Ordeal, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = str(ordeal.district.places.root)
    command = [sys.executable, "-m", "shared.cli", *arguments, "--site", root]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
