"""The invariants of a site, each as a function over its services."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final

import asyncpg

from shared.kit.bus import Bus, BusUnavailableError
from shared.kit.verify.derived import check_derived
from shared.kit.verify.findings import Check, Finding
from shared.kit.verify.hearing import check_hearing
from shared.kit.verify.letters import check_letters
from shared.kit.verify.liveness import check_liveness
from shared.kit.verify.positions import check_positions
from shared.kit.verify.receipts import check_receipts
from shared.kit.verify.site import Scene, ServiceUnderTest, VerifyLimits
from shared.kit.verify.topics import check_topics

INVARIANTS: Final[Mapping[str, Callable[[Scene, Check], Awaitable[None]]]] = {
    "I1": check_receipts,
    "I2": check_hearing,
    "I4": check_derived,
    "I5": check_positions,
    "I6": check_topics,
    "I8": check_letters,
    "I10": check_liveness,
}

_FAULTS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    BusUnavailableError,
    OSError,
    TimeoutError,
)


async def verify(
    sites: Sequence[ServiceUnderTest],
    bus: Bus,
    *,
    limits: VerifyLimits,
    only: Collection[str] = tuple(INVARIANTS),
) -> list[Finding]:
    """Check a live or restored site, reading only; give one finding an invariant, in their order.

    Each database is read in one snapshot an invariant, a hearer's before its source's, so a site
    may go on meanwhile. What cannot be checked is a violation. I10 needs a live site.
    """
    scene = Scene(sites, bus, limits)
    findings: list[Finding] = []
    for invariant, look in INVARIANTS.items():
        if invariant not in only:
            continue
        check = Check(invariant, notes_max=limits.notes_max)
        began = time.monotonic()
        try:
            await look(scene, check)
        except _FAULTS as error:
            check.violated("", f"could not be checked: {type(error).__name__}: {error}")
        findings.append(check.finding(time.monotonic() - began))
    return findings
