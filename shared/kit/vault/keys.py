"""Data keys, one a person: kept wrapped in the key database, and unwrapped here for a while."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, LiteralString
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kit.vault.purposes import Access

NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32

_FOLDER: Final = Path(__file__).parent / "sql"
_LOCK: Final = 0x0C061  # one migration at a time per database
_VERSION: Final = b"\1"  # of the wrapping: AES-256-GCM under the one master key
_ATTEMPTS_MAX: Final = 3

# One round trip whether or not the keys exist. A key that another transaction is inserting is in
# neither half: then it does not come back, and the statement is sent again.
_ENSURE: Final[LiteralString] = """
WITH made AS (
    INSERT INTO vault.subject_key (subject, wrapped)
    SELECT n.subject, n.wrapped FROM unnest($1::uuid[], $2::bytea[]) AS n (subject, wrapped)
    ORDER BY n.subject
    ON CONFLICT (subject) DO NOTHING
    RETURNING subject, wrapped
)
SELECT m.subject, m.wrapped FROM made AS m
UNION ALL
SELECT k.subject, k.wrapped FROM vault.subject_key AS k WHERE k.subject = ANY ($1::uuid[])
"""
_FIND: Final[LiteralString] = """
SELECT k.subject, k.wrapped FROM vault.subject_key AS k WHERE k.subject = ANY($1::uuid[])
"""
_GET: Final[LiteralString] = """
SELECT k.subject, k.wrapped
FROM vault.get_keys_v1($1, $2, $3, $4, $5::text[], $6::text[], $7::uuid[]) AS k
"""


_DESTROY: Final[LiteralString] = "SELECT vault.destroy_keys_v1($1::uuid[], $2)"


class KeyMissingError(Exception):
    """A person's key was destroyed while it was being made; the request may be tried again."""


class MasterKeyWrongError(Exception):
    """A stored key does not open under the configured master key."""


async def migrate_keys(
    connection: asyncpg.Connection, *, application_role: str | None = None
) -> None:
    """Create the key database's schema where it is missing; let `application_role` use it."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        for path in sorted(_FOLDER.glob("*.sql")):
            await connection.execute(path.read_text(encoding="utf-8"))
        if application_role is None:
            return
        if not application_role.replace("_", "").isalnum():
            raise ValueError(f"not a plain role name: {application_role}")
        await connection.execute(f"GRANT USAGE ON SCHEMA vault TO {application_role}")
        await connection.execute(
            f"""
            GRANT SELECT, INSERT, DELETE ON vault.subject_key TO {application_role};
            GRANT SELECT, INSERT ON vault.access TO {application_role};
            GRANT SELECT, INSERT, UPDATE ON vault.search, vault.search_cursor
                TO {application_role};
            """
        )


class SubjectKeys:
    """The data keys of persons.

    For sealing, at most `cached_max` keys are held unwrapped, each for `cached_s` seconds: so long
    may another process go on sealing under a key that has been destroyed, what nobody can open.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        master_key: bytes,
        *,
        cached_max: int,
        cached_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if len(master_key) != KEY_BYTES:
            raise ValueError("the master key must have 32 bytes")
        self._pool = pool
        self._master = AESGCM(master_key)
        self._cached_max = cached_max
        self._cached_s = cached_s
        self._monotonic = monotonic
        self._cached: OrderedDict[UUID, tuple[AESGCM, float]] = OrderedDict()

    async def ensure(self, subjects: Iterable[UUID]) -> dict[UUID, AESGCM]:
        """Give these persons' keys; make those that there are not."""
        wanted = set(subjects)
        found = {subject: key for subject in wanted if (key := self._recall(subject)) is not None}
        for _ in range(_ATTEMPTS_MAX):
            missing = wanted - found.keys()
            if not missing:
                return found
            made = [self._wrap(subject, os.urandom(KEY_BYTES)) for subject in missing]
            for row in await self._pool.fetch(_ENSURE, list(missing), made):
                subject = UUID(int=row["subject"].int)
                found[subject] = self._remember(subject, row["wrapped"])
        if wanted - found.keys():
            raise KeyMissingError
        return found

    async def get(
        self, service: str, access: Access, wanted: Sequence[tuple[str, str, UUID]]
    ) -> dict[UUID, AESGCM]:
        """Give the keys of the persons in `wanted` (item, field, person), and log the access.

        Both are one statement, so it is never answered from memory; a destroyed key is left out.
        """
        items, fields, subjects = zip(*wanted, strict=True) if wanted else ((), (), ())
        rows = await self._pool.fetch(
            _GET,
            service,
            access.scope,
            access.purpose.value,
            access.caller.identity,
            items,
            fields,
            subjects,
        )
        return self._opened(rows)

    async def find(self, subjects: Iterable[UUID]) -> dict[UUID, AESGCM]:
        """Give the keys that exist, for the index alone: nobody reads what they open."""
        return self._opened(await self._pool.fetch(_FIND, list(subjects)))

    async def destroy(self, subjects: Sequence[UUID], before: datetime) -> int:
        """Destroy the keys of these persons that were made before; give how many these were."""
        for subject in subjects:
            self._cached.pop(subject, None)
        return await self._pool.fetchval(_DESTROY, list(subjects), before)

    def _opened(self, rows: Iterable[asyncpg.Record]) -> dict[UUID, AESGCM]:
        return {
            UUID(int=row["subject"].int): AESGCM(self._unwrap(row["subject"], row["wrapped"]))
            for row in rows
        }

    def _recall(self, subject: UUID) -> AESGCM | None:
        known = self._cached.get(subject)
        if known is None:
            return None
        key, until = known
        if self._monotonic() >= until:
            del self._cached[subject]
            return None
        self._cached.move_to_end(subject)
        return key

    def _remember(self, subject: UUID, wrapped: bytes) -> AESGCM:
        key = AESGCM(self._unwrap(subject, wrapped))
        self._cached[subject] = (key, self._monotonic() + self._cached_s)
        self._cached.move_to_end(subject)
        if len(self._cached) > self._cached_max:
            self._cached.popitem(last=False)
        return key

    def _wrap(self, subject: UUID, key: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return _VERSION + nonce + self._master.encrypt(nonce, key, subject.bytes)

    def _unwrap(self, subject: UUID, wrapped: bytes) -> bytes:
        version, nonce, sealed = split(wrapped)
        if version != _VERSION:
            raise MasterKeyWrongError
        try:
            return self._master.decrypt(nonce, sealed, subject.bytes)
        except (InvalidTag, ValueError):
            raise MasterKeyWrongError from None


def split(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """Take (version, nonce, ciphertext) apart."""
    return sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
