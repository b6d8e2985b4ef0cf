"""Row `rebuild_all`: every read model of the wishes service anew, under commands and queries.

The log is filled with a made-up year; the service's own processes build, as an operator asks them
to. Then figures of the new tables are compared with plain SQL over the log.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import uvloop

from services.wishes.app import SERVICE
from shared.cli.connections import settings_of
from shared.cli.local_site import LocalDistrict
from shared.cli.models import build
from shared.kit.postgres.log import PostgresLog
from shared.kit.postgres.pool import create_pool
from tests.performance.children import child
from tests.performance.filling import Filler
from tests.performance.let_in import prepared
from tests.performance.measuring import Bench, Row, Run, Sides, Stopwatch, middle
from tests.performance.oracle import Compared, NotAtHeadError, compare
from tests.performance.year import year

_SCOPES = tuple(f"community-{number}" for number in range(10))
_PER_S = 10  # commands, and as many queries: thirty times what a district of 40 communities has
_SETTLE_S = 2.0
_END_S = 1800.0
_POLL_S = 0.05
_MODELS = {model.name: model.table for model in SERVICE.read_models}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the clients saw: latencies of commands and of queries, and how they were answered."""

    commands_ms: list[float]
    queries_ms: list[float]
    statuses: Mapping[str, int]

    @property
    def errors(self) -> int:
        """Give how many answers were not a success."""
        good = {"command 200", "command 201", "query 200"}
        return sum(count for status, count in self.statuses.items() if status not in good)

    @property
    def queries_p99_ms(self) -> float:
        return Run(1, 1, self.queries_ms, 0).percentile(0.99)


@dataclass(slots=True)
class House:
    """The district under measurement, and how to ask it."""

    district: LocalDistrict
    token: str
    connection: asyncpg.Connection
    events: int


def measure_rebuild_all(bench: Bench) -> list[Row]:
    """Measure builds and clients, each alone and then together."""
    district = LocalDistrict(bench.root / "rebuilt", bench.site, database_prefix="rebuild_")
    try:
        token = prepared(district, _SCOPES)
        return [uvloop.run(_measured(bench, district, token))]
    finally:
        district.stop()


async def _measured(bench: Bench, district: LocalDistrict, token: str) -> Row:
    sides = Sides()
    alone: list[Loaded] = []
    under: list[Loaded] = []
    async with _filled(bench, district, token) as house:
        for _ in range(bench.runs):
            quiet = await _built(house)
            async with _loaded(house) as clients:
                await asyncio.sleep(bench.seconds)
                alone.append(await clients())
            async with _loaded(house) as clients:
                await asyncio.sleep(_SETTLE_S)
                loaded = await _built(house)
                under.append(await clients())
            sides.baseline.append(_with(quiet, alone[-1]))
            sides.ours.append(_with(loaded, under[-1]))
        compared = await _compared(house)
    return _row(sides, alone, under, compared)


def _row(sides: Sides, alone: list[Loaded], under: list[Loaded], compared: list[Compared]) -> Row:
    errors = sum(one.errors for one in (*alone, *under))
    asked = sum(sum(one.statuses.values()) for one in (*alone, *under))
    differing = [one.figure.name for one in compared if one.differing]
    counts = sum(len(one.counts) for one in compared)
    run = middle(sides.ours)
    note = (
        f"{len(_MODELS)} models over {run.done:,} events in 2 processes, {_PER_S} commands and"
        f" {_PER_S} queries a second meanwhile; baseline: the build without clients, and the"
        f" clients without a build; builds {_rates(sides.ours)} per s against"
        f" {_rates(sides.baseline)}; queries' p99 {_p99(under)} ms against {_p99(alone)};"
        f" {errors} errors in {asked} answers; {len(compared)} figures ({counts} counts) of the"
        f" tables against plain SQL over the log: {', '.join(differing) or 'all equal'}"
    )
    met = not errors and not differing
    return Row("rebuild_all", "no error, figures equal to SQL over the log", met, note, sides)


def _rates(runs: list[Run]) -> str:
    return "/".join(f"{run.rate:,.0f}" for run in runs)


def _p99(seen: list[Loaded]) -> str:
    return "/".join(f"{one.queries_p99_ms:.1f}" for one in seen)


def _with(run: Run, loaded: Loaded) -> Run:
    return Run(run.done, run.seconds, loaded.commands_ms, run.cores)


@asynccontextmanager
async def _filled(bench: Bench, district: LocalDistrict, token: str) -> AsyncGenerator[House]:
    """Fill the log while nobody has it, and have every table built for the first time."""
    for name in ("deliberation", "deliberation-project", "wishes", "wishes-project"):
        district.terminate(name)
    dsn = district.owner_dsn("wishes")
    pool = await create_pool(dsn, size_max=2, statement_timeout_ms=60_000, application="bench")
    try:
        log = PostgresLog(pool)
        _, epoch = await log.head()
        filler = Filler(log, SERVICE.views(), SERVICE.public_types)
        happenings = year(1, scopes=_SCOPES, until=datetime.now(UTC), events=bench.events)
        events = await filler.fill(happenings, epoch=epoch)
    finally:
        await pool.close()
    connection = await asyncpg.connect(dsn)
    try:
        await _begin_at_the_head(connection, district)
        district.launch("wishes")
        district.launch("wishes-project")
        district.wait_ready("wishes-project", timeout_s=_END_S)
        district.wait_ready("wishes")
        yield House(district, token, connection, events)
    finally:
        await connection.close()


async def _begin_at_the_head(connection: asyncpg.Connection, district: LocalDistrict) -> None:
    """Let what was filled in have been sent, followed by rules and indexed long ago."""
    head = await connection.fetchval("SELECT position FROM kit.head")
    await connection.execute("UPDATE kit.cursor SET position = $1", head)
    # A table without a cursor is built anew, in the background.
    await connection.execute("DELETE FROM kit.read_model")
    await connection.execute("VACUUM ANALYZE kit.event")
    keys = await asyncpg.connect(district.environment("wishes")["WISHES_KEYS_DSN"])
    try:
        await keys.execute("UPDATE vault.search_cursor SET position = $1", head)
    finally:
        await keys.close()


async def _built(house: House) -> Run:
    """Have every table built from position 0; give how long it took until all are served."""
    before = await _tables(house)
    settings = settings_of("wishes", house.district.places.root)
    watch = Stopwatch()
    for name in _MODELS:
        assert await build("wishes", settings, name), "no projector is running"
    await _until(lambda: _served(house))
    run = watch.run(house.events, ())
    after = await _tables(house)
    assert all(before[name] != after[name] for name in _MODELS), "a table is not a new one"
    return Run(run.done, run.seconds, (), run.cores)


async def _served(house: House) -> bool:
    failed = await house.connection.fetch(
        "SELECT name, failure FROM kit.model_build WHERE failure IS NOT NULL"
    )
    assert not failed, f"a build stands still: {failed}"
    return not await house.connection.fetchval("SELECT count(*) FROM kit.model_build")


async def _tables(house: House) -> dict[str, int]:
    sql = "SELECT to_regclass($1)::oid"
    return {
        name: await house.connection.fetchval(sql, f"public.{table}")
        for name, table in _MODELS.items()
    }


@asynccontextmanager
async def _loaded(house: House) -> AsyncGenerator[Callable[[], Awaitable[Loaded]]]:
    """Let clients ask; call what is given to stop them and hear what they saw."""
    task: dict[str, Any] = {
        "port": int(house.district.url("wishes").rpartition(":")[2]),
        "token": house.token,
        "scopes": _SCOPES,
        "per_s": _PER_S,
    }
    async with child("tests.performance.paced_load", task) as load:
        await load.ready()
        load.go()

        async def stopped() -> Loaded:
            load.go()
            said = await load.result()
            latencies = said["latencies_ms"]
            return Loaded(latencies["command"], latencies["query"], said["statuses"])

        yield stopped


async def _compared(house: House) -> list[Compared]:
    """Compare as soon as every table is at the head of the log."""
    ended = time.monotonic() + _END_S
    while True:
        try:
            return await compare(house.connection, _MODELS, datetime.now(UTC))
        except NotAtHeadError:
            if time.monotonic() > ended:
                raise
            await asyncio.sleep(_POLL_S)


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_END_S):
        while not await done():  # noqa: ASYNC110 - what it asks is in another process
            await asyncio.sleep(_POLL_S)
