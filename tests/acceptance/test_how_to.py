"""The commands of the how-to pages, done as they stand there.

`adopt-deadlines.md` is followed by test_deadlines.py. `run-with-compose.md` and
`connect-an-issuer.md` need an engine and an issuer: their commands are only read here.
"""

import asyncio
import json
import random
from pathlib import Path

from shared.cli.directory import ADMINISTRATOR, IMPORTER
from tests.acceptance.sample import TABLE, make
from tests.fixtures.ordeal import Ordeal
from tests.fixtures.pages import HOW_TO, commands_of, follow

MESSAGES = 12
FOLLOWED = {"adopt-deadlines.md", "adopt-recurrence-policy.md", "import-messages.md"}
ONLY_READ = {"connect-an-issuer.md", "run-with-compose.md"}


async def test_a_recurrence_policy_is_adopted_by_its_page(ordeal: Ordeal, tmp_path: Path) -> None:
    await ordeal.community("my-community")
    (tmp_path / "admin.token").write_text(ordeal.district.token(ADMINISTRATOR), encoding="utf-8")
    filled = {"http://127.0.0.1:8080": ordeal.district.url("wishes")}
    said = await asyncio.to_thread(follow, "adopt-recurrence-policy.md", tmp_path, filled)
    assert said == "adopted version 1\n"
    row = await ordeal.row(
        "wishes",
        "SELECT e.data FROM kit.event AS e WHERE e.stream = $1",
        "wishes/recurrence_policy/my-community",
    )
    assert json.loads(row["data"]) == {
        "version": 1,
        "effective_from": "2026-01-01",
        "times": 3,
        "window_days": 30,
    }


async def test_messages_are_imported_by_their_page(ordeal: Ordeal, tmp_path: Path) -> None:
    await ordeal.community("demo-community")
    source = random.Random(3)
    lines = [json.dumps(make(source, number)) + "\n" for number in range(MESSAGES)]
    (tmp_path / "messages.ndjson").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "categories.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "importer.token").write_text(ordeal.district.token(IMPORTER), encoding="utf-8")
    filled = {"http://127.0.0.1:8080": ordeal.district.url("wishes")}
    await asyncio.to_thread(follow, "import-messages.md", tmp_path, filled)
    received = await ordeal.row(
        "wishes",
        "SELECT count(*) AS events FROM kit.event AS e"
        " WHERE e.scope = 'demo-community' AND e.type = 'cogov.wishes.request_received.v1'",
    )
    assert received["events"] == MESSAGES


def test_every_page_with_commands_is_followed_or_says_why_not() -> None:
    pages = {page.name for page in HOW_TO.glob("*.md") if commands_of(page.name)}
    assert pages == FOLLOWED | ONLY_READ
