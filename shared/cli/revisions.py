"""`revisions.lock`: what each state and table of a service was made by, when its revision was set.

`python -m shared.cli.revisions` writes it; an architecture test compares it with the code. Stored
states and built tables carry the revision they were made under, so a fold that changes under an
unchanged revision would mix two meanings in one table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from services.deliberation.app import SERVICE as DELIBERATION
from services.wishes.app import SERVICE as WISHES
from shared.decider import View
from shared.kit.fingerprint import fingerprint
from shared.kit.service import Service

LOCK: Final = Path(__file__).parents[2] / "revisions.lock"
_SERVICES: Final = (DELIBERATION, WISHES)
_WRITE: Final = "run `make revisions` and commit revisions.lock"


@dataclass(frozen=True, slots=True)
class Entry:
    """A state or table: its revision, the hash of what makes it, and why changes were equal.

    `accepted` holds the reasons for which other hashes were taken for the same revision.
    """

    revision: int
    hash: str
    accepted: tuple[str, ...] = ()


Entries = Mapping[str, Entry]


def entries_of(services: Sequence[Service] = _SERVICES) -> dict[str, Entry]:
    """Give what the code makes now, by `<service>:<kind>:<name>`."""
    return {name: entry for service in services for name, entry in _entries(service)}


def read(path: Path = LOCK) -> dict[str, Entry]:
    """Read the lock; nothing where there is none."""
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Entry(entry["revision"], entry["hash"], tuple(entry.get("accepted", ())))
        for name, entry in content.items()
    }


def write(entries: Entries, path: Path = LOCK) -> None:
    """Write the lock, sorted, one entry a line, so that a change of one is a line of a diff."""
    lines = [
        f"  {json.dumps(name)}: {json.dumps(_plain(entry), ensure_ascii=False)}"
        for name, entry in sorted(entries.items())
    ]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def changed(lock: Entries, now: Entries) -> dict[str, str]:
    """Name what changed under an unchanged revision, or has a lower one; and what to do."""
    found: dict[str, str] = {}
    for name, entry in now.items():
        locked = lock.get(name)
        if locked is None or entry.revision > locked.revision:
            continue
        if entry.revision < locked.revision:
            found[name] = f"revision {entry.revision} is below {locked.revision}: raise it"
        elif entry.hash != locked.hash:
            found[name] = (
                f"what it does changed under revision {entry.revision}: raise the revision, or say"
                f' why it is the same: make revisions ACCEPT="{name}: reason"'
            )
    return found


def stale(lock: Entries, now: Entries) -> dict[str, str]:
    """Name everything in which the lock is not what the code says, and what to do."""
    found = changed(lock, now)
    for name in sorted(now.keys() - lock.keys()):
        found[name] = f"is new: {_WRITE}"
    for name in sorted(lock.keys() - now.keys()):
        found[name] = f"is gone: {_WRITE}"
    for name in sorted(lock.keys() & now.keys() - found.keys()):
        if now[name].revision != lock[name].revision:
            found[name] = f"its revision was raised: {_WRITE}"
    return found


def renewed(lock: Entries, now: Entries, reasons: Mapping[str, str]) -> dict[str, Entry]:
    """Give the next lock; raise ValueError when a change has no reason, or a reason no change."""
    found = changed(lock, now)
    left = {name: text for name, text in found.items() if name not in reasons}
    if left:
        raise ValueError("\n".join(f"{name}: {text}" for name, text in left.items()))
    if idle := reasons.keys() - found.keys():
        raise ValueError(f"nothing changed to accept: {', '.join(sorted(idle))}")
    return {name: _next(lock.get(name), entry, reasons.get(name)) for name, entry in now.items()}


def main(argv: Sequence[str] | None = None, path: Path = LOCK) -> int:
    """Write the lock; give the exit code."""
    parser = argparse.ArgumentParser(prog="make revisions", description=__doc__)
    parser.add_argument("--accept", action="append", default=[], metavar="NAME: REASON")
    arguments = parser.parse_args(argv)
    reasons: dict[str, str] = {}
    for text in arguments.accept:
        name, colon, reason = text.partition(": ")
        if not (colon and reason.strip()):
            parser.error(f"not `name: reason`: {text}")
        reasons[name] = reason.strip()
    lock = read(path)
    try:
        entries = renewed(lock, entries_of(), reasons)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    write(entries, path)
    for name in sorted(name for name in entries if entries[name] != lock.get(name)):
        print(f"{name}: revision {entries[name].revision}")
    return 0


def _entries(service: Service) -> Iterator[tuple[str, Entry]]:
    views: dict[str, tuple[View[Any], Any]] = {
        view.name: (view, None) for view in service.heard_views
    }
    for decider in service.deciders:
        # An aggregate's timers are stored with its state: what names them changes with it.
        due = decider.timers.due if decider.timers is not None else None
        views[decider.view.name] = (decider.view, due)
    for view, due in views.values():
        makes = (view.evolve, view.key_of, view.state, view.initial, due)
        yield f"{service.name}:view:{view.name}", Entry(view.revision, fingerprint(*makes))
    for model in service.read_models:
        folds = (model.keys, model.fold, model.row, model.key, model.events)
        yield f"{service.name}:model:{model.name}", Entry(model.revision, fingerprint(*folds))


def _next(locked: Entry | None, entry: Entry, reason: str | None) -> Entry:
    if locked is None or locked.revision != entry.revision:
        return entry
    accepted = (*locked.accepted, reason) if reason else locked.accepted
    return Entry(entry.revision, entry.hash, accepted)


def _plain(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value}


if __name__ == "__main__":
    sys.exit(main())
