"""The files of a request (X10): which there are, never what is in them.

The rules:

- A file can be attached to a request that was received, until it is returned or closed, and
  again once it is reopened.
- It is sealed as the requester's, whoever brings it, and is erased with the requester.
- A request has at most `EVIDENCE_MAX` files; a file attached again changes nothing.

The file itself is in the store before the command is given; the event says its hash there.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.authority import Allow
from shared.contracts.wishes import (
    EvidenceAttached,
    EvidencePurpose,
    RequestClosed,
    RequestReceived,
    RequestReopened,
    RequestReturned,
    evidence_stream,
    request_stream,
)
from shared.decider import (
    Asked,
    Command,
    Decider,
    Fact,
    Read,
    RefusalKind,
    Refused,
    State,
    States,
    To,
    View,
)

EVIDENCE_MAX = 20


class Files(State):
    """The hashes of a request's files."""

    sha256s: tuple[str, ...] = ()


class Matter(State):
    """What must be known of the request: whose it is, where, and whether it has come to its end."""

    requester: str = ""
    scope: str = ""
    ended: bool = False


class AttachEvidence(Command):
    """Add a file that is in the store, sealed as the requester's."""

    request: str
    requester: str
    sha256: str
    media_type: str
    size: int
    purpose: EvidencePurpose


class RequestNotFound(Refused):
    """There is no such request."""

    kind = RefusalKind.NOT_FOUND


class RequestEnded(Refused):
    """The request has come to its end: nothing can be attached any more."""


class NotTheRequester(Refused):
    """The file was not sealed as the requester's."""

    kind = RefusalKind.INVALID


class EvidenceLimitReached(Refused):
    """The request has as many files as it may have."""


def evolve_files(state: Files, fact: Fact) -> Files:
    """Follow the stream of a request's files."""
    match fact.event:
        case EvidenceAttached(sha256=sha256):
            return Files(sha256s=(*state.sha256s, sha256))
        case _:
            return state


def evolve_matter(state: Matter, fact: Fact) -> Matter:
    """Follow a request's own stream."""
    match fact.event:
        case RequestReceived(requester=requester):
            return Matter(requester=str(requester), scope=fact.scope)
        case RequestReturned() | RequestClosed():
            return Matter(requester=state.requester, scope=state.scope, ended=True)
        case RequestReopened():
            return Matter(requester=state.requester, scope=state.scope)
        case _:
            return state


FILES = View("wishes.evidence", 1, Files, Files(), evolve_files)
MATTER = View("wishes.evidence.matter", 3, Matter, Matter(), evolve_matter)


def decide(command: AttachEvidence, state: Files, states: States, asked: Asked) -> Sequence[To]:
    """Decide about one file."""
    matter = states.get(request_stream(command.request), MATTER)
    if not matter.requester or matter.scope != asked.scope:
        raise RequestNotFound
    if command.sha256 in state.sha256s:
        return []
    if matter.ended:
        raise RequestEnded
    if command.requester != matter.requester:
        raise NotTheRequester
    if len(state.sha256s) >= EVIDENCE_MAX:
        raise EvidenceLimitReached(evidence_max=EVIDENCE_MAX)
    attached = EvidenceAttached(
        request=UUID(command.request),
        sha256=command.sha256,
        media_type=command.media_type,
        size=command.size,
        purpose=command.purpose,
        subject=UUID(command.requester),
    )
    return [To(evidence_stream(command.request), attached)]


EVIDENCE: Decider[AttachEvidence, Files] = Decider(
    name="evidence",
    view=FILES,
    commands=(AttachEvidence,),
    target=lambda command: evidence_stream(command.request),
    decide=decide,
    reads=lambda command: (Read(request_stream(command.request), MATTER),),
)

_BRINGERS = ("desk", "department", "resident", "integration")
ACCESS = (
    *(Allow(role, AttachEvidence) for role in _BRINGERS),
    *(Allow(role, "store_evidence") for role in _BRINGERS),
    *(Allow(role, "list_evidence") for role in ("desk", "department", "secretary", "integration")),
    *(Allow(role, "read_evidence") for role in ("desk", "department")),
)
