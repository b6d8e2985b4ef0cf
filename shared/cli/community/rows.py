"""The rows of a community's file: one record each, the same in NDJSON, CSV and XLSX.

A household or resident has a reference of the file's own; its id is made of the community and the
reference, so that a file entered again means the same ones. Days are the district's. Lists are
words with spaces between them. A field without a value is left out, or its cell is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.contracts.deliberation import PLACE_PATTERN, ResidentKind
from shared.contracts.deliberation.layout import AreaKind

_SPACE: Final = UUID("5f0a4c0e-3f0b-5d5e-9a64-6b1f4f8f9c11")

Slug = Annotated[str, Field(pattern=PLACE_PATTERN)]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Words = Annotated[str, Field(pattern=r"^[a-z0-9-]+( [a-z0-9-]+)*$", max_length=4096)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class CommunityRow(BaseModel):
    """Any record of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AreaRecord(CommunityRow):
    """An area; without a parent it stands directly below the community."""

    record: Literal["area"] = "area"
    area: Slug
    kind: AreaKind
    name: Name
    parent: Slug | None = None
    starts_on: date
    property_firm: bool | None = None


class PremisesRecord(CommunityRow):
    """Premises belong to a grid, a neighbourhood or a party branch."""

    record: Literal["premises"] = "premises"
    premises: Words
    area: Slug
    starts_on: date


class HouseholdRecord(CommunityRow):
    """A household lives in premises."""

    record: Literal["household"] = "household"
    household: Reference
    premises: Slug
    starts_on: date
    door: Name | None = None


class ResidentRecord(CommunityRow):
    """A resident lives in a household; `role` is one held in the community from the same day."""

    record: Literal["resident"] = "resident"
    resident: Reference
    household: Reference
    kind: ResidentKind
    starts_on: date
    name: Annotated[str, Field(min_length=1, max_length=200)]
    phone: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    id_number: Annotated[str, Field(pattern=r"^[0-9A-Za-z -]{6,100}$")]
    role: Annotated[str, Field(pattern=r"^[a-z_]{1,50}$")] | None = None


class CadreRecord(CommunityRow):
    """A resident with the role of a cadre answers for areas of the grid."""

    record: Literal["cadre"] = "cadre"
    resident: Reference
    areas: Words
    starts_on: date


Record = AreaRecord | PremisesRecord | HouseholdRecord | ResidentRecord | CadreRecord
RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="record")])
RECORD_CLASSES: Final = (AreaRecord, PremisesRecord, HouseholdRecord, ResidentRecord, CadreRecord)
COLUMNS: Final = tuple(dict.fromkeys(name for one in RECORD_CLASSES for name in one.model_fields))


@dataclass(frozen=True, slots=True)
class Line:
    """A record, and where it stands."""

    file: str
    number: int
    record: Record


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be entered, and why; it never repeats what the line says."""

    file: str
    number: int
    reason: str


def household_id(community: str, reference: str) -> UUID:
    """Give the id of a household of a community's file."""
    return uuid5(_SPACE, f"{community}/household/{reference}")


def resident_id(community: str, reference: str) -> UUID:
    """Give the id of a resident of a community's file."""
    return uuid5(_SPACE, f"{community}/resident/{reference}")
