"""Rows that a build wrote itself and need not be read again; bounded, the latest written stay.

They are known as of one position: where somebody else moved the table on, nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from shared.kit.read_models.codec import Key


class KnownRows:
    """The last rows written of one table, by key; None stands for a row that was deleted."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._position = 0
        self._rows: dict[Key, Any] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def among(self, keys: Iterable[Key], *, position: int) -> dict[Key, Any]:
        """Give what is known of these keys in a table that stands at a position."""
        if position != self._position:
            self.forget()
        rows = self._rows
        return {key: rows[key] for key in keys if key in rows} if rows else {}

    def learn(self, written: Mapping[Key, Any], deleted: Iterable[Key], *, position: int) -> None:
        """Remember what was written, up to a position, and forget what was written longest ago."""
        self._position = position
        if self._rows_max == 0:
            return
        for changes in (written, dict.fromkeys(deleted)):
            for key, row in changes.items():
                self._rows.pop(key, None)
                self._rows[key] = row
        for key in list(islice(self._rows, max(0, len(self._rows) - self._rows_max))):
            del self._rows[key]

    def forget(self) -> None:
        """Know nothing."""
        self._rows.clear()
