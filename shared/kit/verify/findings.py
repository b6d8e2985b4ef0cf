"""What a check gives: how much it looked at, and what it found, by its exact place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Place = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Note:
    """Something found in one service's data: where (stream, position, offset, …) and what."""

    service: str
    where: Place
    what: str

    def row(self) -> dict[str, str | int]:
        """Give it flat, for a table or JSON."""
        return {"service": self.service, **self.where, "what": self.what}


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant's result over all services.

    `violations` and `excused` (dead letters, skipped records: listed, no violation) are cut at a
    limit; the totals are not.
    """

    invariant: str
    checked: int
    violations: tuple[Note, ...]
    violations_total: int
    excused: tuple[Note, ...]
    excused_total: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Tell whether nothing was found."""
        return self.violations_total == 0

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {
            "invariant": self.invariant,
            "checked": self.checked,
            "violations": [note.row() for note in self.violations],
            "violations_total": self.violations_total,
            "excused": [note.row() for note in self.excused],
            "excused_total": self.excused_total,
            "seconds": round(self.seconds, 3),
        }


class Check:
    """Gathers one invariant's result; bounded, whatever is found."""

    def __init__(self, invariant: str, *, notes_max: int) -> None:
        self._invariant = invariant
        self._notes_max = notes_max
        self._violations: list[Note] = []
        self._violations_total = 0
        self._excused: list[Note] = []
        self._excused_total = 0
        self._checked = 0

    def looked_at(self, count: int = 1) -> None:
        """Count rows that were compared."""
        self._checked += count

    def violated(self, service: str, what: str, **where: str | int | None) -> None:
        """Note a violation; places that are null are left out."""
        self._violations_total += 1
        if len(self._violations) < self._notes_max:
            self._violations.append(Note(service, _known(where), what))

    def excuse(self, service: str, what: str, **where: str | int | None) -> None:
        """Note something that is missing for a stated reason."""
        self._excused_total += 1
        if len(self._excused) < self._notes_max:
            self._excused.append(Note(service, _known(where), what))

    def finding(self, seconds: float) -> Finding:
        """Give the result."""
        return Finding(
            invariant=self._invariant,
            checked=self._checked,
            violations=tuple(self._violations),
            violations_total=self._violations_total,
            excused=tuple(self._excused),
            excused_total=self._excused_total,
            seconds=seconds,
        )


def _known(where: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in where.items() if value is not None}
