"""What can be asked of households; ids are text, days are the district's."""

from __future__ import annotations

from datetime import date

import msgspec

from shared.contracts.deliberation import ResidentKind
from shared.decider import Command


class HouseholdDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A household as proposed; `texts` and `subject` name the vault record with its door."""

    household: str
    premises: str
    starts_on: date
    texts: str = ""
    subject: str = ""


class ResidenceDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A residence as proposed."""

    resident: str
    household: str
    kind: ResidentKind
    starts_on: date


class RegisterHouseholds(Command):
    """Register households of a community."""

    community: str
    households: tuple[HouseholdDraft, ...]


class MoveHousehold(Command):
    """Let a household live in other premises of its community, from a day on."""

    community: str
    household: str
    premises: str
    starts_on: date


class EndHousehold(Command):
    """Let there be no such household from a day on."""

    household: str
    ends_on: date


class TakeResidences(Command):
    """Let residents live in households of a community, each from a day on."""

    community: str
    residences: tuple[ResidenceDraft, ...]


class LeaveResidence(Command):
    """Let a resident live in this household no more, from a day on."""

    household: str
    resident: str
    ends_on: date


HouseholdCommand = (
    RegisterHouseholds | MoveHousehold | EndHousehold | TakeResidences | LeaveResidence
)
