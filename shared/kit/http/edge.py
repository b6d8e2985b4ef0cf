"""What the HTTP edge of a service is given: its ports, its secrets and its limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from shared.kit.http.rates import Rates
from shared.kit.identity.tokens import TokenVerifier
from shared.kit.ports import Clock, Ids, Secret
from shared.kit.position import Position
from shared.kit.submission import Answer, Caller, Submission


class Sealer(Protocol):
    """The vault's side that commands use."""

    async def seal(
        self, subject: UUID, record: UUID, texts: Mapping[str, str]
    ) -> tuple[Secret, ...]:
        """Seal personal texts, by field, so that they can be queued and stored."""
        ...

    async def seal_all(
        self, records: Sequence[tuple[UUID, UUID, Mapping[str, str]]]
    ) -> tuple[Secret, ...]:
        """Seal the texts of many records, each as (subject, record, texts)."""
        ...

    def claim_digest(self, kind: str, value: str) -> bytes:
        """Give the keyed digest by which a value that only one may have is claimed."""
        ...

    def subject_id(self, kind: str, value: str) -> UUID:
        """Give the pseudonym of a person, stable in the whole district."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The edge's bounds; units are in the names."""

    body_bytes_max: int = 256 * 1024
    upload_bytes_max: int = 10 * 1024 * 1024  # a file, sent as the body
    uploads_in_flight_max: int = 4
    in_flight_max: int = 512
    answer_ms_max: int = 10_000  # a command's answer; later: 503, and the key makes a retry safe
    after_ms_max: int = 2_000  # how long a Cogov-After waits
    check_ms_max: int = 1_000  # one readiness check
    retry_after_s: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Everything the routes of one service call.

    `submit` hands a submission to the writer and gives its answer; it is cancelled when
    `limits.answer_ms_max` has passed. `authorise_read(action, scope, caller)` raises `Refused`, or
    gives the caller's resident id where it knows one. `wait_for` returns once this service has
    projected that far, or raises PositionInvalidError or `TokenVoid`; it is cancelled after
    `limits.after_ms_max`.
    """

    submit: Callable[[Submission], Awaitable[Answer]]
    authorise_read: Callable[[str, str, Caller], Awaitable[str | None]]
    wait_for: Callable[[Position], Awaitable[None]]
    tokens: TokenVerifier
    rates: Rates
    vault: Sealer
    ids: Ids
    clock: Clock
    fingerprint_secret: bytes
    limits: Limits
