"""Loads a table of categories as the district's versioned policy, and says who handles what."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.wishes.categories.domain import categories_from_rows
from services.wishes.categoriser import categorise
from shared.cli.client import ApiClient
from shared.cli.importing import DESK_UNIT
from shared.cli.messages import Message
from shared.contracts.wishes import Category

COLUMNS: Final = ("level1", "level2", "level3")
_ROWS_MAX: Final = 5_000  # as many as the API takes
_IN_FORCE_TIMEOUT_S: Final = 15.0
_POLL_S: Final = 0.1


class CategoriesBrokenError(Exception):
    """The file is no table of categories."""


class PolicyLateError(Exception):
    """The policy was adopted, but requests are still categorised by an older one."""


@dataclass(frozen=True, slots=True)
class CategoryTable:
    """The rows of a file, and the categories that the service derives from them."""

    rows: tuple[tuple[str, str, str], ...]
    categories: tuple[Category, ...]

    def unit_of(self, message: Message) -> str:
        """Give the unit that a message goes to first: its category's, or the community desk."""
        name = categorise(self.categories, message.subject, message.text)
        return self._units.get(name, DESK_UNIT)

    @property
    def _units(self) -> dict[str, str]:
        return {category.name: category.unit for category in self.categories}


@dataclass(frozen=True, slots=True)
class AdoptedPolicy:
    """The version that the table has in the district; `replayed`: it was adopted before."""

    version: int
    replayed: bool


def read_categories(path: Path) -> CategoryTable:
    """Read rows of three names; raise OSError, or CategoriesBrokenError with line and reason."""
    rows: list[tuple[str, str, str]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            if tuple(next(reader, ())) != COLUMNS:
                raise CategoriesBrokenError(f"{path}:1: the header is not {','.join(COLUMNS)}")
            for row in reader:
                match row:
                    case [first, second, third] if all(name.strip() for name in row):
                        rows.append((first.strip(), second.strip(), third.strip()))
                    case _:
                        raise CategoriesBrokenError(
                            f"{path}:{reader.line_num}: not three names in three columns"
                        )
                if len(rows) > _ROWS_MAX:
                    raise CategoriesBrokenError(f"{path}: more than {_ROWS_MAX} rows")
    except (UnicodeDecodeError, csv.Error) as error:
        raise CategoriesBrokenError(f"{path}: {error}") from None
    if not rows:
        raise CategoriesBrokenError(f"{path}: no category")
    return CategoryTable(tuple(rows), categories_from_rows(rows))


async def adopt_policy(
    administrator: ApiClient,
    reader: ApiClient,
    *,
    district: str,
    community: str,
    table: CategoryTable,
) -> AdoptedPolicy:
    """Adopt the table as the district's next version, unless the one in force says the same.

    Returns when requests of the community are categorised by it. Raises the client's errors and
    PolicyLateError.
    """
    shown = f"/api/wishes/v1/communities/{community}/category-policy"
    in_force = await reader.get(shown)
    said = [category.model_dump(mode="json") for category in table.categories]
    version = in_force["version"] + (in_force["categories"] != said)
    body = {"version": version, "rows": table.rows}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    answer = await administrator.post(
        f"/api/wishes/v1/districts/{district}/category-policy", body, key=f"categories-{digest}"
    )
    give_up_at = time.monotonic() + _IN_FORCE_TIMEOUT_S
    while (await reader.get(shown))["version"] < version:
        if time.monotonic() > give_up_at:
            raise PolicyLateError(f"version {version} of the category policy is not in force")
        await asyncio.sleep(_POLL_S)
    return AdoptedPolicy(version, answer.replayed)
