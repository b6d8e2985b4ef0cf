"""The lock of revisions: what it refuses, accepts and asks for."""

from dataclasses import replace
from pathlib import Path

import pytest

from shared.cli import revisions
from shared.cli.revisions import Entry, changed, entries_of, main, read, renewed, stale, write

NAME = "wishes:model:requests"
LOCK = {NAME: Entry(1, "a"), "wishes:view:wishes.request": Entry(3, "b")}


def test_an_equal_lock_asks_for_nothing() -> None:
    assert stale(LOCK, LOCK) == {}
    assert renewed(LOCK, LOCK, {}) == LOCK


def test_a_changed_hash_under_an_unchanged_revision_is_named_with_what_to_do() -> None:
    now = {**LOCK, NAME: Entry(1, "c")}
    (found,) = changed(LOCK, now).items()
    assert found[0] == NAME
    assert "raise the revision" in found[1]
    assert f'make revisions ACCEPT="{NAME}: reason"' in found[1]
    with pytest.raises(ValueError, match=f"{NAME}: what it does changed"):
        renewed(LOCK, now, {})


def test_a_reason_is_kept_until_the_revision_is_raised() -> None:
    accepted = renewed(LOCK, {**LOCK, NAME: Entry(1, "c")}, {NAME: "a rename"})
    assert accepted[NAME] == Entry(1, "c", ("a rename",))
    again = renewed(accepted, {**LOCK, NAME: Entry(1, "d")}, {NAME: "another"})
    assert again[NAME] == Entry(1, "d", ("a rename", "another"))
    assert stale(again, {**LOCK, NAME: Entry(1, "d")}) == {}
    assert renewed(again, {**LOCK, NAME: Entry(2, "d")}, {})[NAME] == Entry(2, "d")


def test_a_reason_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing changed to accept"):
        renewed(LOCK, LOCK, {NAME: "why not"})


def test_a_raised_revision_needs_no_reason_but_must_be_written_down() -> None:
    for hashed in ("a", "c"):
        now = {**LOCK, NAME: Entry(2, hashed)}
        assert changed(LOCK, now) == {}
        assert "its revision was raised" in stale(LOCK, now)[NAME]
        assert renewed(LOCK, now, {})[NAME] == Entry(2, hashed)


def test_a_lowered_revision_is_refused() -> None:
    now = {**LOCK, "wishes:view:wishes.request": Entry(2, "b")}
    assert "is below 3" in changed(LOCK, now)["wishes:view:wishes.request"]


def test_what_is_new_and_what_is_gone_must_be_written_down() -> None:
    now = {NAME: Entry(1, "a"), "wishes:model:others": Entry(1, "x")}
    found = stale(LOCK, now)
    assert found["wishes:model:others"].startswith("is new")
    assert found["wishes:view:wishes.request"].startswith("is gone")
    assert renewed(LOCK, now, {}) == now


def test_a_lock_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "revisions.lock"
    assert read(path) == {}
    written = {**LOCK, NAME: Entry(1, "c", ("因为 a rename",))}
    write(written, path)
    assert read(path) == written


def test_the_program_writes_refuses_and_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, now = tmp_path / "revisions.lock", dict(LOCK)
    monkeypatch.setattr(revisions, "entries_of", lambda: now)
    assert main([], path) == 0
    now[NAME] = replace(now[NAME], hash="c")
    assert main([], path) == 1
    assert "raise the revision" in capsys.readouterr().err
    assert read(path) == LOCK
    assert main(["--accept", f"{NAME}: a rename"], path) == 0
    assert read(path)[NAME].accepted == ("a rename",)
    with pytest.raises(SystemExit):
        main(["--accept", "no reason"], path)


def test_every_view_and_model_of_every_service_has_an_entry() -> None:
    names = entries_of().keys()
    assert {"wishes:model:requests", "deliberation:view:directory.record"} <= names
    assert {name.split(":")[1] for name in names} == {"model", "view"}
