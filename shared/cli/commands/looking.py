"""Looking at a running district: lag, dead letters, verify, events."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import typer

from shared.cli.commands.options import ROOT, AsJson, Root, Service, ServiceName
from shared.cli.commands.printing import print_json, print_json_line
from shared.cli.connections import all_settings, settings_of

events_app = typer.Typer(help="Look into the logs.", no_args_is_help=True)
letters_app = typer.Typer(help="Records that could not become events.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("lag")(_lag)
    app.command("verify")(_verify)

    @letters_app.callback()
    def _group() -> None:  # keeps `list` a command of its own name
        """Records that could not become events."""

    letters_app.command("list")(_list_letters)
    app.add_typer(letters_app, name="dead-letters")
    events_app.command("tail")(_tail)
    events_app.command("show")(_show)
    events_app.command("lineage")(_lineage)
    app.add_typer(events_app, name="events")


def _lag(*, site: Root = ROOT, as_json: AsJson = False) -> int:
    """Show how far relays, hearers and read models are behind; exit code 1: one stands still."""
    from shared.cli.lag import lags  # noqa: PLC0415 - slow to import
    from shared.cli.tables import console, lag_table  # noqa: PLC0415 - likewise

    found = asyncio.run(lags(all_settings(site)))
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        console().print(lag_table(found))
    return 1 if any(each.stopped for each in found) else 0


def _verify(
    *,
    only: Annotated[
        list[str] | None, typer.Option(metavar="INVARIANT", help="I1, I2 …; by default all.")
    ] = None,
    site: Root = ROOT,
    as_json: AsJson = False,
) -> int:
    """Check the invariants of a running site; exit code 1 when one is violated."""
    from shared.cli.tables import console, findings_table  # noqa: PLC0415 - likewise
    from shared.cli.verifying import verify_site  # noqa: PLC0415 - likewise
    from shared.kit.verify import INVARIANTS  # noqa: PLC0415 - likewise

    unknown = set(only or ()) - set(INVARIANTS)
    if unknown:
        raise typer.BadParameter(
            f"no invariant {', '.join(sorted(unknown))}: there are {', '.join(INVARIANTS)}"
        )
    findings = asyncio.run(verify_site(all_settings(site), only=only or tuple(INVARIANTS)))
    if as_json:
        print_json([each.as_json() for each in findings])
    else:
        console().print(findings_table(findings))
    return 0 if all(each.holds for each in findings) else 1


def _list_letters(
    *,
    services: Annotated[
        list[ServiceName] | None,
        typer.Argument(metavar="[SERVICE]…", help="By default every service."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    site: Root = ROOT,
    as_json: AsJson = False,
) -> None:
    """List the open dead letters, the oldest first."""
    from shared.cli.dead_letters import open_letters  # noqa: PLC0415 - likewise
    from shared.cli.tables import console, table  # noqa: PLC0415 - likewise

    found: list[dict[str, Any]] = []
    for service in services or list(ServiceName):
        settings = settings_of(service.value, site)
        found += asyncio.run(open_letters(service.value, settings, limit=limit))
    if as_json:
        print_json(found)
        return
    columns = ("service", "id", "topic", "part", "offset", "stream", "code", "reason", "parked at")
    rows = [tuple(each[column.replace(" ", "_")] for column in columns) for each in found]
    console().print(table(f"dead letters: {len(rows)} open", columns, rows, left=len(columns)))


def _tail(
    *,
    service: Service,
    last: Annotated[int, typer.Option("--last", "-n", min=0, max=10_000)] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with each new one.")
    ] = False,
    site: Root = ROOT,
) -> None:
    """Print the last events of a service's log as lines of JSON."""
    from shared.cli.events import plain, tail  # noqa: PLC0415 - likewise

    async def run() -> None:
        async for row in tail(settings_of(service.value, site), last=last, follow=follow):
            print_json_line(plain(row))

    asyncio.run(run())


def _show(
    event: Annotated[
        str, typer.Argument(metavar="EVENT", help="An event's id, or <service>:<position>.")
    ],
    site: Root = ROOT,
) -> int:
    """Print one event, as each service that has it stored it."""
    from shared.cli.events import at_position, find, plain  # noqa: PLC0415 - likewise

    service, colon, position = event.partition(":")
    if colon:
        if service not in list(ServiceName) or not position.isdecimal():
            raise typer.BadParameter(f"not <service>:<position>: {event}")
        row = asyncio.run(at_position(settings_of(service, site), int(position)))
        found = {} if row is None else {service: row}
    else:
        wanted = _event_id(event)  # before the settings: a wrong argument is said first
        found = asyncio.run(find(all_settings(site), wanted))
    if not found:
        raise FileNotFoundError(f"no log has the event {event}")
    print_json({name: plain(row) for name, row in found.items()})
    return 0


def _lineage(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="An event's id.")],
    site: Root = ROOT,
) -> None:
    """Show everything that came of the same cause as an event, in every service."""
    from shared.cli.lineage import lineage_tree  # noqa: PLC0415 - likewise
    from shared.cli.tables import console  # noqa: PLC0415 - likewise

    wanted = _event_id(event)
    console().print(asyncio.run(lineage_tree(all_settings(site), wanted)))


def _event_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(f"not an event's id: {text}") from None
