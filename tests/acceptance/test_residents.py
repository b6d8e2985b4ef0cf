"""The roll over HTTP: one person an ID number, found by name, and called by name elsewhere."""

import asyncio
import secrets
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shared.cli.categories import read_categories
from shared.cli.directory import ADMINISTRATOR, DESK, IMPORTER, Community, resident_of
from shared.cli.local_site import LocalDistrict
from shared.cli.made_up import write_made_up
from shared.cli.opening import open_community
from shared.kit.embedded.polling import until
from shared.kit.identity.development_issuer import ISSUER

HERE = Community("roll-here", "Here")
ROLL = "/api/deliberation/v1/districts/demo-district/residents"
WITHIN_S = 30


@dataclass(frozen=True)
class People:
    """Clients of both services, by who they are."""

    administrator: httpx.Client
    desk: httpx.Client
    desk_of_wishes: httpx.Client
    importer_of_wishes: httpx.Client


@pytest.fixture(scope="module")
def people(district: LocalDistrict, tmp_path_factory: pytest.TempPathFactory) -> Generator[People]:
    _, table = write_made_up(tmp_path_factory.mktemp("made-up"))
    asyncio.run(open_community(district, HERE, read_categories(table)))

    def client(service: str, subject: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {district.token(subject)}"}
        return httpx.Client(
            base_url=district.url(service), headers=headers, trust_env=False, timeout=30
        )

    with (
        client("deliberation", ADMINISTRATOR) as administrator,
        client("deliberation", DESK) as desk,
        client("wishes", DESK) as desk_of_wishes,
        client("wishes", IMPORTER) as importer_of_wishes,
    ):
        yield People(administrator, desk, desk_of_wishes, importer_of_wishes)


def key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


def id_number() -> str:
    return str(10**17 + secrets.randbelow(10**17))


def register(people: People, **changes: Any) -> httpx.Response:
    body = {"kind": "permanent", "name": "王小明", "id_number": id_number(), **changes}
    return people.administrator.post(ROLL, json=body, headers=key())


def found(people: People, text: str) -> list[str]:
    response = people.administrator.get(f"{ROLL}/search", params={"text": text})
    return [item["resident"] for item in response.json()["items"]]


def test_a_resident_is_found_by_a_part_of_the_name_and_by_the_phone(people: People) -> None:
    surname = chr(0x20000 + secrets.randbelow(0xA000))  # a rare one, of four bytes
    phone = str(10**10 + secrets.randbelow(10**10))
    made = register(people, name=f"{surname}阿依古丽·买买提", phone=phone)
    assert made.status_code == 201, made.text
    resident = made.json()["id"]
    for text in (surname, f"{surname}阿", f"{surname}阿依古麗•買買", phone[2:]):
        assert until(lambda text=text: found(people, text) == [resident], timeout_s=WITHIN_S), text


def test_one_id_number_is_one_person_s_also_at_once(people: People) -> None:
    number = id_number()
    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(register, people, id_number=number) for _ in range(4)]
        answers = [one.result() for one in sent]
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"id_number_taken"}
    again = register(people, id_number=f" {number[:6]}-{number[6:]} ")
    assert again.json()["code"] == "id_number_taken"


def test_an_account_is_one_person_s(people: People) -> None:
    account = secrets.token_hex(8)
    first = register(people, accounts=[account]).json()["id"]
    second = register(people).json()["id"]
    body = {"account": account}
    again = people.administrator.post(f"{ROLL}/{first}/accounts", json=body, headers=key())
    assert (again.status_code, again.json()["events"]) == (200, 0)
    other = people.administrator.post(f"{ROLL}/{second}/accounts", json=body, headers=key())
    assert (other.status_code, other.json()["code"]) == (409, "account_taken")


def test_a_resident_is_revealed_for_a_purpose_and_that_is_on_record(people: People) -> None:
    made = register(people, name="李雷", phone="13800138000")
    resident, after = made.json()["id"], {"Cogov-After": made.headers["cogov-position"]}
    one = f"{ROLL}/{resident}"
    answer = people.administrator.get(one, params={"purpose": "contact"}, headers=after).json()
    assert answer["texts"] == {"name": "李雷", "phone": "13800138000"}
    assert people.administrator.get(one).json()["code"] == "request_invalid"
    assert people.administrator.get(one, params={"purpose": "search"}).status_code == 422
    assert people.desk.get(one, params={"purpose": "contact"}).status_code == 404
    unknown = people.administrator.get(f"{ROLL}/{secrets.token_hex(16)}?purpose=contact")
    assert unknown.json()["code"] == "resident_not_found"
    log = people.administrator.get(ROLL.replace("residents", "access-log")).json()["items"]
    assert {(row["purpose"], row["field"], row["sensitive"]) for row in log[:2]} == {
        ("contact", "name", True),
        ("contact", "phone", True),
    }


def test_a_case_file_calls_who_acted_by_name_and_by_a_pseudonym_without_one(
    people: People, district: LocalDistrict
) -> None:
    desk, importer = (str(resident_of(ISSUER, subject)) for subject in (DESK, IMPORTER))
    registered = register(people, resident=desk, name="韩梅梅")
    assert registered.status_code == 201, registered.text
    with httpx.Client(base_url=district.url("deliberation"), trust_env=False) as directory:
        assert directory.post("/internal/v1/names", json={}).status_code == 404
        secret = district.environment("wishes")["WISHES_NAMES_SECRET"]

        def asked() -> Any:
            return directory.post(
                "/internal/v1/names",
                json={"service": "ledger", "residents": [desk, importer]},
                headers={"cogov-internal": secret},
            ).json()

        assert until(lambda: asked() == {desk: "韩梅梅"}, timeout_s=WITHIN_S)

    for client, resident, name in (
        (people.desk_of_wishes, desk, "韩梅梅"),
        (people.importer_of_wishes, importer, f"resident {importer[-8:]}"),
    ):
        path = f"/api/wishes/v1/communities/{HERE.node}/requests"
        body = {"kind": "problem", "subject": "A matter", "text": "It leaks.", "account": "R00042"}
        made = client.post(path, json=body, headers=key())
        after = {"Cogov-After": made.headers["cogov-position"]}
        case = client.get(f"{path}/{made.json()['id']}", headers=after).json()
        assert case["received_by"] == {"resident": resident, "name": name}
        assert case["answered_by"] is None
