"""Sealing and revealing, and the pseudonyms that stand for persons everywhere else (ADR 11)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import asyncpg
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.decider import RefusalKind, Refused
from shared.kit.ports import Secret
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.vault.access_log import AccessLog
from shared.kit.vault.folding import GramHasher, fold, query_grams
from shared.kit.vault.keys import NONCE_BYTES, KeyMissingError, SubjectKeys, split
from shared.kit.vault.purposes import Access
from shared.kit.vault.search import (
    CANDIDATES_MAX,
    QUERY_CHARS_MAX,
    SearchIndex,
    SearchTextEmpty,
    SearchTextTooLong,
    SearchTooBroad,
)
from shared.kit.vault.texts import checked

log = structlog.get_logger()

RECORDS_MAX: Final = 200

_VERSION: Final = b"\1"  # of the sealing: AES-256-GCM, the place of the text as associated data
_PEPPER_BYTES_MIN: Final = 16
_CLAIM_LABEL: Final = "cogov.claim.1"
_FILE_LABEL: Final = b"cogov.file.1"
_SUBJECT_LABEL: Final = "cogov.subject.1"
_SEALED: Final[LiteralString] = """
SELECT v.record, v.field, v.subject, v.ciphertext
FROM kit.vault AS v
WHERE v.record = ANY($1::uuid[])
"""


class VaultUnavailable(Refused):
    """The vault cannot be reached now; try again."""

    kind = RefusalKind.UNAVAILABLE


class CiphertextBrokenError(Exception):
    """A sealed text was changed, moved, or sealed under another key: a fault of the store."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A text, the place it was sealed at, and the person it belongs to."""

    record: UUID
    field: str
    subject: UUID
    text: str


class Vault:
    """One service's personal texts.

    A text is bound to its place (service, record, field, person): a ciphertext copied to another
    place does not open. Destroying a person's key erases all of that person's texts at once.
    """

    def __init__(
        self,
        keys_pool: asyncpg.Pool,
        reveal_pool: asyncpg.Pool,
        master_key: bytes,
        pepper: bytes,
        service: str,
        *,
        keys_cached_max: int = 10_000,
        keys_cached_s: float = 60.0,
    ) -> None:
        if len(pepper) < _PEPPER_BYTES_MIN:
            raise ValueError("the pepper must have at least 16 bytes")
        self._keys = SubjectKeys(
            keys_pool, master_key, cached_max=keys_cached_max, cached_s=keys_cached_s
        )
        self._index = SearchIndex(keys_pool, service)
        self.access_log = AccessLog(keys_pool, service)
        self._pool = reveal_pool
        self._pepper = pepper
        self._service = service

    async def seal(
        self, subject: UUID, record: UUID, texts: Mapping[str, str]
    ) -> tuple[Secret, ...]:
        """Seal one record's texts, by field; at most one query, none while the key is cached.

        Raises TextEmpty, TextTooLong, TextHasNul, TextNotUnicode; VaultUnavailable.
        """
        return await self.seal_all([(subject, record, texts)])

    async def seal_all(
        self, records: Sequence[tuple[UUID, UUID, Mapping[str, str]]]
    ) -> tuple[Secret, ...]:
        """Seal the texts of many records, each as (subject, record, texts), as `seal` does."""
        plain = [
            (subject, record, field, checked(field, text))
            for subject, record, texts in records
            for field, text in texts.items()
        ]
        if not plain:
            return ()
        keys = await self._ensured({subject for subject, *_ in plain})
        sealed: list[Secret] = []
        for subject, record, field, text in plain:
            nonce = os.urandom(NONCE_BYTES)
            place = self._place(record, field, subject)
            ciphertext = _VERSION + nonce + keys[subject].encrypt(nonce, text, place)
            sealed.append(Secret(record, field, subject, ciphertext))
        return tuple(sealed)

    async def seal_file(self, subject: UUID, content: bytes) -> bytes:
        """Seal a file; the same file of the same person gives the same bytes.

        Its nonce is a keyed digest of the content, so that no two contents share one. Raises
        VaultUnavailable.
        """
        keys = await self._ensured({subject})
        return await asyncio.to_thread(self._seal_file, keys[subject], subject, content)

    async def open_file(
        self, subject: UUID, item: str, sealed: bytes, access: Access
    ) -> bytes | None:
        """Open a file that is named `item` in the access log; None: its key was destroyed."""
        try:
            keys = await self._keys.get(self._service, access, [(item, "file", subject)])
        except STORAGE_FAULTS as error:
            raise _unavailable("reveal", error) from error
        if subject not in keys:
            return None
        version, nonce, ciphertext = split(sealed)
        if version != _VERSION:
            raise CiphertextBrokenError(item)
        try:
            place = self._file_place(subject)
            content = await asyncio.to_thread(keys[subject].decrypt, nonce, ciphertext, place)
        except (InvalidTag, ValueError):
            raise CiphertextBrokenError(item) from None
        log.info(
            "vault.file_revealed",
            item=item,
            purpose=access.purpose.value,
            identity=str(access.caller.identity),
        )
        return content

    async def reveal(
        self, records: Sequence[UUID], access: Access, *, fields: Collection[str] | None = None
    ) -> dict[UUID, dict[str, str]]:
        """Give the texts of up to 200 records, by field; every record asked for is a key.

        Only `fields` are opened where they are named. A field whose key was destroyed is absent:
        it is erased. The access is on record before anything is opened. Raises VaultUnavailable.
        """
        wanted = list(dict.fromkeys(records))
        if len(wanted) > RECORDS_MAX:
            raise ValueError(f"at most {RECORDS_MAX} records are revealed at once")
        found: dict[UUID, dict[str, str]] = {record: {} for record in wanted}
        if not wanted:
            return found
        rows = [row for row in await self._rows(wanted) if fields is None or row["field"] in fields]
        for one in await self._open_all(rows, access):
            found[one.record][one.field] = one.text
        self._note(found, access)
        return found

    async def search(self, text: str, fields: Collection[str], access: Access) -> list[Opened]:
        """Give the texts in `fields`, of the access's place alone, that contain `text`.

        Both are compared folded. More than 200 candidates are refused, not cut off, before any is
        opened; every candidate opened is on record. Raises SearchTextEmpty, SearchTextTooLong,
        SearchTooBroad, TextHasNul, TextNotUnicode; VaultUnavailable.
        """
        if len(text) > QUERY_CHARS_MAX:
            raise SearchTextTooLong(chars_max=QUERY_CHARS_MAX)
        folded = fold(checked("text", text).decode()) if text else ""
        if not folded:
            raise SearchTextEmpty
        digests = self.hasher(access.scope).digests(query_grams(folded))
        try:
            places = await self._index.candidates(access.scope, fields, digests, CANDIDATES_MAX + 1)
        except STORAGE_FAULTS as error:
            raise _unavailable("search", error) from error
        if len(places) > CANDIDATES_MAX:
            raise SearchTooBroad(candidates_max=CANDIDATES_MAX)
        rows = await self._rows(list({record for record, _ in places}))
        candidates = [row for row in rows if (row["record"], row["field"]) in places]
        opened = await self._open_all(candidates, access)
        found = await asyncio.to_thread(_containing, folded, opened)
        self._note({one.record: one.field for one in found}, access)
        return found

    async def open_for_index(self, records: Sequence[UUID]) -> list[Opened]:
        """Give the texts of these records to the index, unlogged; what is erased is left out."""
        rows = await self._rows(records) if records else []
        keys = await self._keys.find({row["subject"] for row in rows})
        opened: list[Opened] = []
        for row in rows:
            if row["subject"] in keys:
                try:
                    opened.append(self._open(keys[row["subject"]], row))
                except CiphertextBrokenError as error:
                    log.exception("search.text_broken", record=str(error))
        return opened

    async def destroy(self, subjects: Sequence[UUID], before: datetime) -> int:
        """Destroy keys made before a time, for good; give how many. Raises VaultUnavailable."""
        try:
            return await self._keys.destroy(subjects, before)
        except STORAGE_FAULTS as error:
            raise _unavailable("destroy", error) from error

    def hasher(self, scope: str) -> GramHasher:
        """Give what makes digests for the index of one place."""
        return GramHasher(self._pepper, self._service, scope)

    def subject_id(self, kind: str, value: str) -> UUID:
        """Give the pseudonym of what `value` names (kind: "phone", "resident" …).

        The same in every service of the district, and a keyed digest, so that nobody without the
        pepper finds a person by trying all numbers.
        """
        text = f"{_SUBJECT_LABEL}|{kind}|{value}".encode()
        number = int.from_bytes(hmac.digest(self._pepper, text, hashlib.sha256)[:16])
        number &= ~(0xF000 << 64) & ~(0xC000 << 48)
        return UUID(int=number | 8 << 76 | 2 << 62)  # a UUIDv8: made by a rule of our own

    async def _ensured(self, subjects: Collection[UUID]) -> dict[UUID, AESGCM]:
        try:
            return await self._keys.ensure(subjects)
        except (KeyMissingError, *STORAGE_FAULTS) as error:
            raise _unavailable("seal", error) from error

    async def _rows(self, records: Sequence[UUID]) -> list[asyncpg.Record]:
        try:
            return await self._pool.fetch(_SEALED, records)
        except STORAGE_FAULTS as error:
            raise _unavailable("read", error) from error

    async def _open_all(self, rows: Sequence[asyncpg.Record], access: Access) -> list[Opened]:
        """Open what has a key, with the access on record."""
        wanted = [(str(row["record"]), row["field"], row["subject"]) for row in rows]
        try:
            keys = await self._keys.get(self._service, access, wanted) if wanted else {}
        except STORAGE_FAULTS as error:
            raise _unavailable("reveal", error) from error
        return [self._open(keys[row["subject"]], row) for row in rows if row["subject"] in keys]

    def claim_digest(self, kind: str, value: str) -> bytes:
        """Give the keyed digest by which a value is claimed (kind: "id_number" …)."""
        return hmac.digest(self._pepper, f"{_CLAIM_LABEL}|{kind}|{value}".encode(), hashlib.sha256)

    def _open(self, key: AESGCM, row: asyncpg.Record) -> Opened:
        version, nonce, sealed = split(row["ciphertext"])
        record, field, subject = row["record"], row["field"], row["subject"]
        if version != _VERSION:
            raise CiphertextBrokenError(str(record))
        try:
            text = key.decrypt(nonce, sealed, self._place(record, field, subject)).decode()
        except (InvalidTag, ValueError):
            raise CiphertextBrokenError(str(record)) from None
        return Opened(UUID(int=record.int), field, UUID(int=subject.int), text)

    def _seal_file(self, key: AESGCM, subject: UUID, content: bytes) -> bytes:
        digest = hashlib.sha256(content).digest()
        seed = hmac.digest(self._pepper, _FILE_LABEL + subject.bytes + digest, hashlib.sha256)
        nonce = seed[:NONCE_BYTES]
        return _VERSION + nonce + key.encrypt(nonce, content, self._file_place(subject))

    def _file_place(self, subject: UUID) -> bytes:
        return f"{self._service}|file|{subject}".encode()

    def _place(self, record: UUID, field: str, subject: UUID) -> bytes:
        return f"{self._service}|{record}|{field}|{subject}".encode()

    def _note(self, found: Mapping[UUID, object], access: Access) -> None:
        log.info(
            "vault.revealed",
            records=[str(record) for record, texts in found.items() if texts],
            purpose=access.purpose.value,
            identity=str(access.caller.identity),
        )


def _containing(folded: str, opened: Sequence[Opened]) -> list[Opened]:
    return [one for one in opened if folded in fold(one.text)]


def _unavailable(verb: str, error: Exception) -> VaultUnavailable:
    log.warning("vault.failed", verb=verb, error=type(error).__name__)
    return VaultUnavailable()
