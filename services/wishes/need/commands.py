"""What can be asked of a need's rules (W3); ids are text, `texts` is the id of a vault record."""

from __future__ import annotations

import msgspec

from shared.contracts.wishes.needs import DeclineReason, NeedExit, PriorityReason, SourceKind
from shared.decider import Command


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A source: its kind, and its id there."""

    kind: SourceKind
    id: str


class RecordNeed(Command):
    """Say that something is lacking; `grid` is empty for the whole community."""

    need: str
    category: str
    grid: str
    area: str
    texts: str


class ClusterSources(Command):
    """Say which requests, wishes, visits and incidents the need came from."""

    need: str
    sources: tuple[Reference, ...]


class SeparateSources(Command):
    """Take sources out of the need again."""

    need: str
    sources: tuple[Reference, ...]


class ConfirmNeed(Command):
    """Say that it is so."""

    need: str


class PrioritiseNeed(Command):
    """Give the need its place in the order."""

    need: str
    score: int
    reason: PriorityReason


class EndNeed(Command):
    """Let the need take its exit; `reference` is what met it, empty where nothing but the grid did.

    `cost_fen` is empty where the cost is not known.
    """

    need: str
    exit: NeedExit
    reference: str = ""
    cost_fen: int | None = None


class DeclineNeed(Command):
    """Say that nothing is done about it, and why."""

    need: str
    reason: DeclineReason


class RetireNeed(Command):
    """Take the ended need off the list."""

    need: str


ClusterCommand = ClusterSources | SeparateSources
ExitCommand = EndNeed | DeclineNeed
NeedCommand = RecordNeed | ClusterCommand | ConfirmNeed | PrioritiseNeed | ExitCommand | RetireNeed
