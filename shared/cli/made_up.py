"""Made-up requests of one community for the demo: the same ones every time.

The texts are put together from our own phrases by a seeded generator; nobody wrote them and no
person is named. Dates lie in the year before a fixed day, so that playing them again replays
exactly what was sent before.
"""

# ruff: noqa: RUF001 - Chinese texts have Chinese punctuation

from __future__ import annotations

import csv
import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

COUNT: Final = 300

_SEED: Final = 20250601
_BASE: Final = datetime(2025, 6, 1, tzinfo=timezone(timedelta(hours=8)))
_DAYS: Final = 365
_UNANSWERED_SHARE: Final = 0.08
_NO_AREA_SHARE: Final = 0.06
_AREAS: Final = ("东苑", "西苑", "南里", "北里", "河畔", "老街", "花园里", "Garden Court")


@dataclass(frozen=True, slots=True)
class _Theme:
    """A category, what residents say in it, and about how many days an answer takes."""

    category: str
    second: str
    third: str
    subjects: tuple[str, ...]
    days: float


_THEMES: Final = (
    _Theme(
        "环境卫生",
        "垃圾清运",
        "垃圾分类",
        (
            "楼下垃圾分类桶满了两天没有清运",
            "建议在凉亭旁增设垃圾分类投放点",
            "Garden Court 的垃圾清运能不能改在早上？",
        ),
        3.0,
    ),
    _Theme(
        "环境卫生",
        "绿化养护",
        "树木修剪",
        ("行道树太密挡住路灯，希望安排树木修剪", "请问今年树木修剪什么时候到我们这一排？"),
        9.0,
    ),
    _Theme(
        "公共设施",
        "照明设施",
        "路灯维修",
        ("地下通道的路灯维修报了一周还没有人来", "建议路灯维修后把灯换成暖色的"),
        4.0,
    ),
    _Theme(
        "公共设施",
        "电梯设施",
        "电梯故障",
        (
            "三号楼电梯故障，老人上下楼不方便",
            "投诉电梯故障反复出现，修好三天又停",
            "The lift in block 3 stops again: 电梯故障, please look at it",
        ),
        6.0,
    ),
    _Theme(
        "停车出行",
        "车辆停放",
        "乱停车",
        ("消防通道有人乱停车，夜里特别严重", "投诉商铺门口乱停车堵住盲道"),
        7.0,
    ),
    _Theme(
        "停车出行",
        "电动车",
        "充电桩",
        ("建议在车棚加装充电桩", "请问充电桩的收费标准是多少？"),
        21.0,
    ),
    _Theme(
        "噪声扰民",
        "生活噪声",
        "广场舞",
        ("晚上九点以后广场舞音量太大", "建议和广场舞队商量一个结束的时间"),
        5.0,
    ),
    _Theme(
        "噪声扰民",
        "施工噪声",
        "装修噪音",
        ("午休时间楼上装修噪音不断", "投诉周末清早的装修噪音"),
        2.0,
    ),
    _Theme(
        "养老服务",
        "助餐服务",
        "老年食堂",
        ("咨询老年食堂怎么办卡", "老年食堂的菜能不能再软一些？"),
        8.0,
    ),
    _Theme(
        "养老服务",
        "健康服务",
        "义诊",
        ("请问下个月的义诊在哪一天？", "建议义诊增加测听力的项目"),
        4.0,
    ),
    _Theme(
        "文体活动",
        "活动场地",
        "活动室",
        ("咨询活动室周末是否开放", "活动室的空调坏了，下棋的人都走了"),
        6.0,
    ),
    _Theme(
        "",
        "",
        "",
        (
            "邻居家的鸽子总落在我家阳台",
            "想找人一起修理小时候的收音机",
            "A lost key with a blue ribbon was found near the gate",
        ),
        10.0,
    ),
)
_OPENINGS: Final = ("您好，", "社区的同志好，", "Hello, ", "我是住在这里的居民，", "打扰了，")
_DETAILS: Final = (
    "已经有好几天了。",
    "邻居们也都在说这件事。",
    "白天和晚上都一样。",
    "We have waited for some days now.",
    "家里有老人和孩子，比较着急。",
    "上个月也遇到过一次。",
)
_CLOSINGS: Final = ("麻烦看一下，谢谢！", "希望能给一个答复。", "Thank you for your help.")
_REPLIES: Final = (
    "您好，已经安排人员到现场查看，今天处理完毕。",
    "感谢您的建议，已列入本月的工作安排。",
    "Thank you: we have looked at it together with the unit in charge, and it is being done.",
    "您好，相关安排会张贴在楼道公告栏，也可以到服务大厅查询。",
    "已和有关单位协商，双方同意按约定的时间执行。",
)


def write_made_up(folder: Path) -> tuple[Path, Path]:
    """Write `messages.ndjson` and `categories.csv` into a folder; give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    messages, categories = folder / "messages.ndjson", folder / "categories.csv"
    lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in made_up_messages()]
    messages.write_text("".join(lines), encoding="utf-8")
    with categories.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("level1", "level2", "level3"))
        writer.writerows((t.category, t.second, t.third) for t in _THEMES if t.category)
    return messages, categories


def made_up_messages() -> list[dict[str, Any]]:
    """Give the messages, the earliest first."""
    source = random.Random(_SEED)  # noqa: S311 - the same every time is the point
    minutes = sorted(source.sample(range(_DAYS * 24 * 60), COUNT))
    start = _BASE - timedelta(days=_DAYS)
    return [
        _message(source, number, start + timedelta(minutes=minute))
        for number, minute in enumerate(minutes, 1)
    ]


def _message(source: random.Random, number: int, submitted_at: datetime) -> dict[str, Any]:
    theme = source.choice(_THEMES)
    text = source.choice(_OPENINGS) + source.choice(theme.subjects) + "。"
    text += "".join(source.sample(_DETAILS, 2)) + source.choice(_CLOSINGS)
    replied_at = submitted_at + timedelta(
        minutes=int(source.gammavariate(1.6, theme.days / 1.6) * 24 * 60) + 30
    )
    answered = source.random() >= _UNANSWERED_SHARE and replied_at < _BASE
    return {
        "id": f"m{number:04d}",
        "user": f"R{source.randrange(1, 181):05d}",
        "area": None if source.random() < _NO_AREA_SHARE else source.choice(_AREAS),
        "subject": source.choice(theme.subjects),
        "submitted_at": submitted_at.isoformat(),
        "text": text,
        "reply": source.choice(_REPLIES) if answered else None,
        "replied_at": replied_at.isoformat() if answered else None,
    }
