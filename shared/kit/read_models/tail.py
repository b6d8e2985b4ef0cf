"""The log as pages of facts: one reader feeds every model and parses only what one uses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import asyncpg
from pydantic import ValidationError

from shared.contracts.registry import Registry, unversioned
from shared.decider import Fact
from shared.kit.read_models.cursors import Connection
from shared.kit.read_models.folding import Entry, Page, Vocabulary
from shared.kit.read_models.model import ReadModel

# Positions have no gaps, so a range of them is a page. rtrim cuts the version off the type.
_READ: Final = """
SELECT e.position, e.type, e.stream, e.version, e.scope, e.occurred_at, e.at,
       e.event_id::text AS event_id, e.actor, e.traceparent, e.data::text AS data
FROM kit.event AS e
WHERE e.position > $1 AND e.position <= $2 AND rtrim(e.type, '0123456789') = ANY ($3::text[])
ORDER BY e.position
"""


class Tail:
    """Reads the log for a group of models.

    Types that no model uses stay in the database. Another version of a used type, unknown to the
    registry, becomes an entry without a fact; a known one that no model uses is passed over.
    """

    def __init__(self, registry: Registry, models: Iterable[ReadModel[Any]]) -> None:
        used: set[str] = set()
        for model in models:
            used |= Vocabulary(model).types
        strange = sorted(name for name in used if name not in registry)
        if strange:
            message = f"read models use event types that the registry lacks: {', '.join(strange)}"
            raise ValueError(message)
        self._registry = registry
        self._used = frozenset(used)
        self._unversioned = sorted({unversioned(name) for name in used})

    async def read(self, connection: Connection | asyncpg.Pool, after: int, through: int) -> Page:
        """Read the entries after one position up to another that is in the log."""
        rows = await connection.fetch(_READ, after, through, self._unversioned)
        return Page(after, through, [entry for row in rows for entry in self._entries(row)])

    def _entries(self, row: asyncpg.Record) -> tuple[Entry, ...]:
        (
            position,
            type_name,
            stream,
            version,
            scope,
            occurred_at,
            at,
            event_id,
            actor,
            trace,
            data,
        ) = row
        if type_name not in self._used:
            if type_name in self._registry:
                return ()
            return (Entry(position, type_name, None, "newer_version", trace),)
        try:
            event = self._registry.parse(type_name, data)
        except ValidationError:
            # Its text quotes the payload, which does not belong in a log line.
            return (Entry(position, type_name, None, "event_unreadable", trace),)
        fact = Fact(stream, version, scope, occurred_at, at, event, event_id, actor)
        return (Entry(position, type_name, fact, traceparent=trace),)
