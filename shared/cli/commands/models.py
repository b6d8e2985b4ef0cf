"""Read models: list and show their tables, build one anew, retry a stopped one, drop an old one."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer

from shared.cli.commands.options import ROOT, AsJson, Root, Service, ServiceName
from shared.cli.commands.printing import print_json
from shared.cli.connections import settings_of

models_app = typer.Typer(help="Read models and their tables.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Its name, such as `requests`.")]
RevisionNumber = Annotated[
    int, typer.Argument(min=1, metavar="REVISION", help="As `models list` shows it.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    models_app.command("list")(_list)
    models_app.command("show")(_show)
    models_app.command("build")(_build)
    models_app.command("retry")(_retry)
    models_app.command("drop")(_drop)
    app.add_typer(models_app, name="models")


def _list(
    *,
    services: Annotated[
        list[ServiceName] | None,
        typer.Argument(metavar="[SERVICE]…", help="By default every service."),
    ] = None,
    site: Root = ROOT,
    as_json: AsJson = False,
) -> int:
    """List the tables of every revision; exit code 1: one stands still."""
    from shared.cli.tables import console, table  # noqa: PLC0415 - slow to import

    found = [
        {"service": service.value, **one}
        for service in services or list(ServiceName)
        for one in _revisions(service, site)
    ]
    if as_json:
        print_json(found)
    else:
        columns = ("service", "name", "revision", "position", "building", "head", "stopped")
        rows = [tuple(one[column] for column in columns) for one in found]
        console().print(table("read models", columns, rows, left=2))
    return 1 if any(one["stopped"] for one in found) else 0


def _show(service: Service, model: Model, site: Root = ROOT) -> int:
    """Print all that is known of a model's tables, and which living processes use them."""
    found = [one for one in _revisions(service, site) if one["name"] == model]
    print_json(found)
    return 0 if found else 1


def _build(service: Service, model: Model, site: Root = ROOT) -> None:
    """Have a table built anew beside the one that queries see."""
    from shared.cli.models import build  # noqa: PLC0415 - slow to import

    there = asyncio.run(build(service.value, settings_of(service.value, site), model))
    print(f"{model}: asked for" if there else f"{model}: asked for; no projector is running")


def _retry(service: Service, model: Model, revision: RevisionNumber, site: Root = ROOT) -> None:
    """Let a model that stopped go on from where it stands, now that its cause is gone."""
    from shared.cli.models import retry  # noqa: PLC0415 - slow to import

    going = asyncio.run(retry(settings_of(service.value, site), model, revision))
    print(f"{model}_r{revision}: goes on" if going else "nothing changed")


def _drop(service: Service, model: Model, revision: RevisionNumber, site: Root = ROOT) -> None:
    """Drop the table of an old revision; refused while a process of its release lives."""
    from shared.cli.models import drop  # noqa: PLC0415 - slow to import

    gone = asyncio.run(drop(settings_of(service.value, site), model, revision))
    print(f"{model}_r{revision}: dropped" if gone else "nothing changed")


def _revisions(service: ServiceName, site: Any) -> list[dict[str, Any]]:
    from shared.cli.models import revisions  # noqa: PLC0415 - slow to import

    found = asyncio.run(revisions(settings_of(service.value, site)))
    return [{**asdict(one), "stopped": one.failure or one.build_failure or ""} for one in found]
