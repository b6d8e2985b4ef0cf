"""The commands of one service: serve, migrate, rebuild; `__main__.py` and the CLI call it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog
import uvloop

from shared.kit.build_process import run_child, run_rebuild
from shared.kit.observability.logging import configure_logging
from shared.kit.postgres.migrate import migrate
from shared.kit.projecting import run_projector
from shared.kit.read_models.schema import publish_views
from shared.kit.service import Service
from shared.kit.serving import run_replica
from shared.kit.settings import ServiceSettings
from shared.kit.vault import migrate_keys

_log: Final = structlog.get_logger()
ROLES: Final = ("serve", "write", "project")


def run(service: Service, settings_type: type[ServiceSettings], argv: Sequence[str]) -> int:
    """Run one command of a service; give the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{service.name}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run some of the roles serve, write, project")
    serve.add_argument("--roles", default="serve,write", help="separated by commas")
    serve.add_argument("--http-port", type=int, default=None, help="instead of the setting")
    commands.add_parser("migrate", help="bring the databases' schemas up to date")
    built = commands.add_parser("build", help="build tables that are asked for; a child's task")
    built.add_argument("models", nargs="+", choices=[model.name for model in service.read_models])
    rebuilt = commands.add_parser("rebuild", help="fold a read model's table anew from the log")
    rebuilt.add_argument("model", choices=[model.name for model in service.read_models])
    arguments = parser.parse_args(argv)
    settings = settings_type.model_validate({})
    configure_logging(settings.log_level, service=service.name)
    if arguments.command == "migrate":
        return asyncio.run(_migrate(service, settings))
    if arguments.command == "build":
        return uvloop.run(run_child(service, settings, arguments.models))
    if arguments.command == "rebuild":
        return uvloop.run(run_rebuild(service, settings, arguments.model))
    roles = frozenset(arguments.roles.split(","))
    if not roles or roles - set(ROLES):
        parser.error(f"--roles takes some of {', '.join(ROLES)}")
    if "project" in roles and len(roles) > 1:
        parser.error("the role project is a process of its own")
    if arguments.http_port is not None:
        settings = settings.model_copy(update={"http_port": arguments.http_port})
    return _serve(service, settings, roles)


def _serve(service: Service, settings: ServiceSettings, roles: frozenset[str]) -> int:
    if "project" in roles:
        return uvloop.run(run_projector(service, settings))
    port = uvloop.run(run_replica(service, settings, roles=roles))
    if port is None:
        return 0
    # The lease was lost: nothing of the old epoch may live on, so the process starts anew.
    _log.info("replica.restarted", port=port)
    arguments = ["serve", "--roles", ",".join(sorted(roles)), "--http-port", str(port)]
    sys.stdout.flush()
    command = [sys.executable, "-m", f"services.{service.name}", *arguments]
    return os.execv(sys.executable, command)  # noqa: S606 - our own interpreter and module


async def _migrate(service: Service, settings: ServiceSettings) -> int:
    applied = await migrate(
        settings.owner_dsn.get_secret_value(), application_role=settings.application_role
    )
    keys = await asyncpg.connect(settings.keys_dsn.get_secret_value())
    try:
        await migrate_keys(keys)
    finally:
        await keys.close()
    own = await asyncpg.connect(settings.database_dsn.get_secret_value())
    try:
        await publish_views(own, service.read_models)
    finally:
        await own.close()
    _log.info("schema.migrated", service=service.name, applied=applied)
    return 0
