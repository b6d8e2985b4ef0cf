"""A process is killed at each point where it could lose or double something, and nothing is."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.clients import Journal
from tests.fixtures.ordeal import Ordeal
from tests.fixtures.workload import ANSWERED, COMMANDS, REQUESTS, play

log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def uncrashed() -> dict[str, Any]:
    """Keep what the load gives where nothing crashes; the first test fills it."""
    return {}


async def _expected(ordeal: Ordeal, uncrashed: dict[str, Any]) -> dict[str, Any]:
    if not uncrashed:
        path = await ordeal.community("calm")
        async with ordeal.client("wishes") as client:
            replies = await play(client, path)
        assert [reply.status < 300 for reply in replies] == [True] * COMMANDS
        await ordeal.drained()
        uncrashed |= await ordeal.figures("calm")
        assert uncrashed["figures"]["received"] == uncrashed["totals"]["heard"] == REQUESTS
        assert uncrashed["figures"]["answered"] == uncrashed["totals"]["answered"] == ANSWERED
    return uncrashed


@pytest.mark.parametrize(
    "point", ["writer.decided", "writer.appending", "writer.appended", "relay.acked"]
)
async def test_the_writer_dies_at_a_point_and_nothing_is_lost_or_doubled(
    ordeal: Ordeal, tmp_path: Path, uncrashed: dict[str, Any], point: str
) -> None:
    expected = await _expected(ordeal, uncrashed)
    node = f"crash-{point.replace('.', '-')}"
    path = await ordeal.community(node)
    # What is heard is written, too, and would be the batch that the process dies with.
    await ordeal.silence("deliberation", hearer="wishes")
    await ordeal.terminate("wishes")
    ordeal.launch_armed("wishes", point, tmp_path / "said")
    await ordeal.start("wishes")
    journal = Journal()
    async with ordeal.client("wishes", journal=journal) as client:
        playing = asyncio.create_task(play(client, path))
        await ordeal.crashed("wishes", point, tmp_path / "said")
        await ordeal.start("wishes", "deliberation")
        replies = await playing
    replayed = sum(reply.replayed for reply in replies)
    log.info("%s: %s; %d answers were in the log already", point, journal, replayed)
    assert [reply.status < 300 for reply in replies] == [True] * COMMANDS
    assert journal.unexpected == {}
    if point in {"writer.decided", "writer.appended"}:
        assert (replayed > 0) is (point == "writer.appended")
    await ordeal.drained()
    assert await ordeal.figures(node) == expected
    await ordeal.assert_clean()


async def test_the_hearer_dies_in_an_append_of_what_it_heard(
    ordeal: Ordeal, tmp_path: Path, uncrashed: dict[str, Any]
) -> None:
    expected = await _expected(ordeal, uncrashed)
    path = await ordeal.community("crash-ingest")
    await ordeal.terminate("deliberation")
    async with ordeal.client("wishes") as client:
        await play(client, path)
        assert set(client.journal.seen) == {"200", "201"}, "another service's end is not ours"
    await ordeal.relayed("wishes")
    ordeal.launch_armed("deliberation", "ingest.appending", tmp_path / "said")
    await ordeal.crashed("deliberation", "ingest.appending", tmp_path / "said")
    await ordeal.start("deliberation")
    await ordeal.drained()
    assert await ordeal.figures("crash-ingest") == expected
    await ordeal.assert_clean()


@pytest.mark.parametrize("service", ["wishes", "deliberation"])
async def test_the_projector_dies_in_a_fold(
    ordeal: Ordeal, tmp_path: Path, uncrashed: dict[str, Any], service: str
) -> None:
    expected = await _expected(ordeal, uncrashed)
    node = f"crash-fold-{service}"
    path = await ordeal.community(node)
    projector = f"{service}-project"
    await ordeal.terminate(projector)
    async with ordeal.client("wishes") as client:
        await play(client, path)
        assert set(client.journal.seen) == {"200", "201"}, "commands need no projector"
    ordeal.launch_armed(projector, "fold", tmp_path / "said")
    await ordeal.crashed(projector, "fold", tmp_path / "said")
    await ordeal.start(projector)
    await ordeal.drained()
    assert await ordeal.figures(node) == expected
    await ordeal.assert_clean()
