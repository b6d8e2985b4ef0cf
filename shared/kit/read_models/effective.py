"""Questions to effective-dated models: what held at a time, and all that ever held of a subject.

Their rows are found by the key, which is the subject and `valid_from`; a question that names
other columns needs an index of these, the subject's and `valid_from`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString, cast

import msgspec

from shared.kit.read_models.ddl import columns
from shared.kit.read_models.model import VALID_FROM, VALID_TO, R, ReadModel
from shared.kit.read_models.tables import Tables

_SCOPE: Final = "scope"

# Its parts are generated: declared columns, no text from outside.
_FOUND: Final = """
SELECT coalesce(json_agg(r ORDER BY {order_r}), '[]')::text AS found
FROM (
    SELECT {names}
    FROM {{{model}}} AS t
    WHERE {where}
    ORDER BY {order_t}
    LIMIT {limit}
) AS r
"""


async def as_of(
    tables: Tables,
    model: ReadModel[R],
    scope: str,
    at: date,
    *,
    of: Mapping[str, Any] | None = None,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[R]:
    """Give up to `limit` rows of a scope that hold at a day or instant, at most one a subject.

    `of` says which columns must have which value. The rows are in order of the subject, but for
    the columns that are said; `after` has these columns' values of the last row seen. Raises
    TypeError for a day where the model has instants, or the reverse.
    """
    _check_time(model, at)
    said = {_SCOPE: scope, **(of or {})}
    _check_columns(model, said)
    where = _Where()
    where.equal(said)
    where.add(f"t.{VALID_FROM} <= {{0}} AND (t.{VALID_TO} IS NULL OR t.{VALID_TO} > {{0}})", at)
    order = tuple(name for name in subject_of(model) if name not in said)
    where.past(order, after)
    return await _find(tables, model, where, order, limit)


async def history(
    tables: Tables,
    model: ReadModel[R],
    scope: str,
    subject: Mapping[str, Any],
    *,
    after: date | None,
    limit: int,
) -> list[R]:
    """Give up to `limit` periods of a subject that begin past `after`, the earliest first.

    `subject` has a value for each of the subject's columns but the scope.
    """
    if {_SCOPE, *subject} != {*subject_of(model)}:
        message = f"a subject of {model.name!r} is made of {', '.join(subject_of(model))}"
        raise TypeError(message)
    where = _Where()
    where.equal({_SCOPE: scope, **subject})
    where.past((VALID_FROM,), None if after is None else (after,))
    return await _find(tables, model, where, (VALID_FROM,), limit)


def subject_of(model: ReadModel[Any]) -> tuple[str, ...]:
    """Give the columns of a subject, whether the model folds periods or single rows."""
    return tuple(name for name in model.key if name != VALID_FROM)


class _Where:
    """Conditions that must all hold, and the values they speak of."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        """Add a condition in which `{0}` stands for the first of these values, and so on."""
        first = len(self.values) + 1
        self.values.extend(values)
        self.conditions.append(
            condition.format(*(f"${number}" for number in range(first, first + len(values))))
        )

    def equal(self, said: Mapping[str, Any]) -> None:
        """Add that each column has its value."""
        for name, value in said.items():
            self.add(f"t.{name} = {{0}}", value)

    def past(self, order: Sequence[str], after: tuple[Any, ...] | None) -> None:
        """Add that rows come after the last one seen."""
        if after is not None and order:
            places = ", ".join(f"{{{number}}}" for number in range(len(order)))
            self.add(f"({_listed('t', order)}) > ({places})", *after)


async def _find(
    tables: Tables, model: ReadModel[R], where: _Where, order: Sequence[str], limit: int
) -> list[R]:
    found = [column.name for column in columns(model)]
    sql = _FOUND.format(
        model=model.name,
        names=_listed("t", found),
        where=" AND ".join(where.conditions),
        order_t=_listed("t", order or model.key),
        order_r=_listed("r", order or model.key),
        limit=f"${len(where.values) + 1}",
    )
    row = await tables.fetchrow(cast("LiteralString", sql), *where.values, limit)
    assert row is not None
    return msgspec.json.decode(row["found"], type=list[model.row])


def _listed(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _check_columns(model: ReadModel[Any], said: Mapping[str, Any]) -> None:
    for name in said.keys() - {column.name for column in columns(model)}:
        message = f"{model.name!r} has no column {name!r}"
        raise TypeError(message)


def _check_time(model: ReadModel[Any], at: date) -> None:
    types = {column.name: column.type for column in columns(model)}
    if isinstance(at, datetime) != (types[VALID_FROM] != "date"):
        message = f"{model.name!r} is asked about a {types[VALID_FROM]}"
        raise TypeError(message)
    if isinstance(at, datetime) and at.tzinfo is None:
        message = "an instant has a zone"
        raise TypeError(message)
