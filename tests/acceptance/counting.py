"""The figures of a file of messages by other means: plain Python over the file, by the rules of
docs/how-to/import-messages.md, with no code of the project."""

import csv
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

FIELDS = {"id", "user", "area", "subject", "submitted_at", "text", "reply", "replied_at"}
NULLABLE = {"area", "reply", "replied_at"}
BANDS_DAYS = (7, 15, 30, 90, 365)
SEPARATORS = (
    r"[、\N{FULLWIDTH COMMA},\N{FULLWIDTH LEFT PARENTHESIS}\N{FULLWIDTH RIGHT PARENTHESIS}()"
    r"和及与/\s]"
)
CHINA = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Counted:
    """What a community's figures must be."""

    messages: int
    answered: int
    undated: int
    seconds: list[int]
    requests: Counter[tuple[str, str, str, str]]
    agenda: dict[tuple[str, str, str], tuple[int, int]]
    units: Counter[str]

    def quartile(self, share: float) -> int:
        """The smallest value that at least this share of all do not exceed."""
        return self.seconds[max(math.ceil(share * len(self.seconds)) - 1, 0)]

    def band(self, after_days: int, upto_days: int | None) -> int:
        upper = math.inf if upto_days is None else upto_days * 86400
        return sum(after_days * 86400 < s <= upper or (s == 0 == after_days) for s in self.seconds)

    def bands(self) -> list[int]:
        edges = (0, *BANDS_DAYS)
        return [self.band(a, b) for a, b in zip(edges, (*BANDS_DAYS, None), strict=True)]

    def busiest(self, part: int) -> list[tuple[str, int]]:
        counts: Counter[str] = Counter()
        for request, number in self.requests.items():
            counts[request[part]] += number
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]


def count(messages: Path, categories: Path) -> Counted:
    """Count the good lines of a file."""
    rule = Rule(categories)
    seconds: list[int] = []
    requests: Counter[tuple[str, str, str, str]] = Counter()
    agenda: dict[tuple[str, str, str], tuple[int, int]] = {}
    units: Counter[str] = Counter()
    answered = undated = 0
    good = good_messages(messages)
    for each in good:
        category = rule.category(each["subject"], each["text"])
        area = each["area"] or "unknown"
        submitted = datetime.fromisoformat(each["submitted_at"])
        has_reply = each["reply"] is not None
        answered += has_reply
        if has_reply and each["replied_at"] is None:
            undated += 1
        elif has_reply:
            seconds.append(
                int((datetime.fromisoformat(each["replied_at"]) - submitted).total_seconds())
            )
        state = "answered" if has_reply else "dispatched"
        requests[kind(each["subject"]), category, area, state] += 1
        group = (submitted.astimezone(CHINA).strftime("%Y-%m"), area, category)
        matters, of_them_answered = agenda.get(group, (0, 0))
        agenda[group] = (matters + 1, of_them_answered + has_reply)
        units[rule.units.get(category, "community-desk")] += 1
    return Counted(len(good), answered, undated, sorted(seconds), requests, agenda, units)


def good_messages(path: Path) -> list[dict[str, Any]]:
    """Read the lines that are messages; of equal ids the first."""
    found: dict[str, dict[str, Any]] = {}
    for raw in path.read_bytes().splitlines():
        try:
            each = json.loads(raw)
        except ValueError:
            continue
        if is_good(each):
            found.setdefault(each["id"], each)
    return list(found.values())


def is_good(each: Any) -> bool:
    if not isinstance(each, dict) or set(each) != FIELDS:
        return False
    given = {name: value for name, value in each.items() if value is not None}
    return (
        FIELDS - set(given) <= NULLABLE
        and all(isinstance(value, str) and value.strip() for value in given.values())
        and not any("\0" in value for value in given.values())
        and len(given["subject"]) <= 200
        and not ("replied_at" in given and "reply" not in given)
        and happened(given["submitted_at"], given.get("replied_at", given["submitted_at"]))
    )


def happened(submitted_at: str, replied_at: str) -> bool:
    try:
        times = [datetime.fromisoformat(text) for text in (submitted_at, replied_at)]
        return times[0] <= times[1] < datetime.now(CHINA)
    except (ValueError, TypeError):  # no date, or one without a zone
        return False


def kind(subject: str) -> str:
    if "咨询" in subject or subject.rstrip()[-1:] in {"?", "\N{FULLWIDTH QUESTION MARK}"}:
        return "enquiry"
    if re.search("投诉|举报|反对", subject):
        return "complaint"
    return "opinion" if "建议" in subject else "problem"


class Rule:
    """`keyword_weight_v1` over a table of categories."""

    def __init__(self, table: Path) -> None:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = [(r["level1"], (r["level2"], r["level3"])) for r in csv.DictReader(file)]
        self.names = list(dict.fromkeys(first for first, _ in rows))
        self.units = {name: f"unit-{n}" for n, name in enumerate(self.names, 1)}
        owners: dict[str, set[str]] = {}
        for first, others in rows:
            for name in others:
                for piece in pieces(name):
                    owners.setdefault(piece, set()).add(first)
        self.owner = {piece: min(who) for piece, who in owners.items() if len(who) == 1}

    def category(self, subject: str, text: str) -> str:
        weights = dict.fromkeys(self.names, 0)
        for piece, name in self.owner.items():
            weights[name] += len(piece) * (3 * subject.count(piece) + text.count(piece))
        best = max(weights.values())
        return (
            next(name for name in self.names if weights[name] == best) if best else "uncategorised"
        )


def pieces(name: str) -> list[str]:
    found: list[str] = []
    for part in re.split(SEPARATORS, name):
        if len(part) < 2 or part == "其他":
            continue
        found += [part] if part.isascii() else [part[i : i + 2] for i in range(len(part) - 1)]
    return found
