"""What the command line says: help on demand, one line when something is wrong."""

from pathlib import Path

import pytest

from shared.cli import main as command_line


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["cogov", *arguments])
    code = command_line.main()
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("demo", "--loud"),
        ("demo", "--input", "no-such-file"),
        ("demo", "--in-flight", "0"),
        ("serve", "ledger"),
        ("serve", "wishes", "--http-port", "many"),
        ("bootstrap", "--issuer", "x"),
        ("events", "show", "not-an-id"),
        ("events", "show", "wishes:x"),
        ("events", "lineage", "not-an-id"),
        ("verify", "--only", "I99"),
        ("token", "../administrator"),
        ("import", "messages"),
    ],
)
def test_wrong_arguments_are_said_in_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    code, out, err = run(capsys, monkeypatch, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("cogov: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [(), ("demo",), ("serve",), ("topics",), ("import", "messages"), ("events", "tail")],
)
def test_every_command_has_help(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    code, out, err = run(capsys, monkeypatch, *arguments, "--help")
    assert (code, err) == (0, "")
    assert "Usage:" in out


@pytest.mark.parametrize(
    "arguments", [("lag",), ("verify",), ("serve", "wishes"), ("events", "tail", "wishes")]
)
def test_settings_that_are_missing_are_named_in_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: tuple[str, ...],
) -> None:
    code, _, err = run(capsys, monkeypatch, *arguments, "--site", str(tmp_path))
    assert code == 1
    assert "_DATABASE_DSN (field required)" in err
    assert "no district has run" in err
    assert err.count("\n") == 1
