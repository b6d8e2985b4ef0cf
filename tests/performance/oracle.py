"""Figures counted twice: on the tables, as the queries do, and by plain SQL over the log.

The log's side knows neither folds nor rows; it reads what the events say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from shared.kit.read_models.cursors import Connection

Counts = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Figure:
    """A count by community and something else; {…} is a model's table, `$1` is now."""

    name: str
    of_tables: LiteralString
    of_log: LiteralString


BY_STATE = Figure(
    "requests by state",
    of_tables="""
    SELECT r.scope, r.state AS name, count(*) AS requests
    FROM {requests} AS r GROUP BY r.scope, r.state
    """,
    of_log="""
    SELECT l.scope, l.name, count(*) AS requests
    FROM (SELECT DISTINCT ON (e.stream) e.scope,
                 CASE split_part(e.type, '.', 3)
                     WHEN 'request_received' THEN 'received'
                     WHEN 'request_accepted' THEN 'accepted'
                     WHEN 'request_returned' THEN 'returned'
                     WHEN 'request_answered' THEN 'answered'
                     WHEN 'request_closed' THEN 'closed'
                     WHEN 'info_asked' THEN 'awaiting_info'
                     ELSE 'dispatched' END AS name
          FROM kit.event AS e
          WHERE e.type IN ('cogov.wishes.request_received.v1', 'cogov.wishes.request_accepted.v1',
                           'cogov.wishes.request_returned.v1', 'cogov.wishes.request_answered.v1',
                           'cogov.wishes.request_closed.v1', 'cogov.wishes.info_asked.v1',
                           'cogov.wishes.info_given.v1', 'cogov.wishes.request_dispatched.v1',
                           'cogov.wishes.request_reopened.v1')
          ORDER BY e.stream, e.version DESC) AS l
    GROUP BY l.scope, l.name
    """,
)
BY_CATEGORY = Figure(
    "requests by category",
    of_tables="""
    SELECT r.scope, r.category AS name, count(*) AS requests
    FROM {requests} AS r GROUP BY r.scope, r.category
    """,
    of_log="""
    SELECT e.scope, e.data ->> 'category' AS name, count(*) AS requests
    FROM kit.event AS e
    WHERE e.type = 'cogov.wishes.request_received.v1'
    GROUP BY e.scope, name
    """,
)
OVERDUE = Figure(
    "overdue requests by who is accountable",
    of_tables="""
    SELECT d.scope, d.accountable AS name, count(*) AS requests
    FROM {request_deadlines} AS d
    WHERE d.stopped_at IS NULL AND d.paused_at IS NULL AND d.due_at < $1
    GROUP BY d.scope, d.accountable
    """,
    # The last event that moves a clock says when it ends, or that it stands still or has stopped.
    of_log="""
    SELECT c.scope, coalesce(f.unit, '') AS name, count(*) AS requests
    FROM (SELECT DISTINCT ON (e.stream) e.stream, e.scope, e.data ->> 'due_at' AS due_at
          FROM kit.event AS e
          WHERE e.type IN ('cogov.wishes.deadline_set.v1', 'cogov.wishes.clock_paused.v1',
                           'cogov.wishes.clock_resumed.v1', 'cogov.wishes.request_answered.v1',
                           'cogov.wishes.request_closed.v1')
          ORDER BY e.stream, e.version DESC) AS c
    LEFT JOIN (SELECT e.stream, e.data ->> 'unit' AS unit
               FROM kit.event AS e
               WHERE e.type = 'cogov.wishes.request_dispatched.v1') AS f ON f.stream = c.stream
    WHERE c.due_at::timestamptz < $1
    GROUP BY c.scope, name
    """,
)
LOAD = Figure(
    "open requests by the unit that has them",
    of_tables="""
    SELECT r.scope, r.unit AS name, count(*) AS requests
    FROM {requests} AS r
    WHERE r.state IN ('dispatched', 'awaiting_info')
    GROUP BY r.scope, r.unit
    """,
    # What units took and gave away stands in streams of their own, which no table is made of.
    of_log="""
    SELECT e.scope, e.data ->> 'unit' AS name,
           sum(CASE e.type WHEN 'cogov.wishes.load_taken.v1' THEN 1 ELSE -1 END) AS requests
    FROM kit.event AS e
    WHERE e.type IN ('cogov.wishes.load_taken.v1', 'cogov.wishes.load_released.v1')
    GROUP BY e.scope, name
    HAVING sum(CASE e.type WHEN 'cogov.wishes.load_taken.v1' THEN 1 ELSE -1 END) <> 0
    """,
)
FIGURES = (BY_STATE, BY_CATEGORY, OVERDUE, LOAD)


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure's two sides; `counts` are those of the log."""

    figure: Figure
    counts: Counts
    differing: Mapping[tuple[str, str], tuple[int, int]]


class NotAtHeadError(Exception):
    """These tables are not at the log's head: there is nothing to compare yet."""


async def compare(
    connection: Connection, tables: Mapping[str, str], now: datetime
) -> list[Compared]:
    """Count every figure on both sides as of one moment; `tables` are the models' by name.

    Raises NotAtHeadError when a table has not folded all that is in the log.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        behind = [row["name"] for row in await connection.fetch(_BEHIND, list(tables.values()))]
        if behind:
            raise NotAtHeadError(behind)
        return [await _compared(connection, figure, tables, now) for figure in FIGURES]


_BEHIND = """
SELECT w.name FROM unnest($1::text[]) AS w (name) CROSS JOIN kit.head AS h
LEFT JOIN kit.read_model AS m ON m.name || '_r' || m.revision = w.name
WHERE m.position IS DISTINCT FROM h.position
"""


async def _compared(
    connection: Connection, figure: Figure, tables: Mapping[str, str], now: datetime
) -> Compared:
    of_tables = await _counts(connection, figure.of_tables.format(**tables), now)
    of_log = await _counts(connection, figure.of_log, now)
    differing = {
        key: (of_tables.get(key, 0), of_log.get(key, 0))
        for key in of_tables.keys() | of_log.keys()
        if of_tables.get(key, 0) != of_log.get(key, 0)
    }
    return Compared(figure, of_log, differing)


async def _counts(connection: Connection, sql: str, now: datetime) -> Counts:
    rows = await connection.fetch(sql, *([now] if "$1" in sql else []))
    return {(row["scope"], row["name"]): int(row["requests"]) for row in rows}
