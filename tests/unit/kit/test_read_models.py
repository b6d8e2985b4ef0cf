"""Read models without a database: which row types become which tables, and what a page does."""

import types
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import msgspec
import pytest

from shared.contracts.registry import Registry
from shared.decider import Fact
from shared.kit.read_models.codec import Codec, RowUnfitError
from shared.kit.read_models.cursors import ModelStatus
from shared.kit.read_models.ddl import ModelRefusedError, columns, create, create_indexes
from shared.kit.read_models.folding import Entry, Page, Vocabulary, fold, plan
from shared.kit.read_models.model import Effective, ReadModel, Row
from shared.kit.read_models.projector import groups_of
from shared.kit.read_models.tail import Tail
from shared.kit.testing.spec import facts_of
from tests.fixtures.lab import (
    ITEMS,
    POISON,
    START,
    TOTALS,
    Item,
    ItemPut,
    LabEvent,
    drop,
    fold_item,
    put,
)


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


class Part(msgspec.Struct, frozen=True):
    name: str


class Heavy(msgspec.Struct, frozen=True):
    weight: float | None


def model_of(row: type[Row], *, name: str = "things", **changes: Any) -> ReadModel[Any]:
    model: ReadModel[Any] = ReadModel(
        name=name,
        revision=1,
        row=row,
        key=("scope",),
        keys=lambda fact: ((fact.scope,),),
        fold=lambda _key, row, _fact: row,
        events=(ItemPut,),
    )
    return replace(model, **changes)


def row_with(kind: Any, name: str = "value") -> type[Row]:
    fields = {"__annotations__": {"scope": str, name: kind}}
    return types.new_class(
        "Made", (Row,), {"frozen": True, "kw_only": True}, lambda body: body.update(fields)
    )


@pytest.mark.parametrize(
    ("kind", "definition"),
    [
        (str, "value text NOT NULL"),
        (int, "value bigint NOT NULL"),
        (bool, "value boolean NOT NULL"),
        (UUID, "value uuid NOT NULL"),
        (datetime, "value timestamp with time zone NOT NULL"),
        (date, "value date NOT NULL"),
        (Colour, "value text NOT NULL"),
        (tuple[str, ...], "value text[] NOT NULL"),
        (tuple[Colour, ...], "value text[] NOT NULL"),
        (tuple[datetime, ...], "value timestamp with time zone[] NOT NULL"),
        (Part, "value jsonb NOT NULL"),
        (tuple[Part, ...], "value jsonb NOT NULL"),
        (dict[str, int], "value jsonb NOT NULL"),
        (str | None, "value text"),
        (tuple[int, ...] | None, "value bigint[]"),
        (Part | None, "value jsonb"),
    ],
)
def test_a_field_becomes_the_column_of_its_type(kind: Any, definition: str) -> None:
    assert columns(model_of(row_with(kind)))[1].definition == definition


@pytest.mark.parametrize(
    "kind", [float, float | None, tuple[float, ...], Heavy, dict[str, float], tuple[Heavy, ...]]
)
def test_a_float_is_refused_however_deep_it_is(kind: Any) -> None:
    with pytest.raises(ModelRefusedError, match="'value' is a float; use integers"):
        columns(model_of(row_with(kind)))


@pytest.mark.parametrize(
    "kind", [Any, bytes, Decimal, Size, list[int], tuple[int, str], dict[int, str]]
)
def test_a_type_that_no_column_keeps_is_refused(kind: Any) -> None:
    with pytest.raises(ModelRefusedError, match="the field 'value'"):
        columns(model_of(row_with(kind)))


@pytest.mark.parametrize("name", ["order", "Value", "naïve", "x" * 64, "_1; DROP"])
def test_a_name_that_would_need_quotes_is_refused(name: str) -> None:
    with pytest.raises(ModelRefusedError, match="not a usable name"):
        columns(model_of(row_with(int, "v"), name=name))
    if name.isidentifier():
        with pytest.raises(ModelRefusedError, match="not a usable name"):
            columns(model_of(row_with(int, name)))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"key": ("value",)}, "does not begin with scope"),
        ({"key": ("scope", "other")}, "no column 'other'"),
        ({"indexes": (("other",),)}, "no column 'other'"),
        ({"key": ("scope", "value")}, "not a plain value"),
        ({"revision": 0}, "below 1"),
    ],
)
def test_a_key_or_revision_that_cannot_be_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelRefusedError, match=why):
        columns(model_of(row_with(str | None), **changes))


class Kept(Row, frozen=True, kw_only=True):
    scope: str
    valid_from: date
    valid_to: date | None = None


class Mixed(Row, frozen=True, kw_only=True):
    scope: str
    valid_from: date
    valid_to: datetime | None = None


class Endless(Row, frozen=True, kw_only=True):
    scope: str
    valid_from: date


class Ending(Row, frozen=True, kw_only=True):
    scope: str
    valid_from: date
    valid_to: date


@pytest.mark.parametrize(
    ("row", "key", "why"),
    [
        (Kept, ("scope",), "does not end with valid_from"),
        (Mixed, ("scope", "valid_from"), "not two dates or two datetimes"),
        (Endless, ("scope", "valid_from"), "not two dates or two datetimes"),
        (Ending, ("scope", "valid_from"), "not two dates or two datetimes"),
    ],
)
def test_periods_that_could_not_be_laid_out_are_refused(
    row: type[Row], key: tuple[str, ...], why: str
) -> None:
    fold: Effective[Any] = Effective(lambda _subject, periods, _fact: periods)
    assert columns(model_of(Kept, key=("scope", "valid_from"), fold=fold))
    with pytest.raises(ModelRefusedError, match=why):
        columns(model_of(row, key=key, fold=fold))


def test_the_key_is_the_only_constraint_and_indexes_are_as_declared() -> None:
    assert create(ITEMS, "public.items_r1") == (
        "CREATE TABLE public.items_r1 (scope text NOT NULL, item text NOT NULL,"
        " amount bigint NOT NULL, amounts bigint[] NOT NULL,"
        " put_at timestamp with time zone NOT NULL, PRIMARY KEY (scope, item))"
    )
    assert create_indexes(ITEMS, "public.items_r1") == (
        "CREATE INDEX ON public.items_r1 (scope, put_at)",
    )


def page_of(*events: LabEvent) -> Page:
    facts = facts_of("lab/thing/1", *events, scope="elm")
    entries = [
        Entry(position, fact.event.type_name(), fact)
        for position, fact in enumerate(facts, start=1)
    ]
    return Page(0, len(entries), entries)


def test_a_page_gives_the_rows_to_write_and_the_keys_to_delete() -> None:
    (fact,) = facts_of("lab/thing/1", put("old", 5), scope="elm")
    old = fold_item(("elm", "old"), None, fact)
    assert old is not None
    before = {("elm", "old"): old, ("elm", "kept"): old}
    planned = plan(
        ITEMS, Vocabulary(ITEMS), page_of(put("new"), drop("old"), put("brief"), drop("brief"))
    )
    assert list(planned.keys) == [("elm", "new"), ("elm", "old"), ("elm", "brief")]
    folded = fold(ITEMS, planned, before)
    assert [row.item for row in folded.rows] == ["new"]
    assert folded.deleted == [("elm", "old")]
    assert (folded.through, folded.failure) == (4, None)


def test_a_fold_that_raises_ends_the_page_before_its_event() -> None:
    planned = plan(TOTALS, Vocabulary(TOTALS), page_of(put("a"), put("b"), put("c", POISON)))
    folded = fold(TOTALS, planned, {})
    assert [row.events for row in folded.rows] == [2]
    assert (folded.through, str(folded.failure)) == (
        2,
        "fold_raised at position 3: ArithmeticError",
    )


def keys_that_raise(_fact: Fact) -> list[tuple[Any, ...]]:
    return [(1 // 0,)]


def too_many_keys(fact: Fact) -> list[tuple[Any, ...]]:
    return [(fact.scope, str(number)) for number in range(1001)]


@pytest.mark.parametrize(
    ("keys", "failure"),
    [
        (keys_that_raise, "keys_raised at position 1: ZeroDivisionError"),
        (too_many_keys, "keys_too_many at position 1"),
        (TOTALS.keys, "keys_of_another_shape at position 1"),
    ],
)
def test_keys_that_cannot_be_followed_end_the_page(keys: Callable[..., Any], failure: str) -> None:
    planned = plan(replace(ITEMS, keys=keys), Vocabulary(ITEMS), page_of(put("a")))
    assert (planned.through, str(planned.failure)) == (0, failure)


def test_a_row_of_another_key_than_it_was_folded_for_is_refused() -> None:
    def elsewhere(_fact: Fact) -> list[tuple[Any, ...]]:
        return [("elm", "elsewhere")]

    astray = replace(ITEMS, keys=elsewhere)
    folded = fold(astray, plan(astray, Vocabulary(astray), page_of(put("a"))), {})
    assert str(folded.failure) == ("fold_raised at position 1: fold() gave a row of another key")


def test_a_value_of_another_type_than_its_column_is_refused() -> None:
    codec = Codec(ITEMS)
    good = Item(scope="elm", item="a", amount=1, amounts=(1,), put_at=START)
    assert codec.loaded(codec.rows([good]), {("elm", "a"): None}) == {("elm", "a"): good}
    for bad in (
        msgspec.structs.replace(good, amount="1"),
        msgspec.structs.replace(good, amounts=[1]),
        msgspec.structs.replace(good, item="\ud800"),
        msgspec.structs.replace(good, put_at=datetime(2024, 5, 1)),  # noqa: DTZ001
    ):
        with pytest.raises(RowUnfitError):
            codec.rows([bad])
    with pytest.raises(RowUnfitError, match="keys"):
        codec.loaded(codec.rows([good]), {("elm", 1): None})


def test_models_on_one_position_form_a_group_that_ends_where_the_next_one_stands() -> None:
    models = {name: replace(TOTALS, name=name) for name in "abcde"}
    groups = groups_of(
        [
            ModelStatus("a", 1, 0, 100, None),
            ModelStatus("b", 1, 30, 70, None),
            ModelStatus("c", 1, 90, 10, None),
            ModelStatus("d", 1, 90, 10, None),
            ModelStatus("e", 1, 95, 5, "stopped"),
        ],
        models,
        50,
    )
    assert [([m.name for m in g.models], g.after, g.through) for g in groups] == [
        (["c", "d"], 90, 100),
        (["b"], 30, 80),
        (["a"], 0, 30),
    ]


def test_a_model_of_events_that_the_registry_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cogov\.lab\.item_put\.v1"):
        Tail(Registry(()), (TOTALS,))
