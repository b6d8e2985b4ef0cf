"""A fresh database for each side of each run."""

import itertools
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from shared.kit.postgres.migrate import migrate
from tests.performance.measuring import Bench
from tests.performance.plain import SCHEMA
from tests.performance.tally import EPOCH

_numbers = itertools.count(1)


@asynccontextmanager
async def kit_database(bench: Bench) -> AsyncGenerator[str]:
    """Give the address of a database with the kit's schema, which goes afterwards."""
    async with _database(bench) as dsn:
        await migrate(dsn, application_role="postgres")
        await _execute(dsn, f"UPDATE kit.head SET epoch = {EPOCH}")
        await _execute(bench.site.dsn("postgres"), "CHECKPOINT")
        yield dsn


@asynccontextmanager
async def plain_database(bench: Bench, schema: str = SCHEMA) -> AsyncGenerator[str]:
    """Give the address of a database with the baseline's tables, which goes afterwards."""
    async with _database(bench) as dsn:
        await _execute(dsn, schema)
        await _execute(bench.site.dsn("postgres"), "CHECKPOINT")
        yield dsn


async def settings_of(dsn: str) -> dict[str, str]:
    """Give the server's settings that matter here."""
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
    connection = await asyncpg.connect(dsn)
    try:
        return {name: await connection.fetchval(f"SHOW {name}") for name in names}
    finally:
        await connection.close()


@asynccontextmanager
async def _database(bench: Bench) -> AsyncGenerator[str]:
    name = f"bench_{os.getpid()}_{next(_numbers)}"
    bench.site.ensure_database(name)
    try:
        yield bench.site.dsn(name)
    finally:
        await _execute(bench.site.dsn("postgres"), f'DROP DATABASE "{name}" WITH (FORCE)')


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=30)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
