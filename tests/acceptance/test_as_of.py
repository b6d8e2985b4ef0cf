"""As of a day, over HTTP: who held which role, and which unit had which request."""

import asyncio
import secrets
from collections.abc import Generator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.cli.categories import read_categories
from shared.cli.directory import ADMINISTRATOR, DESK, IMPORTER, Community
from shared.cli.local_site import LocalDistrict
from shared.cli.made_up import write_made_up
from shared.cli.opening import open_community

HERE = Community("as-of-here", "Here")
DISTRICT = "/api/deliberation/v1/districts/demo-district"
REQUESTS = f"/api/wishes/v1/communities/{HERE.node}/requests"
NOT_DAYS = [
    "2025-02-30",
    "20250301",
    "1740787200",
    "2025-03-01T00:00:00",
    "\uff12025-03-01",
    "yesterday",
    "1899-12-31",
    "9999-12-31",
    "",
]


@pytest.fixture(scope="module")
def opened(district: LocalDistrict, tmp_path_factory: pytest.TempPathFactory) -> LocalDistrict:
    _, table = write_made_up(tmp_path_factory.mktemp("made-up"))
    asyncio.run(open_community(district, HERE, read_categories(table)))
    return district


def client_of(district: LocalDistrict, service: str, subject: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {district.token(subject)}"}
    return httpx.Client(
        base_url=district.url(service), headers=headers, trust_env=False, timeout=30
    )


@pytest.fixture
def administrator(opened: LocalDistrict) -> Generator[httpx.Client]:
    with client_of(opened, "deliberation", ADMINISTRATOR) as client:
        yield client


@pytest.fixture
def importer(opened: LocalDistrict) -> Generator[httpx.Client]:
    with client_of(opened, "wishes", IMPORTER) as client:
        yield client


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    answer = client.post(path, json=body, headers={"Idempotency-Key": secrets.token_hex(8)})
    assert answer.status_code < 300, answer.text
    return answer


def seen_after(answer: httpx.Response) -> dict[str, str]:
    return {"Cogov-After": answer.headers["cogov-position"]}


# --- Roles ------------------------------------------------------------------------------------


def grant(client: httpx.Client, starts: str, ends: str | None = None) -> tuple[UUID, UUID]:
    resident, granted = uuid4(), uuid4()
    body = {
        "grant": str(granted),
        "resident": str(resident),
        "role": "secretary",
        "node": HERE.node,
        "starts_at": f"{starts}+08:00",
        "ends_at": f"{ends}+08:00" if ends else None,
    }
    post(client, f"{DISTRICT}/grants", body)
    return resident, granted


def test_who_held_a_role_is_told_for_any_day(administrator: httpx.Client) -> None:
    termed, _ = grant(administrator, "2025-01-01T00:00:00", "2025-03-01T00:00:00")
    later, _ = grant(administrator, "2025-03-01T09:00:00")
    revoked, granted = grant(administrator, "2025-01-01T00:00:00")
    never, unbegun = grant(administrator, "2900-01-01T00:00:00")
    ended = [
        post(administrator, f"{DISTRICT}/grants/{one}/revocation", {"resident": str(whose)})
        for one, whose in ((granted, revoked), (unbegun, never))
    ]

    def held(on: str, **more: str) -> set[UUID]:
        found: set[UUID] = set()
        query: dict[str, str] = {"on": on, "node": HERE.node, "limit": "1", **more}
        while True:
            page = administrator.get(
                f"{DISTRICT}/role-holders", params=query, headers=seen_after(ended[-1])
            ).json()
            assert len(page["items"]) <= 1
            found |= {UUID(item["resident"]) for item in page["items"]}
            if page["next"] is None:
                return found & {termed, later, revoked, never}
            query["cursor"] = page["next"]

    assert held("2024-12-31") == set()
    assert held("2025-02-28") == {termed, revoked}
    assert held("2025-03-01") == {later, revoked}
    assert held("2025-03-01", role="secretary") == {later, revoked}
    assert held("2025-03-01", role="desk") == set()
    assert held("2950-01-01") == {later}


@pytest.mark.parametrize("on", NOT_DAYS)
def test_a_day_that_is_none_is_refused(
    administrator: httpx.Client, importer: httpx.Client, on: str
) -> None:
    for client, path in (
        (administrator, f"{DISTRICT}/role-holders"),
        (importer, f"{REQUESTS}/responsible-units"),
    ):
        answer = client.get(path, params={"on": on})
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
        (error,) = answer.json()["errors"]
        assert (error["at"], error["code"]) == ("/query/on", "day_invalid")


def test_a_day_must_be_named_and_a_cursor_be_the_list_s_own(administrator: httpx.Client) -> None:
    path = f"{DISTRICT}/role-holders"
    (error,) = administrator.get(path).json()["errors"]
    assert (error["at"], error["code"]) == ("/query/on", "missing")
    wrong = administrator.get(path, params={"on": "2025-03-01", "cursor": "WzFd"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "cursor_invalid")


def test_who_may_not_read_grants_learns_no_holder(opened: LocalDistrict) -> None:
    with client_of(opened, "deliberation", DESK) as desk:
        answer = desk.get(f"{DISTRICT}/role-holders", params={"on": "2025-03-01"})
    assert (answer.status_code, answer.json()["code"]) == (404, "scope_not_found")


# --- Requests ---------------------------------------------------------------------------------


def on_day(day: str, **body: Any) -> dict[str, Any]:
    return {"entered": "late", "occurred_at": f"{day}T09:00:00+08:00", **body}


def test_which_unit_had_a_request_is_told_for_any_day(importer: httpx.Client) -> None:
    matter = {"kind": "problem", "subject": "A lamp", "text": "It is dark.", "account": "R00042"}
    made = post(importer, REQUESTS, on_day("2025-03-01", **matter))
    one = f"{REQUESTS}/{made.json()['id']}"
    post(importer, f"{one}/acceptance", on_day("2025-03-02"))
    post(importer, f"{one}/dispatch", on_day("2025-03-03", unit="as-of-parks"))
    transfer = {"to_unit": "as-of-roads", "reason": "not_competent"}
    post(importer, f"{one}/transfers", on_day("2025-03-05", **transfer))
    # Entered after it, but it happened before: the request went on from there.
    transfer = {"to_unit": "as-of-water", "reason": "not_competent"}
    post(importer, f"{one}/transfers", on_day("2025-03-04", **transfer))
    answer = {"text": "It shines.", "account": "R00042"}
    last = post(importer, f"{one}/answer", on_day("2025-03-08", **answer))

    def had(on: str, **more: str) -> list[str]:
        page = importer.get(
            f"{REQUESTS}/responsible-units", params={"on": on, **more}, headers=seen_after(last)
        ).json()
        return [item["unit"] for item in page["items"] if item["request"] == made.json()["id"]]

    assert had("2025-03-02") == []
    assert had("2025-03-03") == ["as-of-parks"]
    assert had("2025-03-04") == had("2025-03-07") == ["as-of-water"]
    assert had("2025-03-05", unit="as-of-water") == ["as-of-water"]
    assert had("2025-03-05", unit="as-of-roads") == []
    assert had("2025-03-08") == []

    periods = importer.get(f"{one}/responsible-units", params={"limit": 1}).json()
    (first,) = periods["items"]
    assert (first["unit"], first["accountable"]) == ("as-of-parks", "as-of-parks")
    assert (first["since"], first["until"]) == ("2025-03-03T01:00:00Z", "2025-03-04T01:00:00Z")
    rest = importer.get(f"{one}/responsible-units", params={"cursor": periods["next"]}).json()
    (second,) = rest["items"]
    assert (second["unit"], second["accountable"]) == ("as-of-water", "as-of-parks")
    assert (second["until"], rest["next"]) == ("2025-03-08T01:00:00Z", None)


def test_a_request_that_is_none_has_no_units(importer: httpx.Client) -> None:
    answer = importer.get(f"{REQUESTS}/{uuid4()}/responsible-units")
    assert (answer.status_code, answer.json()["code"]) == (404, "request_not_found")
