"""The made-up requests: the same every time, and what an import takes."""

from datetime import UTC, datetime
from pathlib import Path

from shared.cli.categories import read_categories
from shared.cli.made_up import COUNT, made_up_messages, write_made_up
from shared.cli.messages import Line, MessageLimits, read_messages


def test_they_are_the_same_every_time() -> None:
    assert made_up_messages() == made_up_messages()


def test_every_one_can_be_imported(tmp_path: Path) -> None:
    messages, categories = write_made_up(tmp_path)
    lines = list(read_messages(messages, MessageLimits(), now=datetime(2025, 6, 1, tzinfo=UTC)))
    assert len(lines) == COUNT
    assert all(isinstance(line, Line) for line in lines)
    assert len(read_categories(categories).categories) > 1


def test_they_vary() -> None:
    made = made_up_messages()
    assert {each["area"] for each in made} > {None}
    assert {each["reply"] is None for each in made} == {True, False}
    assert len({each["text"] for each in made}) > COUNT * 0.9
