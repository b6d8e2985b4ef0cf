"""What an operator does about work that stands still: look, retry, skip with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shared.cli.commands.looking import letters_app
from shared.cli.commands.options import ROOT, AsJson, Root, Service
from shared.cli.commands.printing import print_json

Url = Annotated[str, typer.Option(metavar="URL", help="The operators' port, if it is not local.")]
TokenFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Whose token; locally the administrator's.")
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; kept for good, nothing personal.")]
Id = Annotated[int, typer.Argument(min=1, metavar="ID")]

stuck_app = typer.Typer(help="Work of rules that only an operator can bring on.")
partitions_app = typer.Typer(help="Heard partitions that stand still.")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    stuck_app.command("list")(_list_stuck)
    stuck_app.command("retry")(_retry)
    stuck_app.command("skip")(_skip)
    app.add_typer(stuck_app, name="stuck", no_args_is_help=True)
    app.command("waiting")(_list_waiting)
    letters_app.command("redrive")(_redrive)
    letters_app.command("skip")(_skip_letter)
    partitions_app.command("resume")(_resume)
    app.add_typer(partitions_app, name="partitions", no_args_is_help=True)
    app.command("acts")(_list_acts)


def _list_stuck(
    service: Service,
    *,
    url: Url = "",
    token_file: TokenFile = None,
    site: Root = ROOT,
    as_json: AsJson = False,
) -> None:
    """List open stuck work, the oldest first."""
    rows = _port(service, site, url, token_file).get("/stuck", limit=500)
    columns = ("id", "kind", "rule", "target", "command", "code", "since")
    _show("stuck", rows, columns, as_json=as_json)


def _list_waiting(
    service: Service,
    *,
    url: Url = "",
    token_file: TokenFile = None,
    site: Root = ROOT,
    as_json: AsJson = False,
) -> None:
    """List work that waits for a stream, or for its turn."""
    rows = _port(service, site, url, token_file).get("/waiting", limit=500)
    columns = ("rule", "target", "command", "code", "source_position", "until")
    _show("waiting", rows, columns, as_json=as_json)


def _retry(
    service: Service,
    stuck: Id,
    reason: Reason,
    *,
    url: Url = "",
    token_file: TokenFile = None,
    site: Root = ROOT,
) -> None:
    """Let stuck work try again, at its turn."""
    _port(service, site, url, token_file).post(f"/stuck/{stuck}/retry", reason)
    print(f"stuck work {stuck} is tried again")


def _skip(
    service: Service,
    stuck: Id,
    reason: Reason,
    *,
    url: Url = "",
    token_file: TokenFile = None,
    site: Root = ROOT,
) -> None:
    """Do without stuck work; what waits behind it goes on."""
    _port(service, site, url, token_file).post(f"/stuck/{stuck}/skip", reason)
    print(f"stuck work {stuck} is skipped")


def _redrive(
    service: Service,
    letter: Id,
    reason: Reason,
    *,
    url: Url = "",
    token_file: TokenFile = None,
    site: Root = ROOT,
) -> int:
    """Read a dead letter again; exit code 1: it is still none."""
    return _told(_port(service, site, url, token_file).post(f"/letters/{letter}/redrive", reason))


def _skip_letter(
    service: Service,
    letter: Id,
    reason: Reason,
    *,
    url: Url = "",
    token_file: TokenFile = None,
    site: Root = ROOT,
) -> int:
    """Do without a dead letter; what waits behind it goes on."""
    return _told(_port(service, site, url, token_file).post(f"/letters/{letter}/skip", reason))


def _resume(
    service: Service,
    topic: Annotated[str, typer.Argument(metavar="TOPIC")],
    part: Annotated[int, typer.Argument(min=0, metavar="PARTITION")],
    reason: Reason,
    *,
    url: Url = "",
    token_file: TokenFile = None,
    site: Root = ROOT,
) -> None:
    """Let a partition that stands still go on from its place."""
    _port(service, site, url, token_file).post(f"/partitions/{topic}/{part}/resume", reason)
    print(f"{topic}:{part} goes on")


def _list_acts(
    service: Service,
    *,
    before: Annotated[
        int, typer.Option(min=1, max=2**31 - 1, help="Only those numbered below it.")
    ] = 2**31 - 1,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 100,
    url: Url = "",
    token_file: TokenFile = None,
    site: Root = ROOT,
    as_json: AsJson = False,
) -> None:
    """List what operators did at a service, the newest first."""
    rows = _port(service, site, url, token_file).get("/acts", before=before, limit=limit)
    if not as_json:
        for row in rows:
            row["what"] = ", ".join(f"{name} {value}" for name, value in row["what"].items())
    _show("acts", rows, ("number", "at", "actor", "act", "what", "reason"), as_json=as_json)


def _port(service: Service, site: Path, url: str, token_file: Path | None) -> Any:
    from shared.cli.operator_port import OperatorPort  # noqa: PLC0415 - slow to import

    return OperatorPort(service.value, site, url=url, token_file=token_file)


def _told(done: dict[str, Any]) -> int:
    print(f"settled: {', '.join(map(str, done['settled'])) or 'none'}")
    for stop in done["stops"]:
        print(f"{stop['topic']}:{stop['part']} stands still: {stop['reason']}")
    return 0 if done["settled"] else 1


def _show(
    title: str, rows: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool
) -> None:
    from shared.cli.tables import console, table  # noqa: PLC0415 - likewise

    if as_json:
        print_json(rows)
        return
    cells = [tuple(row[column] for column in columns) for row in rows]
    console().print(table(f"{title}: {len(rows)}", columns, cells, left=len(columns)))
