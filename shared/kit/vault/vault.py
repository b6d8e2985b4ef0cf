"""Sealing and revealing, and the pseudonyms that stand for persons everywhere else (ADR 11)."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from typing import Final, LiteralString
from uuid import UUID

import asyncpg
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.decider import RefusalKind, Refused
from shared.kit.identity.ids import identity_id
from shared.kit.ports import Secret
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.submission import Caller
from shared.kit.vault.keys import NONCE_BYTES, KeyMissingError, SubjectKeys, split
from shared.kit.vault.texts import checked

log = structlog.get_logger()

RECORDS_MAX: Final = 200

_VERSION: Final = b"\1"  # of the sealing: AES-256-GCM, the place of the text as associated data
_PEPPER_BYTES_MIN: Final = 16
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
        self._pool = reveal_pool
        self._pepper = pepper
        self._service = service

    async def seal(
        self, subject: UUID, record: UUID, texts: Mapping[str, str]
    ) -> tuple[Secret, ...]:
        """Seal one record's texts, by field; at most one query, none while the key is cached.

        Raises TextEmpty, TextTooLong, TextHasNul, TextNotUnicode; VaultUnavailable.
        """
        plain = {field: checked(field, text) for field, text in texts.items()}
        if not plain:
            return ()
        try:
            key = await self._keys.ensure(subject)
        except (KeyMissingError, *STORAGE_FAULTS) as error:
            raise _unavailable("seal", error) from error
        sealed: list[Secret] = []
        for field, text in plain.items():
            nonce = os.urandom(NONCE_BYTES)
            place = self._place(record, field, subject)
            ciphertext = _VERSION + nonce + key.encrypt(nonce, text, place)
            sealed.append(Secret(record, field, subject, ciphertext))
        return tuple(sealed)

    async def reveal(
        self, records: Sequence[UUID], purpose: str, caller: Caller
    ) -> dict[UUID, dict[str, str]]:
        """Give the texts of up to 200 records, by field; every record asked for is a key.

        A field whose key was destroyed is absent: it is erased. The access is logged with the
        records, the purpose and the caller's identity. Raises VaultUnavailable.
        """
        wanted = list(dict.fromkeys(records))
        if len(wanted) > RECORDS_MAX:
            raise ValueError(f"at most {RECORDS_MAX} records are revealed at once")
        found: dict[UUID, dict[str, str]] = {record: {} for record in wanted}
        if not wanted:
            return found
        try:
            rows = await self._pool.fetch(_SEALED, wanted)
            keys = await self._keys.find({row["subject"] for row in rows})
        except STORAGE_FAULTS as error:
            raise _unavailable("reveal", error) from error
        for row in rows:
            key = keys.get(row["subject"])
            if key is not None:
                found[row["record"]][row["field"]] = self._open(key, row)
        self._note(found, purpose, caller)
        return found

    def subject_id(self, kind: str, value: str) -> UUID:
        """Give the pseudonym of what `value` names (kind: "phone", "resident" …).

        The same in every service of the district, and a keyed digest, so that nobody without the
        pepper finds a person by trying all numbers.
        """
        text = f"{_SUBJECT_LABEL}|{kind}|{value}".encode()
        number = int.from_bytes(hmac.digest(self._pepper, text, hashlib.sha256)[:16])
        number &= ~(0xF000 << 64) & ~(0xC000 << 48)
        return UUID(int=number | 8 << 76 | 2 << 62)  # a UUIDv8: made by a rule of our own

    def _open(self, key: AESGCM, row: asyncpg.Record) -> str:
        version, nonce, sealed = split(row["ciphertext"])
        place = self._place(row["record"], row["field"], row["subject"])
        if version != _VERSION:
            raise CiphertextBrokenError(str(row["record"]))
        try:
            return key.decrypt(nonce, sealed, place).decode()
        except (InvalidTag, ValueError):
            raise CiphertextBrokenError(str(row["record"])) from None

    def _place(self, record: UUID, field: str, subject: UUID) -> bytes:
        return f"{self._service}|{record}|{field}|{subject}".encode()

    def _note(self, found: Mapping[UUID, object], purpose: str, caller: Caller) -> None:
        log.info(
            "vault.revealed",
            records=[str(record) for record, texts in found.items() if texts],
            purpose=purpose,
            identity=str(identity_id(caller.issuer, caller.subject)),
        )


def _unavailable(verb: str, error: Exception) -> VaultUnavailable:
    log.warning("vault.failed", verb=verb, error=type(error).__name__)
    return VaultUnavailable()
