"""HTTP of the roll: residents are registered, found by name, and revealed for a purpose."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from services.deliberation.resident.domain import (
    ACCOUNT,
    ACCOUNTS_MAX,
    ID_NUMBER,
    RESIDENTS_PER_COMMAND_MAX,
    LinkAccount,
    RegisterResident,
    RegisterResidents,
    ResidentNotFound,
)
from services.deliberation.resident.read_model import ResidentRow, find_by_texts, find_residents
from shared.contracts.deliberation import ResidentKind, ResidentRegistered
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.queries import Reading
from shared.kit.ports import Claim
from shared.kit.service import Rooms
from shared.kit.submission import Caller
from shared.kit.vault import Access, Purpose, Searchable
from shared.kit.vault.search import QUERY_CHARS_MAX

SEARCHED_FIELDS: Final = ("name", "phone")
SENSITIVE_FIELDS: Final = frozenset({"name", "phone"})
SEARCHABLE: Final = (Searchable(ResidentRegistered, lambda event: event.texts, SEARCHED_FIELDS),)
_ID_NUMBER: Final = re.compile(r"[0-9A-Z]{6,30}")

Account = Annotated[str, Field(min_length=1, max_length=64)]


def _id_number(text: str) -> str:
    """Give the one way of writing an ID number; ValueError when it is none."""
    plain = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()
    if not _ID_NUMBER.fullmatch(plain):
        raise ValueError("6 to 30 letters and digits")
    return plain


class NewResident(BaseModel):
    """A resident; without an id a new one is made. The ID number is kept as a keyed hash only."""

    resident: UUID | None = None
    kind: ResidentKind
    name: Annotated[str, Field(min_length=1, max_length=200)]
    phone: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    id_number: Annotated[str, Field(max_length=100), AfterValidator(_id_number)]
    accounts: Annotated[tuple[Account, ...], Field(max_length=ACCOUNTS_MAX)] = ()


class ResidentBody(CommandBody, NewResident):
    """One resident."""


class RollBody(CommandBody):
    """Residents who are registered together: all of them or none."""

    residents: Annotated[
        tuple[NewResident, ...], Field(min_length=1, max_length=RESIDENTS_PER_COMMAND_MAX)
    ]


class AccountBody(CommandBody):
    """An account under which another service knows the resident."""

    account: Account


class FoundResident(BaseModel):
    """A resident that was found."""

    resident: UUID
    kind: ResidentKind
    name: str


class FoundAnswer(BaseModel):
    """Everybody who was found, by name."""

    items: list[FoundResident]


class ResidentAnswer(BaseModel):
    """A resident with the texts by field; an erased field is absent."""

    resident: UUID
    kind: ResidentKind
    registered_at: AwareDatetime
    accounts: int
    texts: dict[str, str]


def routes(rooms: Rooms) -> Routes:
    """Give the routes of the roll."""
    found = Routes("deliberation", rooms.edge)
    found.command(
        "/districts/{scope}/residents",
        ResidentBody,
        _register,
        action=RegisterResident,
        status=201,
        summary="Put a resident on the roll",
    )
    found.command(
        "/districts/{scope}/residents/{resident}/accounts",
        AccountBody,
        _link,
        action=LinkAccount,
        summary="Link an account to a resident",
    )
    found.command(
        "/districts/{scope}/residents/batches",
        RollBody,
        _register_all,
        action=RegisterResidents,
        status=201,
        summary="Put residents on the roll",
    )
    _add_search(found, rooms)
    _add_reveal(found, rooms)
    return found


def _add_search(found: Routes, rooms: Rooms) -> None:
    async def search_residents(
        text: Annotated[str, Query(min_length=1, max_length=QUERY_CHARS_MAX)], reader: Reading
    ) -> FoundAnswer:
        """Find residents by a part of the name or the phone; each text compared is on record."""
        access = Access(Purpose.SEARCH, reader.caller, reader.scope)
        hits = await rooms.vault.search(text, SEARCHED_FIELDS, access)
        rows = await find_by_texts(rooms.tables, reader.scope, [hit.record for hit in hits])
        names = await _names_of(rooms, rows, access)
        items = [
            FoundResident(
                resident=row.resident, kind=ResidentKind(row.kind), name=names[row.resident]
            )
            for row in rows
            if row.resident in names
        ]
        return FoundAnswer(items=sorted(items, key=lambda item: item.name))

    found.query(
        "/districts/{scope}/residents/search",
        search_residents,
        action="search_residents",
        summary="Search residents by name or phone",
        reveals=True,
    )


def _add_reveal(found: Routes, rooms: Rooms) -> None:
    async def get_resident(
        resident: UUID,
        purpose: Annotated[Literal["handling", "contact", "correction", "supervision"], Query()],
        reader: Reading,
    ) -> ResidentAnswer:
        """Reveal a resident's texts for a purpose, which goes on record."""
        rows = await find_residents(rooms.tables, reader.scope, [resident])
        if not rows:
            raise ResidentNotFound
        (row,) = rows
        access = Access(Purpose(purpose), reader.caller, reader.scope)
        revealed = await rooms.vault.reveal([row.texts], access)
        return ResidentAnswer(
            resident=row.resident,
            kind=ResidentKind(row.kind),
            registered_at=row.registered_at,
            accounts=row.accounts,
            texts=revealed[row.texts],
        )

    found.query(
        "/districts/{scope}/residents/{resident}",
        get_resident,
        action="read_resident_texts",
        summary="Reveal a resident",
        reveals=True,
    )


async def names(rooms: Rooms, asking: str, residents: Sequence[UUID]) -> dict[UUID, str]:
    """Give another service the names of these residents; who has none is left out."""
    rows = await find_residents(rooms.tables, rooms.district, residents)
    access = Access(Purpose.NAMES, Caller("urn:cogov:service", asking), rooms.district)
    return await _names_of(rooms, rows, access)


async def _names_of(rooms: Rooms, rows: Sequence[ResidentRow], access: Access) -> dict[UUID, str]:
    revealed = await rooms.vault.reveal([row.texts for row in rows], access, fields=("name",))
    return {
        row.resident: revealed[row.texts]["name"] for row in rows if "name" in revealed[row.texts]
    }


async def _register(call: Call[ResidentBody]) -> Draft:
    command, texts, claims = _made(call, call.body)
    return Draft(
        command,
        secrets=await call.vault.seal_all([texts]),
        claims=claims,
        created=command.resident,
    )


async def _register_all(call: Call[RollBody]) -> Draft:
    made = [_made(call, one) for one in call.body.residents]
    return Draft(
        RegisterResidents(residents=tuple(command for command, _, _ in made)),
        secrets=await call.vault.seal_all([texts for _, texts, _ in made]),
        claims=tuple(claim for _, _, claims in made for claim in claims),
    )


def _made(
    call: Call[Any], one: NewResident
) -> tuple[RegisterResident, tuple[UUID, UUID, dict[str, str]], tuple[Claim, ...]]:
    """Give the command for one resident, what is to be sealed, and what is claimed."""
    resident, texts = one.resident or call.new_id(), call.new_id()
    subject = call.vault.subject_id("resident", str(resident))
    plain = {"name": one.name} | ({} if one.phone is None else {"phone": one.phone})
    accounts = tuple(str(call.vault.subject_id("account", name)) for name in one.accounts)
    number = call.vault.claim_digest(ID_NUMBER, one.id_number)
    command = RegisterResident(
        resident=str(resident),
        kind=one.kind,
        texts=str(texts),
        subject=str(subject),
        accounts=accounts,
    )
    claims = (
        Claim(ID_NUMBER, number, str(subject)),
        *(Claim(ACCOUNT, UUID(account).bytes, str(subject)) for account in accounts),
    )
    return command, (subject, texts, plain), claims


def _link(call: Call[AccountBody]) -> Draft:
    resident = call.id("resident")
    account = call.vault.subject_id("account", call.body.account)
    subject = call.vault.subject_id("resident", str(resident))
    return Draft(
        LinkAccount(resident=str(resident), account=str(account)),
        claims=(Claim(ACCOUNT, account.bytes, str(subject)),),
    )
