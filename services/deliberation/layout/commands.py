"""What can be asked of a community's layout; ids of persons are text, days are the district's."""

from __future__ import annotations

from datetime import date

import msgspec

from shared.contracts.deliberation.layout import AreaKind
from shared.decider import Command


class AreaDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An area as proposed; `parent` is empty for one directly below the community.

    `property_firm` tells whether a firm looks after a compound; null: it is not known.
    """

    area: str
    kind: AreaKind
    name: str
    parent: str = ""
    property_firm: bool | None = None


class SplitDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An area that comes out of a split, and what it takes of what is below the old one."""

    area: str
    name: str
    takes: tuple[str, ...]


class AddAreas(Command):
    """Add areas from a day on, in order: a parent before what is below it."""

    community: str
    starts_on: date
    areas: tuple[AreaDraft, ...]


class MoveAreas(Command):
    """Let areas stand below another parent of the same hierarchy, from a day on."""

    community: str
    starts_on: date
    areas: tuple[str, ...]
    parent: str


class SplitArea(Command):
    """Divide an area from a day on; it ends when nothing is left below it."""

    community: str
    starts_on: date
    area: str
    into: tuple[SplitDraft, ...]


class MergeAreas(Command):
    """Let one new area take the place of several of the same kind, from a day on."""

    community: str
    starts_on: date
    areas: tuple[str, ...]
    into: str
    name: str
    cadre: str = ""


class EndArea(Command):
    """Let an area be no more from a day on; nothing may stand below it any longer."""

    community: str
    ends_on: date
    area: str


class AssignPremises(Command):
    """Let premises belong to a grid, a neighbourhood or a party branch, from a day on."""

    community: str
    starts_on: date
    premises: tuple[str, ...]
    area: str


class AssignCadre(Command):
    """Let a cadre answer for areas of the grid, from a day on (包户)."""

    community: str
    starts_on: date
    areas: tuple[str, ...]
    cadre: str


class ReplaceCadre(Command):
    """Let another cadre, or nobody, answer for everything a cadre answers for, from a day on."""

    community: str
    starts_on: date
    cadre: str
    successor: str = ""


class NameStandIn(Command):
    """Say which cadre answers for what has none of its own, from a day on."""

    community: str
    starts_on: date
    cadre: str


class RaiseUncovered(Command):
    """Tell that nobody answers for an area from this day on."""

    community: str
    area: str
    starts_on: date


LayoutCommand = (
    AddAreas
    | MoveAreas
    | SplitArea
    | MergeAreas
    | EndArea
    | AssignPremises
    | AssignCadre
    | ReplaceCadre
    | NameStandIn
    | RaiseUncovered
)
