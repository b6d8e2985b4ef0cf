"""Read models in the services' databases: which tables there are, and what is done with them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from services.deliberation.app import SERVICE as DELIBERATION
from services.wishes.app import SERVICE as WISHES
from shared.cli.connections import NotNowError, connected
from shared.kit.lease import project_role, who_holds
from shared.kit.presence import GONE_AFTER_S
from shared.kit.read_models.cursors import resume
from shared.kit.read_models.revisions import (
    Revision,
    TableNeededError,
    drop_revision,
    list_revisions,
)
from shared.kit.read_models.schema import ask_for_build
from shared.kit.settings import ServiceSettings

_SERVICES: Final = {service.name: service for service in (DELIBERATION, WISHES)}
_TIMEOUT_S: Final = 10.0


async def revisions(settings: ServiceSettings) -> list[Revision]:
    """List the tables of every revision.

    Raises NotNowError, OSError and asyncpg's errors, as all here do.
    """
    async with connected(settings) as connection:
        return await list_revisions(connection, gone_after_s=GONE_AFTER_S)


async def build(service: str, settings: ServiceSettings, name: str) -> bool:
    """Have this release's table of a model built anew; tell whether a projector is there to do it.

    Queries see the old table until the new one takes its place.
    """
    models = {model.name: model for model in _SERVICES[service].read_models}
    if name not in models:
        raise NotNowError(f"{service} has no read model {name}: {', '.join(sorted(models))}")
    async with _changing(settings) as connection:
        await ask_for_build(connection, models[name], anew=True)
        return await who_holds(connection, project_role(settings.release)) is not None


async def retry(settings: ServiceSettings, name: str, revision: int) -> bool:
    """Let a model that stopped go on from where it stands; tell whether it stood still."""
    await _known(settings, name, revision)
    async with _changing(settings) as connection:
        return await resume(connection, name, revision)


async def drop(settings: ServiceSettings, name: str, revision: int) -> bool:
    """Drop a revision's table, unless something alive needs it; tell whether there was one."""
    async with _changing(settings) as connection:
        try:
            return await drop_revision(connection, name, revision, gone_after_s=GONE_AFTER_S)
        except TableNeededError as error:
            raise NotNowError(str(error)) from error


async def _known(settings: ServiceSettings, name: str, revision: int) -> Revision:
    for one in await revisions(settings):
        if (one.name, one.revision) == (name, revision):
            return one
    raise NotNowError(f"there is no table of {name} in revision {revision}")


@asynccontextmanager
async def _changing(settings: ServiceSettings) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        settings.database_dsn.get_secret_value(),
        timeout=_TIMEOUT_S,
        command_timeout=settings.statement_timeout_ms / 1000,
        server_settings={"application_name": "cogov", "lock_timeout": "4s"},
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=_TIMEOUT_S)
