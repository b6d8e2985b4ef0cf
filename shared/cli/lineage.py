"""Everything that came of one cause, as a tree over the logs of all services."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from rich.markup import escape
from rich.tree import Tree

from shared.cli.events import LINEAGE_MAX, correlated, find
from shared.kit.settings import ServiceSettings


@dataclass(slots=True)
class _Told:
    """An event, decided by one service, and where the others have it."""

    row: asyncpg.Record
    service: str
    heard: list[str] = field(default_factory=list[str])

    @property
    def line(self) -> str:
        row = self.row
        heard = f", heard by {', '.join(self.heard)}" if self.heard else ""
        return (
            f"{row['occurred_at'].isoformat(timespec='seconds')} {row['type']} "
            f"{row['stream']} v{row['version']} "
            f"({self.service}:{row['position']}{heard}) {row['event_id']}"
        )


async def lineage_tree(settings: Mapping[str, ServiceSettings], wanted: UUID) -> Tree:
    """Give the tree of an event's correlation; FileNotFoundError: no log has the event."""
    copies = await find(settings, wanted)
    if not copies:
        raise FileNotFoundError(f"no log has the event {wanted}")
    correlation: UUID = next(iter(copies.values()))["correlation_id"]
    told = _told(await correlated(settings, correlation))
    children: dict[UUID | None, list[_Told]] = defaultdict(list)
    for each in told.values():
        cause: UUID | None = each.row["causation_id"]
        children[cause if cause in told else None].append(each)
    cut = f", the first {LINEAGE_MAX} a log" if len(told) >= LINEAGE_MAX else ""
    tree = Tree(f"correlation {correlation}: {len(told)} events{cut}")
    _grow(tree, None, children, wanted)
    return tree


def _told(rows: Mapping[str, list[asyncpg.Record]]) -> dict[UUID, _Told]:
    """Join the copies of each event; the one without a source is where it was decided."""
    told: dict[UUID, _Told] = {}
    for own in (True, False):
        for service, of_service in rows.items():
            for row in of_service:
                if (row["source"] is None) is not own:
                    continue
                if row["event_id"] in told:
                    told[row["event_id"]].heard.append(f"{service}:{row['position']}")
                else:
                    told[row["event_id"]] = _Told(row, service)
    return told


def _grow(
    tree: Tree, cause: UUID | None, children: Mapping[UUID | None, list[_Told]], wanted: UUID
) -> None:
    # Not recursive: a chain may be as long as the log.
    waiting: list[tuple[Tree, UUID | None]] = [(tree, cause)]
    while waiting:
        branch, of_cause = waiting.pop()
        for each in children.get(of_cause, ()):
            line = escape(each.line)
            own = branch.add(f"[bold]{line}[/bold]" if each.row["event_id"] == wanted else line)
            waiting.append((own, each.row["event_id"]))
