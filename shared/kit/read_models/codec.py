"""Rows to and from PostgreSQL: as one JSON text each way, which both sides do in C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Generic, cast

import msgspec

from shared.kit.read_models.ddl import Column, columns
from shared.kit.read_models.model import R, ReadModel

Key = tuple[Any, ...]

_TIMES: Final = ("timestamp with time zone", "timestamp with time zone[]")

# OFFSET 0 keeps the look-ups by key: as a plain join they may become a scan of the table.
_LOAD: Final = """
SELECT coalesce(json_agg(r), '[]')::text
FROM json_to_recordset($1::json) AS k ({typed_key})
CROSS JOIN LATERAL (SELECT {names} FROM {table} AS t WHERE {match} OFFSET 0) AS r
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
        self._key_names = model.key
        self.key_of: Callable[[R], Key] = _getter(model.key)
        self._decoder = msgspec.json.Decoder(list[model.row])
        self._encode = msgspec.json.Encoder().encode
        self._write_sql(found, model.key)

    def keys(self, wanted: Iterable[Key]) -> str:
        """Write keys as the parameter of `load` and `delete`."""
        names = self._key_names
        return self._text([dict(zip(names, key, strict=True)) for key in wanted])

    def rows(self, rows: Sequence[R]) -> str:
        """Write rows as the parameter of `upsert`; raise RowUnfitError for what is no such row."""
        written = self._text(rows)
        if not self._same(written, rows):
            raise RowUnfitError("a value is not of its column's type")
        for time_of in self._times:
            if any(_zoneless(time_of(row)) for row in rows):
                raise RowUnfitError("a time has no zone")
        return written

    def loaded(self, text: str, wanted: Mapping[Key, object]) -> dict[Key, R]:
        """Read what `load` gave; raise RowUnfitError when keys were asked for in another type."""
        key_of = self.key_of
        try:
            rows = {key_of(row): row for row in self._decoder.decode(text)}
        except msgspec.MsgspecError as error:
            raise RowUnfitError("a stored row is not of the row type") from error
        if not rows.keys() <= wanted.keys():
            raise RowUnfitError("keys() gives values of other types than the key's columns")
        return rows

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

    def _write_sql(self, found: Sequence[Column], key: Sequence[str]) -> None:
        names = ", ".join(column.name for column in found)
        typed = ", ".join(f"{column.name} {column.type}" for column in found)
        typed_key = ", ".join(
            f"{column.name} {column.type}" for column in found if column.name in key
        )
        match = " AND ".join(f"t.{name} = k.{name}" for name in key)
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
            "typed_key": typed_key,
            "match": match,
            "key": ", ".join(key),
            "change": change,
        }
        self.load = _LOAD.format(**parts)
        self.upsert = _UPSERT.format(**parts)
        self.delete = _DELETE.format(**parts)


def _getter(names: Sequence[str]) -> Callable[[Any], Key]:
    if len(names) == 1:
        only = attrgetter(names[0])
        return lambda row: (only(row),)
    return cast("Callable[[Any], Key]", attrgetter(*names))


def _zoneless(value: Any) -> bool:
    times = value if isinstance(value, tuple) else (value,)
    return any(time is not None and time.tzinfo is None for time in times)
