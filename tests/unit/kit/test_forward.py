"""Forwarding a command to the writer, whatever the writer's replica answers on the way."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Iterable
from uuid import UUID

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from shared.decider import Command
from shared.kit.forward import PATH, Door, SubmissionCodec
from shared.kit.http.answers import answer_response
from shared.kit.lease import Holding
from shared.kit.ports import Claim, Secret
from shared.kit.submission import Accepted, Answer, Caller, Submission, Unavailable

ACCEPTED = Accepted(stream="s/1", version=1, events=1, epoch=3, position=7, scope="c1")


class Mow(Command):
    meadow: str


class Rake(Command):
    meadow: str


class MowShorter(Command, tag="Mow"):
    """The command of a release in which it had another field."""

    stream: str


SUBMISSION = Submission(
    command_id=UUID(int=1),
    fingerprint=b"f",
    scope="c1",
    command=Mow(meadow="m"),
    caller=None,
    correlation_id=UUID(int=2),
)


@contextlib.asynccontextmanager
async def door_to(
    answers: Iterable[httpx.Response], *, deadline_s: float = 60
) -> AsyncGenerator[Door]:
    """Give a door to a replica that gives these answers, one a request."""
    left = iter(answers)

    async def answer(_: httpx.Request) -> httpx.Response:
        return next(left)

    async with forwarding(httpx.MockTransport(answer), deadline_s) as door:
        yield door


@contextlib.asynccontextmanager
async def forwarding(
    transport: httpx.AsyncBaseTransport, deadline_s: float = 60
) -> AsyncGenerator[Door]:

    async def who_leads() -> Holding:
        return Holding("host:1", "http://replica", 3)

    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        yield Door(
            codec=SubmissionCodec((Mow,)),
            who_leads=who_leads,
            client=client,
            secret="s",
            deadline_s=deadline_s,
        )


def replica(*commands: type[Command], answer: Answer = ACCEPTED) -> Starlette:
    """Give a replica that leads and knows these commands."""

    class Local:
        async def submit(self, submission: Submission) -> Answer:
            assert isinstance(submission.command, commands)
            return answer

    door = Door(
        codec=SubmissionCodec(commands),
        who_leads=_nobody,
        client=httpx.AsyncClient(trust_env=False),
        secret="s",
        deadline_s=60,
    )
    door.local = Local()
    return Starlette(routes=[Route(PATH, door.receive, methods=["POST"])])


async def _nobody() -> None:
    return None


@pytest.mark.parametrize("status", [421, 503, 404, 500])
async def test_a_replica_that_cannot_take_a_command_now_is_asked_again(status: int) -> None:
    taken = httpx.Response(200, content=msgspec.json.encode(ACCEPTED))
    async with door_to([httpx.Response(status), taken]) as door:
        assert await door.submit(SUBMISSION) == ACCEPTED


async def test_a_command_that_an_old_writer_lacks_reaches_the_new_one() -> None:
    replicas = iter((replica(Rake), replica(MowShorter), replica(Mow, Rake)))

    async def next_replica(request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(next(replicas))
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            return await client.post(
                request.url, content=request.content, headers=dict(request.headers)
            )

    async with forwarding(httpx.MockTransport(next_replica)) as door:
        assert await door.submit(SUBMISSION) == ACCEPTED
    assert next(replicas, None) is None


async def test_while_only_an_old_writer_is_there_the_answer_is_newer_version() -> None:
    async with forwarding(httpx.ASGITransport(replica(Rake)), deadline_s=0.2) as door:
        answer = await door.submit(SUBMISSION)
    assert isinstance(answer, Unavailable)
    assert answer.code == "newer_version"
    response = answer_response("meadows", answer, scope="c1", path="/", status=200, created=False)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_an_answer_that_cannot_be_read_here_is_asked_for_again() -> None:
    unknown = httpx.Response(200, content=b'{"type":"Postponed","until":"tomorrow"}')
    taken = httpx.Response(200, content=msgspec.json.encode(ACCEPTED))
    async with door_to([unknown, taken]) as door:
        assert await door.submit(SUBMISSION) == ACCEPTED


async def test_a_closed_door_keeps_nobody_waiting() -> None:
    async with door_to(itertools.repeat(httpx.Response(421))) as door, asyncio.timeout(5):
        waiting = asyncio.create_task(door.submit(SUBMISSION))
        await asyncio.sleep(0)
        door.close()
        answers = [await waiting, await door.submit(SUBMISSION)]
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]


def test_a_forwarded_submission_arrives_as_it_was() -> None:
    codec = SubmissionCodec((Mow,))
    sealed = msgspec.structs.replace(
        SUBMISSION,
        caller=Caller("issuer", "subject"),
        secrets=(Secret(UUID(int=3), "name", UUID(int=4), b"\x00\xff"),),
        claims=(Claim("id_number", b"\x00\xff", "s/1"),),
    )
    assert codec.decode(codec.encode(sealed)) == sealed
