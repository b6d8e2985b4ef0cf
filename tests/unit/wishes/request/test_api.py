"""What the edge makes of a POST: texts sealed, ids in the command, no text anywhere else."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.wishes.language import UNCATEGORISED
from services.wishes.request.api import routes
from services.wishes.request.commands import (
    AnswerRequest,
    AskForInfo,
    DispatchRequest,
    ReceiveRequest,
)
from shared.contracts.wishes import RequestKind
from shared.kit.http.application import create_app
from shared.kit.http.edge import Edge, Limits
from shared.kit.http.rates import RateLimits, Rates
from shared.kit.identity.development_issuer import ISSUER
from shared.kit.identity.keys import FixedKeys
from shared.kit.identity.tokens import TokenVerifier
from shared.kit.observability.metrics import Metrics
from shared.kit.service import Rooms
from shared.kit.submission import Accepted, Submission
from tests.fixtures.edge import NOW, CountingIds, PlainVault, Ports

PATH = "/api/wishes/v1/communities/elm/requests"
ONE = f"{PATH}/{UUID(int=77)}"
LIN = PlainVault().subject_id("account", "lin")
BODY = {
    "kind": "problem",
    "subject": "A pothole",
    "text": "In front of number 9",
    "account": "lin",
    "area": "a1",
}


class Desk:
    """The wishes API over ports in memory."""

    def __init__(self, folder: Path) -> None:
        self.ports = Ports(folder)
        self.ports.answer = Accepted(f"wishes/request/{UUID(int=1)}", 1, 1, 3, 42, "elm")
        self.policy: tuple[int, str] = (2, "roads")
        ids = CountingIds()
        edge = Edge(
            submit=self.ports.submit,
            authorise_read=self.ports.authorise_read,
            wait_for=self.ports.wait_for,
            tokens=TokenVerifier(
                issuer=ISSUER, keys=FixedKeys(self.ports.issuer.jwks()), clock=self.ports.clock
            ),
            rates=Rates(RateLimits()),
            vault=PlainVault(),
            ids=ids,
            clock=self.ports.clock,
            fingerprint_secret=b"f" * 32,
            limits=Limits(),
        )
        nowhere = cast("Any", None)
        rooms = Rooms(
            edge=edge,
            tables=nowhere,
            states=nowhere,
            vault=nowhere,
            attachments=nowhere,
            names=nowhere,
            district="north",
        )
        app = create_app(
            "wishes",
            edge,
            [routes(rooms, self.assign)],
            metrics=Metrics(CollectorRegistry()),
            probes=(),
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://wishes"
        )

    async def assign(self, subject: str, text: str) -> tuple[int, str]:
        assert subject, text
        return self.policy

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.client.post(path, json=body, headers=self.ports.headers())

    async def submitted(self, path: str, body: dict[str, Any]) -> Submission:
        response = await self.post(path, body)
        assert response.is_success, response.text
        return self.ports.submitted[-1]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    desk = Desk(tmp_path)
    async with desk.client:
        yield desk


async def test_a_request_is_sealed_and_categorised_at_the_edge(desk: Desk) -> None:
    response = await desk.post(PATH, BODY)

    assert response.status_code == 201
    (submission,) = desk.ports.submitted
    command = submission.command
    assert isinstance(command, ReceiveRequest)
    assert (command.kind, command.area) == (RequestKind.PROBLEM, "a1")
    assert (command.district, command.category, command.category_policy) == ("north", "roads", 2)
    assert command.requester == str(LIN)
    assert {
        (secret.record, secret.field, secret.subject, secret.ciphertext.decode())
        for secret in submission.secrets
    } == {(UUID(command.texts), name, LIN, BODY[name]) for name in ("subject", "text", "account")}
    written = msgspec.json.encode(command).decode()
    assert not any(BODY[name] in written for name in ("subject", "text"))


async def test_the_desks_own_category_counts_more_than_the_rules(desk: Desk) -> None:
    submission = await desk.submitted(PATH, {**BODY, "category": "noise"})

    assert isinstance(submission.command, ReceiveRequest)
    assert submission.command.category == "noise"


async def test_before_there_is_a_policy_a_request_is_uncategorised(desk: Desk) -> None:
    desk.policy = (0, UNCATEGORISED)
    submission = await desk.submitted(PATH, {**BODY, "area": "unknown"})

    command = submission.command
    assert isinstance(command, ReceiveRequest)
    assert (command.district, command.category, command.category_policy) == ("", UNCATEGORISED, 0)


async def test_a_request_of_another_day_is_entered_late(desk: Desk) -> None:
    when = "2024-02-03T10:00:00+08:00"
    submission = await desk.submitted(PATH, {**BODY, "entered": "late", "occurred_at": when})

    assert submission.occurred_at is not None
    assert submission.occurred_at.isoformat() == "2024-02-03T02:00:00+00:00"
    assert submission.occurred_at < NOW


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "x" * 201},
        {"subject": ""},
        {"text": "x" * 20_001},
        {"text": ""},
        {"area": "x" * 65},
        {"account": "x" * 65},
        {"account": ""},
        {"kind": "wish"},
        {"phone": "1"},
    ],
)
async def test_a_body_out_of_bounds_is_refused(desk: Desk, change: dict[str, str]) -> None:
    response = await desk.post(PATH, {**BODY, **change})

    assert response.status_code == 422
    assert desk.ports.submitted == []


async def test_an_answer_is_sealed_as_the_requesters(desk: Desk) -> None:
    body = {"text": "It is filled in", "account": "lin", "dated": False}
    submission = await desk.submitted(f"{ONE}/answer", body)

    command = submission.command
    assert isinstance(command, AnswerRequest)
    assert (command.request, command.requester) == (str(UUID(int=77)), str(LIN))
    assert (command.unit, command.dated) == ("", False)
    (secret,) = submission.secrets
    assert (str(secret.record), secret.subject, secret.field) == (command.texts, LIN, "answer")


async def test_a_question_is_sealed_as_the_requesters(desk: Desk) -> None:
    body = {"text": "Which number?", "account": "lin"}
    submission = await desk.submitted(f"{ONE}/info-requests", body)

    assert isinstance(submission.command, AskForInfo)
    assert submission.command.requester == str(LIN)
    assert [secret.ciphertext for secret in submission.secrets] == [b"Which number?"]


@pytest.mark.parametrize("unit", ["", "Parks", "parks & roads", "p" * 64])
async def test_a_unit_has_a_plain_id(desk: Desk, unit: str) -> None:
    assert (await desk.post(f"{ONE}/dispatch", {"unit": unit})).status_code == 422
    submission = await desk.submitted(f"{ONE}/dispatch", {"unit": "unit-1"})

    assert submission.command == DispatchRequest(request=str(UUID(int=77)), unit="unit-1")


async def test_what_is_no_id_is_not_found(desk: Desk) -> None:
    assert (await desk.post(f"{PATH}/77/acceptance", {})).status_code == 404
