"""Lists in pages: an opaque cursor over the values of the last row's key, never an offset."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from fastapi import Depends, Query
from pydantic import BaseModel

from shared.kit.http.problems import Problem

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200

_CURSOR_CHARS_MAX: Final = 1000
_NUMBER_MAX: Final = 2**63 - 1

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 - an item
K = TypeVar("K")


class Page(BaseModel, Generic[I]):
    """A page of a list; `next` is the cursor of the page after it, null on the last one."""

    items: list[I]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page a client asks for."""

    limit: int
    cursor: str | None

    @property
    def fetch(self) -> int:
        """Give how many rows to read: one more than are shown, to learn whether there is more."""
        return self.limit + 1

    def after(self, key: type[K]) -> K | None:
        """Give the key of the last row seen, `key` being its tuple type; None: from the start.

        Raises a Problem, `cursor_invalid`, unless the cursor holds exactly such values.
        """
        return None if self.cursor is None else read_cursor(self.cursor, key)

    def page(
        self,
        rows: Sequence[T],
        *,
        key: Callable[[T], tuple[Any, ...]],
        item: Callable[[T], I],
    ) -> Page[I]:
        """Make the page of up to `fetch` rows; `key` is what the query orders by."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return Page(
            items=[item(row) for row in shown],
            next=write_cursor(key(shown[-1])) if more else None,
        )


def write_cursor(key: tuple[Any, ...]) -> str:
    """Write a cursor: base64url of the key's values as JSON."""
    return urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def read_cursor(cursor: str, key: type[K]) -> K:
    """Read a cursor of that tuple type; raise a Problem, `cursor_invalid`."""
    refusal = Problem(400, "cursor_invalid", "The cursor is not one of this list's.")
    if len(cursor) > _CURSOR_CHARS_MAX:
        raise refusal
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = msgspec.json.decode(raw, type=key)
    except (ValueError, RecursionError, binascii.Error):
        raise refusal from None
    if not isinstance(values, tuple) or not all(map(_storable, values)):
        raise refusal
    return values


def _storable(value: object) -> bool:
    # A client may write a cursor of its own; these values are all that a query could choke on.
    match value:
        case str():
            return "\0" not in value
        case int():
            return -_NUMBER_MAX <= value <= _NUMBER_MAX
        case datetime():
            return value.tzinfo is not None
        case _:
            return True


def _page_request(
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
    cursor: Annotated[
        str | None, Query(description="`next` of the page before, from the start without it.")
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


Paging = Annotated[PageRequest, Depends(_page_request)]
