"""The first district administrator: written to an empty directory, so it works once.

There is nobody yet who could grant it, so it goes to the writer by the replicas' own door, with
the secret that they share; whoever has the service's settings may do it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final
from uuid import uuid5

import httpx

from services.deliberation.directory.domain import Bootstrap
from shared.cli.connections import connected
from shared.contracts.deliberation import node_stream
from shared.kit.forward import Door, SubmissionCodec
from shared.kit.identity.ids import identity_id
from shared.kit.ids import TimeOrderedIds
from shared.kit.lease import WRITE, Holding, who_holds
from shared.kit.settings import ServiceSettings
from shared.kit.submission import Accepted, Answer, Refusal, Submission

_TIMEOUT_S: Final = 30.0


class BootstrapFailedError(Exception):
    """The directory did not take the first administrator."""


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The administrator's resident id; `replayed`: it was so already."""

    resident: str
    replayed: bool


async def bootstrap(
    settings: ServiceSettings, *, issuer: str, subject: str, name: str
) -> Bootstrapped:
    """Begin the directory with this login as administrator; raise BootstrapFailedError."""
    identity = identity_id(issuer, subject)
    resident = uuid5(identity, "resident")
    district = settings.district
    asked = f"bootstrap:{district}:{name}"
    submission = Submission(
        command_id=uuid5(identity, asked),
        fingerprint=hashlib.sha256(f"{asked}:{identity}".encode()).digest(),
        scope=district,
        command=Bootstrap(
            district=district,
            name=name,
            identity=str(identity),
            resident=str(resident),
            grant_id=str(uuid5(identity, asked + ":grant")),
        ),
        caller=None,
        correlation_id=TimeOrderedIds().new(),
        channel="operator",
    )
    match await _submit(settings, submission):
        case Accepted(replayed=replayed, events=events):
            return Bootstrapped(str(resident), replayed or events == 0)
        case Refusal() as refusal:
            raise BootstrapFailedError(f"{refusal.code}: {refusal.text} ({node_stream(district)})")
        case other:
            raise BootstrapFailedError(f"the writer did not take it: {other}")


async def _submit(settings: ServiceSettings, submission: Submission) -> Answer:
    async with (
        connected(settings) as connection,
        httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client,
    ):

        async def who_leads() -> Holding | None:
            return await who_holds(connection, WRITE)

        door = Door(
            codec=SubmissionCodec((Bootstrap,)),
            who_leads=who_leads,
            client=client,
            secret=settings.internal_secret.get_secret_value(),
            deadline_s=_TIMEOUT_S,
        )
        return await door.submit(submission)
