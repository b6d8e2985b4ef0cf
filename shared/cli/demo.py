"""`cogov demo`: both services on a real PostgreSQL and a real Kafka, and a district that is played.

As processes of this machine, or in containers behind one front door. Everything it makes lies
under one folder (in containers: the data in their volumes) and is found again by the next run,
which enters the same messages under the same keys: then nothing changes, and it says so.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from shared.cli.categories import CategoryTable, read_categories
from shared.cli.client import ApiClient, ClientLimits
from shared.cli.compose import ComposeDistrict
from shared.cli.connections import all_settings
from shared.cli.counts import count_events
from shared.cli.directory import ADMINISTRATOR, DESK, IMPORTER, POSTS, SECRETARY, Community
from shared.cli.districts import District, Target
from shared.cli.entering import ImportOrder, enter_messages, tell_report
from shared.cli.importing import ImportReport
from shared.cli.lag import lags, wait_for_no_lag
from shared.cli.local_site import LocalDistrict
from shared.cli.made_up import write_made_up
from shared.cli.opening import open_community
from shared.cli.tables import (
    deliberation_tables,
    findings_table,
    lag_table,
    topics_table,
    wishes_tables,
)
from shared.cli.verifying import verify_site
from shared.kit.embedded import Site

COMMUNITY: Final = Community("demo-community", "示范社区 (Demo Community)")

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_BROKEN_LINES: Final = 3
EXIT_INTERRUPTED: Final = 130

_PROJECTED_TIMEOUT_S: Final = 120.0
_AGENDA_ITEMS: Final = 10
_INTERRUPT_AGAIN_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the demo was asked for; without an input it plays its own made-up requests."""

    root: Path
    target: Target
    input: Path | None
    categories: Path | None
    once: bool
    in_flight_max: int


@dataclass(frozen=True, slots=True)
class _Played:
    """What was entered, and whether the site is sound."""

    report: ImportReport
    clean: bool

    @property
    def exit_code(self) -> int:
        if not self.clean:
            return EXIT_FAILED
        return EXIT_BROKEN_LINES if self.report.broken else EXIT_OK


class _Demo:
    """One run."""

    def __init__(self, options: DemoOptions, console: Console, errors: Console) -> None:
        self._options = options
        self._console = console
        self._errors = errors
        self._began = time.monotonic()

    def run(self) -> int:
        """Start, play, show; stay up until Ctrl-C unless asked to end at once."""
        messages, table = self._inputs()
        with ExitStack() as stack:
            try:
                return self._run(stack, messages, table)
            finally:
                _deafen()

    def _run(self, stack: ExitStack, messages: Path, table: CategoryTable) -> int:
        district = self._start(stack)
        played = asyncio.run(self._play(district, messages, table))
        self._tell_access(district)
        if self._options.once:
            return played.exit_code
        self._console.print("\nup until Ctrl-C", style="bold")
        return _stay(played.exit_code)

    def _start(self, stack: ExitStack) -> District:
        root = self._options.root
        if self._options.target is Target.COMPOSE:
            self._say("starting the containers (the first time builds their images)")
            contained = stack.enter_context(ComposeDistrict(root))
            contained.up()
            return contained
        self._say("starting PostgreSQL and Kafka (the first time fetches Kafka's jars)")
        site = stack.enter_context(Site(root))
        district = stack.enter_context(LocalDistrict(root, site))
        self._say("preparing databases and topics")
        district.prepare()
        self._say("starting the services")
        district.start()
        return district

    def _inputs(self) -> tuple[Path, CategoryTable]:
        options = self._options
        if options.input is None:
            messages, own = write_made_up(options.root / "made-up")
            return messages, read_categories(options.categories or own)
        with options.input.open("rb"):
            pass  # a file that cannot be read is said before anything starts
        beside = options.input.parent / "categories.csv"
        return options.input, read_categories(options.categories or beside)

    async def _play(self, district: District, messages: Path, table: CategoryTable) -> _Played:
        settings = all_settings(district.places.root)
        self._say("setting up the directory, the categories and the deadlines")
        replayed = await open_community(district, COMMUNITY, table)
        self._say(f"entering {messages}")
        order = ImportOrder(
            file=messages,
            table=table,
            scope=COMMUNITY.node,
            in_flight_max=self._options.in_flight_max,
        )
        async with self._client(district, "wishes", IMPORTER) as api:
            report = await enter_messages(api, order, self._console)
        tell_report(report, messages, self._console, self._errors)
        if replayed and report.nothing_changed:
            self._console.print("the directory and the policies were there already, too")
        self._say("waiting until everything is heard and projected")
        await wait_for_no_lag(settings, timeout_s=_PROJECTED_TIMEOUT_S)
        await self._show(district)
        self._say("verifying")
        findings = await verify_site(settings)
        tables = (
            topics_table(await count_events(settings)),
            lag_table(await lags(settings)),
            findings_table(findings),
        )
        for each in tables:
            self._console.print(each)
        clean = all(finding.holds for finding in findings)
        self._console.print("verify: clean" if clean else "verify: NOT clean", style="bold")
        self._console.print(
            f"{time.monotonic() - self._began:.1f} s in all; "
            f"{report.messages_per_second:.0f} messages/s over HTTP"
        )
        return _Played(report, clean)

    async def _show(self, district: District) -> None:
        path = f"communities/{COMMUNITY.node}"
        async with self._client(district, "wishes", SECRETARY) as wishes:
            figures: dict[str, Any] = await wishes.get(f"/api/wishes/v1/{path}/requests/figures")
        async with self._client(district, "deliberation", SECRETARY) as deliberation:
            base = f"/api/deliberation/v1/{path}/agenda"
            totals = await deliberation.get(f"{base}/totals")
            agenda = await deliberation.get(base, {"limit": _AGENDA_ITEMS})
        for table in (*wishes_tables(figures), *deliberation_tables(totals, agenda["items"])):
            self._console.print(table)

    def _client(self, district: District, service: str, subject: str) -> ApiClient:
        limits = ClientLimits(in_flight_max=self._options.in_flight_max)
        return ApiClient(district.url(service), district.token(subject), limits)

    def _tell_access(self, district: District) -> None:
        lines = [
            "",
            *(f"{service:13} {district.url(service)}" for service in ("wishes", "deliberation")),
            f"{'tokens':13} {district.places.token('<who>')}",
            f"{'':13} <who>: {', '.join((ADMINISTRATOR, *(post.subject for post in POSTS)))}",
            f"{'logs':13} {district.logs}",
            "",
            *curl_commands(district),
        ]
        district.token(DESK)
        for line in lines:
            self._console.print(line, markup=False, soft_wrap=True)

    def _say(self, what: str) -> None:
        self._console.print(f"[{time.monotonic() - self._began:5.1f} s] {what}", markup=False)


def run_demo(options: DemoOptions, console: Console, errors: Console) -> int:
    """Run the demo; give the exit code. Raises what a command says in one line."""
    with _interruptible(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        return _Demo(options, console, errors).run()


def curl_commands(district: District) -> Sequence[str]:
    """Give commands that work as they are printed, in any folder; the last one adds a request."""
    wishes = f"{district.url('wishes')}/api/wishes/v1/communities/{COMMUNITY.node}"
    agenda = f"{district.url('deliberation')}/api/deliberation/v1/communities/{COMMUNITY.node}"
    reads = f"curl -sS -H \"Authorization: Bearer $(cat '{district.places.token(SECRETARY)}')\""
    writes = f"curl -sS -H \"Authorization: Bearer $(cat '{district.places.token(DESK)}')\""
    sends = "-H 'Idempotency-Key: try-it' -H 'Content-Type: application/json'"
    body = (
        '{"kind": "enquiry", "account": "R00001", "subject": "Is the reading room open on Sunday?",'
        ' "text": "I would like to bring my own books."}'
    )
    return (
        f"{reads} '{wishes}/requests/figures'",
        f"{reads} '{agenda}/agenda?limit=3'",
        f"{writes} {sends} -d '{body}' '{wishes}/requests'",
    )


def _stay(exit_code: int) -> int:
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        return exit_code


@contextmanager
def _interruptible(*numbers: signal.Signals) -> Generator[None]:
    """Let each of these signals end a run as Ctrl-C does, with everything stopped.

    Python drops a KeyboardInterrupt that strikes in a finaliser: then it is raised once more.
    """
    heard = (*numbers, signal.SIGALRM)
    before = {number: signal.signal(number, signal.default_int_handler) for number in heard}
    hook, sys.unraisablehook = sys.unraisablehook, _interrupt_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt_again(dropped: sys.UnraisableHookArgs) -> None:
    if isinstance(dropped.exc_value, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _INTERRUPT_AGAIN_S)
    else:
        sys.__unraisablehook__(dropped)


def _deafen() -> None:
    """Take no further interrupt: what leaving has not stopped yet would stay up."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
