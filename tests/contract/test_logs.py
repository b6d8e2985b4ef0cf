"""The names in the log are a contract with whoever searches it: each is listed, in one form."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.kit.observability.log_events import LOG_EVENTS
from shared.kit.observability.reference import LOGS_PAGE, logs_page

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
IRREGULAR = {
    "broken",
    "built",
    "done",
    "lost",
    "overtaken",
    "rebuilt",
    "redriven",
    "stuck",
    "taken",
}


def logged(source: str) -> Iterator[str]:
    """Give the first argument of each call on a logger of ours: a name, or code that is none."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="_log" | "log"), attr=level)):
                if level in LEVELS:
                    yield _name(node.args[0])
            case _:
                pass


def _name(argument: ast.expr) -> str:
    match argument:
        case ast.Constant(value=str(text)):
            return text.partition(" ")[0]
        case _:
            return ast.unparse(argument)


def in_the_code() -> set[str]:
    folders = (ROOT / "shared", ROOT / "services")
    sources = [path.read_text(encoding="utf-8") for f in folders for path in f.rglob("*.py")]
    return {name for source in sources for name in logged(source)}


def test_names_are_found_in_code() -> None:
    source = """
_log.info("lease.taken", role="write")
log.warning("folder.opened path=%s", path)
_log.error(f"made.{up}")
_log.append(3)
"""
    assert list(logged(source)) == ["lease.taken", "folder.opened", "f'made.{up}'"]


def test_every_name_is_listed_and_every_listed_name_is_used() -> None:
    code = in_the_code()

    assert code - LOG_EVENTS.keys() == set(), "list it in shared/kit/observability/log_events.py"
    assert LOG_EVENTS.keys() - code == set()


@pytest.mark.parametrize("name", sorted(LOG_EVENTS))
def test_a_name_is_an_area_and_what_happened(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", name)
    last = re.split(r"[._]", name)[-1]
    assert last.endswith("ed") or last in IRREGULAR
    assert LOG_EVENTS[name].endswith(".")


def test_the_page_says_what_is_listed() -> None:
    assert LOGS_PAGE.read_text(encoding="utf-8") == logs_page(), "run `make docs`"
