"""A file of messages in the form that an import takes, broken lines among them."""

import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

CHINA = timezone(timedelta(hours=8))
TABLE = """level1,level2,level3
道路桥梁,道路养护,坑洼修补
道路桥梁,桥梁、涵洞,护栏更换
供水供气,自来水供应,水压不足
供水供气,燃气(管道),其他
文化体育,球场和步道,篮球架
文化体育,library services,open hours
"""
WORDS = (
    "坑洼", "护栏", "水压", "燃气", "篮球架", "步道", "library", "hours", "养护", "鸽子",
    "咨询", "投诉", "举报", "建议", "希望", "感谢", "🏮", "供应", "other",
)  # fmt: skip
PLAIN = ("鸽子", "咨询", "希望", "感谢", "🏮")  # no keyword of the table
ENDINGS = ("", "?", "\N{FULLWIDTH QUESTION MARK}", "!", " ")


def write_sample(folder: Path, messages: int) -> tuple[Path, Path, int]:
    """Write messages and categories; give their paths and how many lines are broken."""
    source = random.Random(7)
    lines = [json.dumps(make(source, number), ensure_ascii=False) for number in range(messages)]
    broken = broken_lines(json.loads(lines[0]))
    for bad in broken:
        lines.insert(source.randrange(1, len(lines)), bad)
    file, table = folder / "messages.ndjson", folder / "categories.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    table.write_text(TABLE, encoding="utf-8")
    return file, table, len(broken)


def make(source: random.Random, number: int) -> dict[str, Any]:
    # Half past midnight of a month's first day in China is still the month before in UTC.
    start = datetime(2019, 1, 1, 0, 30, tzinfo=CHINA)
    submitted = start + timedelta(days=31 * (number % 12), minutes=source.choice((0, 1, 90_000)))
    took = timedelta(seconds=source.choice((0, 1, 7 * 86400, 7 * 86400 + 1, 400 * 86400)))
    took += timedelta(seconds=source.randrange(3) * source.randrange(86400))
    has_reply = source.random() < 0.85
    undated = number == 5
    words = PLAIN if number % 11 == 0 else WORDS
    return {
        "id": f"s{number}",
        "user": f"U{source.randrange(90)}",
        "area": None if source.random() < 0.1 else f"A{source.randrange(14)}",
        "subject": "".join(source.sample(words, 2)) + source.choice(ENDINGS),
        "submitted_at": submitted.isoformat(),
        "text": "，".join(source.choices(words, k=8)),  # noqa: RUF001 - as residents write
        "reply": "已办理" if has_reply or undated else None,
        "replied_at": (submitted + took).isoformat() if has_reply and not undated else None,
    }


def broken_lines(good: dict[str, Any]) -> list[str]:
    """Give a line of each kind that cannot be a message."""
    changes: tuple[dict[str, Any], ...] = (
        {"id": "b1", "submitted_at": "2019-02-30T00:00:00+08:00"},
        {"id": "b2", "submitted_at": "2019-02-03"},
        {"id": "b3", "text": "a\0b"},
        {"id": "b4", "subject": "x" * 201},
        {"id": "b5", "user": 5},
        {"id": "b6", "replied_at": "2018-01-01T00:00:00+08:00", "reply": "x"},
        {"id": "b7", "submitted_at": "2999-01-01T00:00:00+08:00", "replied_at": None},
        {"id": "b8", "surprise": True},
        {},  # its id is taken
    )
    return [
        '{"id": "b0", ',
        "[]",
        json.dumps({name: value for name, value in good.items() if name != "text"}),
        *(json.dumps({**good, **change}) for change in changes),
    ]
