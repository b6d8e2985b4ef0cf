"""Files over HTTP at the edge: who may, what is read of it, and what becomes of the request."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict

from shared.authority import RoleMissing
from shared.decider import Command
from shared.kit.http.application import create_app
from shared.kit.http.commands import Draft, Routes
from shared.kit.http.edge import Edge, Limits
from shared.kit.http.queries import Reading
from shared.kit.http.rates import RateLimits, Rates
from shared.kit.http.uploads import Download, Upload
from shared.kit.identity.development_issuer import ISSUER
from shared.kit.identity.keys import FixedKeys
from shared.kit.identity.tokens import TokenVerifier
from shared.kit.observability.metrics import Metrics
from tests.fixtures.edge import CountingIds, PlainVault, Ports

PATH = "/api/meadows/v1/communities/c1/meadows/m1/attachments"
BYTES_MAX = 300_000  # above the limit of other bodies


class PinPhoto(Command):
    """A photo is pinned to a meadow."""

    meadow: str
    bytes: int
    media_type: str
    title: str


class PhotoParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = "none"


class Board:
    """An edge that takes and gives photos."""

    def __init__(self, folder: Path) -> None:
        self.ports = Ports(folder)
        self.held = asyncio.Event()
        self.held.set()
        self.arrived = asyncio.Semaphore(0)
        edge = Edge(
            submit=self.ports.submit,
            authorise_read=self.ports.authorise_read,
            wait_for=self.ports.wait_for,
            tokens=TokenVerifier(
                issuer=ISSUER, keys=FixedKeys(self.ports.issuer.jwks()), clock=self.ports.clock
            ),
            rates=Rates(RateLimits()),
            vault=PlainVault(),
            ids=CountingIds(),
            clock=self.ports.clock,
            fingerprint_secret=b"f" * 32,
            limits=Limits(upload_bytes_max=BYTES_MAX, uploads_in_flight_max=1),
        )
        routes = Routes("meadows", edge)
        routes.upload(
            "communities/{scope}/meadows/{meadow}/attachments",
            PhotoParameters,
            self.pin,
            action=PinPhoto,
            storing="store_photos",
            summary="Pin",
        )
        routes.download(
            "communities/{scope}/meadows/{meadow}/attachments/{photo}",
            self.get_photo,
            action="see_photos",
            summary="See",
        )
        self.routes = routes
        app = create_app("meadows", edge, [routes], metrics=Metrics(CollectorRegistry()))
        transport = httpx.ASGITransport(app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://meadows")

    async def pin(self, upload: Upload[PhotoParameters]) -> Draft:
        self.arrived.release()
        await self.held.wait()
        return Draft(
            PinPhoto(
                meadow=upload.path["meadow"],
                bytes=len(upload.content),
                media_type=upload.media_type,
                title=upload.parameters.title,
            )
        )

    async def get_photo(self, photo: str, reader: Reading) -> Download:
        return Download(photo.encode() + reader.resident.encode(), "image/png", f"{photo}.png")

    async def post(self, content: bytes = b"photo", query: str = "", **more: str) -> httpx.Response:
        headers = self.ports.headers(**{"content_type": "image/png", **more})
        return await self.client.post(PATH + query, content=content, headers=headers)


@pytest.fixture
async def board(tmp_path: Path) -> AsyncGenerator[Board]:
    board = Board(tmp_path)
    async with board.client:
        yield board


async def test_a_file_becomes_a_command(board: Board) -> None:
    response = await board.post(query="?title=Wide")
    assert response.status_code == 201
    (submission,) = board.ports.submitted
    assert submission.command == PinPhoto(
        meadow="m1", bytes=5, media_type="image/png", title="Wide"
    )
    assert [(action, scope) for action, scope, _ in board.ports.reads] == [("store_photos", "c1")]


async def test_a_file_may_be_larger_than_other_bodies_up_to_its_limit(board: Board) -> None:
    assert (await board.post(bytes(BYTES_MAX))).status_code == 201
    response = await board.post(bytes(BYTES_MAX + 1))
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


async def test_the_fingerprint_is_that_of_the_file_its_type_and_its_parameters(
    board: Board,
) -> None:
    await board.post()
    await board.post()
    await board.post(b"other")
    await board.post(query="?title=Wide")
    await board.post(content_type="image/webp")
    prints = [submission.fingerprint for submission in board.ports.submitted]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4


async def test_whoever_may_not_store_is_turned_away_before_the_file_is_taken(board: Board) -> None:
    board.ports.read_refusal = RoleMissing(scope="c1")
    response = await board.post()
    assert (response.status_code, response.json()["code"]) == (403, "role_missing")
    assert board.ports.submitted == []
    assert board.arrived.locked()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"idempotency_key": ""}, 400, "idempotency_key_missing"),
        ({"authorization": ""}, 401, "token_missing"),
        ({"content_encoding": "gzip"}, 415, "media_type_unsupported"),
        ({"query": "?tittle=x"}, 422, "request_invalid"),
    ],
)
async def test_a_request_that_is_not_whole_is_refused(
    board: Board, change: dict[str, Any], status: int, code: str
) -> None:
    response = await board.post(**change)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert board.ports.submitted == []


async def test_only_so_many_files_are_held_at_once(board: Board) -> None:
    board.held.clear()
    first = asyncio.ensure_future(board.post())
    await board.arrived.acquire()
    refused = await board.post()
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    board.held.set()
    assert (await first).status_code == 201
    assert (await board.post()).status_code == 201


async def test_a_download_is_a_file_that_no_browser_runs(board: Board) -> None:
    response = await board.client.get(f"{PATH}/p1", headers=board.ports.headers())
    assert (response.status_code, response.content) == (200, b"p1r1")
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-disposition"] == 'attachment; filename="p1.png"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    board.ports.read_refusal = RoleMissing(scope="c1")
    response = await board.client.get(f"{PATH}/p1", headers=board.ports.headers())
    assert response.status_code == 403


async def test_the_page_says_what_is_taken_and_given(board: Board) -> None:
    page = (await board.client.get("/api/meadows/v1/openapi.json")).json()
    post = page["paths"]["/api/meadows/v1/communities/{scope}/meadows/{meadow}/attachments"]["post"]
    assert "*/*" in post["requestBody"]["content"]
    assert {one["name"] for one in post["parameters"]} >= {"scope", "meadow", "title"}


@pytest.mark.parametrize("path", ["communities/{scope}/files", "communities/attachments"])
def test_an_upload_s_path_says_so(board: Board, path: str) -> None:
    add: Callable[..., Any] = board.routes.upload
    with pytest.raises(ValueError, match="path"):
        add(path, PhotoParameters, board.pin, action=PinPhoto, storing="x", summary="")
