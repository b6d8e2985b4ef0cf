# ruff: noqa: RUF001 - wide characters are the point
"""Personal texts over HTTP: found, revealed and on record, for those who may and nobody else."""

import asyncio
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shared.cli.categories import read_categories
from shared.cli.directory import ADMINISTRATOR, DESK, IMPORTER, Community
from shared.cli.local_site import LocalDistrict
from shared.cli.made_up import write_made_up
from shared.cli.opening import open_community
from shared.kit.embedded.polling import until
from tests.fixtures.files import JPEG, PNG

HERE, THERE = Community("reading-here", "Here"), Community("reading-there", "There")
WITHIN_S = 30
TEXTS = ["王小明家的水管漏水", "張偉说路灯不亮", "阿依古丽·买买提的电话 １３８００１３８０００"]


@dataclass(frozen=True)
class People:
    """Clients of wishes, by who they are."""

    desk: httpx.Client
    importer: httpx.Client
    administrator: httpx.Client


@pytest.fixture(scope="module")
def people(district: LocalDistrict, tmp_path_factory: pytest.TempPathFactory) -> Generator[People]:
    _, table = write_made_up(tmp_path_factory.mktemp("made-up"))
    for community in (HERE, THERE):
        asyncio.run(open_community(district, community, read_categories(table)))

    def client(subject: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {district.token(subject)}"}
        return httpx.Client(
            base_url=district.url("wishes"), headers=headers, trust_env=False, timeout=30
        )

    with client(DESK) as desk, client(IMPORTER) as importer, client(ADMINISTRATOR) as admin:
        yield People(desk, importer, admin)


@pytest.fixture(scope="module")
def told(people: People) -> dict[str, str]:
    """Tell every text in both communities; give the request of each that was told here."""
    found = {text: receive(people.desk, HERE, text) for text in TEXTS}
    for text in TEXTS:
        receive(people.desk, THERE, text)
    return found


def path(community: Community) -> str:
    return f"/api/wishes/v1/communities/{community.node}/requests"


def receive(desk: httpx.Client, community: Community, text: str) -> str:
    body = {"kind": "problem", "subject": "A matter", "text": text, "account": "R00042"}
    response = desk.post(path(community), json=body, headers=key())
    assert response.status_code == 201, response.text
    return response.json()["id"]


def key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


def search(client: httpx.Client, text: str) -> httpx.Response:
    return client.get(f"{path(HERE)}/search", params={"text": text})


def found(client: httpx.Client, text: str) -> set[str]:
    return {row["request"] for row in search(client, text).json()["items"]}


def eventually(holds: Callable[[], bool]) -> None:
    assert until(holds, timeout_s=WITHIN_S)


@pytest.mark.parametrize(
    ("text", "which"),
    [("王", 0), ("小明", 0), ("张伟", 1), ("張偉", 1), ("买买提", 2), ("13800138000", 2)],
)
def test_a_desk_finds_a_request_by_what_was_told_in_its_community(
    people: People, told: dict[str, str], text: str, which: int
) -> None:
    eventually(lambda: found(people.desk, text) == {told[TEXTS[which]]})


@pytest.mark.usefixtures("told")
def test_who_may_not_search_does_not(people: People) -> None:
    for client in (people.importer, people.administrator):
        response = search(client, "王")
        assert (response.status_code, response.json()["code"]) == (403, "role_missing")


def test_every_reading_is_on_record_for_the_administrator(
    people: People, told: dict[str, str]
) -> None:
    request = told[TEXTS[0]]
    eventually(lambda: found(people.desk, "王小明") == {request})
    texts = people.desk.get(f"{path(HERE)}/{request}/texts").json()["texts"]
    assert texts["text"] == TEXTS[0]

    log = "/api/wishes/v1/districts/demo-district/access-log"
    rows = people.administrator.get(log, params={"limit": 200}).json()["items"]
    read = [row for row in rows if row["purpose"] == "handling" and row["scope"] == HERE.node]
    assert {(row["field"], row["sensitive"]) for row in read} == {
        ("account", True),
        ("subject", False),
        ("text", False),
    }
    item, subject = read[0]["item"], read[0]["subject"]
    of_item = people.administrator.get(log, params={"item": item}).json()["items"]
    assert {row["purpose"] for row in of_item} == {"handling", "search"}
    of_other = people.administrator.get(log, params={"subject": told[TEXTS[1]]}).json()["items"]
    assert of_other == []
    assert people.administrator.get(log, params={"subject": subject}).json()["items"]
    assert people.desk.get(log).status_code == 404


def test_a_file_is_attached_listed_and_given_back(people: People, told: dict[str, str]) -> None:
    request = f"{path(HERE)}/{told[TEXTS[0]]}/attachments"
    headers = {**key(), "Content-Type": "image/jpeg"}
    first = people.desk.post(f"{request}?purpose=photo", content=JPEG, headers=headers)
    assert first.status_code == 201, first.text
    again = people.desk.post(f"{request}?purpose=photo", content=JPEG, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"

    after = {"Cogov-After": first.headers["cogov-position"]}
    (listed,) = people.desk.get(request, headers=after).json()["items"]
    assert (listed["media_type"], listed["size"], listed["purpose"]) == (
        "image/jpeg",
        len(JPEG),
        "photo",
    )
    given = people.desk.get(f"{request}/{listed['sha256']}")
    assert (given.content, given.headers["content-type"]) == (JPEG, "image/jpeg")
    refused = people.importer.get(f"{request}/{listed['sha256']}")
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")


@pytest.mark.parametrize(
    ("content", "media_type", "problem"),
    [
        (PNG, "image/jpeg", (422, "media_type_differs")),
        (b"<svg/>", "image/svg+xml", (422, "media_type_refused")),
        (b"", "image/png", (422, "attachment_empty")),
        (bytes(10 * 1024 * 1024 + 1), "image/png", (413, "body_too_large")),
    ],
)
def test_a_file_that_is_not_taken_leaves_nothing(
    people: People,
    told: dict[str, str],
    content: bytes,
    media_type: str,
    problem: tuple[int, str],
) -> None:
    request = f"{path(HERE)}/{told[TEXTS[1]]}/attachments"
    headers = {**key(), "Content-Type": media_type}
    response = people.desk.post(request, content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == problem
    listed: dict[str, Any] = people.desk.get(request).json()
    assert listed == {"items": []}


def test_a_file_for_another_community_s_request_is_not_taken(
    people: People, told: dict[str, str]
) -> None:
    headers = {**key(), "Content-Type": "image/png"}
    elsewhere = f"{path(THERE)}/{told[TEXTS[0]]}/attachments"
    response = people.desk.post(elsewhere, content=PNG, headers=headers)
    assert (response.status_code, response.json()["code"]) == (404, "request_not_found")
