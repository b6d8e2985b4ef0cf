"""Versions of a policy: 1, 2, 3 … without a gap, each said once and for all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from shared.contracts.envelope import Event
from shared.decider import Refused


def is_new(
    known: Sequence[object],
    version: int,
    said: object,
    *,
    taken: type[Refused],
    skipped: type[Refused],
) -> bool:
    """Tell whether a version follows those that are known; one that says the same again does not.

    Raises `taken` where the version says something else already, `skipped` where it leaves a gap.
    """
    if 1 <= version <= len(known):
        if known[version - 1] != said:
            raise taken(version=version)
        return False
    if version != len(known) + 1:
        raise skipped(next=len(known) + 1)
    return True


def digest_of(event: Event) -> str:
    """Give what is kept of a version, to know it again."""
    return hashlib.sha256(event.model_dump_json().encode()).hexdigest()
