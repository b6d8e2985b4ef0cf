"""Connections: pinned settings, and a check that the database is one we can trust."""

from __future__ import annotations

import asyncpg


class DatabaseUnfitError(Exception):
    """The database lacks what the log depends on (encoding, isolation level)."""


async def create_pool(
    dsn: str, *, size_max: int, statement_timeout_ms: int, application: str
) -> asyncpg.Pool:
    """Open a pool whose connections fail rather than hang; assert UTF-8 and READ COMMITTED."""
    pool = await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size_max,
        command_timeout=statement_timeout_ms / 1000 + 5,
        server_settings={
            "application_name": application,
            "statement_timeout": str(statement_timeout_ms),
            "default_transaction_isolation": "read committed",
            "timezone": "UTC",
        },
    )
    encoding = await pool.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        await pool.close()
        message = f"the database's encoding is {encoding}; it must be UTF8"
        raise DatabaseUnfitError(message)
    return pool
