"""Checks a community's files, tells every bad line, and enters them when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from shared.cli.client import ApiClient, ClientLimits
from shared.cli.community.checking import Checked, check
from shared.cli.community.entering import Entered, enter
from shared.cli.community.files import read_lines
from shared.cli.progress import counting
from shared.cli.tables import table

_SHOWN: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityTask:
    """Which files are entered where, under whose token."""

    files: Sequence[Path]
    community: str
    district: str
    url: str
    token: str
    dry_run: bool


async def run(task: CommunityTask, console: Console, errors: Console) -> bool:
    """Check and enter; tell whether every line was good. Raises the client's errors."""
    checked = check(read_lines(task.files))
    _tell(checked, console, errors)
    if checked.bad:
        errors.print(f"{len(checked.bad)} bad lines: nothing was entered")
        return False
    if task.dry_run:
        console.print("every line is good; this was a dry run: nothing was entered")
        return True
    async with ApiClient(task.url, task.token, ClientLimits()) as api:
        with counting(console, "entering", len(checked.lines)) as step:

            def entered(lines: int) -> None:
                for _ in range(lines):
                    step()

            done = await enter(
                api,
                district=task.district,
                community=task.community,
                lines=checked.lines,
                entered=entered,
            )
    console.print(_said(done))
    return True


def _tell(checked: Checked, console: Console, errors: Console) -> None:
    console.print(table("Lines", ("record", "lines"), sorted(checked.counts().items())))
    if checked.bad:
        shown = [(bad.file, bad.number, escape(bad.reason)) for bad in checked.bad[:_SHOWN]]
        errors.print(table("Bad lines", ("file", "line", "reason"), shown, left=3))
        if len(checked.bad) > _SHOWN:
            errors.print(f"and {len(checked.bad) - _SHOWN} more")


def _said(done: Entered) -> str:
    if done.commands == done.replayed:
        return "nothing changed: all of it had been entered before"
    return f"entered with {done.commands} commands, {done.replayed} of them given before"
