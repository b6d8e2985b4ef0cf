"""Adopts a district's working days, as a package knows the notices, and its policies.

The package is asked here and nowhere else: the event says every day, so no replay depends on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from chinese_calendar.constants import holidays, workdays

from shared.cli.client import ApiClient

# What the demo's district has decided; a real one reads `docs/how-to/adopt-deadlines.md`.
DEMO_POLICY: Final[dict[str, Any]] = {
    "terms": [
        {"priority": "normal", "working_days": 10},
        {"priority": "urgent", "working_days": 3},
        {"priority": "emergency", "working_days": 1},
    ],
    "ladder": [{"to": "community", "working_days": 0}, {"to": "street", "working_days": 3}],
    "pauses_max": 3,
    "paused_days_max": 15,
    "call_back_days": 2,
    "auto_close_days": 15,
    "low_rating_max": 2,
    "reopen_window_days": 30,
    "reopens_max": 5,
    "reopens_escalated_from": 3,
    "open_max": 500,
}
DEMO_YEARS: Final = range(2024, 2027)


class YearUnknownError(Exception):
    """Nobody has told the working days of this year to the package yet."""


def working_days_of(year: int) -> dict[str, Any]:
    """Give a year's days off and make-up days, as a command's body without a version."""
    days_off = _of(year, holidays)
    if not days_off:
        raise YearUnknownError(
            f"the package knows no working days of {year}: adopt them from the notice by hand"
        )
    return {
        "year": year,
        "days_off": days_off,
        "working_weekends": _of(year, workdays),
        "source": f"notice of the State Council on the holidays of {year}, by chinesecalendar",
    }


async def adopt_working_days(api: ApiClient, *, district: str, years: Iterable[int]) -> bool:
    """Adopt what is not in force yet, as a district administrator; tell whether nothing was new.

    Raises YearUnknownError and the client's errors.
    """
    in_force = await api.get(f"/api/wishes/v1/communities/{district}/working-days")
    known = {each["year"]: each for each in in_force["years"]}
    version, nothing_new = in_force["version"], True
    for year in years:
        body = working_days_of(year)
        if known.get(year) != body:
            version, nothing_new = version + 1, False
            await _adopt(api, district, "working-days", {**body, "version": version})
    return nothing_new


async def adopt_deadline_policy(api: ApiClient, *, district: str, policy: dict[str, Any]) -> bool:
    """Adopt a policy unless the one in force says the same; tell whether nothing was new."""
    in_force = await api.get(f"/api/wishes/v1/communities/{district}/deadline-policy")
    version = in_force.pop("version")
    terms = [{"category": "", **term} for term in policy["terms"]]
    if _sorted(in_force) == _sorted({**policy, "terms": terms}):
        return True
    await _adopt(api, district, "deadline-policy", {**policy, "version": version + 1})
    return False


async def adopt_recurrence_policy(
    api: ApiClient, *, node: str, times: int, window_days: int, effective_from: date
) -> int:
    """Adopt the next version of how often a matter must recur at a place; give its number."""
    path = f"/api/wishes/v1/communities/{node}/recurrence-policy"
    version = (await api.get(path))["adopted_here"] + 1
    body = {
        "version": version,
        "effective_from": effective_from.isoformat(),
        "times": times,
        "window_days": window_days,
    }
    await api.post(path, body, key=_key("recurrence-policy", body))
    return version


async def _adopt(api: ApiClient, district: str, what: str, body: dict[str, Any]) -> None:
    await api.post(f"/api/wishes/v1/districts/{district}/{what}", body, key=_key(what, body))


def _key(what: str, body: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return f"{what}-{digest}"


def _of(year: int, days: Iterable[date]) -> list[str]:
    return [day.isoformat() for day in sorted(days) if day.year == year]


def _sorted(policy: dict[str, Any]) -> dict[str, Any]:
    terms = sorted(policy["terms"], key=lambda term: (term["category"], term["priority"]))
    return {**policy, "terms": terms}
