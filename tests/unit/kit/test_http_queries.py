"""GETs: authorised by the kit, paged, versioned; and what surrounds every request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.kit.http.edge import Limits
from shared.kit.http.health import Check
from shared.kit.http.pages import read_cursor, write_cursor
from shared.kit.http.problems import Problem
from shared.kit.position import Position, format_token
from shared.kit.submission import Caller
from tests.fixtures.edge import MEADOWS, MeadowUnknown, Ports

OPENAPI = "/api/meadows/v1/openapi.json"


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return Ports(tmp_path)


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as entries:
        yield entries


async def get(ports: Ports, path: str = MEADOWS, **headers: str) -> httpx.Response:
    async with ports.client() as client:
        return await client.get(
            path, headers=ports.headers(content_type="", idempotency_key="", **headers)
        )


def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def test_a_list_is_read_page_by_page_to_its_end(ports: Ports) -> None:
    seen: list[int] = []
    path, pages = f"{MEADOWS}?limit=3", 0
    while path:
        response = await get(ports, path)
        assert response.status_code == 200
        page = response.json()
        seen += [item["version"] for item in page["items"]]
        path = f"{MEADOWS}?limit=3&cursor={page['next']}" if page["next"] else ""
        pages += 1
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert pages == 3


async def test_a_query_knows_its_reader_and_the_kit_authorised_the_action(ports: Ports) -> None:
    response = await get(ports)
    assert response.json()["items"][0]["name"] == "c1/r1/1"
    assert ports.reads == [("see_meadows", "c1", Caller("urn:cogov:development", "anna"))]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("limit", "status"), [("0", 422), ("1", 200), ("200", 200), ("201", 422), ("x", 422)]
)
async def test_a_page_has_limits(ports: Ports, limit: str, status: int) -> None:
    assert (await get(ports, f"{MEADOWS}?limit={limit}")).status_code == status


@pytest.mark.parametrize("cursor", ["!", "e30", write_cursor(("x",)), write_cursor((2**63,))])
async def test_a_cursor_of_another_list_is_refused(ports: Ports, cursor: str) -> None:
    assert code(await get(ports, f"{MEADOWS}?cursor={cursor}")) == (400, "cursor_invalid")


async def test_refusals_of_the_guard_come_before_anything_else(ports: Ports) -> None:
    assert code(await get(ports, f"{MEADOWS}?limit=x", authorization="")) == (401, "token_missing")
    ports.read_refusal = MeadowUnknown(scope="c1")
    response = await get(ports, f"{MEADOWS}?limit=x")
    assert code(response) == (404, "meadow_unknown")
    assert response.json()["scope"] == "c1"


async def test_one_thing_has_a_version_and_is_not_sent_twice(ports: Ports) -> None:
    response = await get(ports, f"{MEADOWS}/{UUID(int=5)}")
    assert response.json() == {"name": "Wide", "version": 4}
    assert response.headers["etag"] == '"4"'
    known = await get(ports, f"{MEADOWS}/{UUID(int=5)}", if_none_match='"4"')
    assert (known.status_code, known.content) == (304, b"")
    assert (await get(ports, f"{MEADOWS}/{UUID(int=5)}", if_none_match='"3"')).status_code == 200


async def test_what_is_not_there_is_not_found(ports: Ports) -> None:
    assert code(await get(ports, f"{MEADOWS}/{UUID(int=100)}")) == (404, "meadow_unknown")
    assert code(await get(ports, f"{MEADOWS}/nonsense")) == (404, "path_not_found")
    assert code(await get(ports, "/nothing")) == (404, "path_not_found")
    assert code(await get(ports, f"{MEADOWS}/")) == (404, "path_not_found")


async def test_another_method_is_told_the_path_s_own(ports: Ports) -> None:
    async with ports.client() as client:
        response = await client.delete(MEADOWS, headers=ports.headers())
    assert code(response) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET, POST"


async def test_a_nul_in_the_query_is_refused(ports: Ports) -> None:
    assert code(await get(ports, f"{MEADOWS}?cursor=%00")) == (422, "text_has_nul")


async def test_a_query_waits_before_it_authorises(tmp_path: Path) -> None:
    ports = Ports(tmp_path, limits=Limits(after_ms_max=5), visible=False)
    position = Position("deliberation", 1, 5, "d1")
    response = await get(ports, cogov_after=format_token(position))
    assert code(response) == (503, "not_yet")
    assert ports.waited == [position]
    assert ports.reads == []


async def test_a_database_that_is_away_is_no_bug(ports: Ports) -> None:
    response = await get(ports, f"{MEADOWS}/{UUID(int=14)}")
    assert code(response) == (503, "storage_unavailable")
    assert response.headers["retry-after"] == "1"


async def test_a_bug_costs_its_own_request_and_is_logged_without_its_text(
    ports: Ports, logged: list[MutableMapping[str, Any]]
) -> None:
    response = await get(ports, f"{MEADOWS}/{UUID(int=13)}")
    assert code(response) == (500, "internal_error")
    assert "13800138000" not in response.text
    crashed = [entry for entry in logged if entry["event"] == "http.crashed"]
    assert [entry["error"] for entry in crashed] == ["RuntimeError"]


async def test_each_request_is_one_line_without_what_it_asked(
    ports: Ports, logged: list[MutableMapping[str, Any]]
) -> None:
    await get(ports, f"{MEADOWS}?limit=0&name=13800138000")
    (entry,) = [entry for entry in logged if entry["event"] == "http.answered"]
    assert entry["route"] == "/api/meadows/v1/communities/{scope}/meadows"
    assert (entry["method"], entry["status"], entry["code"]) == ("GET", 422, "request_invalid")
    assert "13800138000" not in str(entry)


async def test_a_forwarded_body_may_be_twice_as_long(tmp_path: Path) -> None:
    async def measured(request: Request) -> Response:
        return Response(str(len(await request.body())))

    app = Ports(tmp_path, limits=Limits(body_bytes_max=100)).app()
    app.router.routes.append(Route("/internal/v1/submissions", measured, methods=["POST"]))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://meadows") as client:
        at_limit = await client.post("/internal/v1/submissions", content=b"x" * 200)
        beyond = await client.post("/internal/v1/submissions", content=b"x" * 201)
    assert at_limit.text == "200"
    assert code(beyond) == (413, "body_too_large")


async def test_requests_are_counted_by_template(ports: Ports) -> None:
    async with ports.client() as client:
        for n in (5, 6):
            await client.get(f"{MEADOWS}/{UUID(int=n)}", headers=ports.headers())
        await client.get("/whatever/is/asked")
        metrics = (await client.get("/metrics")).text
    route = 'route="/api/meadows/v1/communities/{scope}/meadows/{meadow}"'
    name = "cogov_http_request_duration_seconds_count"
    assert f'{name}{{class="2xx",method="GET",{route}}} 2.0' in metrics
    assert f'{name}{{class="4xx",method="GET",route="unmatched"}} 1.0' in metrics
    assert "cogov_http_in_flight 1.0" in metrics


async def test_readiness_is_as_bad_as_its_worst_check(tmp_path: Path) -> None:
    async def fine() -> Check:
        return Check("database", "ok")

    async def behind() -> Check:
        return Check("read_models", "degraded", "requests stands still")

    async def broken() -> Check:
        raise RuntimeError

    async def silent() -> Check:
        await asyncio.Event().wait()
        return Check("never", "ok")

    async def ready(*probes: Any) -> httpx.Response:
        ports = Ports(tmp_path, probes=probes, limits=Limits(check_ms_max=5))
        async with ports.client() as client:
            assert (await client.get("/health/live")).json() == {"state": "ok", "checks": []}
            return await client.get("/health/ready")

    assert (await ready(fine)).json()["state"] == "ok"
    degraded = await ready(fine, behind)
    assert (degraded.status_code, degraded.json()["state"]) == (200, "degraded")
    assert degraded.json()["checks"][1]["detail"] == "requests stands still"
    for probe, detail in ((broken, "RuntimeError"), (silent, "no answer in time")):
        failed = await ready(behind, probe)
        assert (failed.status_code, failed.json()["state"]) == (503, "failed")
        assert failed.json()["checks"][1]["detail"] == detail


async def test_the_openapi_page_shows_every_route_whole(ports: Ports) -> None:
    page = (await get(ports, OPENAPI, authorization="")).json()
    paths = page["paths"]
    post = paths[MEADOWS.replace("c1", "{scope}")]["post"]
    assert post["operationId"] == "openMeadow"
    names = {parameter["name"]: parameter for parameter in post["parameters"]}
    assert set(names) == {"scope", "idempotency-key", "if-match", "cogov-after"}
    assert names["idempotency-key"]["required"]
    assert not names["if-match"]["required"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/MeadowBody"}
    assert post["responses"]["201"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/CommandAnswer"
    }
    assert "application/problem+json" in post["responses"]["409"]["content"]
    one = paths[f"{MEADOWS}/{{meadow}}".replace("c1", "{scope}")]["get"]
    assert one["security"] == [{"bearer": []}]
    assert {parameter["name"] for parameter in one["parameters"]} == {
        "scope",
        "meadow",
        "cogov-after",
    }
    schemas = page["components"]["schemas"]
    assert {"MeadowBody", "MeadowView", "CommandAnswer", "Problem"} <= set(schemas)
    assert "HTTPValidationError" not in schemas
    assert "bearer" in page["components"]["securitySchemes"]


def test_a_cursor_gives_back_the_values_it_was_made_of() -> None:
    key = (datetime(2026, 3, 1, tzinfo=UTC), UUID(int=3), "楼")
    assert read_cursor(write_cursor(key), tuple[datetime, UUID, str]) == key


@pytest.mark.parametrize(
    "values", [("2026-03-01T00:00:00",), (1, 2), (), ("2026-03-01T00:00:00Z", "x"), ("a" * 2000,)]
)
def test_a_cursor_with_other_values_is_invalid(values: tuple[object, ...]) -> None:
    with pytest.raises(Problem) as caught:
        read_cursor(write_cursor(values), tuple[datetime])
    assert caught.value.code == "cursor_invalid"
