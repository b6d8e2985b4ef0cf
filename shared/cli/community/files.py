"""Reads and writes the files of a community: NDJSON, CSV (UTF-8) and XLSX, by their names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from pydantic import ValidationError

from shared.cli.community.rows import COLUMNS, RECORD, BadLine, Line, Record
from shared.cli.community.unfit import FileUnfitError

ROWS_MAX: Final = 200_000
_LINE_CHARS_MAX: Final = 10_000
_NOT_WRITTEN: Final = "is none of .ndjson, .csv and .xlsx"


def read_lines(paths: Iterable[Path]) -> Iterator[Line | BadLine]:
    """Give every record of some files in their order; raise FileUnfitError, OSError."""
    count = 0
    for path in paths:
        for number, values in _values(path):
            count += 1
            if count > ROWS_MAX:
                raise FileUnfitError(f"more than {ROWS_MAX} lines")
            yield _line(path.name, number, values)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records to a file; raise FileUnfitError for a name of another kind."""
    rows = [_plain(record) for record in records]
    match path.suffix:
        case ".ndjson":
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            path.write_text(text, encoding="utf-8")
        case ".csv":
            made = io.StringIO()
            writer = csv.DictWriter(made, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
            path.write_text(made.getvalue(), encoding="utf-8-sig", newline="")
        case ".xlsx":
            book = openpyxl.Workbook(write_only=True)
            sheet = book.create_sheet("community")
            sheet.append(COLUMNS)
            for row in rows:
                sheet.append([row.get(name) for name in COLUMNS])
            book.save(path)
        case _:
            raise FileUnfitError(f"{path.name} {_NOT_WRITTEN}")


def _values(path: Path) -> Iterator[tuple[int, Any]]:
    match path.suffix:
        case ".ndjson":
            with path.open(encoding="utf-8", newline="\n") as lines:
                yield from ((number, _json(line)) for number, line in enumerate(lines, 1))
        case ".csv":
            with path.open(encoding="utf-8-sig", newline="") as lines:
                yield from _table(csv.reader(lines))
        case ".xlsx":
            try:
                book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
                raise FileUnfitError(f"{path.name} is no workbook") from error
            for sheet in book.worksheets:
                yield from _table(sheet.iter_rows(values_only=True))
            book.close()
        case _:
            raise FileUnfitError(f"{path.name} {_NOT_WRITTEN}")


def _table(rows: Iterable[Iterable[Any]]) -> Iterator[tuple[int, Any]]:
    columns: list[str] = []
    for number, row in enumerate(rows, 1):
        cells = [_cell(value) for value in row]
        if not columns:
            columns = cells
        elif any(cells):
            yield number, {name: cell for name, cell in zip(columns, cells, strict=False) if cell}


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime() as moment:
            return moment.date().isoformat()
        case date() as day:
            return day.isoformat()
        case bool():
            return "true" if value else "false"
        case _:
            return str(value).strip()


def _json(line: str) -> Any:
    if len(line) > _LINE_CHARS_MAX:
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None


def _line(file: str, number: int, values: Any) -> Line | BadLine:
    if not isinstance(values, dict):
        return BadLine(file, number, "no record")
    try:
        return Line(file, number, RECORD.validate_python(values))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "record"
        return BadLine(file, number, f"{where}: {first['msg']}")


def _plain(record: Record) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_none=True)
