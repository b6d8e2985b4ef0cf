"""Connections: pinned settings, and a check that the database is one we can trust."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
import structlog

from shared.kit.postgres.faults import STORAGE_FAULTS

_log: Final = structlog.get_logger()


class _Connection(asyncpg.Connection):
    """A connection that goes back to its pool without a round trip.

    Nothing of ours outlives its transaction in a session, except LISTEN, whose listener is taken
    off by whoever put it there; an open transaction is rolled back all the same.
    """

    def get_reset_query(self) -> str:
        return ""


class DatabaseUnfitError(Exception):
    """The database lacks what the log depends on (encoding, isolation level)."""


async def create_pool(
    dsn: str,
    *,
    size_max: int,
    statement_timeout_ms: int,
    application: str,
    may_be_away: bool = False,
) -> asyncpg.Pool:
    """Open a pool whose connections fail rather than hang; assert UTF-8 and READ COMMITTED.

    With `may_be_away` it is given though the database does not answer yet: each use says so.
    """
    pool = await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size_max,
        connection_class=_Connection,
        init=_assert_fit,
        command_timeout=statement_timeout_ms / 1000 + 5,
        server_settings={
            "application_name": application,
            "statement_timeout": str(statement_timeout_ms),
            "default_transaction_isolation": "read committed",
            "timezone": "UTC",
        },
    )
    try:
        async with pool.acquire():
            return pool
    except BaseException as error:
        if may_be_away and isinstance(error, STORAGE_FAULTS):
            _log.warning("database.not_reached", error=type(error).__name__)
            return pool
        pool.terminate()
        raise


async def _assert_fit(connection: Any) -> None:
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        message = f"the database's encoding is {encoding}; it must be UTF8"
        raise DatabaseUnfitError(message)
