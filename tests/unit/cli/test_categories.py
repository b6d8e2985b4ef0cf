"""Reading a table of categories."""

from pathlib import Path

import pytest

from shared.cli.categories import CategoriesBrokenError, read_categories
from tests.unit.cli.lines import message


def write(folder: Path, text: str) -> Path:
    file = folder / "categories.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_table_gives_categories_and_their_units(tmp_path: Path) -> None:
    table = read_categories(
        write(tmp_path, "\ufefflevel1,level2,level3\n公共设施,照明,路灯\n环境卫生,清运,垃圾\n")
    )
    assert [category.name for category in table.categories] == ["公共设施", "环境卫生"]
    assert table.unit_of(message(subject="垃圾", text="垃圾")) == "unit-2"
    assert table.unit_of(message(subject="鸽子", text="鸽子")) == "community-desk"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "1: the header is not level1,level2,level3"),
        ("a,b,c\n", "1: the header is not level1,level2,level3"),
        ("level1,level2,level3\n", "no category"),
        ("level1,level2,level3\na,b\n", "2: not three names in three columns"),
        ("level1,level2,level3\na,,c\n", "2: not three names in three columns"),
    ],
)
def test_a_broken_table_is_named_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(CategoriesBrokenError, match=reason):
        read_categories(write(tmp_path, text))
