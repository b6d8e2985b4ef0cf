"""The tutorial is true: done as it says, its feature works and touches no more than it says."""

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/tutorials/first-feature.md"
BLOCK = re.compile(r"(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOLDER = "services/wishes/thanks/"
APP = "services/wishes/app.py"
CONTRACT = "shared/contracts/wishes/thanks.py"
GENERATED = ("revisions.lock", "docs/reference/permissions.md", "shared/contracts/schemas/")
TESTS = ("tests/unit/wishes/thanks/", "tests/acceptance/test_thanks.py", "tests/contract/samples/")
# The tests of the rest were run here, or will be; what one feature can break is enough.
QUICK = (
    "QUICK_TESTS=tests/unit/wishes/thanks tests/unit/authority tests/contract tests/architecture"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of the page; `path` is the file it is, empty for commands."""

    path: str
    kind: str
    text: str


@pytest.mark.timeout(1200)
def test_the_tutorial_s_feature_works_and_touches_one_line_outside_its_folder(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "cogov"
    _copy(copy)
    began = time.monotonic()
    for block in _blocks():
        match block:
            case Block(kind="sh"):
                for command in block.text.splitlines():
                    log.info("$ %s\n%s", command, _run(copy, command, tmp_path))
            case Block(kind="diff"):
                _patch(copy / block.path, block.text)
            case _:
                path = copy / block.path
                path.parent.mkdir(parents=True, exist_ok=True)
                assert not path.exists(), f"{block.path} is there already"
                path.write_text(block.text, encoding="utf-8")

    changed = _numstat(copy)
    log.info("the page's feature took %.0f s", time.monotonic() - began)
    outside = {path: lines for path, lines in changed.items() if not path.startswith(FOLDER)}
    assert outside.pop(APP) == (1, 0)
    assert outside.pop(CONTRACT)[1] == 0
    assert [path for path in outside if not path.startswith((*TESTS, *GENERATED))] == []
    assert sum(path.startswith(FOLDER) for path in changed) == 5


def _copy(copy: Path) -> None:
    """Copy what is tracked or new, with its times: an older lock makes no new environment."""
    listed = _git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / ".venv").symlink_to(sys.prefix)
    _git(copy, "init", "--quiet")
    (copy / ".git/info/exclude").write_text("/.venv\n", encoding="utf-8")
    _git(copy, "add", "--all")
    author = ("-c", "user.name=Reader", "-c", "user.email=reader@example.org")
    _git(copy, *author, "commit", "--quiet", "--no-verify", "--message", "Before.")


def _blocks() -> Iterator[Block]:
    for path, kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        assert bool(path) == (kind != "sh"), f"a block of {kind} names {path or 'no file'}"
        yield Block(path, kind, text)


def _run(copy: Path, command: str, tmp_path: Path) -> str:
    """Run a command of the page; give what it printed."""
    words = command.split()
    if words[0] == "make":
        words += [f"ARGS=--basetemp={tmp_path}/inner", QUICK]
    # What pytest, make and git say of the outer run is not the inner run's.
    hidden = ("PYTEST_", "MAKE", "MFLAGS", "GIT_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(hidden)}
    done = subprocess.run(
        words,
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}"
    return done.stdout


def _patch(path: Path, text: str) -> None:
    """Apply a diff without line numbers: its context stands in the file once."""
    lines = text.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    after = "".join(line[1:] for line in lines if not line.startswith("-"))
    whole = path.read_text(encoding="utf-8")
    assert whole.count(before) == 1, f"{path.name} has not these lines once:\n{before}"
    path.write_text(whole.replace(before, after), encoding="utf-8")


def _numstat(copy: Path) -> dict[str, tuple[int, int]]:
    """Give the lines added and deleted in each file."""
    rows = [line.split("\t") for line in _git(copy, "diff", "--cached", "--numstat").splitlines()]
    return {path: (int(added), int(deleted)) for added, deleted, path in rows}


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout
