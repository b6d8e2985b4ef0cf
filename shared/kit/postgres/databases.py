"""Databases and the roles that use them, made where they are missing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

_TIMEOUT_S: Final = 30.0
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


async def create_database(dsn: str, name: str) -> bool:
    """Create a database unless it exists: UTF-8, in the pinned locale; tell whether it is new.

    `dsn` names a user that may. Raises ValueError for a name that needs quotes.
    """
    async with _connected(dsn) as connection:
        return await _create(connection, name)


async def create_for_role(owner_dsn: str, dsn: str, *, owned: bool = False) -> bool:
    """Make the database that `dsn` names and the role it logs in as; tell whether it is new.

    Both addresses are of one server, `owner_dsn` names a user that may. The role's password is
    set to that of `dsn`; with `owned` it also owns the database.
    """
    wanted = urlsplit(dsn)
    name, role = wanted.path.lstrip("/"), _plain(unquote(wanted.username or ""))
    async with _connected(_on(owner_dsn, "postgres")) as connection:
        is_new = await _create(connection, name)
        await _ensure_role(connection, role, unquote(wanted.password or ""))
        if owned:
            await connection.execute(f'ALTER DATABASE "{name}" OWNER TO "{role}"')
    return is_new


async def _create(connection: asyncpg.Connection, name: str) -> bool:
    with contextlib.suppress(asyncpg.DuplicateDatabaseError):
        await connection.execute(
            f'CREATE DATABASE "{_plain(name)}" TEMPLATE template0 ENCODING UTF8'
            " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
        )
        return True
    return False


async def _ensure_role(connection: asyncpg.Connection, role: str, password: str) -> None:
    known = await connection.fetchval("SELECT true FROM pg_roles AS r WHERE r.rolname = $1", role)
    # A password cannot be a parameter of these statements: the server quotes it.
    quoted: str = await connection.fetchval("SELECT quote_literal($1)", password)
    verb = "ALTER" if known else "CREATE"
    await connection.execute(f'{verb} ROLE "{role}" LOGIN PASSWORD {quoted}')


def _plain(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"not a plain name for a database or role: {name!r}")
    return name


def _on(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


@contextlib.asynccontextmanager
async def _connected(dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S)
    try:
        yield connection
    finally:
        await connection.close(timeout=_TIMEOUT_S)
