"""`cogov import messages` and `cogov import community`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from shared.cli.commands.options import IN_FLIGHT, InFlight

import_app = typer.Typer(help="Enter data of other systems.", no_args_is_help=True)

_BROKEN_LINES = 3


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    import_app.command("messages")(_messages)
    import_app.command("community")(_community)
    app.add_typer(import_app, name="import")


_Messages = Annotated[
    Path,
    typer.Argument(
        exists=True,
        dir_okay=False,
        metavar="FILE",
        help="NDJSON: id, user, area, subject, submitted_at, text, reply, replied_at.",
    ),
]
_Table = Annotated[
    Path,
    typer.Option(exists=True, dir_okay=False, metavar="FILE", help="level1,level2,level3."),
]
_Url = Annotated[str, typer.Option(metavar="URL", help="Address of wishes.")]
_Community = Annotated[str, typer.Option(metavar="NODE", help="The community they belong to.")]
_Token = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN", envvar="COGOV_TOKEN", help="Of a login with the role integration."
    ),
]
_TokenFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, metavar="FILE", help="The same, in a file."),
]
_District = Annotated[
    str | None,
    typer.Option(
        metavar="NODE", help="Adopt the table there first; needs --administrator-token-file."
    ),
]
_AdministratorTokenFile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, metavar="FILE")
]


def _messages(
    *,
    file: _Messages,
    categories: _Table,
    url: _Url,
    community: _Community,
    token: _Token = None,
    token_file: _TokenFile = None,
    district: _District = None,
    administrator_token_file: _AdministratorTokenFile = None,
    in_flight: InFlight = IN_FLIGHT,
) -> int:
    """Enter messages as requests, late, at their own dates; entering them again changes nothing.

    Each is received, accepted and dispatched by category when it was submitted, and answered when
    it was replied to. Exit code 3: some lines were broken, each is named with its reason.
    """
    from shared.cli.entering import ImportTask, run_import  # noqa: PLC0415 - slow to import
    from shared.cli.tables import console  # noqa: PLC0415 - likewise

    found = token or _read(token_file)
    if not found:
        raise typer.BadParameter("give --token, --token-file or COGOV_TOKEN")
    if (district is None) != (administrator_token_file is None):
        raise typer.BadParameter("--district and --administrator-token-file go together")
    task = ImportTask(
        file=file,
        categories=categories,
        url=url,
        community=community,
        token=found,
        district=district,
        administrator_token=_read(administrator_token_file),
        in_flight_max=in_flight,
    )
    report = asyncio.run(run_import(task, console(), console(errors=True)))
    return _BROKEN_LINES if report.broken else 0


_Files = Annotated[
    list[Path],
    typer.Argument(exists=True, dir_okay=False, metavar="FILE...", help=".ndjson, .csv or .xlsx."),
]
_Node = Annotated[str, typer.Option(metavar="NODE", help="The community that is entered.")]
_OfDistrict = Annotated[str, typer.Option(metavar="NODE", help="The district it belongs to.")]
_Directory = Annotated[str, typer.Option(metavar="URL", help="Address of deliberation.")]
_Administrator = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Of a district_admin."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the files and enter nothing.")]


def _community(
    *,
    files: _Files,
    community: _Node,
    district: _OfDistrict = "",
    url: _Directory = "",
    token_file: _Administrator = None,
    dry_run: _DryRun = False,
) -> int:
    """Enter a whole community: areas, premises, households, residents, cadres.

    Every line is checked first; exit code 3: some are bad, each is named with its reason, and
    nothing was entered. Entering the same files again changes nothing.
    """
    from shared.cli.community.running import CommunityTask, run  # noqa: PLC0415 - slow to import
    from shared.cli.tables import console  # noqa: PLC0415 - likewise

    if not dry_run and not (district and url and token_file):
        raise typer.BadParameter("--district, --url and --token-file, or --dry-run")
    task = CommunityTask(
        files=files,
        community=community,
        district=district,
        url=url,
        token="" if dry_run else _read(token_file),
        dry_run=dry_run,
    )
    entered = asyncio.run(run(task, console(), console(errors=True)))
    return 0 if entered else _BROKEN_LINES


def _read(file: Path | None) -> str:
    return "" if file is None else file.read_text(encoding="utf-8").strip()
