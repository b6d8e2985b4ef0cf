"""Running a service's own processes: `serve` and `migrate` become the service's program."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values

from shared.cli.commands.options import ROOT, Root, Service, ServiceName
from shared.cli.connections import create_databases, settings_of
from shared.cli.local_settings import Places, environment_with


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(_serve)
    app.command("migrate")(_migrate)


def _serve(
    service: Service,
    roles: Annotated[
        str, typer.Option(metavar="ROLES", help="serve,write (or one of them), or project.")
    ] = "serve,write",
    http_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Instead of the setting; 0: any free.")
    ] = None,
    site: Root = ROOT,
) -> None:
    """Run a process of a service until it is told to stop."""
    arguments = ["serve", "--roles", roles]
    if http_port is not None:
        arguments += ["--http-port", str(http_port)]
    settings_of(service.value, site)  # says what is missing in one line
    command = [sys.executable, "-m", f"services.{service.value}", *arguments]
    os.execve(sys.executable, command, _environment(service.value, site))  # noqa: S606


def _migrate(
    services: Annotated[
        list[ServiceName] | None,
        typer.Argument(metavar="[SERVICE]…", help="By default every service."),
    ] = None,
    *,
    create: Annotated[
        bool,
        typer.Option("--create", help="First make the databases and roles that are missing."),
    ] = False,
    site: Root = ROOT,
) -> int:
    """Bring the schemas of the services' databases up to date."""
    for service in services or list(ServiceName):
        settings = settings_of(service.value, site)
        if create:
            asyncio.run(create_databases(settings))
        command = [sys.executable, "-m", f"services.{service.value}", "migrate"]
        done = subprocess.run(  # noqa: S603 - our own program
            command, env=_environment(service.value, site), check=False
        )
        if done.returncode != 0:
            return done.returncode
    return 0


def _environment(service: str, root: Path) -> dict[str, str]:
    known = dotenv_values(Places(root).settings(service))
    return environment_with({name: value or "" for name, value in known.items()})
