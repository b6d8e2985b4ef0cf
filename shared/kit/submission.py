"""What goes into the writer's queue and what comes out: a submission and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from shared.decider import Command, Due
from shared.kit.identity.ids import identity_id
from shared.kit.ports import Claim, Secret


@dataclass(frozen=True, slots=True)
class Caller:
    """The proven identity behind a token: who says so (issuer) and who it is (subject)."""

    issuer: str
    subject: str

    @property
    def identity(self) -> UUID:
        """Give the id of this login, uuid5(issuer, subject): what the directory links."""
        return identity_id(self.issuer, self.subject)


class Submission(msgspec.Struct, frozen=True):
    """A command on its way to the writer, its personal texts already sealed.

    `fingerprint` is an HMAC over the client's canonical request alone; `expected_version` is the
    If-Match of the command's target stream; `occurred_at` null: live, it happens when decided.
    `caller` null: a rule or an operator's bootstrap, which needs no grant; `actor` then names it.
    `claims` are made only if the command writes events, as its `secrets` are stored.
    `timer`: the command is this timer's end. `hops` counts the rules between it and a person.
    """

    command_id: UUID
    fingerprint: bytes
    scope: str
    command: Command
    caller: Caller | None
    correlation_id: UUID
    channel: str = "app"
    on_behalf_of: str = ""
    occurred_at: datetime | None = None
    expected_version: int | None = None
    secrets: tuple[Secret, ...] = ()
    claims: tuple[Claim, ...] = ()
    causation_id: UUID | None = None
    traceparent: str = ""
    actor: str = ""
    timer: Due | None = None
    hops: int = 0

    @property
    def identity(self) -> UUID:
        """Give the caller's login identity; there must be one."""
        if self.caller is None:
            message = "a rule's submission has no identity"
            raise LookupError(message)
        return self.caller.identity


class Accepted(msgspec.Struct, frozen=True, tag=True):
    """The command's events are in the log (or it was already so: `events` is 0).

    `version` is the target stream's version after it, `position` that of its last event (of the
    log's head when there was none), `replayed`: the stored answer of an earlier request.
    """

    stream: str
    version: int
    events: int
    epoch: int
    position: int
    scope: str
    replayed: bool = False


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """A rule said no; `kind` is a RefusalKind value, `details` are public."""

    code: str
    kind: str
    text: str
    details: dict[str, Any]
    epoch: int
    position: int
    replayed: bool = False


class Unavailable(msgspec.Struct, frozen=True, tag=True):
    """Nothing is known to be stored; the same request may be sent again after `retry_after_s`."""

    code: str
    text: str
    retry_after_s: int = 1


class Fault(msgspec.Struct, frozen=True, tag=True):
    """A bug or content the log cannot hold; `status` 500 or 422; nothing was stored."""

    code: str
    text: str
    status: int = 500


class KeyReused(msgspec.Struct, frozen=True, tag=True):
    """The Idempotency-Key was used before with another content (422)."""


Answer = Accepted | Refusal | Unavailable | Fault | KeyReused
