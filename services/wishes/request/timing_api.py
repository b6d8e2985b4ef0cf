"""HTTP of a request's clock, its levels, its call-back, its review and its reopening."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.wishes.request.commands import (
    ConcludeReview,
    DeescalateRequest,
    EscalateRequest,
    PauseClock,
    RecordCallback,
    ReopenRequest,
    ResumeClock,
)
from shared.contracts.wishes import PauseReason, ReviewFinding
from shared.kit.http.bodies import TimedBody
from shared.kit.http.commands import Call, Draft, Routes

ONE = "/communities/{scope}/requests/{request}"
Account = Annotated[str, Field(min_length=1, max_length=64, description="of the requester")]
Level = Annotated[int, Field(ge=0, le=100)]


class PauseBody(TimedBody):
    """Why the clock stands still."""

    reason: PauseReason


class ResumeBody(TimedBody):
    """Nothing but when."""


class LevelBody(TimedBody):
    """The level of the ladder: 1 is the first above the unit, 0 (only downwards) the unit."""

    level: Level


class CallbackBody(TimedBody):
    """What the requester said; nothing but `contacted` when nobody was reached."""

    account: Account
    contacted: bool
    solved: bool | None = None
    satisfied: Annotated[int, Field(ge=1, le=5)] | None = None


class ReviewBody(TimedBody):
    """What the review found."""

    finding: ReviewFinding


class ReopenBody(TimedBody):
    """Why the requester wants the request taken up again."""

    account: Account
    text: Annotated[str, Field(min_length=1, max_length=20_000)]


def add_timing(found: Routes, district: str) -> None:
    """Add these routes; `district` is whose deadline policy a reopened request is under."""

    async def reopen(call: Call[ReopenBody]) -> Draft:
        requester, texts = call.vault.subject_id("account", call.body.account), call.new_id()
        secrets = await call.vault.seal(requester, texts, {"reopening": call.body.text})
        command = ReopenRequest(
            request=str(call.id("request")),
            requester=str(requester),
            texts=str(texts),
            district=district,
        )
        return Draft(command, secrets=secrets)

    found.command(
        f"{ONE}/pauses", PauseBody, _pause, action=PauseClock, summary="Let its clock stand still"
    )
    found.command(
        f"{ONE}/resumption", ResumeBody, _resume, action=ResumeClock, summary="Let its clock run"
    )
    found.command(
        f"{ONE}/escalations",
        LevelBody,
        _escalate,
        action=EscalateRequest,
        summary="Bring it before a level",
    )
    found.command(
        f"{ONE}/deescalations",
        LevelBody,
        _deescalate,
        action=DeescalateRequest,
        summary="Give it back to a lower level",
    )
    found.command(
        f"{ONE}/call-backs",
        CallbackBody,
        _call_back,
        action=RecordCallback,
        summary="Enter what the requester said",
    )
    found.command(
        f"{ONE}/review", ReviewBody, _review, action=ConcludeReview, summary="Conclude its review"
    )
    found.command(
        f"{ONE}/reopenings", ReopenBody, reopen, action=ReopenRequest, summary="Take it up again"
    )


def _pause(call: Call[PauseBody]) -> Draft:
    return Draft(PauseClock(request=str(call.id("request")), reason=call.body.reason))


def _resume(call: Call[ResumeBody]) -> Draft:
    return Draft(ResumeClock(request=str(call.id("request"))))


def _escalate(call: Call[LevelBody]) -> Draft:
    return Draft(EscalateRequest(request=str(call.id("request")), level=call.body.level))


def _deescalate(call: Call[LevelBody]) -> Draft:
    return Draft(DeescalateRequest(request=str(call.id("request")), level=call.body.level))


def _call_back(call: Call[CallbackBody]) -> Draft:
    body = call.body
    return Draft(
        RecordCallback(
            request=str(call.id("request")),
            requester=str(call.vault.subject_id("account", body.account)),
            contacted=body.contacted,
            solved=body.solved,
            satisfied=body.satisfied,
        )
    )


def _review(call: Call[ReviewBody]) -> Draft:
    return Draft(ConcludeReview(request=str(call.id("request")), finding=call.body.finding))
