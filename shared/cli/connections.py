"""Which services a command speaks to: by the environment, or by a local district's folder."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
from pydantic import ValidationError

from shared.cli.local_settings import SERVICES, Places
from shared.kit.postgres.databases import create_for_role
from shared.kit.settings import ServiceSettings

_TIMEOUT_S: Final = 10.0


class NotConfiguredError(Exception):
    """The settings of a service are missing or wrong; the message names them."""


class NotNowError(Exception):
    """What is asked for cannot be done as things stand; the message says why."""


def settings_of(service: str, root: Path) -> ServiceSettings:
    """Read a service's settings: the environment's, else those of the district under `root`."""
    prefix = f"{service.upper()}_"
    file = Places(root).settings(service)
    kind: Any = ServiceSettings  # its checker knows the fields, not where they are read from
    try:
        return kind(_env_prefix=prefix, _env_file=file)
    except ValidationError as error:
        wrong = ", ".join(
            f"{prefix}{'_'.join(map(str, each['loc'])).upper()} ({each['msg'].lower()})"
            for each in error.errors(include_input=False)
        )
        where = "" if file.exists() else f"; no district has run under {root}"
        raise NotConfiguredError(f"settings of {service}: {wrong}{where}") from None


def all_settings(root: Path) -> dict[str, ServiceSettings]:
    """Read the settings of every service."""
    return {service: settings_of(service, root) for service in SERVICES}


async def create_databases(settings: ServiceSettings) -> None:
    """Make a service's databases and its role where they are missing, as their owners.

    Raises OSError and asyncpg's errors.
    """
    await create_for_role(
        settings.owner_dsn.get_secret_value(), settings.database_dsn.get_secret_value()
    )
    await create_for_role(
        settings.keys_owner_dsn.get_secret_value(),
        settings.keys_dsn.get_secret_value(),
        owned=True,
    )


@asynccontextmanager
async def connected(settings: ServiceSettings) -> AsyncGenerator[asyncpg.Connection]:
    """Connect to a service's database for reading. Raises OSError and asyncpg's errors."""
    connection = await asyncpg.connect(
        settings.database_dsn.get_secret_value(),
        timeout=_TIMEOUT_S,
        command_timeout=settings.statement_timeout_ms / 1000,
        server_settings={"default_transaction_read_only": "on", "application_name": "cogov"},
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=_TIMEOUT_S)
