"""Checks a whole community's file before anything of it is entered.

The areas are laid out by the very rules that the service decides by, on an empty community; the
rest is checked against what the file itself says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from services.deliberation.layout.changes import Changes
from services.deliberation.layout.commands import AreaDraft
from services.deliberation.layout.states import Layout
from shared.cli.community.rows import (
    AreaRecord,
    BadLine,
    CadreRecord,
    HouseholdRecord,
    Line,
    PremisesRecord,
    ResidentRecord,
)
from shared.contracts.deliberation.layout import HIERARCHY, Hierarchy
from shared.decider import Refused

CADRE = "cadre"


@dataclass(slots=True)
class Checked:
    """A file's lines, in order, and those that cannot be entered."""

    lines: list[Line] = field(default_factory=list[Line])
    bad: list[BadLine] = field(default_factory=list[BadLine])

    def counts(self) -> dict[str, int]:
        """Count the good lines by record."""
        found: dict[str, int] = {}
        for line in self.lines:
            found[line.record.record] = found.get(line.record.record, 0) + 1
        return found


def check(lines: Iterable[Line | BadLine]) -> Checked:
    """Check lines against one another."""
    checked = Checked()
    checking = _Checking()
    for line in lines:
        if isinstance(line, BadLine):
            checked.bad.append(line)
            continue
        reason = checking.reason_against(line)
        if reason:
            checked.bad.append(BadLine(line.file, line.number, reason))
        else:
            checked.lines.append(line)
    return checked


class _Checking:
    """What the lines so far have said."""

    def __init__(self) -> None:
        self._changes = Changes(Layout())
        self._households: dict[str, HouseholdRecord] = {}
        self._residents: dict[str, ResidentRecord] = {}
        self._id_numbers: set[str] = set()

    def reason_against(self, line: Line) -> str:
        """Say why a line cannot be entered; empty when it can."""
        match line.record:
            case AreaRecord() as record:
                draft = AreaDraft(
                    area=record.area,
                    kind=record.kind,
                    name=record.name,
                    parent=record.parent or "",
                    property_firm=record.property_firm,
                )
                if record.area in self._changes.layout.areas:
                    return "area: it is there twice"
                return self._refusal(lambda: self._changes.add(draft, record.starts_on))
            case PremisesRecord() as record:
                return self._refusal(lambda: self._assign(record))
            case HouseholdRecord() as record:
                return self._household(record)
            case ResidentRecord() as record:
                return self._resident(record)
            case CadreRecord() as record:
                return self._cadre(record)

    def _assign(self, record: PremisesRecord) -> None:
        for premises in record.premises.split():
            self._changes.assign(premises, record.area, record.starts_on)

    def _household(self, record: HouseholdRecord) -> str:
        if record.household in self._households:
            return "household: it is there twice"
        area = self._changes.layout.areas.get(record.premises)
        if area is None or HIERARCHY[area.kind] is not Hierarchy.PREMISES:
            return "premises: there are none so called above"
        if not area.exists(record.starts_on):
            return "starts_on: the premises are not there on that day"
        self._households[record.household] = record
        return ""

    def _resident(self, record: ResidentRecord) -> str:
        if record.resident in self._residents:
            return "resident: they are there twice"
        household = self._households.get(record.household)
        if household is None:
            return "household: there is none so called above"
        if record.starts_on < household.starts_on:
            return "starts_on: the household is not there on that day"
        if record.id_number in self._id_numbers:
            return "id_number: another resident has it"
        self._id_numbers.add(record.id_number)
        self._residents[record.resident] = record
        return ""

    def _cadre(self, record: CadreRecord) -> str:
        resident = self._residents.get(record.resident)
        if resident is None or resident.role != CADRE:
            return "resident: there is no cadre so called above"
        if record.starts_on < resident.starts_on:
            return "starts_on: they are no cadre on that day"
        name = "00000000-0000-0000-0000-000000000001"

        def answer() -> None:
            for area in record.areas.split():
                self._changes.answer(area, name, record.starts_on)

        return self._refusal(answer)

    @staticmethod
    def _refusal(change: Callable[[], None]) -> str:
        try:
            change()
        except Refused as refused:
            return f"{refused.code()}: {refused.text()}"
        return ""
