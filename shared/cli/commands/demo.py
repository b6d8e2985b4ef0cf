"""`cogov demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shared.cli.commands.options import IN_FLIGHT, ROOT, InFlight, Root
from shared.cli.districts import Target


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(_demo)


def _demo(
    *,
    input: Annotated[  # noqa: A002 - the option's name
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="Messages as NDJSON; without it 300 made-up requests are played.",
        ),
    ] = None,
    categories: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="Table level1,level2,level3; by default categories.csv beside the input.",
        ),
    ] = None,
    target: Annotated[
        Target,
        typer.Option(help="Processes of this machine, or containers (docker-compose.yml)."),
    ] = Target.EMBEDDED,
    once: Annotated[
        bool, typer.Option("--once", help="End when everything is shown, instead of staying up.")
    ] = False,
    site: Root = ROOT,
    in_flight: InFlight = IN_FLIGHT,
) -> int:
    """Start PostgreSQL, Kafka and both services, and play a district.

    What is drawn for the containers lies under compose in the folder of the site.

    Exit code 0: all is well; 1: something failed or verify found a violation; 3: lines of the
    input were broken.
    """
    from shared.cli.demo import DemoOptions, run_demo  # noqa: PLC0415 - slow to import
    from shared.cli.tables import console  # noqa: PLC0415 - likewise

    options = DemoOptions(
        root=site,
        target=target,
        input=input,
        categories=categories,
        once=once,
        in_flight_max=in_flight,
    )
    return run_demo(options, console(), console(errors=True))
