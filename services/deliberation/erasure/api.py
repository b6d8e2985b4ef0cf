"""HTTP of erasure: somebody is forgotten, or asks to be; who has not answered yet."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from services.deliberation.erasure.process import EraseMyself, EraseSubject
from services.deliberation.erasure.read_model import ErasureRow, list_erasures
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.pages import Page, Paging
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms


class ErasureBody(CommandBody):
    """Nothing: whoever is named in the path is forgotten."""


class ErasureAnswer(BaseModel):
    """An erasure; `silent` are the services that have not answered."""

    resident: UUID
    requested_at: AwareDatetime
    silent: tuple[str, ...]
    alarmed_at: AwareDatetime | None
    erased_at: AwareDatetime | None


def routes(rooms: Rooms) -> Routes:
    """Give the routes of erasure."""
    found = Routes("deliberation", rooms.edge)
    one = "/districts/{scope}/residents/{resident}"
    found.command(
        f"{one}/erasure", ErasureBody, _erase, action=EraseSubject, summary="Forget a resident"
    )
    found.command(
        f"{one}/own-erasure", ErasureBody, _be_erased, action=EraseMyself, summary="Be forgotten"
    )

    async def get_erasures(
        paging: Paging,
        reader: Reading,
        open_only: bool = False,  # noqa: FBT001, FBT002 - a query parameter
    ) -> Page[ErasureAnswer]:
        """List erasures, by resident."""
        after = paging.after(tuple[UUID])
        rows = await list_erasures(
            rooms.tables,
            reader.scope,
            after[0] if after else UUID(int=0),
            paging.fetch,
            open_only=open_only,
        )
        return paging.page(rows, key=lambda row: (str(row.resident),), item=_answer)

    found.query(
        "/districts/{scope}/erasures",
        get_erasures,
        action="read_erasures",
        summary="List erasures",
    )
    return found


def _erase(call: Call[ErasureBody]) -> Draft:
    return Draft(EraseSubject(resident=str(call.id("resident"))))


def _be_erased(call: Call[ErasureBody]) -> Draft:
    return Draft(EraseMyself(resident=str(call.id("resident"))))


def _answer(row: ErasureRow) -> ErasureAnswer:
    return ErasureAnswer(
        resident=row.resident,
        requested_at=row.requested_at,
        silent=row.silent,
        alarmed_at=row.alarmed_at,
        erased_at=row.erased_at,
    )
