"""`cogov demo` as a visitor meets it: its end, its second run, its commands, and Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
COGOV = [sys.executable, "-m", "shared.cli"]
TIMEOUT_S = 150
STOP_TIMEOUT_S = 45

pytestmark = pytest.mark.timeout(240)


@dataclass
class Demo:
    """A demo in a process of its own; what it says goes to a file, so that no pipe can fill."""

    process: subprocess.Popen[bytes]
    out: Path
    site: Path

    def said(self) -> str:
        return self.out.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, f"never said {text!r}: {self.said()}"
            time.sleep(0.05)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=STOP_TIMEOUT_S)


@contextmanager
def demo(site: Path, *arguments: str) -> Generator[Demo]:
    out = site.with_suffix(".out")
    with out.open("wb") as file:
        process = subprocess.Popen(
            [*COGOV, "demo", "--site", str(site), *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,  # a Ctrl-C in the test's terminal is not this one's
        )
    try:
        yield Demo(process, out, site)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=STOP_TIMEOUT_S)


def processes_of(site: Path) -> list[str]:
    """Give what runs with this folder: servers by their arguments, services by their settings."""
    found: list[str] = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            words = [*process.cmdline(), *process.environ().values()]
            status = process.status()
        except psutil.Error:
            continue
        if status != psutil.STATUS_ZOMBIE and any(str(site / "") in f"{w}/" for w in words):
            found.append(" ".join(process.cmdline()))
    return found


def cogov(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COGOV, *arguments, "--site", str(site)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold one site for the tests of this module, which run in their order: the later ones find
    what the first one left."""
    return tmp_path_factory.mktemp("demo")


def test_a_demo_that_runs_once_shows_everything_and_ends_well(folder: Path) -> None:
    site = folder / "site"
    with demo(site, "--once") as run:
        assert run.process.wait(timeout=TIMEOUT_S) == 0, run.said()
        said = run.said()
    for expected in (
        "300 messages in",
        "wishes: days to answer",
        "first quartile",
        "wishes: busiest areas",
        "deliberation: the council's agenda",
        "cogov.wishes.v1",
        "verify: clean",
    ):
        assert expected in said
    assert re.search(r"received +300\b", said)
    assert re.search(r"heard +300\b", said)
    assert re.search(r"solved +n/a, 0 asked", said)
    assert "nothing changed" not in said
    assert processes_of(site) == []


def test_the_second_run_changes_nothing_and_its_commands_work(folder: Path) -> None:
    site = folder / "site"
    with demo(site) as run:
        run.wait_for("up until Ctrl-C")
        assert "nothing changed: all " in run.said()
        assert "the directory and the policies were there already, too" in run.said()
        answers = [
            subprocess.run(
                ["bash", "-c", line], capture_output=True, text=True, timeout=30, check=True
            ).stdout
            for line in run.said().splitlines()
            if line.startswith("curl ")
        ]
        figures, agenda, created = (json.loads(answer) for answer in answers)
        assert figures["received"] == 300
        assert len(agenda["items"]) == 3
        assert created["version"] == 1
        check_operators_commands(site)
        check_lineage(site, created["id"])
        assert run.interrupt() == 0
    assert processes_of(site) == []


def check_operators_commands(site: Path) -> None:
    verified = cogov(site, "verify", "--json")
    assert verified.returncode == 0, verified.stderr
    findings = json.loads(verified.stdout)
    assert {"invariant", "checked", "violations"} <= set(findings[0])
    assert [finding for finding in findings if finding["violations"]] == []
    lag = json.loads(cogov(site, "lag", "--json").stdout)
    assert {(each["service"], each["what"]) for each in lag} >= {
        ("wishes", "relay"),
        ("deliberation", "hearing cogov.wishes.v1"),
    }
    assert json.loads(cogov(site, "dead-letters", "list", "--json").stdout) == []
    topics = json.loads(cogov(site, "topics", "describe", "--json").stdout)
    assert [topic["partitions"] for topic in topics] == [topic["declared"] for topic in topics]
    assert cogov(site, "topics", "create").stdout == "nothing changed\n"
    assert cogov(site, "token", "somebody").stdout.count(".") == 2
    again = cogov(site, "bootstrap", "--issuer", "x", "--subject", "other")
    assert again.returncode == 1
    assert again.stderr.startswith("cogov: already_bootstrapped")


def check_lineage(site: Path, request: str) -> None:
    tail = cogov(site, "events", "tail", "wishes", "--last", "1000")
    events = [json.loads(line) for line in tail.stdout.splitlines()]
    (received,) = [event for event in events if event["stream"].endswith(request)]
    assert received["type"] == "cogov.wishes.request_received.v1"
    assert "reading room" not in tail.stdout
    shown = json.loads(cogov(site, "events", "show", received["event_id"]).stdout)
    assert shown["wishes"]["position"] == received["position"]
    assert "1 events" in cogov(site, "events", "lineage", received["event_id"]).stdout


def test_broken_lines_are_named_and_decide_the_exit_code(folder: Path) -> None:
    site = folder / "site"
    made = site / "made-up"
    broken = folder / "broken.ndjson"
    text = (made / "messages.ndjson").read_text(encoding="utf-8")
    broken.write_text(text + '{"id": "half\n', encoding="utf-8")
    with demo(
        site, "--once", "--input", str(broken), "--categories", str(made / "categories.csv")
    ) as run:
        assert run.process.wait(timeout=TIMEOUT_S) == 3, run.said()
    assert f"{broken}:301: " in run.said()
    assert "nothing changed" in run.said()


@pytest.mark.parametrize(
    "moment",
    [
        "starting PostgreSQL and Kafka",
        "preparing databases and topics",
        "starting the services",
        "entering",
    ],
)
def test_ctrl_c_in_the_middle_leaves_nothing_running(tmp_path: Path, moment: str) -> None:
    site = tmp_path / "site"
    with demo(site) as run:
        run.wait_for(moment)
        assert run.interrupt() == 130, run.said()
        assert "Traceback" not in run.said()
    assert processes_of(site) == []


def test_a_second_demo_in_the_same_folder_says_who_has_it(tmp_path: Path) -> None:
    site = tmp_path / "site"
    with demo(site) as first:
        first.wait_for("preparing")
        second = cogov(site, "demo", "--once")
        assert second.returncode == 1
        assert "Cogov already runs in" in second.stderr
        assert second.stderr.count("\n") == 1
        assert first.interrupt() == 130


def test_what_a_killed_demo_left_behind_is_ended_by_the_next(tmp_path: Path) -> None:
    site = tmp_path / "site"
    with demo(site) as killed:
        killed.wait_for("entering")
        killed.process.kill()
        killed.process.wait(timeout=STOP_TIMEOUT_S)
        assert len(processes_of(site)) >= 6
    with demo(site, "--once") as run:
        assert run.process.wait(timeout=TIMEOUT_S) == 0, run.said()
    assert "verify: clean" in run.said()
    assert processes_of(site) == []


def test_an_input_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    done = cogov(tmp_path / "site", "demo", "--input", str(tmp_path / "none.ndjson"))
    assert done.returncode == 2
    assert done.stderr.startswith("cogov: Invalid value for '--input'")
    assert not (tmp_path / "site").exists()
