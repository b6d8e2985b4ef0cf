"""Whatever is sent, the answer is a clear problem with a stable code, and nothing is written."""

import asyncio
import json
import secrets
from collections.abc import Generator
from typing import Any

import asyncpg
import httpx
import pytest

from shared.cli.categories import read_categories
from shared.cli.directory import DESK, Community
from shared.cli.local_site import LocalDistrict
from shared.cli.made_up import write_made_up
from shared.cli.opening import open_community

COMMUNITY = Community("plain-community", "Plain Community")
REQUESTS = f"/api/wishes/v1/communities/{COMMUNITY.node}/requests"
GOOD: dict[str, Any] = {
    "kind": "problem",
    "subject": "The lamp at the gate is dark",
    "text": "It has been dark for three nights.",
    "account": "R00042",
}


@pytest.fixture(scope="module")
def desk(
    district: LocalDistrict, tmp_path_factory: pytest.TempPathFactory
) -> Generator[httpx.Client]:
    """Give a client of wishes that acts for the desk of a community."""
    _, table = write_made_up(tmp_path_factory.mktemp("made-up"))
    asyncio.run(open_community(district, COMMUNITY, read_categories(table)))
    headers = {"Authorization": f"Bearer {district.token(DESK)}"}
    with httpx.Client(
        base_url=district.url("wishes"), headers=headers, trust_env=False, timeout=30
    ) as client:
        yield client


@pytest.fixture
def nothing_written(district: LocalDistrict) -> Generator[None]:
    """Compare the log's head, and the sealed texts, before and after."""
    before = asyncio.run(_written(district))
    yield
    assert asyncio.run(_written(district)) == before


async def _written(district: LocalDistrict) -> tuple[int, int]:
    connection = await asyncpg.connect(district.owner_dsn("wishes"))
    try:
        row = await connection.fetchrow(
            "SELECT h.position, (SELECT count(*) FROM kit.vault) AS texts FROM kit.head AS h"
        )
        assert row is not None
        return row["position"], row["texts"]
    finally:
        await connection.close()


def key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.headers["content-type"].startswith("application/problem+json"), response.text
    content: dict[str, Any] = response.json()
    assert (response.status_code, content["code"]) == (status, code), content
    return content


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "wish"}, "request_invalid"),
        ({"kind": None}, "request_invalid"),
        ({"subject": ""}, "request_invalid"),
        ({"subject": "x" * 201}, "request_invalid"),
        ({"text": "x" * 20_001}, "request_invalid"),
        ({"text": "a\u0000b"}, "text_has_nul"),
        ({"area": "\u0000"}, "text_has_nul"),
        ({"account": 7}, "request_invalid"),
        ({"surprise": True}, "request_invalid"),
        ({"entered": "late"}, "occurred_at_missing"),
        ({"entered": "late", "occurred_at": "2024-02-30T00:00:00Z"}, "request_invalid"),
        ({"entered": "late", "occurred_at": "2024-02-03T00:00:00"}, "request_invalid"),
        ({"entered": "late", "occurred_at": "2999-01-01T00:00:00Z"}, "occurred_at_in_future"),
        ({"entered": "late", "occurred_at": "1900-01-01T00:00:00Z"}, "occurred_at_too_early"),
        ({"occurred_at": "2024-02-03T00:00:00Z"}, "occurred_at_unexpected"),
    ],
)
def test_a_field_that_cannot_be_is_named(
    desk: httpx.Client, changes: dict[str, Any], code: str
) -> None:
    problem(desk.post(REQUESTS, json={**GOOD, **changes}, headers=key()), 422, code)


@pytest.mark.usefixtures("nothing_written")
def test_a_category_that_the_policy_does_not_have_is_refused(desk: httpx.Client) -> None:
    body = {**GOOD, "category": "astronomy"}

    problem(desk.post(REQUESTS, json=body, headers=key()), 422, "category_unknown")


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "json_malformed"),
        (b"{", 400, "json_malformed"),
        (b"[]", 422, "request_invalid"),
        (b"\xff\xfe{}", 400, "json_malformed"),
        (json.dumps({**GOOD, "text": "x" * 10_000_000}).encode(), 413, "body_too_large"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    desk: httpx.Client, content: bytes, status: int, code: str
) -> None:
    headers = {**key(), "Content-Type": "application/json"}

    problem(desk.post(REQUESTS, content=content, headers=headers), status, code)


@pytest.mark.usefixtures("nothing_written")
def test_who_asks_and_under_which_key_must_be_said(
    desk: httpx.Client, district: LocalDistrict
) -> None:
    problem(desk.post(REQUESTS, json=GOOD), 400, "idempotency_key_missing")
    with httpx.Client(base_url=district.url("wishes"), trust_env=False) as stranger:
        problem(stranger.post(REQUESTS, json=GOOD, headers=key()), 401, "token_missing")
        forged = {**key(), "Authorization": "Bearer e30.e30.e30"}
        problem(stranger.post(REQUESTS, json=GOOD, headers=forged), 401, "token_invalid")
        unknown = {**key(), "Authorization": f"Bearer {district.token('nobody')}"}
        problem(stranger.post(REQUESTS, json=GOOD, headers=unknown), 403, "unknown_identity")


@pytest.mark.usefixtures("nothing_written")
def test_a_foreign_place_looks_like_none(desk: httpx.Client) -> None:
    elsewhere = REQUESTS.replace(COMMUNITY.node, "another-community")

    problem(desk.post(elsewhere, json=GOOD, headers=key()), 404, "scope_not_found")
    problem(desk.get(elsewhere), 404, "scope_not_found")
    problem(desk.get(f"{REQUESTS}/00000000-0000-0000-0000-000000000000"), 404, "request_not_found")
    problem(
        desk.post(f"{REQUESTS}/not-an-id/acceptance", json={}, headers=key()),
        404,
        "path_not_found",
    )


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 422, "request_invalid"),
        ("limit=201", 422, "request_invalid"),
        ("cursor=%00", 422, "text_has_nul"),
        ("cursor=e30", 400, "cursor_invalid"),
    ],
)
def test_a_page_that_cannot_be_is_refused(
    desk: httpx.Client, query: str, status: int, code: str
) -> None:
    problem(desk.get(f"{REQUESTS}?{query}"), status, code)


@pytest.mark.usefixtures("nothing_written")
def test_a_position_beyond_the_log_is_void(desk: httpx.Client) -> None:
    problem(desk.get(REQUESTS, headers={"Cogov-After": "nonsense"}), 400, "position_invalid")


def test_rare_characters_come_back_as_they_were(desk: httpx.Client) -> None:
    body = {**GOOD, "subject": "𠮷野家门前", "text": "阿依古丽·买买提 🏮 \u202eabc", "area": "𠮷"}

    made = desk.post(REQUESTS, json=body, headers=key())
    assert made.status_code == 201, made.text
    after = {"Cogov-After": made.headers["Cogov-Position"]}
    texts = desk.get(f"{REQUESTS}/{made.json()['id']}/texts", headers=after).json()["texts"]

    assert (texts["subject"], texts["text"]) == (body["subject"], body["text"])


def test_a_list_is_paged_to_its_end_without_gaps(desk: httpx.Client) -> None:
    made = [desk.post(REQUESTS, json={**GOOD, "area": "paged"}, headers=key()) for _ in range(7)]
    after = {"Cogov-After": made[-1].headers["Cogov-Position"]}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = desk.get(
            REQUESTS, params={"area": "paged", "limit": 3, **cursor}, headers=after
        ).json()
        seen += [item["request"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert sorted(seen) == sorted(response.json()["id"] for response in made)
    assert len(seen) == len(set(seen)) == 7
