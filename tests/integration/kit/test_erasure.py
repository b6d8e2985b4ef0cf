"""Erasing persons on real stores: in the log at once, then everywhere, again after a restore."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar
from uuid import UUID, uuid4

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from shared.contracts.envelope import Event
from shared.contracts.registry import Registry
from shared.decider import Asked, Command, Decider, Fact, State, States, To, View
from shared.kit.attachments import AttachmentGone, Attachments, open_store
from shared.kit.clock import SystemClock
from shared.kit.deciding import Deciding
from shared.kit.erasure import Eraser, Erases, erasing
from shared.kit.ids import TimeOrderedIds
from shared.kit.observability.metrics import Metrics
from shared.kit.ports import Secret
from shared.kit.postgres.log import PostgresLog
from shared.kit.rules.sinks import SinkUnavailableError
from shared.kit.settings import ServiceSettings
from shared.kit.submission import Accepted, Answer, Caller, Submission
from shared.kit.vault import Purpose
from shared.kit.views import Views
from shared.kit.writer import Writer, WriterLimits
from shared.rules import Outcome
from tests.fixtures.exchange import Nobody, running
from tests.fixtures.files import JPEG
from tests.fixtures.vaults import Archive, access

SCOPE = "elm"


class DiaryEvent(Event):
    service: ClassVar[str] = "lab"


class LineWritten(DiaryEvent):
    texts: UUID


class WriterForgotten(DiaryEvent):
    subjects: tuple[UUID, ...]


class Diary(State):
    lines: int = 0


class WriteLine(Command):
    diary: str
    texts: str


class ForgetWriters(Command):
    diary: str
    subjects: tuple[str, ...]


def evolve(state: Diary, fact: Fact) -> Diary:
    return Diary(lines=state.lines + 1)


def decide(
    command: WriteLine | ForgetWriters, state: Diary, states: States, asked: Asked
) -> Sequence[To]:
    stream = f"lab/diary/{command.diary}"
    match command:
        case WriteLine(texts=texts):
            return [To(stream, LineWritten(texts=UUID(texts)))]
        case ForgetWriters(subjects=subjects):
            return [To(stream, WriterForgotten(subjects=tuple(map(UUID, subjects))))]


DIARY = Decider(
    "diary",
    View("diary", 1, Diary, Diary(), evolve),
    (WriteLine, ForgetWriters),
    lambda command: f"lab/diary/{command.diary}",
    decide,
)
REGISTRY = Registry((LineWritten, WriterForgotten))
VIEWS = Views((DIARY.view,), REGISTRY)


def forgotten(event: Any) -> Sequence[UUID]:
    return event.subjects


ERASES: Erases = {WriterForgotten: forgotten}


def writer(pool: asyncpg.Pool) -> Writer:
    clock = SystemClock()
    return Writer(
        log=PostgresLog(pool),
        views=VIEWS,
        deciding=Deciding(
            deciders=(DIARY,),
            public_types=frozenset(),
            guard=Nobody(),
            clock=clock,
            ids=TimeOrderedIds(),
            erases=ERASES,
        ),
        clock=clock,
        random=Random(1),
        epoch=0,
        limits=WriterLimits(),
        metrics=Metrics(CollectorRegistry()),
    )


def submission(command: WriteLine | ForgetWriters, *secrets: Secret) -> Submission:
    return Submission(
        command_id=uuid4(),
        fingerprint=b"f",
        scope=SCOPE,
        command=command,
        caller=Caller("issuer", "subject"),
        correlation_id=uuid4(),
        secrets=secrets,
    )


async def line(archive: Archive, subject: UUID) -> Submission:
    texts = uuid4()
    sealed = await archive.vault.seal(subject, texts, {"line": "dear diary"})
    return submission(WriteLine(diary="d", texts=str(texts)), *sealed)


def forget(*subjects: UUID) -> Submission:
    return submission(ForgetWriters(diary="d", subjects=tuple(map(str, subjects))))


async def left(archive: Archive) -> set[UUID]:
    rows = await archive.pool.fetch("SELECT v.subject FROM kit.vault AS v")
    return {UUID(int=row["subject"].int) for row in rows}


async def keys(archive: Archive) -> set[UUID]:
    rows = await archive.keys.fetch("SELECT k.subject FROM vault.subject_key AS k")
    return {UUID(int=row["subject"].int) for row in rows}


@pytest.fixture
def attachments(archive: Archive, tmp_path: Path) -> Attachments:
    settings = ServiceSettings.model_construct(attachments_url=f"file://{tmp_path}/files")
    return Attachments(open_store(settings), archive.vault, "lab", bytes_max=10_000)


@pytest.fixture
def eraser(archive: Archive, attachments: Attachments) -> Eraser:
    return Eraser(archive.pool, archive.vault, attachments)


async def write(archive: Archive, *submissions: Submission) -> list[Answer]:
    at_work = writer(archive.pool)
    async with running(at_work.run()):
        return list(await asyncio.gather(*(at_work.submit(one) for one in submissions)))


async def test_the_append_of_the_event_deletes_the_texts_of_those_it_erases(
    archive: Archive,
) -> None:
    gone, kept = uuid4(), uuid4()
    await write(archive, await line(archive, gone), await line(archive, kept))
    (answer,) = await write(archive, forget(gone))
    assert isinstance(answer, Accepted)
    assert await left(archive) == {kept}


async def test_texts_of_the_same_batch_before_the_event_go_and_after_it_stay(
    archive: Archive,
) -> None:
    gone = uuid4()
    before, after = await line(archive, gone), await line(archive, gone)
    answers = await write(archive, before, forget(gone), after)
    assert all(isinstance(answer, Accepted) for answer in answers)
    rows = await archive.pool.fetch("SELECT v.record FROM kit.vault AS v")
    assert [UUID(int=row["record"].int) for row in rows] == [after.secrets[0].record]


async def test_an_eraser_leaves_neither_files_nor_claims_nor_keys_nor_index_rows(
    archive: Archive, attachments: Attachments, eraser: Eraser
) -> None:
    gone, kept = uuid4(), uuid4()
    hashes: dict[UUID, str] = {}
    for subject in (gone, kept):
        await archive.tell({"note": "lamp"}, subject=subject)
        hashes[subject] = (await attachments.put(subject, JPEG, "image/jpeg")).sha256
        await archive.pool.execute(
            "INSERT INTO kit.claim (kind, digest, holder) VALUES ('id', $1, $2)",
            subject.bytes,
            str(subject),
        )
    await archive.indexed()

    assert await eraser.erase([gone], datetime.now(UTC)) == 1

    assert await keys(archive) == {kept}
    claims = await archive.pool.fetch("SELECT c.holder FROM kit.claim AS c")
    assert [row["holder"] for row in claims] == [str(kept)]
    indexed = await archive.keys.fetch("SELECT s.subject FROM vault.search AS s")
    assert [UUID(int=row["subject"].int) for row in indexed] == [kept]
    reading = access(purpose=Purpose.HANDLING)
    with pytest.raises(AttachmentGone):
        await attachments.get(gone, hashes[gone], reading)
    assert await attachments.get(kept, hashes[kept], reading) == JPEG


async def test_erasing_again_is_nothing_and_whoever_came_back_since_keeps_the_new_key(
    archive: Archive, eraser: Eraser
) -> None:
    subject, at = uuid4(), datetime.now(UTC)
    await archive.vault.seal(subject, uuid4(), {"note": "x"})
    assert await eraser.erase([subject], at) == 1
    assert await eraser.erase([subject], at) == 0
    await archive.vault.seal(subject, uuid4(), {"note": "x"})
    assert await eraser.erase([subject], at - timedelta(hours=1)) == 0
    assert await keys(archive) == {subject}


async def test_a_process_that_destroyed_a_key_seals_under_another(
    archive: Archive, eraser: Eraser
) -> None:
    subject, at = uuid4(), datetime.now(UTC)
    await archive.vault.seal(subject, uuid4(), {"note": "x"})
    await eraser.erase([subject], at)
    record = await archive.tell({"note": "y"}, subject=subject)
    assert await archive.vault.reveal([record], access()) == {record: {"note": "y"}}


async def test_as_a_sink_it_erases_whom_the_effect_names(archive: Archive, eraser: Eraser) -> None:
    subject = uuid4()
    await archive.vault.seal(subject, uuid4(), {"note": "x"})
    now = datetime.now(UTC)
    event = WriterForgotten(subjects=(subject,))
    fact = Fact("lab/diary/d", 1, SCOPE, now, now, event, "e")
    assert await eraser.send(uuid4(), erasing(fact, event.subjects)) == Outcome(done=True)
    assert await keys(archive) == set()
    await archive.keys.close()
    with pytest.raises(SinkUnavailableError):
        await eraser.send(uuid4(), erasing(fact, event.subjects))


async def test_after_a_restore_the_log_says_who_is_to_be_erased_again(
    archive: Archive, eraser: Eraser
) -> None:
    gone, kept, returned = uuid4(), uuid4(), uuid4()
    early = [await line(archive, subject) for subject in (gone, kept, returned)]
    await write(archive, *early)
    backup_rows = await archive.pool.fetch("SELECT v.* FROM kit.vault AS v")
    backup_keys = await archive.keys.fetch("SELECT k.* FROM vault.subject_key AS k")
    await write(archive, forget(gone, returned))
    await eraser.erase([gone, returned], datetime.now(UTC))
    late = await line(archive, returned)
    await write(archive, late)
    # What the backup has comes back, under the rows and keys that are there now.
    await archive.pool.executemany(
        "INSERT INTO kit.vault SELECT $1, $2, $3, $4, $5 ON CONFLICT DO NOTHING",
        [tuple(row) for row in backup_rows],
    )
    await archive.keys.executemany(
        "INSERT INTO vault.subject_key (subject, wrapped, created_at)"
        " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [tuple(row) for row in backup_keys],
    )
    await archive.keys.execute(
        "UPDATE vault.subject_key SET created_at = created_at + interval '1 day'"
        " WHERE subject = $1",
        returned,
    )
    assert await left(archive) == {gone, kept, returned}

    assert await eraser.replay(VIEWS, ERASES, page_events_max=2) == 1

    assert await keys(archive) == {kept, returned}
    rows = await archive.pool.fetch("SELECT v.record FROM kit.vault AS v")
    assert {UUID(int=row["record"].int) for row in rows} == {
        early[1].secrets[0].record,
        late.secrets[0].record,
    }
