"""The age of heard authority on a real database, and a writer that it stops."""

from datetime import timedelta
from math import inf
from random import Random

import asyncpg
from prometheus_client import CollectorRegistry

from shared.contracts.topics import Topic
from shared.decider import RefusalKind, Refused
from shared.kit.authority_age import AuthorityAge
from shared.kit.clock import SystemClock
from shared.kit.deciding import Deciding
from shared.kit.ids import TimeOrderedIds
from shared.kit.observability.metrics import Metrics
from shared.kit.postgres.log import PostgresLog
from shared.kit.submission import Accepted, Refusal
from shared.kit.views import Views
from shared.kit.writer import Writer, WriterLimits
from tests.fixtures.exchange import eventually, running
from tests.fixtures.garden import BED, DECIDER, PUBLIC, REGISTRY, Plant, ask

DIRECTORY = Topic(service="elsewhere", name="test.elsewhere.v1")
PART = 3


class HandTime:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class TooOld(Refused):
    """What is known is too old."""

    kind = RefusalKind.UNAVAILABLE


class Judge:
    """Lets everybody do everything while what is known is recent."""

    stale = True

    def reads(self, submission: object) -> tuple[()]:
        return ()

    def authorise(
        self, submission: object, states: object, at: object, resource: object
    ) -> tuple[str, str]:
        if self.stale:
            raise TooOld
        return "resident", "grant"


async def beat(pool: asyncpg.Pool, age: timedelta | None, part: int = PART) -> None:
    """Store a partition's place, its last heartbeat that long ago; None: none was heard."""
    await pool.execute(
        "INSERT INTO kit.heard (topic, part, generation, next_offset, source_time)"
        " VALUES ($1, $2, 1, 5, clock_timestamp() - $3::interval)"
        " ON CONFLICT (topic, part) DO UPDATE SET source_time = excluded.source_time",
        DIRECTORY.name,
        part,
        age,
    )


def new_age(
    pool: asyncpg.Pool, monotonic: HandTime, directory: Topic | None = DIRECTORY
) -> AuthorityAge:
    metrics = Metrics(CollectorRegistry())
    return AuthorityAge(pool, metrics, directory=directory, part=PART, monotonic=monotonic)


async def test_the_age_counts_from_the_last_heartbeat_of_the_district_s_partition(
    pool: asyncpg.Pool,
) -> None:
    monotonic = HandTime()
    age = new_age(pool, monotonic)
    await beat(pool, timedelta(hours=1))
    await beat(pool, timedelta(0), part=PART + 1)
    await age.look()
    assert 3600 <= age.seconds() < 3600 + 60
    before = age.seconds()
    monotonic.at += 30  # between two looks, and while the database is away, it grows
    assert age.seconds() == before + 30
    await beat(pool, timedelta(0))
    await age.look()
    assert age.seconds() < 60


async def test_what_was_never_heard_is_infinitely_old(pool: asyncpg.Pool) -> None:
    age = new_age(pool, HandTime())
    assert age.seconds() == inf
    await age.look()
    assert age.seconds() == inf
    await beat(pool, None)  # an event was heard, a heartbeat never
    await age.look()
    assert age.seconds() == inf


async def test_the_clock_of_a_source_that_is_ahead_makes_nothing_negative(
    pool: asyncpg.Pool,
) -> None:
    age = new_age(pool, HandTime())
    await beat(pool, timedelta(minutes=-5))
    await age.look()
    assert age.seconds() == 0


async def test_who_owns_the_directory_looks_nothing_up(pool: asyncpg.Pool) -> None:
    monotonic = HandTime()
    age = new_age(pool, monotonic, None)
    await age.look()
    monotonic.at += 1e6
    assert age.seconds() == 0


async def test_it_is_kept_beside_other_work(pool: asyncpg.Pool) -> None:
    monotonic = HandTime()
    age = new_age(pool, monotonic)
    async with age.kept():
        await beat(pool, timedelta(0))

        async def known() -> bool:
            return age.seconds() < 60

        await eventually(known, "the heartbeat is seen")


async def test_a_stale_writer_writes_nothing_and_judges_the_same_command_later(
    pool: asyncpg.Pool,
) -> None:
    judge, clock = Judge(), SystemClock()
    writer = Writer(
        log=PostgresLog(pool),
        views=Views((BED,), REGISTRY),
        deciding=Deciding(
            deciders=(DECIDER,),
            public_types=PUBLIC,
            guard=judge,
            clock=clock,
            ids=TimeOrderedIds(),
        ),
        clock=clock,
        random=Random(1),
        epoch=0,
        limits=WriterLimits(),
        metrics=Metrics(CollectorRegistry()),
    )
    async with running(writer.run()):
        stale = await ask(writer, Plant(bed="b"), "elm", "key")
        assert isinstance(stale, Refusal)
        assert (stale.code, stale.kind) == ("too_old", "unavailable")
        for table in ("event", "stream", "receipt"):
            assert await pool.fetchval(f"SELECT count(*) FROM kit.{table}") == 0, table
        judge.stale = False
        later = await ask(writer, Plant(bed="b"), "elm", "key")
        assert isinstance(later, Accepted)
        assert (later.events, later.replayed) == (1, False)
