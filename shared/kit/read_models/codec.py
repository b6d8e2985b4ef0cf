"""Rows to and from PostgreSQL: as one JSON text each way, which both sides do in C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Generic, cast

import msgspec

from shared.kit.read_models.ddl import Column, columns
from shared.kit.read_models.model import VALID_FROM, Effective, Held, R, ReadModel

Key = tuple[Any, ...]

_TIMES: Final = ("timestamp with time zone", "timestamp with time zone[]")

# OFFSET 0 keeps the look-ups by key: as a plain join they may become a scan of the table.
_LOAD: Final = """
SELECT coalesce(json_agg(r), '[]')::text
FROM json_to_recordset($1::json) AS k ({typed_subject})
CROSS JOIN LATERAL (SELECT {names} FROM {table} AS t WHERE {of_subject} OFFSET 0) AS r
"""

_UPSERT: Final = """
INSERT INTO {table} ({names})
SELECT {names} FROM json_to_recordset($1::json) AS r ({typed})
ON CONFLICT ({key}) DO {change}
"""

_DELETE: Final = """
DELETE FROM {table} AS t USING json_to_recordset($1::json) AS k ({typed_key}) WHERE {match}
"""


class RowUnfitError(Exception):
    """A row or key does not come back from its table as it went in."""


class Codec(Generic[R]):
    """One model's statements over one table, and the values they take and give.

    Each statement has one parameter, a JSON array of rows or keys, so a batch is one statement
    whatever its size, and arrays of any length pass.
    """

    def __init__(self, model: ReadModel[R], table: str | None = None) -> None:
        self.table = table or f"public.{model.table}"
        found = columns(model)
        self._times = [attrgetter(column.name) for column in found if column.type in _TIMES]
        self._names = model.key
        self._subject_names = model.subject
        self._effective = isinstance(model.fold, Effective)
        self.key_of: Callable[[R], Key] = _getter(model.key)
        self._subject_of: Callable[[R], Key] = _getter(model.subject)
        self._decoder = msgspec.json.Decoder(list[model.row])
        self._encode = msgspec.json.Encoder().encode
        self._write_sql(found)

    def subjects(self, wanted: Iterable[Key]) -> str:
        """Write what `keys(fact)` named as the parameter of `load`."""
        return self._named(self._subject_names, wanted)

    def keys(self, wanted: Iterable[Key]) -> str:
        """Write keys of rows as the parameter of `delete`."""
        return self._named(self._names, wanted)

    def rows(self, rows: Sequence[R]) -> str:
        """Write rows as the parameter of `upsert`; raise RowUnfitError for what is no such row."""
        written = self._text(rows)
        if not self._same(written, rows):
            raise RowUnfitError("a value is not of its column's type")
        for time_of in self._times:
            if any(_zoneless(time_of(row)) for row in rows):
                raise RowUnfitError("a time has no zone")
        return written

    def loaded(self, text: str, wanted: Mapping[Key, object]) -> dict[Key, Held[R]]:
        """Read what `load` gave: each key's row, or each subject's periods in their order.

        Raises RowUnfitError when keys were asked for in another type.
        """
        try:
            rows = self._decoder.decode(text)
        except msgspec.MsgspecError as error:
            raise RowUnfitError("a stored row is not of the row type") from error
        held = self._periods(rows) if self._effective else self._single(rows)
        if not held.keys() <= wanted.keys():
            raise RowUnfitError("keys() gives values of other types than the key's columns")
        return held

    def _single(self, rows: Sequence[R]) -> dict[Key, Held[R]]:
        key_of = self.key_of
        return {key_of(row): row for row in rows}

    def _periods(self, rows: Sequence[R]) -> dict[Key, Held[R]]:
        found: dict[Key, list[R]] = {}
        for row in sorted(rows, key=attrgetter(VALID_FROM)):
            found.setdefault(self._subject_of(row), []).append(row)
        return {subject: tuple(periods) for subject, periods in found.items()}

    def _named(self, names: Sequence[str], wanted: Iterable[Key]) -> str:
        return self._text([dict(zip(names, key, strict=True)) for key in wanted])

    def _text(self, values: object) -> str:
        try:
            return self._encode(values).decode()
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            raise RowUnfitError(f"a value cannot be written: {type(error).__name__}") from error

    def _same(self, written: str, rows: Sequence[R]) -> bool:
        try:
            return self._decoder.decode(written) == rows
        except msgspec.MsgspecError:
            return False

    def _write_sql(self, found: Sequence[Column]) -> None:
        key, subject = self._names, self._subject_names
        names = ", ".join(column.name for column in found)
        typed = ", ".join(f"{column.name} {column.type}" for column in found)
        values = [column.name for column in found if column.name not in key]
        change = (
            f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in values)}"
            if values
            else "NOTHING"
        )
        parts = {
            "table": self.table,
            "names": names,
            "typed": typed,
            "typed_key": _typed(found, key),
            "typed_subject": _typed(found, subject),
            "match": _match(key),
            "of_subject": _match(subject),
            "key": ", ".join(key),
            "change": change,
        }
        self.load = _LOAD.format(**parts)
        self.upsert = _UPSERT.format(**parts)
        self.delete = _DELETE.format(**parts)


def _typed(found: Sequence[Column], names: Sequence[str]) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in found if column.name in names)


def _match(names: Sequence[str]) -> str:
    return " AND ".join(f"t.{name} = k.{name}" for name in names)


def _getter(names: Sequence[str]) -> Callable[[Any], Key]:
    if len(names) == 1:
        only = attrgetter(names[0])
        return lambda row: (only(row),)
    return cast("Callable[[Any], Key]", attrgetter(*names))


def _zoneless(value: Any) -> bool:
    times = value if isinstance(value, tuple) else (value,)
    return any(time is not None and time.tzinfo is None for time in times)
