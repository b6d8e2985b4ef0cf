"""POSTs: what reaches the writer, what comes back, and every way to be turned away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from shared.decider import RefusalKind
from shared.kit.http.edge import Limits
from shared.kit.identity.ids import command_id
from shared.kit.position import Position, format_token, parse_token
from shared.kit.submission import Accepted, Fault, KeyReused, Refusal, Unavailable
from tests.fixtures.edge import MEADOWS, NOW, OpenMeadow, Ports

BODY = {"name": "Wide"}


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return Ports(tmp_path)


async def post(
    ports: Ports, body: object = BODY, path: str = MEADOWS, **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with ports.client() as client:
        return await client.post(path, content=content, headers=ports.headers(**headers))


def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"] == f"urn:cogov:problem:{problem['code']}"
    assert problem["detail"]
    return response.status_code, problem["code"]


async def test_a_good_post_reaches_the_writer_and_its_answer_the_caller(ports: Ports) -> None:
    response = await post(ports, {"name": "Wide", "owner": "Li"})
    (submission,) = ports.submitted
    assert isinstance(submission.command, OpenMeadow)
    meadow = submission.command.meadow
    assert response.status_code == 201
    assert response.json() == {
        "stream": f"meadows/meadow/{meadow}",
        "version": 1,
        "events": 1,
        "id": str(meadow),
    }
    assert response.headers["location"] == f"{MEADOWS}/{meadow}"
    assert response.headers["etag"] == '"1"'
    assert response.headers["idempotency-replayed"] == "false"
    assert parse_token(response.headers["cogov-position"]) == Position("meadows", 3, 42, "c1")
    assert submission.scope == "c1"
    assert submission.caller is not None
    assert submission.caller.subject == "anna"
    assert submission.command_id == command_id("urn:cogov:development", "anna", "c1", "k1")
    assert [secret.ciphertext for secret in submission.secrets] == [b"Li"]
    assert submission.expected_version is None
    assert submission.occurred_at is None


async def test_a_repeated_request_names_the_id_of_the_first(ports: Ports) -> None:
    first = UUID(int=77)
    ports.answer = Accepted(f"meadows/meadow/{first}", 1, 1, 3, 42, "c1", replayed=True)
    response = await post(ports)
    assert response.json()["id"] == str(first)
    assert response.headers["location"].endswith(str(first))
    assert response.headers["idempotency-replayed"] == "true"


async def test_the_fingerprint_follows_the_content_and_not_its_spelling(ports: Ports) -> None:
    await post(ports, b'{"name": "Wide", "owner": "Li"}')
    await post(ports, b'{"owner":"Li","name":"\\u0057ide"}')
    await post(ports, b'{"owner":"Li","name":"Wilde"}')
    await post(ports, b'{"owner":"Li","name":"Wide"}', if_match='"1"')
    same, equal, other_body, other_match = (sent.fingerprint for sent in ports.submitted)
    assert same == equal
    assert len({same, other_body, other_match}) == 3
    assert len({sent.command_id for sent in ports.submitted}) == 1


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        (Refusal("meadow_mown", RefusalKind.CONFLICT.value, "Mown.", {"at": 3}, 3, 42), 409, None),
        (Refusal("meadow_mown", RefusalKind.INVALID.value, "Mown.", {"at": 3}, 3, 42), 422, None),
        (Refusal("meadow_mown", RefusalKind.FORBIDDEN.value, "No.", {"at": 3}, 3, 42), 403, None),
        (Refusal("meadow_mown", RefusalKind.NOT_FOUND.value, "No.", {"at": 3}, 3, 42), 404, None),
        (Refusal("meadow_mown", RefusalKind.VERSION.value, "No.", {"at": 3}, 3, 42), 412, None),
        (Refusal("meadow_mown", RefusalKind.UNAVAILABLE.value, "No.", {"at": 3}, 3, 4), 503, "1"),
        (Unavailable("queue_full", "Later.", 7), 503, "7"),
    ],
)
async def test_each_answer_has_its_status(
    ports: Ports, answer: Refusal | Unavailable, status: int, expected: str | None
) -> None:
    ports.answer = answer
    response = await post(ports)
    assert code(response) == (status, answer.code)
    assert response.headers.get("retry-after") == expected
    if isinstance(answer, Refusal):
        assert response.json()["at"] == 3
        assert response.headers["idempotency-replayed"] == "false"


async def test_details_never_replace_the_members_of_a_problem(ports: Ports) -> None:
    ports.answer = Refusal("odd", "conflict", "Odd.", {"status": 1, "code": "x"}, 3, 42)
    assert code(await post(ports)) == (409, "odd")


async def test_a_fault_and_a_reused_key_have_stable_codes(ports: Ports) -> None:
    ports.answer = Fault("decide_failed", "A bug.")
    assert code(await post(ports)) == (500, "decide_failed")
    ports.answer = Fault("content_refused", "Cannot be stored.", 422)
    assert code(await post(ports)) == (422, "content_refused")
    ports.answer = KeyReused()
    assert code(await post(ports)) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("key", "status"),
    [("", 400), ("k", 201), ("k" * 200, 201), ("k" * 201, 400), ("käse", 400), ("a\tb", 400)],
)
async def test_the_idempotency_key_has_limits(ports: Ports, key: str, status: int) -> None:
    headers = ports.headers(idempotency_key="") | ({"idempotency-key": key} if key else {})
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    async with ports.client() as client:
        response = await client.post(
            MEADOWS, content=b'{"name":"x"}', headers=[(n.encode(), v) for n, v in raw.items()]
        )
    assert response.status_code == status
    if status == 400:
        missing = "idempotency_key_invalid" if key else "idempotency_key_missing"
        assert code(response) == (400, missing)


@pytest.mark.parametrize(
    ("if_match", "version"),
    [
        ('"3"', 3),
        ('"0"', 0),
        ("3", None),
        ('W/"3"', None),
        ("*", None),
        ('"-1"', None),
        ('"03"', None),
        ('"9999999999"', None),
    ],
)
async def test_if_match_is_one_version(ports: Ports, if_match: str, version: int | None) -> None:
    response = await post(ports, if_match=if_match)
    if version is None:
        assert code(response) == (400, "if_match_invalid")
    else:
        assert ports.submitted[0].expected_version == version


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"],
)
async def test_a_body_that_is_not_called_json_is_refused(ports: Ports, content_type: str) -> None:
    assert code(await post(ports, content_type=content_type)) == (415, "media_type_unsupported")


async def test_an_encoded_body_is_refused(ports: Ports) -> None:
    assert code(await post(ports, content_encoding="gzip")) == (415, "media_type_unsupported")


async def test_json_may_name_its_charset(ports: Ports) -> None:
    response = await post(ports, content_type="Application/JSON; charset=utf-8")
    assert response.status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"name": NaN}',
        b'{"name": "\x00"}',
        b'{"name": "\\ud800"}',
        b'{"name":' + b"[" * 150 + b"]" * 150 + b"}",
        b"[" * 100_000,
        b'{"name":"x"} x',
    ],
)
async def test_a_body_that_is_not_json_is_malformed(ports: Ports, body: bytes) -> None:
    assert code(await post(ports, body)) == (400, "json_malformed")


async def test_a_nul_in_any_text_is_refused_by_name(ports: Ports) -> None:
    assert code(await post(ports, {"name": "a\0b"})) == (422, "text_has_nul")
    assert code(await post(ports, {"name": "x", "a\0": 1})) == (422, "text_has_nul")
    assert (await post(ports, {"name": "a\\u0000"})).status_code == 201


async def test_values_that_do_not_fit_are_named_but_not_repeated(ports: Ports) -> None:
    response = await post(ports, {"name": 138_001_380_00, "phone": "13800138000"})
    assert code(response) == (422, "request_invalid")
    assert response.json()["errors"] == [
        {"at": "/name", "code": "string_type", "text": "Input should be a valid string"},
        {
            "at": "/phone",
            "code": "extra_forbidden",
            "text": "Extra inputs are not permitted",
        },
    ]
    assert "13800138000" not in response.text


async def test_at_most_twenty_errors_are_named(ports: Ports) -> None:
    response = await post(ports, {f"x{n}": n for n in range(100)})
    assert len(response.json()["errors"]) == 20


async def test_without_a_token_nothing_is_read(ports: Ports) -> None:
    response = await post(ports, b"{", authorization="")
    assert code(response) == (401, "token_missing")
    assert response.headers["www-authenticate"] == 'Bearer realm="cogov"'
    assert code(await post(ports, authorization="Basic YTpi")) == (401, "token_missing")


async def test_a_bad_or_an_old_token_is_refused(ports: Ports) -> None:
    response = await post(ports, authorization="Bearer nonsense")
    assert code(response) == (401, "token_invalid")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    old = ports.token(ttl_s=60)
    ports.clock.at += timedelta(seconds=91)
    assert code(await post(ports, authorization=f"Bearer {old}")) == (401, "token_expired")
    assert ports.submitted == []


async def test_a_path_id_that_is_none_is_not_found(ports: Ports) -> None:
    assert code(await post(ports, {}, f"{MEADOWS}/nonsense/mowing")) == (404, "path_not_found")
    response = await post(ports, {}, f"{MEADOWS}/{UUID(int=5)}/mowing")
    assert response.status_code == 200
    assert "id" not in response.json()
    assert "location" not in response.headers


@pytest.mark.parametrize(("scope", "status"), [("c" * 200, 201), ("c" * 201, 404), ("%00", 404)])
async def test_path_values_have_limits(ports: Ports, scope: str, status: int) -> None:
    response = await post(ports, path=MEADOWS.replace("c1", scope))
    assert response.status_code == status


async def test_a_late_fact_brings_its_time(ports: Ports) -> None:
    response = await post(
        ports, BODY | {"entered": "late", "occurred_at": "2026-02-28T10:00:00+08:00"}
    )
    assert response.status_code == 201
    assert ports.submitted[0].occurred_at == datetime(2026, 2, 28, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("entered", "occurred_at", "expected"),
    [
        ("late", None, "occurred_at_missing"),
        ("late", "2026-02-28T10:00:00", "request_invalid"),
        ("late", (NOW + timedelta(microseconds=1)).isoformat(), "occurred_at_in_future"),
        ("late", "1949-09-30T23:59:59Z", "occurred_at_too_early"),
        ("live", NOW.isoformat(), "occurred_at_unexpected"),
        ("soon", None, "request_invalid"),
    ],
)
async def test_a_time_that_cannot_be_is_refused(
    ports: Ports, entered: str, occurred_at: str | None, expected: str
) -> None:
    response = await post(ports, BODY | {"entered": entered, "occurred_at": occurred_at})
    assert code(response) == (422, expected)


@pytest.mark.parametrize("occurred_at", [NOW.isoformat(), "1949-10-01T00:00:00Z"])
async def test_the_first_and_the_last_possible_time_are_taken(
    ports: Ports, occurred_at: str
) -> None:
    response = await post(ports, BODY | {"entered": "late", "occurred_at": occurred_at})
    assert response.status_code == 201


async def test_a_command_waits_for_the_position_it_names(ports: Ports) -> None:
    position = Position("deliberation", 2, 9, "d1")
    response = await post(ports, cogov_after=format_token(position))
    assert response.status_code == 201
    assert ports.waited == [position]
    assert code(await post(ports, cogov_after="p1.zzz")) == (400, "position_invalid")


async def test_a_position_that_does_not_come_is_not_yet(tmp_path: Path) -> None:
    ports = Ports(tmp_path, limits=Limits(after_ms_max=5), visible=False)
    response = await post(ports, cogov_after=format_token(Position("meadows", 1, 1, "c1")))
    assert code(response) == (503, "not_yet")
    assert response.headers["retry-after"] == "1"
    assert ports.submitted == []


async def test_an_answer_that_does_not_come_may_be_asked_for_again(tmp_path: Path) -> None:
    ports = Ports(tmp_path, limits=Limits(answer_ms_max=5))
    ports.held.clear()
    response = await post(ports)
    assert code(response) == (503, "answer_late")
    assert response.headers["retry-after"] == "1"


async def test_the_body_has_a_limit_whether_announced_or_not(tmp_path: Path) -> None:
    ports = Ports(tmp_path, limits=Limits(body_bytes_max=100))
    at_limit = b'{"name":"' + b"x" * 89 + b'"}'
    assert len(at_limit) == 100
    assert (await post(ports, at_limit)).status_code == 201
    assert code(await post(ports, at_limit + b" ")) == (413, "body_too_large")

    async def pieces() -> AsyncIterator[bytes]:
        yield at_limit[:50]
        yield at_limit[50:]
        yield b" "

    async with ports.client() as client:
        response = await client.post(MEADOWS, content=pieces(), headers=ports.headers())
    assert code(response) == (413, "body_too_large")
    assert len(ports.submitted) == 1


async def test_a_body_in_pieces_is_put_together(ports: Ports) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"name":'
        yield b'"Wide"}'

    async with ports.client() as client:
        response = await client.post(MEADOWS, content=pieces(), headers=ports.headers())
    assert response.status_code == 201


async def test_too_many_requests_at_once_are_told_so(tmp_path: Path) -> None:
    ports = Ports(tmp_path, limits=Limits(in_flight_max=2))
    ports.held.clear()
    async with ports.client() as client:
        waiting = [
            asyncio.create_task(client.post(MEADOWS, json=BODY, headers=ports.headers()))
            for _ in range(2)
        ]
        async with asyncio.timeout(5):
            for _ in waiting:
                await ports.arrived.acquire()
        refused = await client.post(MEADOWS, json=BODY, headers=ports.headers())
        live = await client.get("/health/live")
        ports.held.set()
        answered = [await task for task in waiting]
        after = await client.post(MEADOWS, json=BODY, headers=ports.headers())
    assert code(refused) == (503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert live.status_code == 200
    assert [response.status_code for response in (*answered, after)] == [201, 201, 201]


async def test_the_correlation_id_and_the_trace_go_on(ports: Ports) -> None:
    correlation, trace = UUID(int=99), "1" * 32
    response = await post(
        ports, cogov_correlation=str(correlation), traceparent=f"00-{trace}-{'2' * 16}-01"
    )
    (submission,) = ports.submitted
    assert submission.correlation_id == correlation
    assert response.headers["cogov-correlation"] == str(correlation)
    version, sent_trace, span, flags = submission.traceparent.split("-")
    assert (version, sent_trace, flags) == ("00", trace, "01")
    assert span != "2" * 16


@pytest.mark.parametrize("parent", ["", "00-0-0-0", f"00-{'0' * 32}-{'1' * 16}-00", "ff-x"])
async def test_a_missing_or_broken_trace_starts_a_new_one(ports: Ports, parent: str) -> None:
    await post(ports, traceparent=parent, cogov_correlation="nonsense")
    (submission,) = ports.submitted
    version, trace, span, flags = submission.traceparent.split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "00")
    assert submission.correlation_id.int > 0
