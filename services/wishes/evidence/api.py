"""A request's files over HTTP: one in, the list, one out."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.wishes.evidence.domain import MATTER, AttachEvidence, RequestNotFound
from services.wishes.evidence.read_model import EvidenceRow, list_evidence
from shared.contracts.wishes import EvidencePurpose, request_stream
from shared.decider import Read, RefusalKind, Refused
from shared.kit.attachments import MEDIA_TYPES
from shared.kit.http.commands import Draft, Routes
from shared.kit.http.problems import PathNotFound
from shared.kit.http.queries import Reading
from shared.kit.http.uploads import Download, Upload
from shared.kit.service import Rooms
from shared.kit.vault import Access, Purpose

_PATH = "/communities/{scope}/requests/{request}/attachments"


class EvidenceParameters(BaseModel):
    """What the file is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: EvidencePurpose = EvidencePurpose.EVIDENCE


class EvidenceAnswer(BaseModel):
    """A file of a request; `sha256` is the hash of its sealed bytes, `size` that of the file."""

    sha256: str
    media_type: str
    size: int
    purpose: str
    attached_at: AwareDatetime


class EvidenceListAnswer(BaseModel):
    """All files of a request, in the order in which they were attached."""

    items: list[EvidenceAnswer]


class EvidenceNotFound(Refused):
    """The request has no such file."""

    kind = RefusalKind.NOT_FOUND


def routes(rooms: Rooms) -> Routes:
    """Give the routes of files."""
    found = Routes("wishes", rooms.edge)

    async def attach(upload: Upload[EvidenceParameters]) -> Draft:
        return await _attach(upload, rooms)

    async def get_attachments(request: UUID, reader: Reading) -> EvidenceListAnswer:
        """List a request's files."""
        rows = await list_evidence(rooms.tables, reader.scope, str(request))
        return EvidenceListAnswer(items=[_answer(row) for row in rows])

    async def get_attachment(request: UUID, sha256: str, reader: Reading) -> Download:
        """Give one of a request's files, for handling it."""
        rows = await list_evidence(rooms.tables, reader.scope, str(request))
        row = next((row for row in rows if row.sha256 == sha256), None)
        if row is None:
            raise EvidenceNotFound
        access = Access(Purpose.HANDLING, reader.caller, reader.scope)
        content = await rooms.attachments.get(row.subject, sha256, access)
        name = f"{sha256[:16]}.{MEDIA_TYPES[row.media_type]}"
        return Download(content, row.media_type, name)

    found.upload(
        _PATH,
        EvidenceParameters,
        attach,
        action=AttachEvidence,
        storing="store_evidence",
        summary="Add a file",
    )
    found.query(_PATH, get_attachments, action="list_evidence", summary="List a request's files")
    found.download(
        f"{_PATH}/{{sha256}}",
        get_attachment,
        action="read_evidence",
        summary="Give a file",
    )
    return found


async def _attach(upload: Upload[EvidenceParameters], rooms: Rooms) -> Draft:
    try:
        request = str(UUID(upload.path["request"]))
    except ValueError:
        raise PathNotFound from None
    matter = await rooms.states.get(Read(request_stream(request), MATTER))
    if not matter.requester or matter.scope != upload.scope:
        raise RequestNotFound
    requester = UUID(matter.requester)
    made = await rooms.attachments.put(requester, upload.content, upload.media_type)
    return Draft(
        AttachEvidence(
            request=request,
            requester=matter.requester,
            sha256=made.sha256,
            media_type=made.media_type,
            size=made.size,
            purpose=upload.parameters.purpose,
        )
    )


def _answer(row: EvidenceRow) -> EvidenceAnswer:
    return EvidenceAnswer(
        sha256=row.sha256,
        media_type=row.media_type,
        size=row.size,
        purpose=row.purpose,
        attached_at=row.attached_at,
    )
