"""Working days as the package tells them, in the form that a district adopts."""

from datetime import date

import pytest

from services.wishes.calendar import Calendar, Year
from shared.cli.deadlines import DEMO_POLICY, DEMO_YEARS, YearUnknownError, working_days_of


def test_a_year_is_told_day_by_day() -> None:
    body = working_days_of(2026)

    assert body["working_weekends"] == [
        "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10",
    ]  # fmt: skip
    calendar = Calendar(
        years={
            2026: Year(
                days_off=tuple(map(date.fromisoformat, body["days_off"])),
                working_weekends=tuple(map(date.fromisoformat, body["working_weekends"])),
            )
        }
    )
    assert not calendar.works(date(2026, 2, 16))
    assert calendar.works(date(2026, 2, 28))


def test_a_year_that_nobody_has_told_yet_is_refused() -> None:
    with pytest.raises(YearUnknownError, match="2200"):
        working_days_of(2200)


def test_the_demo_adopts_years_that_are_known_and_a_term_for_each_priority() -> None:
    assert all(working_days_of(year)["days_off"] for year in DEMO_YEARS)
    assert {term["priority"] for term in DEMO_POLICY["terms"]} == {
        "normal", "urgent", "emergency",
    }  # fmt: skip
