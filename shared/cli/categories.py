"""Loads a table of categories as the district's versioned policy, and says who handles what."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.wishes.categories.domain import RULE, categories_from_rows, categorise
from shared.cli.client import ApiClient
from shared.cli.importing import DESK_UNIT
from shared.cli.messages import Message
from shared.contracts.wishes import Category

COLUMNS: Final = ("level1", "level2", "level3")
_ROWS_MAX: Final = 10_000


class CategoriesBrokenError(Exception):
    """The file is no table of categories."""


@dataclass(frozen=True, slots=True)
class AdoptedPolicy:
    """The version that the table has in the district; `replayed`: it was adopted before."""

    version: int
    replayed: bool


def read_categories(path: Path) -> tuple[Category, ...]:
    """Read level1,level2,level3 rows; raise OSError or CategoriesBrokenError with line and reason."""
    rows: list[tuple[str, str, str]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            if tuple(next(reader, ())) != COLUMNS:
                raise CategoriesBrokenError(f"{path}:1: the header is not {','.join(COLUMNS)}")
            for row in reader:
                match row:
                    case [str(first), str(second), str(third)] if first.strip():
                        rows.append((first.strip(), second.strip(), third.strip()))
                    case _:
                        raise CategoriesBrokenError(
                            f"{path}:{reader.line_num}: not three columns, the first not empty"
                        )
                if len(rows) > _ROWS_MAX:
                    raise CategoriesBrokenError(f"{path}: more than {_ROWS_MAX} rows")
    except (UnicodeDecodeError, csv.Error) as error:
        raise CategoriesBrokenError(f"{path}: {error}") from None
    if not rows:
        raise CategoriesBrokenError(f"{path}: no category")
    return categories_from_rows(rows)


async def adopt_policy(
    api: ApiClient, district: str, categories: tuple[Category, ...], *, after: str = ""
) -> AdoptedPolicy:
    """Adopt the categories as the next version, unless a version says the same already."""
    path = f"/api/wishes/v1/districts/{district}/category-policies"
    said: list[dict[str, Any]] = [category.model_dump(mode="json") for category in categories]
    version = await _version_of(api, path, said, after)
    body = {"version": version, "rule": RULE, "categories": said}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    answer = await api.post(path, body, key=f"categories-{digest}", after=after)
    return AdoptedPolicy(version, answer.replayed)


async def _version_of(api: ApiClient, path: str, said: list[dict[str, Any]], after: str) -> int:
    raise NotImplementedError


def unit_by_category(categories: tuple[Category, ...], message: Message) -> str:
    """Give the unit that a message goes to first: its category's, or the community desk."""
    name = categorise(categories, message.subject, message.text)
    units = {category.name: category.unit for category in categories}
    return units.get(name, DESK_UNIT)
