"""Periods laid one over the other: whatever is said in whatever order, the last word holds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import effective

DAYS = 12
FIRST_DAY = date(2025, 2, 24)
FIRST_INSTANT = datetime(2025, 2, 24, 16, tzinfo=UTC)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    cadre: str
    valid_from: date
    valid_to: date | None = None


def day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number)


def instant(number: int) -> datetime:
    return FIRST_INSTANT + timedelta(days=number)


def held(cadre: str, start: int, stop: int | None = None) -> Held:
    return Held(cadre=cadre, valid_from=day(start), valid_to=None if stop is None else day(stop))


def shown(periods: tuple[Held, ...]) -> list[tuple[str, int, int | None]]:
    return [
        (
            each.cadre,
            (each.valid_from - FIRST_DAY).days,
            None if each.valid_to is None else (each.valid_to - FIRST_DAY).days,
        )
        for each in periods
    ]


LI = held("li", 2, 6)


def test_a_period_opens_closes_and_leaves_a_gap() -> None:
    periods = effective.put((), held("li", 2))
    assert shown(periods) == [("li", 2, None)]
    periods = effective.end(periods, day(6))
    periods = effective.put(periods, held("wu", 8))
    assert shown(periods) == [("li", 2, 6), ("wu", 8, None)]
    assert effective.on(periods, day(1)) is None
    assert effective.on(periods, day(2)) == effective.on(periods, day(5)) == LI
    assert effective.on(periods, day(6)) is None
    assert effective.on(periods, day(800)) == held("wu", 8)


def test_a_change_entered_late_holds_until_the_next_one_that_is_known() -> None:
    periods = (held("li", 2, 6), held("wu", 8))
    assert shown(effective.begin(periods, held("he", 4))) == [
        ("li", 2, 4),
        ("he", 4, 6),
        ("wu", 8, None),
    ]
    assert shown(effective.begin(periods, held("he", 0)))[0] == ("he", 0, 2)
    assert shown(effective.begin(periods, held("he", 6)))[1] == ("he", 6, 8)
    assert shown(effective.begin(periods, held("he", 9))) == [
        ("li", 2, 6),
        ("wu", 8, 9),
        ("he", 9, None),
    ]


def test_a_change_on_the_day_of_another_one_takes_its_place() -> None:
    assert shown(effective.begin((LI,), held("he", 2))) == [("he", 2, 6)]


def test_a_correction_splits_shortens_and_replaces_what_it_covers() -> None:
    periods = (held("li", 0, 4), held("wu", 4, 6), held("he", 6))
    assert shown(effective.put(periods, held("an", 1, 3))) == [
        ("li", 0, 1),
        ("an", 1, 3),
        ("li", 3, 4),
        ("wu", 4, 6),
        ("he", 6, None),
    ]
    assert shown(effective.put(periods, held("an", 3, 7))) == [
        ("li", 0, 3),
        ("an", 3, 7),
        ("he", 7, None),
    ]
    assert shown(effective.put(periods, held("an", 2))) == [("li", 0, 2), ("an", 2, None)]


def test_what_ends_leaves_what_begins_later() -> None:
    periods = (LI, held("wu", 8))
    assert shown(effective.end(periods, day(4))) == [("li", 2, 4), ("wu", 8, None)]
    assert shown(effective.end(periods, day(2))) == [("wu", 8, None)]
    assert effective.end(periods, day(6)) is periods
    assert shown(effective.clear(periods, day(4))) == [("li", 2, 4)]


def test_two_terms_that_meet_stay_two() -> None:
    assert shown(effective.put((LI,), held("li", 6, 9))) == [("li", 2, 6), ("li", 6, 9)]


def test_what_changes_nothing_gives_the_same_periods_back() -> None:
    periods = (LI,)
    assert effective.clear(periods, day(6)) is periods
    assert effective.clear(periods, day(0), day(2)) is periods


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (3, 2)])
def test_a_period_without_length_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="ends after it begins"):
        effective.clear((LI,), day(start), day(stop))
    with pytest.raises(ValueError, match="ends after it begins"):
        effective.put((LI,), held("he", start, stop))


@pytest.mark.parametrize(
    ("periods", "whether"),
    [
        ((), True),
        ((LI, held("wu", 6)), True),
        ((LI, held("wu", 5)), False),
        ((held("wu", 6), LI), False),
        ((held("wu", 6), held("li", 7)), False),
        ((held("wu", 6, 6),), False),
    ],
)
def test_periods_are_apart_when_none_reaches_into_the_next(
    periods: tuple[Held, ...],
    whether: bool,  # noqa: FBT001 - the parameter of a test
) -> None:
    assert effective.apart(periods) is whether


def test_on_a_day_means_at_its_last_instant() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    midnight = datetime(2025, 3, 2, tzinfo=zone)
    last = effective.last_instant(date(2025, 3, 1), zone)
    assert (last < midnight, midnight - last) == (True, timedelta(microseconds=1))


# --- Against a list of all that was said ------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A change: what is done, whose name it says, and from and until which day."""

    verb: str
    cadre: str
    start: int
    stop: int | None


class Oracle:
    """Keeps all that was said, each with the days it counts for; the last that covers one holds."""

    def __init__(self) -> None:
        self._said: list[tuple[str | None, int, float]] = []

    def take(self, said: Said) -> None:
        stop = float("inf") if said.stop is None else said.stop
        match said.verb:
            case "put":
                self._said.append((said.cadre, said.start, stop))
            case "begin":
                self._said.append((said.cadre, said.start, self._next_change(said.start)))
            case "end":
                if self.on(said.start) is not None:
                    self._said.append((None, said.start, self._next_change(said.start)))
            case _:
                self._said.append((None, said.start, stop))

    def on(self, number: int) -> str | None:
        which = self._which(number)
        return None if which is None else self._said[which][0]

    def _which(self, number: int) -> int | None:
        for which in reversed(range(len(self._said))):
            cadre, start, stop = self._said[which]
            if start <= number < stop:
                return None if cadre is None else which
        return None

    def _next_change(self, number: int) -> float:
        later = number + 1
        while later <= 2 * DAYS:
            if self._which(later) != self._which(number):
                return later
            later += 1
        return float("inf")


@st.composite
def changes(draw: st.DrawFn) -> Said:
    start = draw(st.integers(0, DAYS))
    length = draw(st.none() | st.integers(1, DAYS))
    return Said(
        verb=draw(st.sampled_from(["put", "begin", "end", "clear"])),
        cadre=draw(st.sampled_from(["li", "wu", "he"])),
        start=start,
        stop=None if length is None else start + length,
    )


def taken(periods: tuple[Held, ...], said: Said, at: Callable[[int], Any]) -> tuple[Held, ...]:
    stop = None if said.stop is None else at(said.stop)
    period = Held(cadre=said.cadre, valid_from=at(said.start), valid_to=stop)
    match said.verb:
        case "put":
            return effective.put(periods, period)
        case "begin":
            return effective.begin(periods, period)
        case "end":
            return effective.end(periods, at(said.start))
        case _:
            return effective.clear(periods, at(said.start), stop)


@pytest.mark.parametrize("at", [day, instant])
@given(st.lists(changes(), max_size=12))
def test_in_whatever_order_things_are_said_each_day_is_as_the_list_says(
    at: Callable[[int], Any], said: list[Said]
) -> None:
    oracle = Oracle()
    periods: tuple[Held, ...] = ()
    for each in said:
        periods = taken(periods, each, at)
        oracle.take(each)
        assert effective.apart(periods)
        for number in range(-1, 2 * DAYS + 2):
            found = effective.on(periods, at(number))
            assert (None if found is None else found.cadre) == oracle.on(number)


@given(st.lists(changes(), max_size=12), st.sampled_from(["put", "begin"]), st.integers(0, DAYS))
def test_whoever_follows_another_leaves_no_gap(said: list[Said], verb: str, start: int) -> None:
    periods: tuple[Held, ...] = (held("li", 0),)
    for each in said:
        if each.verb in ("put", "begin"):
            periods = taken(periods, each, day)
    periods = taken(periods, Said(verb, "wu", start, None), day)
    assert periods[0].valid_from == day(0)
    assert all(one.valid_to == other.valid_from for one, other in pairwise(periods))
    assert periods[-1].valid_to is None
