"""The operators' port over HTTP: who may, what is listed, what is changed, and what is told.

Each change is an event, too, and is listed with who made it and why.
"""

import asyncio
import json
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
LETTER = """
INSERT INTO kit.dead_letter (topic, part, record_offset, headers, code, reason)
VALUES ('cogov.deliberation.v1', 0, 1000000000, '[]', 'missing_attribute', 'planted')
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
        (act,) = await _acts(ordeal, 1)
        assert (act["act"], act["actor"], act["reason"]) == (
            "stuck_skipped",
            kept["settled_by"],
            "planted",
        )
        assert (act["what"]["stuck"], act["what"]["rule"]) == (stuck, "planted")
        await eventually(lambda: _rules(ordeal, "ok"), within_s=20)
    finally:
        await ordeal.row("wishes", "DELETE FROM kit.stuck WHERE id = $1 RETURNING id", stuck)


async def test_what_an_operator_does_about_a_dead_letter_is_an_event_each(ordeal: Ordeal) -> None:
    letter: int = (await ordeal.row("wishes", LETTER))["id"]
    verbs = ("redrive", "skip", "skip")
    try:
        done = [
            await asyncio.to_thread(
                _run, ordeal, "dead-letters", verb, "wishes", str(letter), "--reason", f"to {verb}"
            )
            for verb in verbs
        ]
        assert [one.returncode for one in done] == [1, 0, 1]
        assert [one.stdout for one in done] == ["settled: none\n", f"settled: {letter}\n", ""]
        assert "not_open" in done[-1].stderr
        acts = await _acts(ordeal, 2)
        assert [(act["act"], act["reason"]) for act in acts] == [
            ("letters_skipped", "to skip"),
            ("letters_redriven", "to redrive"),
        ]
        assert [act["what"] for act in acts] == [
            {"letters": [letter], "stream": None, "filled": 0},
            {"letters": [letter], "settled": []},
        ]
        older = await _acts(ordeal, 1, before=acts[0]["number"])
        assert older == acts[1:]
        event = await ordeal.row(
            "wishes",
            "SELECT e.actor, e.public, e.stream FROM kit.event AS e"
            " WHERE e.type = 'cogov.kit.letters_skipped.v1' AND e.xmin ="
            " (SELECT d.xmin FROM kit.dead_letter AS d WHERE d.id = $1)",
            letter,
        )
        assert (event["actor"], event["public"]) == (acts[0]["actor"], False)
        assert event["stream"] == f"wishes/operations/{ordeal.district.district}"
    finally:
        await ordeal.row("wishes", "DELETE FROM kit.dead_letter WHERE id = $1 RETURNING id", letter)


async def test_a_reason_that_cannot_be_kept_is_refused_before_anything_is_done(
    ordeal: Ordeal,
) -> None:
    url = ordeal.district.operator_url_of("wishes")
    async with httpx.AsyncClient(base_url=f"{url}/operator/v1", trust_env=False) as client:
        for reason in ("", "a\0b", "long " * 41):
            answer = await client.post(
                "/letters/1/skip", json={"reason": reason}, headers=_as(ordeal, "administrator")
            )
            assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, reason
        full = await client.post(
            "/letters/1000000/skip",
            json={"reason": "x" * 200},
            headers=_as(ordeal, "administrator"),
        )
    assert full.json()["code"] == "not_open"


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


async def _acts(ordeal: Ordeal, limit: int, *, before: int = 2**31 - 1) -> list[dict[str, Any]]:
    """Give the newest acts as the command line prints them."""
    pages = ["--limit", str(limit), "--before", str(before)]
    listed = await asyncio.to_thread(_run, ordeal, "acts", "wishes", *pages, "--json")
    return json.loads(listed.stdout)


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
