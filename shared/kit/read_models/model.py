"""What a read model is: a row type, a key, and two pure functions over facts (ADR 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from shared.contracts.envelope import Event
from shared.decider import Fact, Frozen


class Row(msgspec.Struct, metaclass=Frozen, frozen=True, kw_only=True):
    """A row of a read model: one frozen class is one table. It holds no personal fields."""


R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class ReadModel(Generic[R]):
    """A table as a pure function of the log.

    `name` is the table's plain plural noun. `revision` rises whenever equal events would give
    another table; each revision has a table of its own. `row` is the type of its rows and `key`
    the columns that identify one, scope first. `keys(fact)` names the rows that a fact touches
    (bounded; empty: none of this model's); `fold(key, row, fact)` gives such a row afterwards,
    where None stands for a row that does not exist. `events` are the classes the two look at:
    facts of other types never reach them. Every further query needs an index in `indexes`.
    """

    name: str
    revision: int
    row: type[R]
    key: tuple[str, ...]
    keys: Callable[[Fact], Sequence[tuple[Any, ...]]]
    fold: Callable[[tuple[Any, ...], R | None, Fact], R | None]
    events: tuple[type[Event], ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def table(self) -> str:
        """Give the table of this revision, e.g. `requests_r1`."""
        return f"{self.name}_r{self.revision}"
