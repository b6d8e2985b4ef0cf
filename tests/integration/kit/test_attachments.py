"""Attachments in a folder and in a real S3 protocol server: sealed, named by hash, erasable."""

import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import ObjectStore
from pydantic import SecretStr

from shared.kit.attachments import (
    AttachmentBrokenError,
    AttachmentGone,
    Attachments,
    AttachmentsUnavailable,
    AttachmentTooLarge,
    MediaTypeDiffers,
    open_store,
)
from shared.kit.settings import ServiceSettings
from shared.kit.vault import CiphertextBrokenError, Purpose
from tests.fixtures.files import JPEG, PNG
from tests.fixtures.vaults import Archive, access

BYTES_MAX = 1000
HANDLING = access(purpose=Purpose.HANDLING)


@pytest.fixture(scope="module")
def s3() -> Generator[str]:
    """Give the address of an S3 server with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client: Any = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
    )
    client.create_bucket(Bucket="files")
    client.close()
    yield endpoint
    server.stop()


def settings(url: str, endpoint: str = "") -> ServiceSettings:
    return ServiceSettings.model_construct(
        attachments_url=url,
        attachments_s3_endpoint=endpoint,
        attachments_s3_region="us-east-1",
        attachments_s3_access_key="k",
        attachments_s3_secret_key=SecretStr("s"),
        attachments_timeout_s=5.0,
    )


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, s3: str) -> ObjectStore:
    url = f"file://{tmp_path}/files" if request.param == "folder" else f"s3://files/{uuid4()}"
    opened = open_store(settings(url, "" if request.param == "folder" else s3))
    assert opened is not None
    return opened


@pytest.fixture
def attachments(archive: Archive, store: ObjectStore) -> Attachments:
    return Attachments(store, archive.vault, "lab", bytes_max=BYTES_MAX)


async def stored(store: ObjectStore) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    async for page in store.list():
        for one in page:
            found[one["path"]] = bytes(await (await store.get_async(one["path"])).bytes_async())
    return found


async def test_a_file_comes_back_as_it_was_and_the_reading_is_on_record(
    archive: Archive, attachments: Attachments
) -> None:
    subject = uuid4()
    made = await attachments.put(subject, JPEG, "image/jpeg")
    assert (made.media_type, made.size) == ("image/jpeg", len(JPEG))
    assert await attachments.get(subject, made.sha256, HANDLING) == JPEG
    (entry,) = await archive.vault.access_log.entries(
        scope=None, subject=subject, item=made.sha256, before=None, limit=9
    )
    assert (entry.purpose, entry.field, entry.scope) == ("handling", "file", "elm")


async def test_what_is_stored_is_sealed_and_named_by_its_hash(
    attachments: Attachments, store: ObjectStore
) -> None:
    subject = uuid4()
    made = await attachments.put(subject, JPEG, "image/jpeg")
    ((path, sealed),) = (await stored(store)).items()
    assert path == f"lab/{subject}/{made.sha256}"
    assert hashlib.sha256(sealed).hexdigest() == made.sha256
    assert made.sha256 != hashlib.sha256(JPEG).hexdigest()
    assert b"JFIF" not in sealed


async def test_the_same_file_again_stores_nothing_new_but_another_person_s_is_another(
    attachments: Attachments, store: ObjectStore
) -> None:
    subject = uuid4()
    first = await attachments.put(subject, JPEG, "image/jpeg")
    assert await attachments.put(subject, JPEG, "image/jpeg") == first
    other = await attachments.put(uuid4(), JPEG, "image/jpeg")
    png = await attachments.put(subject, PNG, "image/png")
    assert len({first.sha256, other.sha256, png.sha256}) == 3
    assert len(await stored(store)) == 3


async def test_files_are_erased_with_their_person_and_no_other_s(
    attachments: Attachments, store: ObjectStore
) -> None:
    gone, kept = uuid4(), uuid4()
    one = await attachments.put(gone, JPEG, "image/jpeg")
    await attachments.put(gone, PNG, "image/png")
    other = await attachments.put(kept, JPEG, "image/jpeg")
    assert await attachments.erase([gone]) == 2
    assert await attachments.erase([gone, uuid4()]) == 0
    with pytest.raises(AttachmentGone):
        await attachments.get(gone, one.sha256, HANDLING)
    assert await attachments.get(kept, other.sha256, HANDLING) == JPEG
    assert len(await stored(store)) == 1


async def test_a_file_whose_key_is_destroyed_is_gone_though_its_bytes_are_there(
    archive: Archive, attachments: Attachments
) -> None:
    subject = uuid4()
    made = await attachments.put(subject, JPEG, "image/jpeg")
    await archive.destroy(subject)
    with pytest.raises(AttachmentGone):
        await attachments.get(subject, made.sha256, HANDLING)


async def test_bytes_that_were_changed_or_moved_are_told_apart(
    archive: Archive, attachments: Attachments, store: ObjectStore
) -> None:
    subject, other = uuid4(), uuid4()
    made = await attachments.put(subject, JPEG, "image/jpeg")
    path = f"lab/{subject}/{made.sha256}"
    sealed = (await stored(store))[path]
    await store.put_async(path, sealed[:-1] + b"x")
    with pytest.raises(AttachmentBrokenError):
        await attachments.get(subject, made.sha256, HANDLING)
    await archive.vault.seal(other, uuid4(), {"note": "x"})
    await store.put_async(f"lab/{other}/{made.sha256}", sealed)
    with pytest.raises(CiphertextBrokenError):
        await attachments.get(other, made.sha256, HANDLING)
    await store.put_async(path, bytes(BYTES_MAX + 100))
    with pytest.raises(AttachmentBrokenError):
        await attachments.get(subject, made.sha256, HANDLING)


async def test_a_file_has_a_size_limit_and_a_type_and_else_nothing_is_stored(
    attachments: Attachments, store: ObjectStore
) -> None:
    subject = uuid4()
    largest = JPEG + bytes(BYTES_MAX - len(JPEG))
    made = await attachments.put(subject, largest, "image/jpeg")
    assert await attachments.get(subject, made.sha256, HANDLING) == largest
    with pytest.raises(AttachmentTooLarge):
        await attachments.put(subject, largest + b"x", "image/jpeg")
    with pytest.raises(MediaTypeDiffers):
        await attachments.put(subject, PNG, "image/jpeg")
    assert len(await stored(store)) == 1


async def test_a_store_out_of_reach_or_unset_is_unavailable(archive: Archive) -> None:
    away = settings("s3://files/x", "http://127.0.0.1:9")
    away = away.model_copy(update={"attachments_timeout_s": 0.5})
    for store in (open_store(away), open_store(settings(""))):
        attachments = Attachments(store, archive.vault, "lab", bytes_max=BYTES_MAX)
        with pytest.raises(AttachmentsUnavailable):
            await attachments.put(uuid4(), JPEG, "image/jpeg")
        with pytest.raises(AttachmentsUnavailable):
            await attachments.get(UUID(int=1), "0" * 64, HANDLING)
    unset = Attachments(None, archive.vault, "lab", bytes_max=BYTES_MAX)
    assert await unset.erase([UUID(int=1)]) == 0
    with pytest.raises(AttachmentsUnavailable):
        await Attachments(open_store(away), archive.vault, "lab", bytes_max=BYTES_MAX).erase(
            [UUID(int=1)]
        )
