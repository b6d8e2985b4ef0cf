"""Days in queries: `?on=2025-03-01`, a day of the district, read at its last instant."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from shared.effective import DISTRICT_ZONE, last_instant

FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)

_WRITTEN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> Any:
    # As ISO dates alone: pydantic would take a number of seconds for a day, too.
    try:
        if isinstance(value, str) and _WRITTEN.fullmatch(value):
            day = date.fromisoformat(value)
            if FIRST_DAY <= day <= LAST_DAY:
                return day
    except ValueError:
        pass
    raise PydanticCustomError("day_invalid", "A day is written 2025-03-01 and is in the calendar.")


Day = Annotated[
    date,
    BeforeValidator(_day),
    Query(description="A day of the district, as it stood when the day ended."),
]


def end_of(day: date) -> datetime:
    """Give the last instant of a day of the district."""
    return last_instant(day, DISTRICT_ZONE)
