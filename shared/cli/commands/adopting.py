"""`cogov adopt working-days`, `deadline-policy` and `recurrence-policy`."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from shared.cli.client import ApiClient, ClientLimits
from shared.cli.deadlines import (
    adopt_deadline_policy,
    adopt_recurrence_policy,
    adopt_working_days,
)

adopt_app = typer.Typer(help="Put a district's policies into force.", no_args_is_help=True)

_Url = Annotated[str, typer.Option(metavar="URL", help="Address of wishes.")]
_District = Annotated[str, typer.Option(metavar="NODE", help="The district that adopts it.")]
_TokenFile = Annotated[
    Path,
    typer.Option(
        exists=True, dir_okay=False, metavar="FILE", help="A token of a district administrator."
    ),
]
_Years = Annotated[list[int], typer.Argument(metavar="YEAR...", help="E.g. 2026.")]
_Policy = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="The policy as JSON."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    adopt_app.command("working-days")(_working_days)
    adopt_app.command("deadline-policy")(_deadline_policy)
    adopt_app.command("recurrence-policy")(_recurrence_policy)
    app.add_typer(adopt_app, name="adopt")


def _working_days(years: _Years, url: _Url, district: _District, token_file: _TokenFile) -> None:
    """Adopt the working days of years, as the package chinesecalendar knows the notices."""

    async def run() -> bool:
        async with _client(url, token_file) as api:
            return await adopt_working_days(api, district=district, years=years)

    _tell(nothing_new=asyncio.run(run()))


def _deadline_policy(
    policy: _Policy, url: _Url, district: _District, token_file: _TokenFile
) -> None:
    """Adopt the next version of the deadline policy; the file is the route's body without it."""
    try:
        body = json.loads(policy.read_text(encoding="utf-8"))
    except ValueError as error:
        raise typer.BadParameter(f"{policy}: {error}") from None

    async def run() -> bool:
        async with _client(url, token_file) as api:
            return await adopt_deadline_policy(api, district=district, policy=body)

    _tell(nothing_new=asyncio.run(run()))


def _recurrence_policy(
    node: Annotated[str, typer.Argument(metavar="NODE", help="A community, street or district.")],
    *,
    url: _Url,
    token_file: _TokenFile,
    times: Annotated[int, typer.Option(min=2, max=100, help="So many requests are enough,")],
    window_days: Annotated[int, typer.Option(min=1, max=366, help="in so many days,")],
    effective_from: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="from this day on.")
    ],
) -> None:
    """Adopt how often a matter must recur before it goes to the council."""

    async def run() -> int:
        async with _client(url, token_file) as api:
            return await adopt_recurrence_policy(
                api,
                node=node,
                times=times,
                window_days=window_days,
                effective_from=effective_from.date(),
            )

    print(f"adopted version {asyncio.run(run())}")


def _client(url: str, token_file: Path) -> ApiClient:
    return ApiClient(url, token_file.read_text(encoding="utf-8").strip(), ClientLimits())


def _tell(*, nothing_new: bool) -> None:
    print("nothing changed: it was in force already" if nothing_new else "adopted")
