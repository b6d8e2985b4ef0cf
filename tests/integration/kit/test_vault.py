"""The vault over a real PostgreSQL: what is sealed is revealed, unless its key is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import structlog
from asyncpg.connection import LoggedQuery

from shared.kit.embedded import Servers
from shared.kit.ports import Secret
from shared.kit.submission import Caller
from shared.kit.vault import (
    Access,
    CiphertextBrokenError,
    MasterKeyWrongError,
    Purpose,
    TextEmpty,
    TextHasNul,
    TextNotUnicode,
    TextTooLong,
    Vault,
    VaultUnavailable,
    migrate_keys,
)
from shared.kit.vault.access_log import AccessEntry

MASTER, PEPPER = b"m" * 32, b"p" * 32
CALLER = Caller("urn:test", "desk")
DESK = Access(Purpose.HANDLING, CALLER, "elm")
TABLE = """
CREATE SCHEMA kit;
CREATE TABLE kit.vault (
    record uuid NOT NULL, field text NOT NULL, subject uuid NOT NULL, ciphertext bytea NOT NULL,
    PRIMARY KEY (record, field)
);
"""


@dataclass
class Stores:
    """The two databases of a vault, and the statements that went to the keys'."""

    keys: asyncpg.Pool
    service: asyncpg.Pool
    key_queries: list[str]

    def vault(self, service: str = "wishes", **options: Any) -> Vault:
        master = options.pop("master_key", MASTER)
        return Vault(self.keys, self.service, master, PEPPER, service, **options)

    async def store(self, secrets: Sequence[Secret]) -> None:
        await self.service.executemany(
            "INSERT INTO kit.vault (record, field, subject, ciphertext) VALUES ($1, $2, $3, $4)",
            [(s.record, s.field, s.subject, s.ciphertext) for s in secrets],
        )

    async def destroy(self, subject: UUID) -> None:
        await self.keys.execute("DELETE FROM vault.subject_key WHERE subject = $1", subject)


@asynccontextmanager
async def database(site: Servers) -> AsyncGenerator[str]:
    name = f"vault_{uuid4().hex}"
    await asyncio.to_thread(site.ensure_database, name)
    yield site.dsn(name)
    owner = await asyncpg.connect(site.dsn("postgres"))
    await owner.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await owner.close()


@pytest.fixture
async def stores(site: Servers) -> AsyncIterator[Stores]:
    queries: list[str] = []

    def note(sent: LoggedQuery) -> None:
        if "vault." in sent.query:  # the driver and the pool send some of their own
            queries.append(sent.query)

    async def watch(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(note)

    async with (
        database(site) as keys_dsn,
        database(site) as service_dsn,
        asyncpg.create_pool(keys_dsn, min_size=1, max_size=4, init=watch) as keys,
        asyncpg.create_pool(service_dsn, min_size=1, max_size=2) as service,
    ):
        owner = await asyncpg.connect(keys_dsn)
        await migrate_keys(owner)
        await migrate_keys(owner)  # again is nothing
        await owner.close()
        await service.execute(TABLE)
        queries.clear()
        yield Stores(keys, service, queries)


async def test_what_is_sealed_is_revealed_as_it_was(stores: Stores) -> None:
    vault, subject, record = stores.vault(), uuid4(), uuid4()
    texts = {"name": "李雷", "text": "Wasser 💧 im Keller\n𠮷野家", "phone": "1"}
    sealed = await vault.seal(subject, record, texts)
    assert [(secret.record, secret.field, secret.subject) for secret in sealed] == [
        (record, field, subject) for field in texts
    ]
    assert all(b"Keller" not in secret.ciphertext for secret in sealed)
    await stores.store(sealed)
    assert await vault.reveal([record], DESK) == {record: texts}
    assert await stores.vault().reveal([record, record], DESK) == {record: texts}


async def test_a_record_without_texts_is_empty(stores: Stores) -> None:
    record = uuid4()
    assert await stores.vault().reveal([record], DESK) == {record: {}}
    assert await stores.vault().reveal([], DESK) == {}
    assert await stores.vault().seal(uuid4(), record, {}) == ()


async def test_texts_are_kept_in_normal_form_c(stores: Stores) -> None:
    record = uuid4()
    await stores.store(await stores.vault().seal(uuid4(), record, {"text": "Cafe\u0301"}))
    assert await stores.vault().reveal([record], DESK) == {record: {"text": "Caf\u00e9"}}


async def test_one_person_s_texts_take_one_query_and_then_none(stores: Stores) -> None:
    vault, subject = stores.vault(), uuid4()
    await vault.seal(subject, uuid4(), {"a": "1", "b": "2", "c": "3"})
    assert len(stores.key_queries) == 1
    await vault.seal(subject, uuid4(), {"a": "1"})
    assert len(stores.key_queries) == 1
    await stores.vault().seal(subject, uuid4(), {"a": "1"})
    assert len(stores.key_queries) == 2


async def test_many_records_are_revealed_with_one_query_for_their_keys(stores: Stores) -> None:
    vault, records = stores.vault(), [uuid4() for _ in range(200)]
    for record in records:
        await stores.store(await vault.seal(uuid4(), record, {"text": str(record)}))
    stores.key_queries.clear()
    found = await stores.vault().reveal(records, DESK)
    assert found == {record: {"text": str(record)} for record in records}
    assert len(stores.key_queries) == 1
    with pytest.raises(ValueError, match="200"):
        await vault.reveal([*records, uuid4()], DESK)


async def test_two_processes_that_begin_at_once_share_one_key(stores: Stores) -> None:
    subject, records = uuid4(), [uuid4() for _ in range(8)]
    sealed = await asyncio.gather(
        *(stores.vault().seal(subject, record, {"text": "x"}) for record in records)
    )
    for secrets in sealed:
        await stores.store(secrets)
    assert await stores.keys.fetchval("SELECT count(*) FROM vault.subject_key") == 1
    found = await stores.vault().reveal(records, DESK)
    assert list(found.values()) == [{"text": "x"}] * 8


async def test_a_text_whose_key_is_destroyed_is_gone_and_others_stay(stores: Stores) -> None:
    gone, kept, record = uuid4(), uuid4(), uuid4()
    vault = stores.vault()
    await stores.store(await vault.seal(gone, record, {"name": "Li"}))
    await stores.store(await vault.seal(kept, record, {"text": "Lamp"}))
    await stores.destroy(gone)
    assert await stores.vault().reveal([record], DESK) == {record: {"text": "Lamp"}}


async def test_a_cached_key_is_forgotten_after_its_time_and_beyond_its_number(
    stores: Stores,
) -> None:
    record, subject = uuid4(), uuid4()
    at_once = stores.vault(keys_cached_s=0.0)
    await stores.store(await at_once.seal(subject, record, {"name": "Li"}))
    few = stores.vault(keys_cached_max=1)
    await few.reveal([record], DESK)
    await few.seal(uuid4(), uuid4(), {"name": "Han"})
    await stores.destroy(subject)
    for vault in (at_once, few):
        assert await vault.reveal([record], DESK) == {record: {}}


@pytest.mark.parametrize("column", ["record", "field", "subject"])
async def test_a_ciphertext_that_was_moved_does_not_open(stores: Stores, column: str) -> None:
    vault, subject, record = stores.vault(), uuid4(), uuid4()
    await stores.store(await vault.seal(subject, record, {"name": "Li"}))
    other: Any = "text" if column == "field" else uuid4()
    if column == "subject":
        await vault.seal(other, uuid4(), {"name": "Han"})
    await stores.service.execute(f"UPDATE kit.vault SET {column} = $1", other)
    with pytest.raises(CiphertextBrokenError):
        await vault.reveal([other if column == "record" else record], DESK)


async def test_another_service_cannot_open_it(stores: Stores) -> None:
    record = uuid4()
    await stores.store(await stores.vault("wishes").seal(uuid4(), record, {"name": "Li"}))
    with pytest.raises(CiphertextBrokenError):
        await stores.vault("ledger").reveal([record], DESK)


@pytest.mark.parametrize("broken", [b"", b"\1", b"\2" + b"x" * 40, b"\1" + b"x" * 40])
async def test_a_broken_ciphertext_is_told_apart_from_an_erased_one(
    stores: Stores, broken: bytes
) -> None:
    record = uuid4()
    await stores.store(await stores.vault().seal(uuid4(), record, {"name": "Li"}))
    await stores.service.execute("UPDATE kit.vault SET ciphertext = $1", broken)
    with pytest.raises(CiphertextBrokenError):
        await stores.vault().reveal([record], DESK)


async def test_the_wrong_master_key_opens_nothing(stores: Stores) -> None:
    subject = uuid4()
    await stores.vault().seal(subject, uuid4(), {"name": "Li"})
    with pytest.raises(MasterKeyWrongError):
        await stores.vault(master_key=b"n" * 32).seal(subject, uuid4(), {"name": "Li"})


async def test_a_vault_out_of_reach_is_unavailable(stores: Stores) -> None:
    vault = stores.vault()
    await stores.keys.close()
    await stores.service.close()
    with pytest.raises(VaultUnavailable):
        await vault.seal(uuid4(), uuid4(), {"name": "Li"})
    with pytest.raises(VaultUnavailable):
        await vault.reveal([uuid4()], DESK)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", TextEmpty),
        ("x", None),
        ("x" * 20_000, None),
        ("💧" * 20_000, None),
        ("e\u0301" * 20_000, None),
        ("x" * 20_001, TextTooLong),
        ("e\u0301" * 20_001, TextTooLong),
        ("x" * 1_000_000, TextTooLong),
        ("a\0b", TextHasNul),
        ("\ud800", TextNotUnicode),
    ],
)
async def test_a_text_has_limits(
    stores: Stores, text: str, refusal: type[Exception] | None
) -> None:
    vault, record = stores.vault(), uuid4()
    if refusal is None:
        await stores.store(await vault.seal(uuid4(), record, {"text": text}))
        assert len((await vault.reveal([record], DESK))[record]["text"]) <= 20_000
        return
    with pytest.raises(refusal) as caught:
        await vault.seal(uuid4(), record, {"name": "Li", "text": text})
    assert getattr(caught.value, "details", {})["field"] == "text"
    assert stores.key_queries == []


async def test_revealing_is_logged_by_ids_alone(stores: Stores) -> None:
    vault, record = stores.vault(), uuid4()
    await stores.store(await vault.seal(uuid4(), record, {"name": "Li Lei"}))
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as logged:
        await vault.reveal([record, uuid4()], DESK)
    entries: list[MutableMapping[str, Any]] = list(logged)
    assert entries == [
        {
            "event": "vault.revealed",
            "log_level": "info",
            "records": [str(record)],
            "purpose": "handling",
            "identity": str(CALLER.identity),
        }
    ]


async def test_a_pseudonym_is_stable_and_needs_the_pepper(stores: Stores) -> None:
    first = stores.vault().subject_id("phone", "13800138000")
    assert first == stores.vault("ledger").subject_id("phone", "13800138000")
    assert first.version == 8
    assert first != stores.vault().subject_id("resident", "13800138000")
    assert first != stores.vault().subject_id("phone", "13800138001")
    other = Vault(stores.keys, stores.service, MASTER, b"q" * 32, "wishes")
    assert first != other.subject_id("phone", "13800138000")


async def test_keys_and_pepper_have_their_length(stores: Stores) -> None:
    for master, pepper in ((b"m" * 31, PEPPER), (MASTER, b"p" * 15)):
        with pytest.raises(ValueError, match="bytes"):
            Vault(stores.keys, stores.service, master, pepper, "wishes")


async def test_every_reveal_is_on_record_field_by_field(stores: Stores) -> None:
    vault, record, subject = stores.vault(), uuid4(), uuid4()
    await stores.store(await vault.seal(subject, record, {"name": "Li", "phone": "1"}))
    for purpose in (Purpose.HANDLING, Purpose.CONTACT):
        await vault.reveal([record], Access(purpose, CALLER, "elm"))
    found = await entries(vault)
    assert [(one.purpose, one.field) for one in found] == [
        ("contact", "phone"),
        ("contact", "name"),
        ("handling", "phone"),
        ("handling", "name"),
    ]
    assert {(one.item, one.subject, one.identity, one.scope) for one in found} == {
        (str(record), subject, CALLER.identity, "elm")
    }


async def test_only_the_fields_asked_for_are_opened_and_on_record(stores: Stores) -> None:
    vault, record = stores.vault(), uuid4()
    await stores.store(await vault.seal(uuid4(), record, {"name": "Li", "phone": "1"}))
    assert await vault.reveal([record], DESK, fields=("name",)) == {record: {"name": "Li"}}
    assert [one.field for one in await entries(vault)] == ["name"]


async def test_what_is_erased_is_not_revealed_and_leaves_no_entry(stores: Stores) -> None:
    vault, record, subject = stores.vault(), uuid4(), uuid4()
    await stores.store(await vault.seal(subject, record, {"name": "Li"}))
    await stores.destroy(subject)
    assert await vault.reveal([record], DESK) == {record: {}}
    assert await entries(vault) == []


async def test_a_reveal_that_cannot_be_put_on_record_does_not_happen(stores: Stores) -> None:
    vault, record = stores.vault(), uuid4()
    await stores.store(await vault.seal(uuid4(), record, {"name": "Li"}))
    await vault.reveal([record], DESK)
    await stores.keys.execute("ALTER TABLE vault.access ADD CHECK (id < 2)")
    with pytest.raises(asyncpg.CheckViolationError):
        await vault.reveal([record], DESK)


async def test_the_access_log_is_narrowed_and_paged(stores: Stores) -> None:
    vault, subject = stores.vault(), uuid4()
    records = [uuid4() for _ in range(3)]
    for record in records:
        await stores.store(await vault.seal(subject, record, {"name": "Li"}))
        await vault.reveal([record], Access(Purpose.HANDLING, CALLER, f"place-{record}"))
    await stores.vault("ledger").reveal(records[:1], DESK, fields=())
    assert [one.item for one in await entries(vault)] == [str(r) for r in reversed(records)]
    assert [one.item for one in await entries(vault, item=str(records[1]))] == [str(records[1])]
    assert len(await entries(vault, subject=subject)) == 3
    assert await entries(vault, subject=uuid4()) == []
    (last,) = await entries(vault, limit=1)
    assert [one.item for one in await entries(vault, before=last.id, limit=1)] == [str(records[1])]
    (own,) = await entries(vault, scope=f"place-{records[0]}")
    assert own.item == str(records[0])
    assert await entries(stores.vault("ledger")) == []


async def entries(vault: Vault, **narrowed: Any) -> list[AccessEntry]:
    asked: dict[str, Any] = {
        "scope": None,
        "subject": None,
        "item": None,
        "before": None,
        "limit": 10,
    }
    return await vault.access_log.entries(**{**asked, **narrowed})
