"""A community as a file: three formats that say the same, and every bad line named."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.cli.community.checking import check
from shared.cli.community.entering import batches
from shared.cli.community.files import read_lines, write_records
from shared.cli.community.places import PLACES, records
from shared.cli.community.rows import BadLine, Line
from shared.cli.community.unfit import FileUnfitError

SHINAN = PLACES[2]


@pytest.mark.parametrize("name", ["shinan.ndjson", "shinan.csv", "shinan.xlsx"])
def test_a_file_gives_back_what_was_written(tmp_path: Path, name: str) -> None:
    some = [one for one in records(SHINAN, residents=False) if one.record != "household"][:150]
    write_records(tmp_path / name, some)

    lines = list(read_lines([tmp_path / name]))

    assert [line.record for line in lines if isinstance(line, Line)] == some


def test_a_name_of_another_kind_is_no_file_of_a_community(tmp_path: Path) -> None:
    path = tmp_path / "shinan.txt"
    path.write_text("x")
    with pytest.raises(FileUnfitError):
        write_records(path, [])
    with pytest.raises(FileUnfitError):
        list(read_lines([path]))


def test_a_file_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shinan.xlsx"
    path.write_text("x")
    with pytest.raises(FileUnfitError):
        list(read_lines([path]))


def test_every_bad_line_is_named_with_its_reason_and_nothing_it_says(tmp_path: Path) -> None:
    path = tmp_path / "bad.ndjson"
    area = '"record": "area", "starts_on": "2025-01-01", "name": "x"'
    person = '"record": "resident", "kind": "tenant", "name": "x", "starts_on": "2025-01-01"'
    home = '"record": "household", "premises": "c1", "starts_on": "2025-01-01"'
    path.write_text(
        "\n".join(
            [
                f'{{{area}, "area": "c1", "kind": "compound"}}',
                "not json",
                "[]",
                '{"record": "secret"}',
                f'{{{area}, "area": "c1", "kind": "compound"}}',
                f'{{{area}, "area": "u1", "kind": "unit", "parent": "c1"}}',
                f'{{{area}, "area": "c2", "kind": "castle"}}',
                f'{{{home}, "household": "h1"}}',
                f'{{{home}, "household": "h1"}}',
                f'{{{home.replace("c1", "c9")}, "household": "h2"}}',
                f'{{{person}, "resident": "r1", "household": "h9", "id_number": "123456"}}',
                f'{{{person}, "resident": "r1", "household": "h1", "id_number": "123456"}}',
                f'{{{person}, "resident": "r2", "household": "h1", "id_number": "123456"}}',
                '{"record": "cadre", "resident": "r1", "areas": "g1", "starts_on": "2025-01-01"}',
            ]
        )
    )

    checked = check(read_lines([path]))

    assert [line.number for line in checked.lines] == [1, 8, 12]
    assert checked.bad == [
        BadLine("bad.ndjson", 2, "no record"),
        BadLine("bad.ndjson", 3, "no record"),
        *[one for one in checked.bad if one.number in {4, 6, 7}][:1],
        BadLine("bad.ndjson", 5, "area: it is there twice"),
        *[one for one in checked.bad if one.number in {6, 7}],
        BadLine("bad.ndjson", 9, "household: it is there twice"),
        BadLine("bad.ndjson", 10, "premises: there are none so called above"),
        BadLine("bad.ndjson", 11, "household: there is none so called above"),
        BadLine("bad.ndjson", 13, "id_number: another resident has it"),
        BadLine("bad.ndjson", 14, "resident: there is no cadre so called above"),
    ]
    reasons = {one.number: one.reason for one in checked.bad}
    assert reasons[6].startswith("parent_unfit")
    assert "castle" not in reasons[7]


def test_the_five_places_are_whole_and_their_batches_have_keys_of_their_own() -> None:
    for place in PLACES:
        lines = [Line("made", number, one) for number, one in enumerate(records(place), 1)]
        checked = check(lines)
        assert checked.bad == []
        counts = checked.counts()
        assert counts["household"] == place.households
        assert counts["resident"] == place.residents
        keys = [batch.key for batch in batches("district", place.node, checked.lines)]
        assert len(set(keys)) == len(keys)
