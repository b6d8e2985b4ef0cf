"""One import as a command sees it: the file, the policy, the progress, and what to say of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from shared.cli.categories import CategoryTable, adopt_policy, read_categories
from shared.cli.client import ApiClient, ClientLimits
from shared.cli.importing import ImportReport, MessageImport
from shared.cli.messages import MessageLimits, read_messages
from shared.cli.progress import count_lines, counting
from shared.kit.clock import SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTask:
    """What `cogov import messages` was asked for; `district`: adopt the categories there first."""

    file: Path
    categories: Path
    url: str
    community: str
    token: str
    district: str | None
    administrator_token: str
    in_flight_max: int


async def run_import(task: ImportTask, console: Console, errors: Console) -> ImportReport:
    """Adopt the categories if asked to, enter the messages, and say what became of them."""
    table = read_categories(task.categories)
    limits = ClientLimits(in_flight_max=task.in_flight_max)
    async with ApiClient(task.url, task.token, limits) as api:
        if task.district is not None:
            async with ApiClient(task.url, task.administrator_token, limits) as administrator:
                await adopt_policy(
                    administrator,
                    api,
                    district=task.district,
                    community=task.community,
                    table=table,
                )
        order = ImportOrder(
            file=task.file,
            table=table,
            scope=task.community,
            in_flight_max=task.in_flight_max,
        )
        report = await enter_messages(api, order, console)
    tell_report(report, task.file, console, errors)
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """What to enter where."""

    file: Path
    table: CategoryTable
    scope: str
    in_flight_max: int


async def enter_messages(api: ApiClient, order: ImportOrder, console: Console) -> ImportReport:
    """Enter a file's messages with a progress bar; raise OSError and the client's errors."""
    lines = read_messages(order.file, MessageLimits(), now=SystemClock().now())
    with counting(console, "messages", count_lines(order.file)) as step:
        run = MessageImport(
            api,
            order.scope,
            unit_of=order.table.unit_of,
            in_flight_max=order.in_flight_max,
            on_line=step,
        )
        return await run.run(lines)


def tell_report(report: ImportReport, file: Path, console: Console, errors: Console) -> None:
    """Say what became of the file: every broken line, the throughput, and whether it was new."""
    for broken in report.broken:
        errors.print(f"{file}:{broken.number}: {broken.reason}", markup=False, soft_wrap=True)
    console.print(
        f"{report.messages:,} messages in {report.seconds:.1f} s over HTTP: "
        f"{report.messages_per_second:.0f} messages/s, "
        f"{report.commands_per_second:.0f} commands/s"
    )
    if report.broken:
        console.print(f"{len(report.broken):,} broken lines were left out, each named above")
    if report.nothing_changed:
        console.print(
            f"nothing changed: all {report.commands:,} commands had been given before", style="bold"
        )
    elif report.replayed:
        console.print(f"{report.replayed:,} of {report.commands:,} commands had been given before")
