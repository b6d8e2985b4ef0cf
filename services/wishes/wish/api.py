"""HTTP of wishes: each step a POST."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from services.wishes.language import UNIT_PATTERN
from services.wishes.wish.claimer import ForgiveLapses
from services.wishes.wish.commands import (
    AssignHandler,
    ClaimForCommunity,
    ClaimWish,
    ConcludeWishReview,
    ConfirmByCallback,
    ConfirmProxy,
    ConfirmWish,
    FulfilWish,
    MergeWishes,
    RateWish,
    RecordProgress,
    RejectWish,
    ReleaseClaim,
    ReopenWish,
    ScreenWish,
    SubmitWish,
    UnmergeWish,
    WithdrawWish,
)
from services.wishes.wish.evolution import VIEW
from services.wishes.wish.policy import AdoptWishPolicy, TermDraft
from services.wishes.wish.reading import add_reading
from services.wishes.wish.refusals import PersonalDataInText, WishNotFound
from services.wishes.wish.states import NoWish
from shared.contracts.wishes.wishes import ClaimerClass, RejectReason, Relation, wish_stream
from shared.decider import Read
from shared.kit.http.bodies import CommandBody, TimedBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.service import Rooms

Account = Annotated[str, Field(min_length=1, max_length=64, description="of the requester")]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]
Word = Annotated[str, Field(min_length=1, max_length=64)]
Number = Annotated[int, Field(ge=0, le=1000)]
# Seven digits and more, however they are parted: a phone, an ID number, a bank card.
_LONG_NUMBER: Final = re.compile(r"\d(?:[\s.\-/()]{0,2}\d){6,}")


class SubmitBody(TimedBody):
    """A wish; `relation` says how whoever submits it stands to the person it is for."""

    text: Text
    account: Account
    category: Word
    area: Word = "unknown"
    relation: Relation | None = None


class StepBody(TimedBody):
    """Nothing but when."""


class ScreenBody(TimedBody):
    """The masked text that everybody sees, written by the screener."""

    public_text: Annotated[str, Field(min_length=1, max_length=500)]


class RejectBody(TimedBody):
    """Why it does not go on the wall."""

    reason: RejectReason


class ClaimBody(TimedBody):
    """As what; the unit or organisation is named, a party member is the caller."""

    claimer_class: ClaimerClass
    claimer: Annotated[str, Field(pattern=UNIT_PATTERN)] | None = None


class HandlerBody(TimedBody):
    """The resident who carries it out."""

    handler: UUID


class ProgressBody(TimedBody):
    """How it goes."""

    text: Text


class AccountBody(TimedBody):
    """Whose wish it is."""

    account: Account


class ReopenWishBody(AccountBody):
    """What is still missing."""

    text: Text


class RatingBody(AccountBody):
    """How content the requester is."""

    rating: Annotated[int, Field(ge=1, le=5)]


class MergeBody(TimedBody):
    """The wish that goes on for both."""

    parent: UUID


class ForgiveBody(CommandBody):
    """The resident's id, or the name of the unit or organisation."""

    claimer: Word


class WishTermBody(CommandBody):
    """Within how many working days; without a category it is for all others."""

    claim_days: Annotated[int, Field(ge=1, le=1000)]
    wish_days: Annotated[int, Field(ge=1, le=1000)]
    category: Annotated[str, Field(max_length=64)] = ""


class WishPolicyBody(CommandBody):
    """A version of the policy; `WishPolicyAdopted` says what each number means."""

    version: Annotated[int, Field(ge=1)]
    terms: Annotated[list[WishTermBody], Field(min_length=1, max_length=200)]
    releases_max: Number
    release_window_days: Number
    community_claim_days: Number
    auto_close_days: Number
    reopen_window_days: Number
    reopens_max: Number
    reopens_escalated_from: Number
    low_rating_max: Number
    rating_freeze_days: Number


def routes(rooms: Rooms) -> Routes:
    """Give the routes of wishes."""
    found = Routes("wishes", rooms.edge)
    _add_screening(found, rooms)
    _add_merges(found)
    _add_claims(found, rooms)
    _add_closing(found)
    _add_policy(found)
    add_reading(found, rooms)
    return found


_PATH: Final = "/communities/{scope}/wishes"
_ONE: Final = f"{_PATH}/{{wish}}"


def _add_screening(found: Routes, rooms: Rooms) -> None:
    async def screen(call: Call[ScreenBody]) -> Draft:
        _check_public(call.body.public_text)
        wish, texts = call.id("wish"), call.new_id()
        requester = await _requester(rooms, wish)
        secrets = await call.vault.seal(requester, texts, {"public": call.body.public_text})
        command = ScreenWish(
            wish=str(wish),
            requester=str(requester),
            public_texts=str(texts),
            district=rooms.district,
        )
        return Draft(command, secrets=secrets)

    found.command(
        _PATH, SubmitBody, _submit, action=SubmitWish, status=201, summary="Submit a wish"
    )
    found.command(
        f"{_ONE}/proxy-confirmation",
        StepBody,
        lambda call: Draft(ConfirmProxy(wish=str(call.id("wish")))),
        action=ConfirmProxy,
        summary="Enter that the person it is for said yes on the phone",
    )
    found.command(
        f"{_ONE}/screening", ScreenBody, screen, action=ScreenWish, summary="Put it on the wall"
    )
    found.command(
        f"{_ONE}/rejection",
        RejectBody,
        lambda call: Draft(RejectWish(wish=str(call.id("wish")), reason=call.body.reason)),
        action=RejectWish,
        summary="Keep it off the wall",
    )
    found.command(
        f"{_ONE}/withdrawal",
        AccountBody,
        lambda call: Draft(WithdrawWish(wish=str(call.id("wish")), requester=_account(call))),
        action=WithdrawWish,
        summary="Take it back",
    )


def _add_merges(found: Routes) -> None:
    found.command(
        f"{_ONE}/merge",
        MergeBody,
        lambda call: Draft(MergeWishes(wish=str(call.id("wish")), parent=str(call.body.parent))),
        action=MergeWishes,
        summary="Let another wish go on for it",
    )
    found.command(
        f"{_ONE}/unmerge",
        StepBody,
        lambda call: Draft(UnmergeWish(wish=str(call.id("wish")))),
        action=UnmergeWish,
        summary="Let it stand for itself again",
    )


def _add_claims(found: Routes, rooms: Rooms) -> None:
    async def progress(call: Call[ProgressBody]) -> Draft:
        wish, texts = call.id("wish"), call.new_id()
        requester = await _requester(rooms, wish)
        secrets = await call.vault.seal(requester, texts, {"progress": call.body.text})
        command = RecordProgress(wish=str(wish), requester=str(requester), texts=str(texts))
        return Draft(command, secrets=secrets)

    found.command(f"{_ONE}/claim", ClaimBody, _claim, action=ClaimWish, summary="Take it on")
    found.command(
        f"{_ONE}/community-claim",
        HandlerBody,
        lambda call: Draft(
            ClaimForCommunity(wish=str(call.id("wish")), handler=str(call.body.handler))
        ),
        action=ClaimForCommunity,
        summary="Take it on for the community",
    )
    found.command(
        f"{_ONE}/handler",
        HandlerBody,
        lambda call: Draft(
            AssignHandler(wish=str(call.id("wish")), handler=str(call.body.handler))
        ),
        action=AssignHandler,
        summary="Name who carries it out",
    )
    found.command(
        f"{_ONE}/progress", ProgressBody, progress, action=RecordProgress, summary="Say how it goes"
    )
    found.command(
        f"{_ONE}/release",
        StepBody,
        lambda call: Draft(ReleaseClaim(wish=str(call.id("wish")))),
        action=ReleaseClaim,
        summary="Let it go",
    )
    found.command(
        "/communities/{scope}/claimers/pardons",
        ForgiveBody,
        lambda call: Draft(ForgiveLapses(claimer=call.body.claimer, community=call.scope)),
        action=ForgiveLapses,
        summary="Let a claimer claim again",
    )


def _add_closing(found: Routes) -> None:
    found.command(
        f"{_ONE}/fulfilment",
        StepBody,
        lambda call: Draft(FulfilWish(wish=str(call.id("wish")))),
        action=FulfilWish,
        summary="Say that it is fulfilled",
    )
    found.command(
        f"{_ONE}/confirmation",
        StepBody,
        lambda call: Draft(ConfirmWish(wish=str(call.id("wish")))),
        action=ConfirmWish,
        summary="Confirm one's own wish",
    )
    found.command(
        f"{_ONE}/call-back",
        AccountBody,
        lambda call: Draft(ConfirmByCallback(wish=str(call.id("wish")), requester=_account(call))),
        action=ConfirmByCallback,
        summary="Enter that the requester confirmed it",
    )
    found.command(
        f"{_ONE}/reopening", ReopenWishBody, _reopen, action=ReopenWish, summary="Take it up again"
    )
    found.command(
        f"{_ONE}/rating",
        RatingBody,
        lambda call: Draft(
            RateWish(wish=str(call.id("wish")), requester=_account(call), rating=call.body.rating)
        ),
        action=RateWish,
        summary="Rate how it was fulfilled",
    )
    found.command(
        f"{_ONE}/rating-review",
        StepBody,
        lambda call: Draft(ConcludeWishReview(wish=str(call.id("wish")))),
        action=ConcludeWishReview,
        summary="Conclude the review of a low rating",
    )


def _add_policy(found: Routes) -> None:
    def adopt(call: Call[WishPolicyBody]) -> Draft:
        numbers = call.body.model_dump(exclude={"terms"})
        terms = tuple(
            TermDraft(category=one.category, claim_days=one.claim_days, wish_days=one.wish_days)
            for one in call.body.terms
        )
        return Draft(AdoptWishPolicy(district=call.scope, terms=terms, **numbers))

    found.command(
        "/districts/{scope}/wish-policy",
        WishPolicyBody,
        adopt,
        action=AdoptWishPolicy,
        status=201,
        summary="Adopt a version of the policy of wishes",
    )


async def _submit(call: Call[SubmitBody]) -> Draft:
    body = call.body
    _check_public(body.category, body.area)
    wish, texts = call.new_id(), call.new_id()
    requester = call.vault.subject_id("account", body.account)
    secrets = await call.vault.seal(requester, texts, {"text": body.text, "account": body.account})
    command = SubmitWish(
        wish=str(wish),
        category=body.category,
        area=body.area,
        requester=str(requester),
        texts=str(texts),
        relation=body.relation,
    )
    behalf = "" if body.relation is None else str(requester)
    return Draft(command, secrets=secrets, on_behalf_of=behalf, created=str(wish))


def _claim(call: Call[ClaimBody]) -> Draft:
    body = call.body
    return Draft(
        ClaimWish(
            wish=str(call.id("wish")),
            claimer_class=body.claimer_class,
            claimer=body.claimer or "",
        )
    )


async def _reopen(call: Call[ReopenWishBody]) -> Draft:
    requester, texts = call.vault.subject_id("account", call.body.account), call.new_id()
    secrets = await call.vault.seal(requester, texts, {"reopening": call.body.text})
    command = ReopenWish(wish=str(call.id("wish")), requester=str(requester), texts=str(texts))
    return Draft(command, secrets=secrets)


def _account(call: Call[AccountBody] | Call[RatingBody]) -> str:
    return str(call.vault.subject_id("account", call.body.account))


async def _requester(rooms: Rooms, wish: UUID) -> UUID:
    """Give whose key the texts of a wish are sealed with."""
    state = await rooms.states.get(Read(wish_stream(wish), VIEW))
    if isinstance(state, NoWish):
        raise WishNotFound
    return UUID(state.file.requester)


def _check_public(*texts: str) -> None:
    for text in texts:
        if _LONG_NUMBER.search(unicodedata.normalize("NFKC", text)):
            raise PersonalDataInText
