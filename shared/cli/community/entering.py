"""Enters a checked community through the public HTTP API, in batches under keys of their own.

Nothing is sent unless every line is good. The key of a batch is made of what it says, so an entry
that was interrupted goes on where it stopped, and one that is done changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby
from typing import Any, Final, TypeVar
from uuid import uuid5

from shared.cli.client import ApiClient
from shared.cli.community.rows import (
    AreaRecord,
    CadreRecord,
    HouseholdRecord,
    Line,
    PremisesRecord,
    Record,
    ResidentRecord,
    household_id,
    resident_id,
)
from shared.effective import DISTRICT_ZONE

_AREAS: Final = 500
_ROWS: Final = 200

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Batch:
    """One command: where it goes, what it says, and how many lines it is made of."""

    path: str
    body: dict[str, Any]
    lines: int

    @property
    def key(self) -> str:
        """Give the key that names this content."""
        said = json.dumps([self.path, self.body], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of an entry: commands, those already given, and the place in the log."""

    commands: int
    replayed: int
    position: str


def batches(district: str, community: str, lines: Sequence[Line]) -> Iterator[Batch]:
    """Give the commands for a checked community, in the order in which they must be given."""
    here = f"/api/deliberation/v1/communities/{community}"
    roll = f"/api/deliberation/v1/districts/{district}"
    areas = _of(lines, AreaRecord)
    for day, some in _runs(areas, lambda one: one.starts_on, _AREAS):
        rows = [
            one.model_dump(mode="json", exclude={"record", "starts_on"}, exclude_none=True)
            for one in some
        ]
        yield Batch(f"{here}/areas", {"starts_on": day.isoformat(), "areas": rows}, len(some))
    for one in _of(lines, PremisesRecord):
        body = {"starts_on": one.starts_on.isoformat(), "premises": one.premises.split()}
        yield Batch(f"{here}/areas/{one.area}/premises", body, 1)
    for homes in _parts(_of(lines, HouseholdRecord), _ROWS):
        rows = [_household(community, one) for one in homes]
        yield Batch(f"{here}/households", {"households": rows}, len(homes))
    for people in _parts(_of(lines, ResidentRecord), _ROWS):
        rows = [_resident(community, one) for one in people]
        yield Batch(f"{roll}/residents/batches", {"residents": rows}, len(people))
        rows = [_residence(community, one) for one in people]
        yield Batch(f"{here}/residences", {"residences": rows}, 0)
    for one in _of(lines, ResidentRecord):
        if one.role is not None:
            yield Batch(f"{roll}/grants", _grant(community, one), 0)
    for one in _of(lines, CadreRecord):
        body = {
            "starts_on": one.starts_on.isoformat(),
            "areas": one.areas.split(),
            "cadre": str(resident_id(community, one.resident)),
        }
        yield Batch(f"{here}/cadres", body, 1)


async def enter(
    api: ApiClient,
    *,
    district: str,
    community: str,
    lines: Sequence[Line],
    entered: Callable[[int], None],
) -> Entered:
    """Give the commands one after the other; raise the client's errors."""
    commands = replayed = 0
    position = ""
    for batch in batches(district, community, lines):
        answer = await api.post(batch.path, batch.body, key=batch.key)
        commands += 1
        replayed += answer.replayed
        position = answer.position
        entered(batch.lines)
    return Entered(commands, replayed, position)


def _of(lines: Sequence[Line], kind: type[R]) -> list[R]:
    return [line.record for line in lines if isinstance(line.record, kind)]


def _parts(rows: Sequence[R], most: int) -> Iterator[Sequence[R]]:
    yield from (rows[start : start + most] for start in range(0, len(rows), most))


def _runs(
    rows: Sequence[R], day: Callable[[R], date], most: int
) -> Iterator[tuple[date, Sequence[R]]]:
    for shared, run in groupby(rows, day):
        for part in _parts(list(run), most):
            yield shared, part


def _household(community: str, one: HouseholdRecord) -> dict[str, Any]:
    row = one.model_dump(mode="json", exclude={"record", "household"}, exclude_none=True)
    return {**row, "household": str(household_id(community, one.household))}


def _resident(community: str, one: ResidentRecord) -> dict[str, Any]:
    row = one.model_dump(
        mode="json", include={"kind", "name", "phone", "id_number"}, exclude_none=True
    )
    return {**row, "resident": str(resident_id(community, one.resident))}


def _residence(community: str, one: ResidentRecord) -> dict[str, Any]:
    return {
        "resident": str(resident_id(community, one.resident)),
        "household": str(household_id(community, one.household)),
        "kind": one.kind.value,
        "starts_on": one.starts_on.isoformat(),
    }


def _grant(community: str, one: ResidentRecord) -> dict[str, Any]:
    resident = resident_id(community, one.resident)
    starts_at = datetime.combine(one.starts_on, time(), DISTRICT_ZONE)
    return {
        "grant": str(uuid5(resident, f"{one.role}/{community}")),
        "resident": str(resident),
        "role": one.role,
        "node": community,
        "starts_at": starts_at.isoformat(),
    }
