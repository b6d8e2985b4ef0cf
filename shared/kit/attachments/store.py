"""The store: an object for each file, in a folder or in S3.

The hash in an event is that of the sealed bytes, as they lie in the store: it proves what is there
without a key, and it tells nothing of the file once the key is gone. Sealing the same file for the
same person gives the same bytes, so a request sent again stores nothing new.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from shared.decider import RefusalKind, Refused
from shared.kit.attachments.media import check_media_type
from shared.kit.settings import ServiceSettings
from shared.kit.vault import Access, Vault

_log: Final = structlog.get_logger()
_OVERHEAD_BYTES: Final = 64  # of sealing


class AttachmentTooLarge(Refused):
    """The file is too large."""

    kind = RefusalKind.INVALID


class AttachmentGone(Refused):
    """The file was erased."""

    kind = RefusalKind.NOT_FOUND


class AttachmentsUnavailable(Refused):
    """The store of files cannot be reached now; try again."""

    kind = RefusalKind.UNAVAILABLE


class AttachmentBrokenError(Exception):
    """The store holds other bytes than the log says."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What an event says of a file; `sha256` is the hash of its sealed bytes, in hexadecimal."""

    sha256: str
    media_type: str
    size: int


class Attachments:
    """One service's files; `store` null: none is configured, and every use is unavailable."""

    def __init__(
        self, store: ObjectStore | None, vault: Vault, service: str, *, bytes_max: int
    ) -> None:
        self._store = store
        self._vault = vault
        self._service = service
        self._bytes_max = bytes_max

    async def put(self, subject: UUID, content: bytes, media_type: str) -> Attachment:
        """Seal a file as this person's and store it; give what the event is to say.

        Raises AttachmentEmpty, AttachmentTooLarge, MediaTypeRefused, MediaTypeDiffers;
        AttachmentsUnavailable, VaultUnavailable.
        """
        if len(content) > self._bytes_max:
            raise AttachmentTooLarge(bytes_max=self._bytes_max)
        await asyncio.to_thread(check_media_type, content, media_type)
        sealed = await self._vault.seal_file(subject, content)
        sha256 = await asyncio.to_thread(_sha256, sealed)
        store = self._opened()
        try:
            await store.put_async(self._path(subject, sha256), sealed)
        except (BaseError, OSError) as error:
            raise _unavailable("put", error) from error
        return Attachment(sha256, media_type, len(content))

    async def get(self, subject: UUID, sha256: str, access: Access) -> bytes:
        """Give a file, with the access on record.

        Raises AttachmentGone, AttachmentBrokenError; AttachmentsUnavailable, VaultUnavailable.
        """
        store = self._opened()
        try:
            found = await store.get_async(self._path(subject, sha256))
            if found.meta["size"] > self._bytes_max + _OVERHEAD_BYTES:
                raise AttachmentBrokenError(sha256)
            sealed = bytes(await found.bytes_async())
        except FileNotFoundError:
            raise AttachmentGone from None
        except (BaseError, OSError) as error:
            raise _unavailable("get", error) from error
        if await asyncio.to_thread(_sha256, sealed) != sha256:
            raise AttachmentBrokenError(sha256)
        content = await self._vault.open_file(subject, sha256, sealed, access)
        if content is None:
            raise AttachmentGone
        return content

    async def erase(self, subjects: Iterable[UUID]) -> int:
        """Delete every file of these persons; give how many there were: none without a store."""
        if self._store is None:
            return 0
        store = self._store
        erased = 0
        try:
            for subject in subjects:
                async for page in store.list(f"{self._service}/{subject}"):
                    paths = [one["path"] for one in page]
                    await store.delete_async(paths)
                    erased += len(paths)
        except (BaseError, OSError) as error:
            raise _unavailable("erase", error) from error
        return erased

    def _opened(self) -> ObjectStore:
        if self._store is None:
            raise AttachmentsUnavailable
        return self._store

    def _path(self, subject: UUID, sha256: str) -> str:
        return f"{self._service}/{subject}/{sha256}"


def open_store(settings: ServiceSettings) -> ObjectStore | None:
    """Open the folder (`file:///…`) or the bucket (`s3://bucket/prefix`) of the settings."""
    url = settings.attachments_url
    if not url:
        return None
    if url.startswith("file://"):
        return LocalStore(url.removeprefix("file://"), automatic_cleanup=True, mkdir=True)
    config: Any = {"region": settings.attachments_s3_region}
    if settings.attachments_s3_endpoint:
        config["endpoint"] = settings.attachments_s3_endpoint
    if settings.attachments_s3_access_key:
        config["access_key_id"] = settings.attachments_s3_access_key
        config["secret_access_key"] = settings.attachments_s3_secret_key.get_secret_value()
    return S3Store.from_url(
        url,
        config=config,
        client_options={
            "allow_http": settings.attachments_s3_endpoint.startswith("http://"),
            "timeout": timedelta(seconds=settings.attachments_timeout_s),
        },
        retry_config={
            "max_retries": 2,
            "retry_timeout": timedelta(seconds=settings.attachments_timeout_s),
        },
    )


def _sha256(sealed: bytes) -> str:
    return hashlib.sha256(sealed).hexdigest()


def _unavailable(verb: str, error: Exception) -> AttachmentsUnavailable:
    _log.warning("attachments.failed", verb=verb, error=type(error).__name__)
    return AttachmentsUnavailable()
