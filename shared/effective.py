"""What holds when: the periods of one subject, laid one over the other; pure.

The rules:

- A period holds from `valid_from` to before `valid_to` (None: no end is known). Both are dates of
  the district, or both are instants.
- The periods of a subject stand in their order and never overlap. Where there is none, nothing
  holds.
- What is said last of a time holds for that time. So a fact that is entered late, with an earlier
  day than others, needs no rule of its own: it splits, shortens or replaces what it covers.
- Periods are never joined: two terms of office that meet are two.

A period is any struct with the two fields: a row of a read model, or a part of a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, tzinfo
from itertools import pairwise
from typing import Any, Final, Protocol, TypeVar, cast
from zoneinfo import ZoneInfo

from msgspec.structs import replace

DISTRICT_ZONE: Final = ZoneInfo("Asia/Shanghai")  # a day is the district's


class Period(Protocol):
    """Something that holds for a time; a datetime is a date here, but the two never mix."""

    @property
    def valid_from(self) -> date:
        """Give when it begins to hold, inclusive."""
        ...

    @property
    def valid_to(self) -> date | None:
        """Give when it no longer holds, exclusive; None where no end is known."""
        ...


P = TypeVar("P", bound=Period)


def put(periods: tuple[P, ...], said: P) -> tuple[P, ...]:
    """Let `said` hold for its whole period, whatever was said of that time before.

    So a subject's first period opens, a term is known in full, and a wrong one is corrected.
    """
    rest = clear(periods, said.valid_from, said.valid_to)
    return _ordered((*rest, said))


def begin(periods: tuple[P, ...], said: P) -> tuple[P, ...]:
    """Let `said` hold from its `valid_from` until the next change that is known.

    So a change entered late leaves later ones as they are. `valid_to` of `said` does not count.
    """
    start = said.valid_from
    held = on(periods, start)
    later = (each.valid_from for each in periods if each.valid_from > start)
    return put(periods, _lasting(said, start, held.valid_to if held else next(later, None)))


def end(periods: tuple[P, ...], at: date) -> tuple[P, ...]:
    """Let what holds at `at` hold no more; what begins later stays."""
    held = on(periods, at)
    return periods if held is None else clear(periods, at, held.valid_to)


def clear(periods: tuple[P, ...], start: date, stop: date | None = None) -> tuple[P, ...]:
    """Let nothing hold from `start` to before `stop` (None: ever after).

    Raises ValueError for a time that ends before it begins, or that has no length.
    """
    if stop is not None and stop <= start:
        message = "a period ends after it begins"
        raise ValueError(message)
    left: list[P] = []
    for each in periods:
        if _ends_by(each, start) or (stop is not None and stop <= each.valid_from):
            left.append(each)
            continue
        if each.valid_from < start:
            left.append(_lasting(each, each.valid_from, start))
        if stop is not None and not _ends_by(each, stop):
            left.append(_lasting(each, stop, each.valid_to))
    return periods if _same(left, periods) else tuple(left)


def on(periods: Sequence[P], at: date) -> P | None:
    """Give what holds at a day or instant, or None."""
    for each in periods:
        if each.valid_from <= at and not _ends_by(each, at):
            return each
    return None


def apart(periods: Sequence[Period]) -> bool:
    """Tell whether periods stand in their order, have a length and do not overlap."""
    if any(each.valid_to is not None and _ends_by(each, each.valid_from) for each in periods):
        return False
    return all(_ends_by(each, following.valid_from) for each, following in pairwise(periods))


def last_instant(day: date, zone: tzinfo) -> datetime:
    """Give the instant at which "on that day" is read where periods are of instants.

    So who was given a role in the course of a day held it on that day, and whoever lost it did not.
    """
    return datetime.combine(day, time.max, zone)


def _ends_by(period: Period, at: date) -> bool:
    return period.valid_to is not None and period.valid_to <= at


def _lasting(period: P, start: date, stop: date | None) -> P:
    return cast("P", replace(cast("Any", period), valid_from=start, valid_to=stop))


def _ordered(periods: Sequence[P]) -> tuple[P, ...]:
    return tuple(sorted(periods, key=lambda each: each.valid_from))


def _same(left: Sequence[P], periods: Sequence[P]) -> bool:
    return len(left) == len(periods) and all(
        one is other for one, other in zip(left, periods, strict=True)
    )
