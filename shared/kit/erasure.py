"""Erasing persons: what is left to do once their rows went with the append (ADR 11).

The append of the erasing event deletes the rows of the vault. An effect then deletes the files,
lets go of the claims, and destroys the keys: with a key go its rows of the search index, and
whatever a backup still has of the texts. All of it can be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

import asyncpg
import structlog

from shared.contracts.envelope import Event
from shared.decider import Fact
from shared.kit.attachments import Attachments, AttachmentsUnavailable
from shared.kit.postgres.faults import STORAGE_FAULTS
from shared.kit.postgres.log import PostgresLog
from shared.kit.rules.sinks import SinkUnavailableError
from shared.kit.vault import Vault, VaultUnavailable
from shared.kit.views import Views
from shared.rules import Outcome, Outside

_log: Final = structlog.get_logger()

SINK: Final = "vault"
# Which events erase, and whom.
Erases = Mapping[type[Event], Callable[[Any], Sequence[UUID]]]

_KIND: Final = "erase"
# The log's clock and the keys' clock are two: rather a key too many than one that stays.
_SLACK: Final = timedelta(minutes=5)
_RELEASE: Final[LiteralString] = "DELETE FROM kit.claim AS c WHERE c.holder = ANY ($1::text[])"
_DELETE: Final[LiteralString] = """
DELETE FROM kit.vault AS v WHERE v.subject = ANY ($1::uuid[]) AND v.position <= $2
"""


def erasing(fact: Fact, subjects: Sequence[UUID]) -> Outside:
    """Ask the sink `vault` to erase these persons, as of the fact."""
    body = {"subjects": [str(one) for one in subjects], "at": fact.at.isoformat()}
    return Outside(kind=_KIND, to=SINK, scope=fact.scope, body=body)


class Eraser:
    """Ends what one service keeps of a person outside its log; as a sink, for effects."""

    def __init__(self, pool: asyncpg.Pool, vault: Vault, attachments: Attachments) -> None:
        self._pool = pool
        self._vault = vault
        self._attachments = attachments

    async def erase(self, subjects: Sequence[UUID], at: datetime) -> int:
        """Delete files, let go of claims, destroy the keys made before; give how many these were.

        The keys come last, so that what failed half-way is known as not done. Raises
        AttachmentsUnavailable, VaultUnavailable and the faults of storage.
        """
        await self._attachments.erase(subjects)
        await self._pool.execute(_RELEASE, [str(one) for one in subjects])
        destroyed = await self._vault.destroy(subjects, at + _SLACK)
        _log.info("erasure.done", subjects=len(subjects), keys=destroyed)
        return destroyed

    async def send(self, key: UUID, outside: Outside) -> Outcome:
        """Erase whom an effect names."""
        del key  # done again, it finds nothing
        subjects = [UUID(one) for one in outside.body["subjects"]]
        try:
            await self.erase(subjects, datetime.fromisoformat(outside.body["at"]))
        except (AttachmentsUnavailable, VaultUnavailable, *STORAGE_FAULTS) as error:
            raise SinkUnavailableError(type(error).__name__) from error
        return Outcome(done=True)

    async def replay(self, views: Views, erases: Erases, *, page_events_max: int = 500) -> int:
        """Erase again whoever the log says is erased, after a restore; give how many events did.

        Rows that a backup brought back and the log has as erased are deleted; what was appended
        after the erasure stays.
        """
        log = PostgresLog(self._pool)
        types = {event.type_name(): subjects for event, subjects in erases.items()}
        after, replayed = 0, 0
        while events := await log.read(after, page_events_max):
            for stored in events:
                subjects_of = types.get(stored.type)
                if subjects_of is None or stored.source is not None:
                    continue
                subjects = list(subjects_of(views.fact(stored).event))
                await self._pool.execute(_DELETE, subjects, stored.position)
                await self.erase(subjects, stored.at)
                replayed += 1
            after = events[-1].position
        return replayed
