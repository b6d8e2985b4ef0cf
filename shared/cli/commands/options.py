"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Root = Annotated[
    Path,
    typer.Option(
        "--site",
        metavar="FOLDER",
        help="Folder of a local district; its settings hold where the environment has none.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
InFlight = Annotated[
    int, typer.Option(min=1, max=512, metavar="N", help="How many messages are sent at once.")
]
File = typer.Option(exists=True, dir_okay=False, readable=True, metavar="FILE")

ROOT = Path(".cogov")
IN_FLIGHT = 48


class ServiceName(StrEnum):
    """The services of a district."""

    DELIBERATION = "deliberation"
    WISHES = "wishes"


Service = Annotated[ServiceName, typer.Argument(metavar="SERVICE", help="deliberation or wishes.")]
