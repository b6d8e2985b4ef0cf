"""Forwarding a command to the writer, whatever the writer's replica answers on the way."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Iterable
from uuid import UUID

import httpx
import msgspec
import pytest

from shared.decider import Command
from shared.kit.forward import Door, SubmissionCodec
from shared.kit.lease import Holding
from shared.kit.ports import Claim, Secret
from shared.kit.submission import Accepted, Caller, Submission, Unavailable

ACCEPTED = Accepted(stream="s/1", version=1, events=1, epoch=3, position=7, scope="c1")


class Mow(Command):
    meadow: str


SUBMISSION = Submission(
    command_id=UUID(int=1),
    fingerprint=b"f",
    scope="c1",
    command=Mow(meadow="m"),
    caller=None,
    correlation_id=UUID(int=2),
)


@contextlib.asynccontextmanager
async def door_to(answers: Iterable[httpx.Response]) -> AsyncGenerator[Door]:
    """Give a door to a replica that gives these answers, one a request."""
    left = iter(answers)

    async def who_leads() -> Holding:
        return Holding("host:1", "http://replica", 3)

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: next(left)), trust_env=False
    ) as client:
        yield Door(
            codec=SubmissionCodec((Mow,)),
            who_leads=who_leads,
            client=client,
            secret="s",
            deadline_s=60,
        )


@pytest.mark.parametrize("status", [421, 503])
async def test_a_replica_that_cannot_take_a_command_now_is_asked_again(status: int) -> None:
    taken = httpx.Response(200, content=msgspec.json.encode(ACCEPTED))
    async with door_to([httpx.Response(status), taken]) as door:
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
