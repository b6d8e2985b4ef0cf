"""What a read model is: a row type, a key, and two pure functions over facts (ADR 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from shared.contracts.envelope import Event
from shared.decider import Fact, Frozen


class Row(msgspec.Struct, metaclass=Frozen, frozen=True, kw_only=True):
    """A row of a read model: one frozen class is one table. It holds no personal fields."""


R = TypeVar("R", bound=Row)

VALID_FROM: Final = "valid_from"
VALID_TO: Final = "valid_to"


@dataclass(frozen=True, slots=True)
class Effective(Generic[R]):
    """A fold over all periods of one subject, for rows that hold from a day until a day (ADR 16).

    `over(subject, periods, fact)` gives the periods afterwards, those before being in order;
    `shared.effective` lays one over the others. A model that overlaps them stops.
    """

    over: Callable[[tuple[Any, ...], tuple[R, ...], Fact], Sequence[R]]


Fold = Callable[[tuple[Any, ...], R | None, Fact], R | None]
# What the engine has of a key: its row, or all periods of a subject, one at least.
Held = R | tuple[R, ...]


@dataclass(frozen=True, slots=True)
class ReadModel(Generic[R]):
    """A table as a pure function of the log.

    `name` is the table's plain plural noun. `revision` rises whenever equal events would give
    another table; each revision has a table of its own. `row` is the type of its rows and `key`
    the columns that identify one, scope first. `keys(fact)` names the rows that a fact touches
    (bounded; empty: none of this model's); `fold(key, row, fact)` gives such a row afterwards,
    where None stands for a row that does not exist. `events` are the classes the two look at:
    facts of other types never reach them. Every further query needs an index in `indexes`.

    An effective-dated model's rows have `valid_from`, the last column of the key, and `valid_to`,
    both dates or both datetimes; its fold is an `Effective`, and `keys` name subjects: the key
    without `valid_from`.
    """

    name: str
    revision: int
    row: type[R]
    key: tuple[str, ...]
    keys: Callable[[Fact], Sequence[tuple[Any, ...]]]
    fold: Fold[R] | Effective[R]
    events: tuple[type[Event], ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def table(self) -> str:
        """Give the table of this revision, e.g. `requests_r1`."""
        return f"{self.name}_r{self.revision}"

    @property
    def subject(self) -> tuple[str, ...]:
        """Give the columns whose values `keys` names."""
        return self.key[:-1] if isinstance(self.fold, Effective) else self.key
