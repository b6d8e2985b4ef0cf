"""What a line of messages may be, and what is said of one that is not."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.cli.messages import BrokenLine, Line, MessageLimits, read_messages

NOW = datetime(2024, 1, 1, tzinfo=UTC)
LIMITS = MessageLimits(line_bytes_max=2000, lines_max=5, subject_chars_max=20, text_chars_max=50)
GOOD: dict[str, Any] = {
    "id": "1",
    "user": "R1",
    "area": "东苑",
    "subject": "路灯",
    "submitted_at": "2020-02-29T08:00:00+08:00",
    "text": "坏了 🏮",
    "reply": "修好了",
    "replied_at": "2020-03-01T08:00:00+08:00",
}


def read(folder: Path, *lines: bytes | dict[str, Any]) -> list[Line | BrokenLine]:
    file = folder / "messages.ndjson"
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    file.write_bytes(b"\n".join(raw))
    return list(read_messages(file, LIMITS, now=NOW))


def reason(folder: Path, **changed: Any) -> str:
    (line,) = read(folder, {**GOOD, **changed})
    assert isinstance(line, BrokenLine)
    assert line.number == 1
    return line.reason


def test_a_good_line_is_a_message(tmp_path: Path) -> None:
    (line,) = read(tmp_path, GOOD)
    assert isinstance(line, Line)
    assert line.message.text == "坏了 🏮"
    assert line.message.submitted_at.isoformat() == GOOD["submitted_at"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": 7}, "Expected str, got int in id"),
        ({"id": "a b"}, "id is not 1 to 64 letters, digits, dots, dashes or underscores"),
        ({"mood": "good"}, "Object contains unknown field mood"),
        ({"subject": " "}, "subject is empty"),
        ({"subject": "x" * 21}, "subject is longer than 20 characters"),
        ({"text": "a\0b"}, "text holds a NUL character"),
        ({"reply": "x" * 51}, "reply is longer than 50 characters"),
        ({"submitted_at": "2019-02-29T08:00:00+08:00"}, "Invalid RFC3339 encoded datetime"),
        ({"submitted_at": "2020-02-29T08:00:00"}, "timezone component"),
        ({"submitted_at": "2024-01-01T08:00:01+08:00"}, "submitted_at is in the future"),
        ({"replied_at": "2020-02-29T07:59:59+08:00"}, "replied_at is before submitted_at"),
        ({"replied_at": "2024-02-01T00:00:00Z"}, "replied_at is in the future"),
        ({"reply": None}, "replied_at is given, but no reply"),
    ],
)
def test_a_broken_field_is_named_with_its_reason(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    assert said in reason(tmp_path, **changed)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    (line,) = read(tmp_path, {name: value for name, value in GOOD.items() if name != "area"})
    assert line == BrokenLine(1, "Object missing required field area")


def test_a_reason_never_repeats_what_the_line_says(tmp_path: Path) -> None:
    assert "secret" not in reason(tmp_path, submitted_at="secret")


def test_lines_after_a_broken_one_go_on(tmp_path: Path) -> None:
    lines = read(tmp_path, b"{", b"", b"\xff\xfe", GOOD, {**GOOD, "id": "2"})
    assert [type(line) for line in lines] == [BrokenLine, BrokenLine, Line, Line]
    assert [line.number for line in lines] == [1, 3, 4, 5]


def test_the_second_line_with_an_id_is_broken(tmp_path: Path) -> None:
    _, second = read(tmp_path, GOOD, GOOD)
    assert second == BrokenLine(2, "duplicate id: line 1 has it already")


def test_a_line_that_is_too_long_is_passed_over_whole(tmp_path: Path) -> None:
    first, second = read(tmp_path, b'"' + b"x" * 9000 + b'"', GOOD)
    assert first == BrokenLine(1, "longer than 2000 bytes")
    assert isinstance(second, Line)


def test_a_file_has_a_limit_of_lines(tmp_path: Path) -> None:
    lines = read(tmp_path, *({**GOOD, "id": str(number)} for number in range(7)))
    assert lines[-1] == BrokenLine(6, "more than 5 lines")
    assert len(lines) == 6


def test_deeply_nested_json_is_a_broken_line(tmp_path: Path) -> None:
    (line,) = read(tmp_path, b"[" * 1900)
    assert isinstance(line, BrokenLine)
