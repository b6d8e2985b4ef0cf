"""Working days in Asia/Shanghai: the arithmetic of every deadline, pure.

The rules:

- A day ends at 18:00, when the offices close (Civil Code, article 203: where there are business
  hours, a period ends with them). What comes after 18:00 belongs to the next day.
- A working day is Monday to Friday, but for the days off that were adopted, and a Saturday or
  Sunday that was adopted as a make-up day.
- The day on which a period begins does not count (article 201): n working days end at 18:00 of the
  n-th working day after it. Half of n working days ends at 18:00, or at noon where n is odd.
- The State Council tells the days off of a year in the autumn before it, so a deadline may reach
  into a year that nobody could adopt yet. Nobody's request is refused for that: such days count by
  the weekend alone, and `Calendar.covers` tells which periods were counted so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Final

import msgspec

from shared.effective import DISTRICT_ZONE

CLOSING: Final = time(18)
NOON: Final = time(12)
WORKING_DAYS_MAX: Final = 1000  # of a period: beyond, it is a mistake

_MIDNIGHT_AFTER_CLOSING: Final = timedelta(hours=6)
_INSTANT: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


class Year(msgspec.Struct, frozen=True, kw_only=True):
    """How one year differs from plain weeks, in order: a stored state is compared as text."""

    days_off: tuple[date, ...] = ()
    working_weekends: tuple[date, ...] = ()


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """The years that were adopted; any other counts by its weekends alone."""

    years: Mapping[int, Year] = {}

    def works(self, day: date) -> bool:
        """Tell whether a day is a working day."""
        year = self.years.get(day.year, _PLAIN)
        if day.weekday() >= _SATURDAY:
            return day in year.working_weekends
        return day not in year.days_off

    def covers(self, begin: datetime, end: datetime) -> bool:
        """Tell whether every year from `begin` to `end` was adopted."""
        return all(year in self.years for year in range(day_of(begin).year, day_of(end).year + 1))

    def after(self, moment: datetime, working_days: int) -> datetime:
        """Give the end of the n-th working day after the day of `moment`, n from 1; in UTC."""
        return _instant(self._nth(moment, working_days), CLOSING)

    def half_after(self, moment: datetime, working_days: int) -> datetime:
        """Give when half of the working days after the day of `moment` are over."""
        day = self._nth(moment, (working_days + 1) // 2)
        return _instant(day, NOON if working_days % 2 else CLOSING)

    def between(self, begin: datetime, end: datetime) -> int:
        """Count the working days after the day of `begin`, up to and with the day of `end`."""
        day, last, found = day_of(begin), day_of(end), 0
        while day < last:
            day += _DAY
            found += self.works(day)
        return found

    def _nth(self, moment: datetime, working_days: int) -> date:
        assert 1 <= working_days <= WORKING_DAYS_MAX, "a period has some days, within the limit"
        day = day_of(moment)
        for _ in range(working_days):
            day = next(later for n in count(1) if self.works(later := day + n * _DAY))
        return day


_PLAIN: Final = Year()


def day_of(moment: datetime) -> date:
    """Give the day that a moment belongs to; 18:00 itself is the day's last moment."""
    return (moment.astimezone(DISTRICT_ZONE) + _MIDNIGHT_AFTER_CLOSING - _INSTANT).date()


def _instant(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, DISTRICT_ZONE).astimezone(UTC)
