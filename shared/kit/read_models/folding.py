"""A page of the log folded into one model's rows, in memory and in log order; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, cast

from shared.contracts.registry import unversioned
from shared.decider import Fact
from shared.effective import Period, apart
from shared.kit.read_models.codec import Key, RowUnfitError
from shared.kit.read_models.model import VALID_FROM, Effective, Held, R, ReadModel

KEYS_PER_EVENT_MAX: Final = 1000
PERIODS_PER_SUBJECT_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of a type, or of another version of a type, that some model uses.

    `fact` is null when this release cannot read it, and `unreadable` says why.
    """

    position: int
    type: str
    fact: Fact | None
    unreadable: str = ""
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Every entry after one position up to another, in log order."""

    after: int
    through: int
    entries: Sequence[Entry]

    def halves(self) -> tuple[Page, Page]:
        """Cut a page of two entries or more in the middle."""
        middle = len(self.entries) // 2
        end = self.entries[middle].position - 1
        return (
            Page(self.after, end, self.entries[:middle]),
            Page(end, self.through, self.entries[middle:]),
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a model stands still: at which event (0: not known), a code, and the exception if any."""

    position: int
    code: str
    error: Exception | None = None

    def __str__(self) -> str:
        what = "" if self.error is None else f": {type(self.error).__name__}"
        if isinstance(self.error, RowUnfitError):
            what = f": {self.error}"
        where = f" at position {self.position}" if self.position else ""
        return f"{self.code}{where}{what}"


@dataclass(frozen=True, slots=True)
class Touch:
    """A fact and the keys of the rows it touches."""

    position: int
    fact: Fact
    keys: Sequence[Key]


@dataclass(slots=True)
class Plan(Generic[R]):
    """What a page asks of a model, up to where it can follow."""

    through: int
    touches: list[Touch] = field(default_factory=list[Touch])
    keys: dict[Key, None] = field(default_factory=dict[Key, None])
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Folded(Generic[R]):
    """The rows to write and the keys to delete so that the table is as of `through`."""

    through: int
    rows: list[R]
    deleted: list[Key]
    failure: Failure | None


class Vocabulary(Generic[R]):
    """The event types a model uses, and the names they have without their version."""

    def __init__(self, model: ReadModel[R]) -> None:
        self.types = frozenset(event.type_name() for event in model.events)
        self.unversioned = frozenset(unversioned(name) for name in self.types)

    def concerns(self, entry: Entry) -> bool:
        """Tell whether the model must follow the entry, readable or not."""
        if entry.type in self.types:
            return True
        return entry.fact is None and unversioned(entry.type) in self.unversioned


def plan(model: ReadModel[R], vocabulary: Vocabulary[R], page: Page) -> Plan[R]:
    """Ask the model which rows the page touches; stop before an entry it cannot follow."""
    planned: Plan[R] = Plan(page.through)
    for entry in page.entries:
        if not vocabulary.concerns(entry):
            continue
        keys = _keys(model, entry)
        if isinstance(keys, Failure):
            planned.failure = keys
            planned.through = entry.position - 1
            return planned
        if keys:
            assert entry.fact is not None
            planned.touches.append(Touch(entry.position, entry.fact, keys))
            for key in keys:
                planned.keys[key] = None
    return planned


def fold(model: ReadModel[R], planned: Plan[R], before: Mapping[Key, Held[R]]) -> Folded[R]:
    """Fold the plan over the rows as they were; stop before a fact at which the model raises.

    A fact is folded into all of its rows or into none of them.
    """
    after: dict[Key, Held[R] | None] = dict(before)
    through, failure = planned.through, planned.failure
    for touch in planned.touches:
        try:
            after.update(_fold_one(model, touch, after))
        except Exception as error:  # noqa: BLE001 - a model that raises stops alone
            failure = Failure(touch.position, "fold_raised", error)
            through = touch.position - 1
            break
    folded: Folded[R] = Folded(through, [], [], failure)
    for key, held in after.items():
        if held is not (was := before.get(key)):
            _change(folded, key, was, held)
    return folded


def follow(model: ReadModel[R], key: Key, held: Held[R] | None, fact: Fact) -> Held[R] | None:
    """Give what a model has of a key after a fact; raise RowUnfitError for what no table holds."""
    if isinstance(model.fold, Effective):
        return _follow_periods(model, model.fold, key, held, fact)
    assert not isinstance(held, tuple)
    row = model.fold(key, held, fact)
    if row is not None and tuple(getattr(row, name) for name in model.key) != key:
        message = "fold() gave a row of another key"
        raise RowUnfitError(message)
    return row


def rows_of(held: Held[R] | None) -> tuple[R, ...]:
    """Give the rows of a key."""
    if held is None:
        return ()
    return held if isinstance(held, tuple) else (held,)


def _keys(model: ReadModel[R], entry: Entry) -> Sequence[Key] | Failure:
    if entry.fact is None:
        return Failure(entry.position, entry.unreadable)
    try:
        keys = model.keys(entry.fact)
    except Exception as error:  # noqa: BLE001 - a model that raises stops alone
        return Failure(entry.position, "keys_raised", error)
    if len(keys) > KEYS_PER_EVENT_MAX:
        return Failure(entry.position, "keys_too_many")
    if any(len(key) != len(model.subject) for key in keys):
        return Failure(entry.position, "keys_of_another_shape")
    return keys


def _fold_one(
    model: ReadModel[R], touch: Touch, rows: Mapping[Key, Held[R] | None]
) -> dict[Key, Held[R] | None]:
    return {key: follow(model, key, rows.get(key), touch.fact) for key in touch.keys}


def _follow_periods(
    model: ReadModel[R], fold: Effective[R], subject: Key, held: Held[R] | None, fact: Fact
) -> tuple[R, ...] | None:
    periods = tuple(fold.over(subject, rows_of(held), fact))
    for row in periods:
        if tuple(getattr(row, name) for name in model.subject) != subject:
            message = "fold() gave a period of another subject"
            raise RowUnfitError(message)
    if not apart(cast("tuple[Period, ...]", periods)):
        message = "fold() gave periods that overlap, have no length or are not in order"
        raise RowUnfitError(message)
    if len(periods) > PERIODS_PER_SUBJECT_MAX:
        message = f"fold() gave more than {PERIODS_PER_SUBJECT_MAX} periods"
        raise RowUnfitError(message)
    return periods or None


def _change(folded: Folded[R], key: Key, was: Held[R] | None, held: Held[R] | None) -> None:
    """Note what is to be written and deleted so that the rows of a key become `held`."""
    if not (isinstance(was, tuple) or isinstance(held, tuple)):
        if held is None:
            folded.deleted.append(key)
        else:
            folded.rows.append(held)
        return
    before = {getattr(row, VALID_FROM): row for row in rows_of(was)}
    after = {getattr(row, VALID_FROM): row for row in rows_of(held)}
    folded.rows.extend(row for start, row in after.items() if row is not before.get(start))
    folded.deleted.extend((*key, start) for start in before if start not in after)
