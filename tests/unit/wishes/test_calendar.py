"""Working days, against a count day by day and against the package that knows the notices."""

from datetime import date, datetime, timedelta

import chinese_calendar
import pytest
from chinese_calendar.constants import holidays, workdays
from hypothesis import given
from hypothesis import strategies as st

from services.wishes.calendar import CLOSING, NOON, Calendar, Year, day_of
from shared.effective import DISTRICT_ZONE

YEARS = range(2018, 2027)
PLAIN = Calendar()
CHINA = Calendar(
    years={
        year: Year(
            days_off=tuple(day for day in holidays if day.year == year),
            working_weekends=tuple(day for day in workdays if day.year == year),
        )
        for year in YEARS
    }
)

moments = st.datetimes(
    min_value=datetime(2018, 1, 1),  # noqa: DTZ001 - Hypothesis wants it without a zone
    max_value=datetime(2026, 9, 1),  # noqa: DTZ001 - likewise
    timezones=st.just(DISTRICT_ZONE),
)
terms = st.integers(1, 60)


def at(day: str, hour: int = 10) -> datetime:
    return datetime.combine(
        date.fromisoformat(day), datetime.min.time(), DISTRICT_ZONE
    ) + timedelta(hours=hour)


def closing(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), CLOSING, DISTRICT_ZONE)


def counted_day_by_day(calendar: Calendar, begin: date, working_days: int) -> date:
    """Count as somebody with a finger on a wall calendar would."""
    day, left = begin, working_days
    while left:
        day += timedelta(days=1)
        if calendar.works(day):
            left -= 1
    return day


def test_every_day_from_2018_to_2026_is_what_the_notices_say() -> None:
    day, last, seen = date(2018, 1, 1), date(2026, 12, 31), 0
    while day <= last:
        assert CHINA.works(day) == chinese_calendar.is_workday(day), day
        day += timedelta(days=1)
        seen += 1
    assert seen == 3287


def test_a_term_over_the_spring_festival_counts_the_make_up_saturday_alone() -> None:
    # Friday 13 February 2026; Saturday 14 is worked, 15 to 23 are free, Saturday 28 is worked.
    assert CHINA.after(at("2026-02-13"), 1) == closing("2026-02-14")
    assert CHINA.after(at("2026-02-13"), 2) == closing("2026-02-24")
    assert CHINA.after(at("2026-02-13"), 6) == closing("2026-02-28")
    assert CHINA.after(at("2026-02-13"), 7) == closing("2026-03-02")
    assert CHINA.between(at("2026-02-13"), at("2026-02-24")) == 2
    # By the weekends alone the same term would have ended in the festival.
    assert PLAIN.after(at("2026-02-13"), 6) == closing("2026-02-23")


def test_what_comes_after_closing_belongs_to_the_next_day() -> None:
    monday = closing("2024-05-06")

    assert CHINA.after(monday, 1) == closing("2024-05-07")
    assert CHINA.after(monday + timedelta(microseconds=1), 1) == closing("2024-05-08")


def test_half_of_a_term_is_a_closing_or_a_noon() -> None:
    monday = at("2024-05-06")

    assert CHINA.half_after(monday, 1) == datetime(2024, 5, 7, NOON.hour, tzinfo=DISTRICT_ZONE)
    assert CHINA.half_after(monday, 2) == closing("2024-05-07")
    assert CHINA.half_after(monday, 5) == datetime(2024, 5, 9, NOON.hour, tzinfo=DISTRICT_ZONE)
    # The fifth is Saturday 11 May, a make-up day.
    assert CHINA.half_after(monday, 10) == closing("2024-05-11")


def test_a_year_that_was_not_adopted_counts_by_its_weekends_and_is_not_covered() -> None:
    assert not CHINA.works(date(2026, 10, 1))
    assert CHINA.works(date(2027, 10, 1))
    assert CHINA.covers(at("2026-11-02"), at("2026-12-31"))
    assert not CHINA.covers(at("2026-12-31"), at("2027-01-04"))
    # After closing on New Year's Eve it is the next year's first day.
    assert not CHINA.covers(at("2026-12-31"), at("2026-12-31", hour=19))


@pytest.mark.parametrize("working_days", [0, 1001])
def test_a_term_outside_its_limits_is_a_bug(working_days: int) -> None:
    with pytest.raises(AssertionError):
        CHINA.after(at("2024-05-06"), working_days)


@given(moments, terms)
def test_a_term_ends_where_a_finger_on_the_calendar_ends(moment: datetime, days: int) -> None:
    end = CHINA.after(moment, days)

    assert end == datetime.combine(
        counted_day_by_day(CHINA, day_of(moment), days), CLOSING, DISTRICT_ZONE
    )
    assert chinese_calendar.is_workday(end.date())


@given(moments, terms)
def test_counting_gives_back_the_term(moment: datetime, days: int) -> None:
    end = CHINA.after(moment, days)

    assert CHINA.between(moment, end) == days
    assert CHINA.between(end, moment) == 0


@given(moments, moments, terms, terms)
def test_a_later_beginning_or_a_longer_term_never_ends_sooner(
    one: datetime, other: datetime, few: int, many: int
) -> None:
    first, second = sorted((one, other))
    short, long = sorted((few, many))

    assert CHINA.after(first, short) <= CHINA.after(second, short)
    assert CHINA.after(first, short) <= CHINA.after(first, long)
    assert (CHINA.after(first, short) < CHINA.after(first, long)) == (short < long)


@given(moments, terms)
def test_half_of_a_term_lies_within_it(moment: datetime, days: int) -> None:
    half, end = CHINA.half_after(moment, days), CHINA.after(moment, days)

    assert moment < half < end
    assert CHINA.between(moment, half) == (days + 1) // 2


@given(moments, moments, moments)
def test_counts_add_up(one: datetime, two: datetime, three: datetime) -> None:
    first, middle, last = sorted((one, two, three))

    assert CHINA.between(first, last) == CHINA.between(first, middle) + CHINA.between(middle, last)
