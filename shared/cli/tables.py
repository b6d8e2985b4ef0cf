"""Figures as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from shared.cli.counts import TopicCount
from shared.cli.lag import Lag
from shared.kit.verify.findings import Finding

_DAY_S: Final = 24 * 3600
_WIDTH_MIN: Final = 110
_WHAT_MAX: Final = 5


def console(*, errors: bool = False) -> Console:
    """Make a console; what is piped into a file is not folded at 80 columns."""
    made = Console(stderr=errors, highlight=False)
    if not made.is_terminal:
        made.width = max(made.width, _WIDTH_MIN)
    return made


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, left: int = 1
) -> Table:
    """Make a table; its first `left` columns are words, the others figures."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        min_width=len(title) + 2,
    )
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number < left else "right", overflow="fold")
    for row in rows:
        made.add_row(*(_text(value) for value in row))
    return made


def wishes_tables(figures: dict[str, Any]) -> list[Table]:
    """Show what `wishes` counts of a community's requests."""
    return [
        table("wishes: requests", ("figure", "count"), _counts(figures)),
        table("wishes: days to answer", ("", "days"), _days(figures["days_to_answer"])),
        table("wishes: ageing", ("days", "answered after", "open since"), _ageing(figures)),
        _busiest("wishes: busiest categories", figures["busiest_categories"]),
        _busiest("wishes: busiest areas", figures["busiest_areas"]),
    ]


def deliberation_tables(totals: dict[str, Any], agenda: Sequence[dict[str, Any]]) -> list[Table]:
    """Show what `deliberation` counts of what it heard, and what a council would put first."""
    groups = [
        (each["area"], each["category"], each["month"], each["matters"], each["answered"],
         each["open"])
        for each in agenda
    ]  # fmt: skip
    return [
        table("deliberation: matters heard", ("figure", "count"), totals.items()),
        table(
            "deliberation: the council's agenda, the largest groups of matters first",
            ("area", "category", "month", "matters", "answered", "open"),
            groups,
            left=3,
        ),
    ]


def topics_table(topics: Iterable[TopicCount]) -> Table:
    """Show how many events went where."""
    rows = (
        (
            each.topic,
            ", ".join(f"{hearer} {count}" for hearer, count in each.heard.items()),
            each.partitions,
            each.sent,
        )
        for each in topics
    )
    return table("events per topic", ("topic", "heard by", "partitions", "sent"), rows, left=2)


def lag_table(lags: Iterable[Lag]) -> Table:
    """Show what is behind, and what stands still."""
    rows = ((each.service, each.what, each.stopped, each.behind) for each in lags)
    return table("lag", ("service", "follower", "stopped", "positions behind"), rows, left=3)


def findings_table(findings: Iterable[Finding]) -> Table:
    """Show what was verified; violations are listed one by one, the first few."""
    made = table("verify", ("invariant", "result", "checked", "seconds"), (), left=2)
    for each in findings:
        result = "clean" if each.holds else f"{each.violations_total} violations"
        if each.excused_total:
            result += f", {each.excused_total} excused"
        made.add_row(each.invariant, result, str(each.checked), f"{each.seconds:.1f}")
        for note in each.violations[:_WHAT_MAX]:
            made.add_row("", " ".join(f"{k}={v}" for k, v in note.row().items()), "", "")
    return made


def _counts(figures: dict[str, Any]) -> list[tuple[str, object]]:
    names = ("received", "accepted", "returned", "answered", "open", "closed")
    rates = ("contacted", "solved", "satisfied")
    return [
        *((name, figures[name]) for name in names),
        ("closed unconfirmed", figures["satisfaction"]["unconfirmed"]),
        ("answered in time", _share(figures["timing"], "in_time", "answered")),
        ("overdue", _share(figures["timing"], "overdue", "running")),
        *((name, _rate(figures[name])) for name in rates),
    ]


def _rate(rate: dict[str, int]) -> str:
    if not rate["asked"]:
        return "n/a, 0 asked"
    return f"{rate['yes']} of {rate['answered']}, {rate['asked']} asked, {rate['due']} due"


def _share(timing: dict[str, int], part: str, whole: str) -> str:
    if not timing[whole]:
        return "n/a, of 0"
    return f"{timing[part]:,} of {timing[whole]:,} with a deadline"


def _days(days: dict[str, Any]) -> list[tuple[str, object]]:
    names = {
        "shortest": "min_seconds",
        "first quartile": "quartile1_seconds",
        "median": "median_seconds",
        "third quartile": "quartile3_seconds",
        "longest": "max_seconds",
    }
    return [
        *((name, _in_days(days[field])) for name, field in names.items()),
        ("answers with a date", days["dated"]),
        ("answers without a date", days["undated"]),
    ]


def _in_days(seconds: int | None) -> str:
    return "n/a" if seconds is None else f"{seconds / _DAY_S:.1f}"


def _ageing(figures: dict[str, Any]) -> list[tuple[str, int, int]]:
    longest = 0
    rows: list[tuple[str, int, int]] = []
    for answered, waiting in zip(figures["answered_ageing"], figures["open_ageing"], strict=True):
        days = answered["days_max"]
        name = f"more than {longest}" if days is None else f"at most {days}"
        rows.append((name, answered["requests"], waiting["requests"]))
        longest = days or longest
    return rows


def _busiest(title: str, items: Iterable[dict[str, Any]]) -> Table:
    return table(title, ("", "requests"), ((each["name"], each["requests"]) for each in items))


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
