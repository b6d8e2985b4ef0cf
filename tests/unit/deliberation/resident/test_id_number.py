# ruff: noqa: RUF001 - wide characters are the point
"""One person has one ID number, however it is typed."""

import pytest
from pydantic import ValidationError

from services.deliberation.resident.api import ResidentBody
from shared.contracts.deliberation import ResidentKind


def number(text: str) -> str:
    return ResidentBody(kind=ResidentKind.TENANT, name="x", id_number=text).id_number


@pytest.mark.parametrize(
    "typed",
    [
        "11010519491231002X",
        "11010519491231002x",
        "110105 1949 1231 002X",
        "１１０１０５-19491231-002Ｘ",
    ],
)
def test_an_id_number_is_the_same_however_it_is_typed(typed: str) -> None:
    assert number(typed) == "11010519491231002X"


@pytest.mark.parametrize("typed", ["", "12345", "1" * 31, "一二三四五六", "123456;", "1" * 101])
def test_what_is_no_id_number_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        number(typed)
