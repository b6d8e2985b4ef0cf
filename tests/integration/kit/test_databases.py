"""Databases and roles, made where they are missing."""

import itertools
import os
from collections.abc import AsyncGenerator
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest

from shared.kit.postgres.databases import create_database, create_for_role
from shared.kit.servers import Servers

_numbers = itertools.count(1)


@pytest.fixture
async def name(site: Servers) -> AsyncGenerator[str]:
    """Give a name that no database and no role has; what is made under it goes with the test."""
    name = f"cogov_made_{os.getpid()}_{next(_numbers)}"
    yield name
    connection = await asyncpg.connect(site.dsn("postgres"))
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.execute(f'DROP ROLE IF EXISTS "{name}"')
    await connection.close()


def as_role(dsn: str, role: str, password: str) -> str:
    parts = urlsplit(dsn)
    place = f"{role}:{quote(password, safe='')}@{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=place))


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_a_database_is_made_once_in_the_pinned_locale(site: Servers, name: str) -> None:
    assert await create_database(site.dsn("postgres"), name)
    assert not await create_database(site.dsn("postgres"), name)
    locale = "SELECT d.datlocale FROM pg_database AS d WHERE d.datname = current_database()"
    assert await ask(site.dsn(name), locale) == "C.UTF-8"


async def test_a_role_logs_in_with_the_password_it_was_given_last(site: Servers, name: str) -> None:
    owner = site.dsn(name)
    first, second = as_role(owner, name, "a'b\\c %/@:"), as_role(owner, name, "another")

    assert await create_for_role(owner, first)
    assert await ask(first, "SELECT current_user") == name
    assert not await create_for_role(owner, second)
    assert await ask(second, "SELECT current_user") == name
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(first, "SELECT 1")


@pytest.mark.parametrize("owned", [True, False])
async def test_a_role_owns_its_database_only_where_it_is_said(
    site: Servers, name: str, *, owned: bool
) -> None:
    await create_for_role(site.dsn(name), as_role(site.dsn(name), name, "x"), owned=owned)

    owner = await ask(
        site.dsn(name),
        "SELECT pg_get_userbyid(d.datdba) FROM pg_database AS d"
        " WHERE d.datname = current_database()",
    )
    assert (owner == name) is owned


@pytest.mark.parametrize("wrong", ['x"; DROP ROLE y; --', "Upper", "", "1st"])
async def test_a_name_that_needs_quotes_is_refused(site: Servers, name: str, wrong: str) -> None:
    with pytest.raises(ValueError, match="not a plain name"):
        await create_database(site.dsn("postgres"), wrong)
    with pytest.raises(ValueError, match="not a plain name"):
        await create_for_role(site.dsn(name), as_role(site.dsn(name), quote(wrong), "x"))
