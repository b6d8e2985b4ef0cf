"""What holds on which day: changes in the order of their days, each until the next one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")  # a day is the district's
Timeline = tuple[tuple[date, str], ...]


def on(timeline: Timeline, day: date) -> str:
    """Give what holds on a day; empty before the first change."""
    found = ""
    for starts_on, value in timeline:
        if starts_on > day:
            break
        found = value
    return found


def changed(timeline: Timeline, day: date, value: str) -> Timeline:
    """Add a change; one of the same day is replaced, later ones stay."""
    others = [change for change in timeline if change[0] != day]
    return tuple(sorted([*others, (day, value)]))


def next_change(timeline: Timeline, day: date) -> date | None:
    """Give the day of the first change after a day."""
    return next((starts_on for starts_on, _ in timeline if starts_on > day), None)


def values_from(timeline: Timeline, day: date) -> Sequence[str]:
    """Give everything that holds on a day or later."""
    return [on(timeline, day), *(value for starts_on, value in timeline if starts_on > day)]
