"""The writer's loop on a real log: one batch, one truth, one answer each."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from uuid import UUID, uuid5

import asyncpg
import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from shared.decider import Asked, Decider, Refused, States, To
from shared.kit.clock import SystemClock
from shared.kit.deciding import Deciding
from shared.kit.ids import TimeOrderedIds
from shared.kit.observability.metrics import Metrics
from shared.kit.ports import (
    AppendResult,
    Batch,
    Claim,
    Fenced,
    Log,
    LogUnavailableError,
    NewEvent,
    StreamCheck,
)
from shared.kit.postgres.log import PostgresLog
from shared.kit.submission import (
    Accepted,
    Answer,
    Caller,
    Fault,
    KeyReused,
    Refusal,
    Submission,
    Unavailable,
)
from shared.kit.views import Views
from shared.kit.writer import OVERLOADED, FencedError, Writer, WriterLimits
from tests.fixtures.exchange import Nobody, running
from tests.fixtures.garden import (
    BED,
    PUBLIC,
    REGISTRY,
    Bare,
    Green,
    Plant,
    TakeNote,
    Water,
    decide,
    target,
)

SCOPE = "elm"


def decide_with_a_bug(
    command: Plant | Water | TakeNote, state: Bare | Green, states: States, asked: Asked
) -> Sequence[To]:
    if command.bed == "buggy":
        raise ZeroDivisionError
    return decide(command, state, states, asked)


class PotTaken(Refused):
    """Another bed has this pot."""


GARDENER = Decider("bed", BED, (Plant, Water, TakeNote), target, decide_with_a_bug)


def new_writer(log: Log, *, epoch: int = 0, limits: WriterLimits | None = None) -> Writer:
    clock = SystemClock()
    return Writer(
        log=log,
        views=Views((BED,), REGISTRY),
        deciding=Deciding(
            deciders=(GARDENER,),
            public_types=PUBLIC,
            guard=Nobody(),
            clock=clock,
            ids=TimeOrderedIds(),
            claim_refusals={"pot": PotTaken},
        ),
        clock=clock,
        random=Random(1),
        epoch=epoch,
        limits=limits or WriterLimits(),
        metrics=Metrics(CollectorRegistry()),
    )


def asks(command: Plant | Water | TakeNote, key: str, scope: str = SCOPE) -> Submission:
    return Submission(
        command_id=uuid5(UUID(int=5), key),
        fingerprint=repr(command).encode(),
        scope=scope,
        command=command,
        caller=Caller("issuer", "subject"),
        correlation_id=UUID(int=9),
    )


@asynccontextmanager
async def writing(log: Log) -> AsyncGenerator[Writer]:
    writer = new_writer(log)
    async with running(writer.run()):
        yield writer


async def count(pool: asyncpg.Pool, stream: str) -> int:
    return await pool.fetchval("SELECT count(*) FROM kit.event WHERE stream = $1", stream)


def planted(name: str) -> str:
    return f"garden/bed/{name}"


async def test_commands_of_one_batch_see_each_other_and_are_numbered_in_order(
    pool: asyncpg.Pool,
) -> None:
    async with writing(PostgresLog(pool)) as writer:
        answers = await asyncio.gather(
            writer.submit(asks(Plant(bed="a"), "1")),
            writer.submit(asks(Water(bed="a", litres=3), "2")),
            writer.submit(asks(Water(bed="b", litres=3), "3")),
            writer.submit(asks(Plant(bed="b"), "4")),
        )

    assert [type(answer) for answer in answers] == [Accepted, Accepted, Refusal, Accepted]
    rows = await pool.fetch("SELECT position, stream, version FROM kit.event ORDER BY position")
    assert [tuple(row) for row in rows] == [
        (1, planted("a"), 1),
        (2, planted("a"), 2),
        (3, planted("b"), 1),
    ]
    refusal = answers[2]
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.position) == ("bed_bare", 2)


async def test_many_clients_on_one_stream_all_get_their_own_version(pool: asyncpg.Pool) -> None:
    async with writing(PostgresLog(pool)) as writer:
        await writer.submit(asks(Plant(bed="a"), "0"))
        answers = await asyncio.gather(
            *(writer.submit(asks(Water(bed="a", litres=1), f"w{n}")) for n in range(300))
        )

    versions = sorted(answer.version for answer in answers if isinstance(answer, Accepted))
    assert versions == list(range(2, 302))


async def test_the_same_command_twice_in_one_batch_is_done_once(pool: asyncpg.Pool) -> None:
    async with writing(PostgresLog(pool)) as writer:
        first, second = await asyncio.gather(
            writer.submit(asks(Plant(bed="a"), "1")), writer.submit(asks(Plant(bed="a"), "1"))
        )
        third = await writer.submit(asks(Plant(bed="a"), "1"))

    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert isinstance(third, Accepted)
    assert [first.replayed, second.replayed, third.replayed] == [False, True, True]
    assert {(one.version, one.position) for one in (first, second, third)} == {(1, 1)}
    assert await count(pool, planted("a")) == 1


async def test_a_refusal_is_remembered_and_told_again(pool: asyncpg.Pool) -> None:
    async with writing(PostgresLog(pool)) as writer:
        await writer.submit(asks(Water(bed="a", litres=1), "w"))
        await writer.submit(asks(Plant(bed="a"), "p"))
        again = await writer.submit(asks(Water(bed="a", litres=1), "w"))

    assert isinstance(again, Refusal)
    assert (again.code, again.replayed) == ("bed_bare", True)


async def test_a_key_used_for_another_request_is_refused_and_writes_nothing(
    pool: asyncpg.Pool,
) -> None:
    async with writing(PostgresLog(pool)) as writer:
        await writer.submit(asks(Plant(bed="a"), "1"))
        answer = await writer.submit(asks(Plant(bed="b"), "1"))

    assert answer == KeyReused()
    assert await count(pool, planted("b")) == 0


async def test_a_rule_s_bug_costs_its_command_alone(pool: asyncpg.Pool) -> None:
    async with writing(PostgresLog(pool)) as writer:
        answers = await asyncio.gather(
            writer.submit(asks(Plant(bed="a"), "1")),
            writer.submit(asks(Plant(bed="buggy"), "2")),
            writer.submit(asks(Plant(bed="c"), "3")),
        )

    assert [type(answer) for answer in answers] == [Accepted, Fault, Accepted]
    assert await pool.fetchval("SELECT count(*) FROM kit.receipt") == 2


async def test_content_the_log_cannot_hold_is_found_and_the_others_go_on(
    pool: asyncpg.Pool,
) -> None:
    beds = ["a", "b", "n\0l", "d", "e"]
    async with writing(PostgresLog(pool)) as writer:
        answers = await asyncio.gather(
            *(writer.submit(asks(TakeNote(bed=bed), bed)) for bed in beds)
        )

    faults = [answer for answer in answers if isinstance(answer, Fault)]
    assert [fault.code for fault in faults] == ["content_refused"]
    assert answers.index(faults[0]) == 2
    assert await pool.fetchval("SELECT count(*) FROM kit.event") == 4


async def test_what_another_process_wrote_is_noticed_and_decided_again(
    pool: asyncpg.Pool,
) -> None:
    log = PostgresLog(pool)
    async with writing(log) as writer:
        await writer.submit(asks(Plant(bed="a"), "1"))
        await _water_behind_its_back(log, pool)
        answer = await writer.submit(asks(Water(bed="a", litres=1), "2"))

    assert isinstance(answer, Accepted)
    assert answer.version == 3


async def test_a_writer_whose_epoch_is_over_answers_nobody_and_writes_nothing(
    pool: asyncpg.Pool,
) -> None:
    writer = new_writer(PostgresLog(pool))
    loop = asyncio.create_task(writer.run())
    await pool.execute("UPDATE kit.head SET epoch = 1")

    answer = await writer.submit(asks(Plant(bed="a"), "1"))

    assert isinstance(answer, Unavailable)
    with pytest.raises(FencedError):
        await loop
    assert await count(pool, planted("a")) == 0
    assert isinstance(await writer.submit(asks(Plant(bed="b"), "2")), Unavailable)


class _LosesAnswers(PostgresLog):
    """A log whose first answers are lost on the way, after the append was committed."""

    def __init__(self, pool: asyncpg.Pool, lost: int) -> None:
        super().__init__(pool)
        self._lost = lost

    async def append(self, epoch: int, batch: Batch) -> AppendResult:
        result = await super().append(epoch, batch)
        if self._lost:
            self._lost -= 1
            raise LogUnavailableError("the connection broke", unknown=True)
        return result


async def test_after_an_unknown_outcome_the_receipt_tells_what_happened(
    pool: asyncpg.Pool,
) -> None:
    async with writing(_LosesAnswers(pool, lost=1)) as writer:
        first = await writer.submit(asks(Plant(bed="a"), "1"))
        second = await writer.submit(asks(Water(bed="a", litres=1), "2"))

    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert (first.version, first.replayed) == (1, True)
    assert second.version == 2
    assert await count(pool, planted("a")) == 2


async def test_a_full_queue_is_told_at_once(pool: asyncpg.Pool) -> None:
    writer = new_writer(PostgresLog(pool), limits=WriterLimits(queue_max=2))
    waiting = [
        asyncio.create_task(writer.submit(asks(Plant(bed=f"b{n}"), str(n)))) for n in range(2)
    ]
    await asyncio.sleep(0)

    assert await writer.submit(asks(Plant(bed="late"), "late")) == OVERLOADED

    async with running(writer.run()):
        answers = await asyncio.gather(*waiting)
    assert all(isinstance(answer, Accepted) for answer in answers)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"expected_version": 7}, "version_differs"),
        ({"expected_version": 0}, "version_differs"),
        ({"scope": "oak"}, "not_found"),
        ({"occurred_at": SystemClock().now() + timedelta(days=1)}, "occurred_in_the_future"),
    ],
)
async def test_what_does_not_fit_the_stream_is_refused(
    pool: asyncpg.Pool, changed: dict[str, object], code: str
) -> None:
    async with writing(PostgresLog(pool)) as writer:
        await writer.submit(asks(Plant(bed="a"), "1"))
        answer: Answer = await writer.submit(
            replace(asks(Water(bed="a", litres=1), "2"), **changed)  # pyright: ignore[reportArgumentType]
        )

    assert isinstance(answer, Refusal)
    assert answer.code == code
    assert await count(pool, planted("a")) == 1


async def test_a_new_writer_starts_from_the_stored_state(pool: asyncpg.Pool) -> None:
    async with writing(PostgresLog(pool)) as writer:
        await writer.submit(asks(Plant(bed="a"), "p"))
        for n in range(5):
            await writer.submit(asks(Water(bed="a", litres=2), f"w{n}"))
    stored = await pool.fetchrow("SELECT version, state::text AS state FROM kit.state")
    assert stored is not None
    assert (stored["version"], '"litres": 10' in stored["state"]) == (6, True)

    async with writing(PostgresLog(pool)) as writer:
        answer = await writer.submit(asks(Plant(bed="a"), "again"))

    assert isinstance(answer, Accepted)
    assert (answer.version, answer.events) == (6, 0)


async def test_an_append_at_another_isolation_level_is_refused(pool: asyncpg.Pool) -> None:
    empty = ", ".join(["'{}'"] * 11)
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.PostgresError, match="READ COMMITTED"):
            async with connection.transaction(isolation="repeatable_read"):
                await connection.execute(f"SELECT kit.append_v2(0, {empty})")


async def test_the_application_cannot_change_or_delete_an_event(pool: asyncpg.Pool) -> None:
    async with writing(PostgresLog(pool)) as writer:
        await writer.submit(asks(Plant(bed="a"), "1"))

    for statement in ("UPDATE kit.event SET scope = 'x'", "DELETE FROM kit.event"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_an_append_of_an_older_epoch_writes_nothing(pool: asyncpg.Pool) -> None:
    await pool.execute("UPDATE kit.head SET epoch = 4")

    assert await PostgresLog(pool).append(3, Batch()) == Fenced()


async def _water_behind_its_back(log: PostgresLog, pool: asyncpg.Pool) -> None:
    stored = (await log.read(0, 1))[0]
    event_id = UUID(int=77)
    batch = Batch(
        events=[
            NewEvent(
                stream=stored.stream,
                version=2,
                event_id=event_id,
                type="cogov.garden.watered.v1",
                scope=stored.scope,
                occurred_at=stored.at,
                at=stored.at,
                correlation_id=event_id,
                data='{"bed": "a", "litres": 1}',
                public=True,
            )
        ],
        streams=[StreamCheck(stored.stream, 1, 2, event_id, stored.scope)],
    )
    await log.append(0, batch)
    assert await count(pool, stored.stream) == 2


def claims_pot(bed: str, pot: bytes, key: str) -> Submission:
    claim = Claim("pot", pot, planted(bed))
    return replace(asks(Plant(bed=bed), key), claims=(claim,))


async def test_two_of_one_batch_that_claim_the_same_are_one_winner_and_a_named_refusal(
    pool: asyncpg.Pool,
) -> None:
    async with writing(PostgresLog(pool)) as writer:
        first, second, third = await asyncio.gather(
            writer.submit(claims_pot("a", b"red", "1")),
            writer.submit(claims_pot("b", b"red", "2")),
            writer.submit(claims_pot("c", b"blue", "3")),
        )

    assert isinstance(first, Accepted)
    assert isinstance(third, Accepted)
    assert isinstance(second, Refusal)
    assert (second.code, second.kind) == ("pot_taken", "conflict")
    rows = await pool.fetch("SELECT c.digest, c.holder FROM kit.claim AS c ORDER BY c.holder")
    assert [tuple(row) for row in rows] == [(b"red", planted("a")), (b"blue", planted("c"))]
    assert await count(pool, planted("b")) == 0


async def test_a_claim_of_an_earlier_batch_holds_for_another_writer_and_is_told_again(
    pool: asyncpg.Pool,
) -> None:
    async with writing(PostgresLog(pool)) as writer:
        await writer.submit(claims_pot("a", b"red", "1"))
    async with writing(PostgresLog(pool)) as writer:
        refused = await writer.submit(claims_pot("b", b"red", "2"))
        again = await writer.submit(claims_pot("b", b"red", "2"))
        other = await writer.submit(claims_pot("b", b"blue", "3"))

    assert isinstance(refused, Refusal)
    assert isinstance(again, Refusal)
    assert again.replayed
    assert isinstance(other, Accepted)


async def test_a_holder_may_claim_again_what_it_has(pool: asyncpg.Pool) -> None:
    async with writing(PostgresLog(pool)) as writer:
        await writer.submit(claims_pot("a", b"red", "1"))
        claim = Claim("pot", b"red", planted("a"))
        watered = replace(asks(Water(bed="a", litres=1), "2"), claims=(claim,))
        answer = await writer.submit(watered)

    assert isinstance(answer, Accepted)
    assert await pool.fetchval("SELECT count(*) FROM kit.claim") == 1


async def test_a_refused_or_empty_command_claims_nothing(pool: asyncpg.Pool) -> None:
    async with writing(PostgresLog(pool)) as writer:
        dry = replace(
            asks(Water(bed="none", litres=1), "1"), claims=(Claim("pot", b"red", planted("none")),)
        )
        await writer.submit(dry)
        await writer.submit(asks(Plant(bed="a"), "2"))
        await writer.submit(claims_pot("a", b"blue", "3"))

    assert await pool.fetchval("SELECT count(*) FROM kit.claim") == 0
