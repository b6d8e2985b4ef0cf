"""Rows to and from PostgreSQL: as one JSON text each way, which both sides do in C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Generic, cast

import msgspec

from shared.kit.read_models.ddl import Column, columns
from shared.kit.read_models.model import R, ReadModel

Key = tuple[Any, ...]

_TIMES: Final = "timestamp with time zone"


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
        self._times = [
            attrgetter(column.name) for column in found if column.type.startswith(_TIMES[:9])
        ]
        self._key_names = model.key
        self.key_of: Callable[[R], Key] = _getter(model.key)
        self._decoder = msgspec.json.Decoder(list[model.row])
        self._encode = msgspec.json.Encoder().encode
        self._write_sql(found, model.key)

    def keys(self, wanted: Iterable[Key]) -> str:
        """Write keys as the parameter of `load` and `delete`."""
        names = self._key_names
        return self._encode([dict(zip(names, key, strict=True)) for key in wanted]).decode()

    def rows(self, rows: Sequence[R]) -> str:
        """Write rows as the parameter of `upsert`; raise RowUnfitError for what is no such row."""
        written = self._encode(rows)
        if self._decoder.decode(written) != rows:
            message = "a value is not of its column's type"
            raise RowUnfitError(message)
        for time_of in self._times:
            if any(_zoneless(time_of(row)) for row in rows):
                message = "a time has no zone"
                raise RowUnfitError(message)
        return written.decode()

    def loaded(self, text: str, wanted: Mapping[Key, object]) -> dict[Key, R]:
        """Read what `load` gave; raise RowUnfitError when keys were asked for in another type."""
        key_of = self.key_of
        rows = {key_of(row): row for row in self._decoder.decode(text)}
        if not rows.keys() <= wanted.keys():
            message = "keys() gives values of other types than the key's columns"
            raise RowUnfitError(message)
        return rows

    def _write_sql(self, found: Sequence[Column], key: Sequence[str]) -> None:
        names = ", ".join(column.name for column in found)
        typed = ", ".join(f"{column.name} {column.type}" for column in found)
        typed_key = ", ".join(f"{column.name} {column.type}" for column in found if column.name in key)
        match = " AND ".join(f"t.{name} = k.{name}" for name in key)
        values = [column.name for column in found if column.name not in key]
        change = (
            f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in values)}"
            if values
            else "NOTHING"
        )
        # OFFSET 0 keeps the look-ups by key: as a plain join they may become a scan of the table.
        self.load: Final = (
            f"SELECT coalesce(json_agg(r), '[]')::text"
            f" FROM json_to_recordset($1::json) AS k ({typed_key})"
            f" CROSS JOIN LATERAL (SELECT {names} FROM {self.table} AS t"
            f" WHERE {match} OFFSET 0) AS r"
        )
        self.upsert: Final = (
            f"INSERT INTO {self.table} ({names}) SELECT {names}"
            f" FROM json_to_recordset($1::json) AS r ({typed})"
            f" ON CONFLICT ({', '.join(key)}) DO {change}"
        )
        self.delete: Final = (
            f"DELETE FROM {self.table} AS t"
            f" USING json_to_recordset($1::json) AS k ({typed_key}) WHERE {match}"
        )


def _getter(names: Sequence[str]) -> Callable[[Any], Key]:
    if len(names) == 1:
        only = attrgetter(names[0])
        return lambda row: (only(row),)
    return cast("Callable[[Any], Key]", attrgetter(*names))


def _zoneless(value: Any) -> bool:
    times = value if isinstance(value, tuple) else (value,)
    return any(time is not None and time.tzinfo is None for time in times)
