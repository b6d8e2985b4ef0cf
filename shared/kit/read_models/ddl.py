"""The tables of read models, generated from their row types; only the key is a constraint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from msgspec import inspect

from shared.kit.read_models.model import VALID_FROM, VALID_TO, Effective, ReadModel

_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]*")
_IDENTIFIER_CHARACTERS_MAX: Final = 63  # PostgreSQL cuts longer ones silently

_SCALARS: Final[dict[type[inspect.Type], str]] = {
    inspect.StrType: "text",
    inspect.IntType: "bigint",
    inspect.BoolType: "boolean",
    inspect.UUIDType: "uuid",
    inspect.DateTimeType: "timestamp with time zone",
    inspect.DateType: "date",
}

# Of what periods are: local days, or instants.
TIMES: Final = (_SCALARS[inspect.DateType], _SCALARS[inspect.DateTimeType])

# Reserved in PostgreSQL 18 (pg_get_keywords(), catcode R and T); queries do not quote names.
_KEYWORDS: Final = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check
collate collation column concurrently constraint create cross current_catalog current_date
current_role current_schema current_time current_timestamp current_user default deferrable
desc distinct do else end except false fetch for foreign freeze from full grant group having
ilike in initially inner intersect into is isnull join lateral leading left like limit
localtime localtimestamp natural not notnull null offset on only or order outer overlaps
placing primary references returning right select session_user similar some symmetric
system_user table tablesample then to trailing true union unique user using variadic verbose
when where window with
"""
RESERVED: Final = frozenset(_KEYWORDS.split())


class ModelRefusedError(Exception):
    """The read model's declaration cannot become a table."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type as PostgreSQL spells it, and whether it may be null."""

    name: str
    type: str
    nullable: bool

    @property
    def definition(self) -> str:
        """Give the column as CREATE TABLE wants it."""
        return f"{self.name} {self.type}{'' if self.nullable else ' NOT NULL'}"


def columns(model: ReadModel[Any]) -> tuple[Column, ...]:
    """Derive the columns of a model's row type, in the order of its fields.

    str is text, int bigint, bool boolean, UUID uuid, datetime timestamptz, date date, an Enum of
    strings text, tuple[scalar, ...] an array, a nested Struct, dict or tuple of those jsonb, and
    X | None nullable. Raises ModelRefusedError for anything else, floats above all.
    """
    described = inspect.type_info(model.row)
    if not isinstance(described, inspect.StructType):
        raise _refused(model, "its row type is no Struct")
    if described.array_like or model.row.__struct_config__.omit_defaults:
        raise _refused(model, "its row type changes how rows are written")
    found = tuple(_column(model, field) for field in described.fields)
    _check_keys(model, {column.name: column for column in found})
    return found


def create(model: ReadModel[Any], table: str, *, temporary: bool = False) -> str:
    """Give the statement that creates a table; its indexes come when it is filled."""
    lines = [column.definition for column in columns(model)]
    lines.append(f"PRIMARY KEY ({', '.join(model.key)})")
    return f"CREATE {'TEMPORARY ' if temporary else ''}TABLE {table} ({', '.join(lines)})"


def create_indexes(model: ReadModel[Any], table: str) -> tuple[str, ...]:
    """Give the statements that create a table's secondary indexes."""
    return tuple(f"CREATE INDEX ON {table} ({', '.join(indexed)})" for indexed in model.indexes)


def check_identifier(name: str) -> str:
    """Give the name back when it can be used unquoted; raise ModelRefusedError otherwise."""
    if (
        _IDENTIFIER.fullmatch(name) is None
        or len(name) > _IDENTIFIER_CHARACTERS_MAX
        or name in RESERVED
    ):
        message = f"not a usable name for a table or column: {name!r}"
        raise ModelRefusedError(message)
    return name


def _check_keys(model: ReadModel[Any], found: dict[str, Column]) -> None:
    check_identifier(model.name)
    check_identifier(f"{model.table}_building")
    if model.revision < 1:
        raise _refused(model, "its revision is below 1")
    if model.key[:1] != ("scope",):
        raise _refused(model, "its key does not begin with scope")
    for name in (*model.key, *(column for indexed in model.indexes for column in indexed)):
        if name not in found:
            raise _refused(model, f"there is no column {name!r}")
    for name in model.key:
        column = found[name]
        if column.nullable or column.type not in _SCALARS.values():
            raise _refused(model, f"the key column {name!r} is not a plain value")
    if isinstance(model.fold, Effective):
        _check_periods(model, found)


def _check_periods(model: ReadModel[Any], found: dict[str, Column]) -> None:
    if model.key[-1] != VALID_FROM:
        raise _refused(model, f"its key does not end with {VALID_FROM}")
    start, stop = found[VALID_FROM], found.get(VALID_TO)
    if start.type not in TIMES or stop != Column(VALID_TO, start.type, nullable=True):
        message = (
            f"{VALID_FROM} and {VALID_TO} are not two dates or two datetimes, the last or None"
        )
        raise _refused(model, message)


def _column(model: ReadModel[Any], field: inspect.Field) -> Column:
    if field.encode_name != field.name:
        raise _refused(model, f"the field {field.name!r} is written under another name")
    nullable, bare = _without_none(field.type)
    try:
        return Column(check_identifier(field.name), _type(bare), nullable)
    except TypeError as error:
        raise _refused(model, f"the field {field.name!r} {error}") from None


def _without_none(described: inspect.Type) -> tuple[bool, inspect.Type]:
    if isinstance(described, inspect.UnionType):
        others = [one for one in described.types if not isinstance(one, inspect.NoneType)]
        if len(others) < len(described.types) and len(others) == 1:
            return True, others[0]
    return False, described


def _type(described: inspect.Type) -> str:
    """Give the column type; raise TypeError saying what the field is."""
    scalar = _scalar(described)
    if scalar:
        return scalar
    if isinstance(described, inspect.VarTupleType):
        item = _scalar(described.item_type)
        if item:
            return f"{item}[]"
    _check_nested(described)
    return "jsonb"


def _scalar(described: inspect.Type) -> str:
    if isinstance(described, inspect.EnumType):
        if all(isinstance(member.value, str) for member in described.cls):
            return "text"
        raise TypeError("is an Enum whose values are not all strings")
    return _SCALARS.get(type(described), "")


def _check_nested(described: inspect.Type) -> None:
    """Walk a value kept as jsonb; raise TypeError unless every part of it is kept exactly."""
    match described:
        case inspect.FloatType():
            raise TypeError("is a float; use integers of a smaller unit")
        case inspect.StructType(fields=fields):
            for field in fields:
                _check_nested(field.type)
        case inspect.DictType(key_type=inspect.StrType(), value_type=value):
            _check_nested(value)
        case inspect.VarTupleType(item_type=item):
            _check_nested(item)
        case inspect.UnionType(types=types):
            for one in types:
                _check_nested(one)
        case inspect.NoneType():
            pass
        case _ if _scalar(described):
            pass
        case _:
            kind = type(described).__name__.removesuffix("Type").lower()
            message = f"has a type that no column keeps ({kind})"
            raise TypeError(message)


def _refused(model: ReadModel[Any], why: str) -> ModelRefusedError:
    return ModelRefusedError(f"read model {model.name!r}: {why}")
