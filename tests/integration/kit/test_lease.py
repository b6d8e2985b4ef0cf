"""The lease on the database's clock: one holder, a higher epoch at each taking, fenced heads."""

import asyncio

import asyncpg

from shared.kit.lease import PROJECT, WRITE, Lease, LeaseTerms, who_holds
from tests.fixtures.database import Database
from tests.fixtures.exchange import eventually


def terms(database: Database, holder: str, **changes: object) -> LeaseTerms:
    fields: dict[str, object] = {
        "dsn": database.dsn,
        "role": WRITE,
        "holder": holder,
        "address": f"http://{holder}",
        "seconds": 0.6,
        "revision": 1,
    }
    return LeaseTerms(**{**fields, **changes})  # pyright: ignore[reportArgumentType]


async def test_one_holds_it_and_another_waits_until_it_is_released(
    database: Database, pool: asyncpg.Pool
) -> None:
    first, second = Lease(terms(database, "a", seconds=30)), Lease(terms(database, "b"))

    assert await first.take() == 1
    assert await second.take() is None
    holding = await who_holds(pool, WRITE)
    assert holding is not None
    assert (holding.holder, holding.address, holding.epoch) == ("a", "http://a", 1)

    await first.release()
    assert await who_holds(pool, WRITE) is None
    assert await second.take() == 2


async def test_taking_the_writer_s_lease_raises_the_log_s_epoch(
    database: Database, pool: asyncpg.Pool
) -> None:
    await Lease(terms(database, "p", role=PROJECT)).take()
    assert await pool.fetchval("SELECT epoch FROM kit.head") == 0

    await Lease(terms(database, "w")).take()
    assert await pool.fetchval("SELECT epoch FROM kit.head") == 1


async def test_a_holder_that_ticks_keeps_it_past_its_time(
    database: Database, pool: asyncpg.Pool
) -> None:
    lease = Lease(terms(database, "a"))
    await lease.take()
    taken_until = await pool.fetchval("SELECT until FROM kit.lease")
    lost: list[str] = []
    lease.keep(lost.append)

    async def renewed_past_its_time() -> bool:
        lease.tick()
        return await pool.fetchval("SELECT clock_timestamp() > $1::timestamptz", taken_until)

    await eventually(renewed_past_its_time, "the lease outlives its first term")
    assert await who_holds(pool, WRITE) is not None
    assert lost == []
    await lease.release()


async def test_a_process_whose_loop_stands_still_loses_it(
    database: Database, pool: asyncpg.Pool
) -> None:
    lease = Lease(terms(database, "a"))
    await lease.take()
    lost: asyncio.Queue[str] = asyncio.Queue()
    lease.keep(lost.put_nowait)

    assert "stood still" in await asyncio.wait_for(lost.get(), 10)

    async def free() -> bool:
        return await who_holds(pool, WRITE) is None

    await eventually(free, "the lease runs out")
    assert await Lease(terms(database, "b")).take() == 2
    await lease.release()
    holding = await who_holds(pool, WRITE)
    assert holding is not None
    assert holding.holder == "b"


async def test_a_holder_learns_that_another_took_it(database: Database, pool: asyncpg.Pool) -> None:
    lease = Lease(terms(database, "a", seconds=3))
    await lease.take()
    lost: asyncio.Queue[str] = asyncio.Queue()
    lease.keep(lost.put_nowait)
    await pool.execute("UPDATE kit.lease SET holder = 'b', epoch = epoch + 1")

    assert "another" in await asyncio.wait_for(lost.get(), 10)
    await lease.release()


async def test_an_older_release_may_not_take_it(database: Database) -> None:
    newer = Lease(terms(database, "new", revision=2))
    await newer.take()
    await newer.release()

    assert await Lease(terms(database, "old", revision=1)).take() is None
    assert await Lease(terms(database, "newer", revision=3)).take() == 2
