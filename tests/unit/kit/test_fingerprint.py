"""What changes the hash of a fold, and what does not."""

import importlib
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shared.kit.fingerprint import fingerprint

_numbers = itertools.count(1)

HELPER = '''
"""Helps."""
from enum import Enum

LIMIT = 10

class Kind(Enum):
    """A kind."""
    WISH = "wish"
    ORDER = "order"

def double(value: int) -> int:
    """Double it."""
    return value * 2
'''
MIDDLE = """
from services.{made} import helper as helping
from services.{made}.helper import double

def fourfold(value):
    return double(double(value))

def capped(value):
    return min(value, helping.LIMIT)
"""
FOLD = """
from services.{made}.helper import Kind
from services.{made}.middle import capped, fourfold

def fold(row, kind, value):
    # A comment.
    match kind:
        case Kind.WISH:
            return capped(fourfold(value))
        case _:
            return row

def other(row):
    return row
"""
FILES = {"helper": HELPER, "middle": MIDDLE, "fold": FOLD}

Make = Callable[..., ModuleType]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Write a service of three modules, with some text of one replaced; give its fold's module."""

    def made(file: str = "fold", old: str = "", new: str = "") -> ModuleType:
        name = f"made_{next(_numbers)}"
        folder = tmp_path / name / "services" / name
        folder.mkdir(parents=True)
        for stem, text in FILES.items():
            changed = text.replace(old, new) if old and stem == file else text
            assert not old or stem != file or changed != text
            (folder / f"{stem}.py").write_text(changed.replace("{made}", name), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path / name)
        importlib.invalidate_caches()
        return importlib.import_module(f"services.{name}.fold")

    return made


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("helper", "value * 2", "value * 3"),
        ("helper", 'WISH = "wish"', 'WISH = "wisch"'),
        ("helper", "LIMIT = 10", "LIMIT = 11"),
        ("middle", "double(double(value))", "double(value) + double(value)"),
        ("fold", "case Kind.WISH", "case Kind.ORDER"),
        ("fold", "return row\n\ndef", "return None\n\ndef"),
    ],
)
def test_what_a_fold_does_or_reaches_changes_its_hash(
    make: Make, file: str, old: str, new: str
) -> None:
    before = make()
    assert fingerprint(make(file, old, new).fold) != fingerprint(before.fold)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("helper", '"""Double it."""', '"""Give twice as much."""'),
        ("helper", '"""A kind."""', ""),
        ("helper", "(value: int) -> int", "(value: float) -> float"),
        ("helper", "LIMIT = 10", "\n\nLIMIT = (10)"),
        ("fold", "# A comment.", "# Another one."),
        ("fold", "def other(row):\n    return row", "def other(row):\n    return None"),
    ],
)
def test_words_places_and_neighbours_do_not(make: Make, file: str, old: str, new: str) -> None:
    before = make()
    assert fingerprint(make(file, old, new).fold) == fingerprint(before.fold)


def test_a_closure_s_functions_and_values_count(make: Make) -> None:
    module: Any = make()

    def bound(function: Any, number: int) -> Callable[[], Any]:
        return lambda: function(number)

    hashes = {
        fingerprint(bound(function, number))
        for function in (module.fold, module.other)
        for number in (1, 2)
    }
    assert len(hashes) == 4


def test_lambdas_are_told_apart() -> None:
    lambdas: list[Callable[[int], int]] = [
        lambda row: row + 1,
        lambda row: row + 2,
        lambda row: row + 2,
    ]
    first, second, third = [fingerprint(one) for one in lambdas]
    assert first != second == third


def test_a_type_and_a_value_count() -> None:
    assert fingerprint(int | None) != fingerprint(str | None)
    assert fingerprint(("scope",)) != fingerprint(("scope", "item"))


def test_the_hash_is_the_same_in_another_process_with_another_hash_seed() -> None:
    import subprocess  # noqa: PLC0415 - only here

    program = (
        "from shared.kit.fingerprint import fingerprint;"
        "from tests.fixtures.lab import ITEMS;"
        "print(fingerprint(ITEMS.fold, ITEMS.keys, ITEMS.row, ITEMS.events))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
