"""When the client asks again, and when it does not."""

import httpx
import pytest

from shared.cli.client import ApiClient, ApiUnavailableError, ClientLimits, RefusedByApiError

QUICK = ClientLimits(retry_budget_s=1.0)
SPENT = ClientLimits(retry_budget_s=0.0)


class Server(httpx.AsyncBaseTransport):
    """Gives prepared answers in turn, the last one for ever; None: the connection breaks."""

    def __init__(self, *answers: httpx.Response | None) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise httpx.ConnectError("no connection")
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def accepted(*, replayed: bool = False) -> httpx.Response:
    headers = {"Idempotency-Replayed": str(replayed).lower(), "Cogov-Position": "p1.x"}
    return httpx.Response(201, headers=headers, json={"id": "r1"})


def refused(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "Some text."})


def client(server: Server, limits: ClientLimits = QUICK) -> ApiClient:
    return ApiClient("http://wishes", "t", limits, transport=server)


async def test_an_accepted_command_tells_whether_it_was_known() -> None:
    async with client(Server(accepted(replayed=True))) as api:
        answer = await api.post("/x", {}, key="k")
    assert (answer.content, answer.replayed, answer.position) == ({"id": "r1"}, True, "p1.x")


async def test_a_broken_connection_and_a_busy_service_are_asked_again_under_the_same_key() -> None:
    server = Server(None, refused(503, "writer_moving"), accepted())
    async with client(server) as api:
        await api.post("/x", {"a": 1}, key="k")
    assert [request.headers["Idempotency-Key"] for request in server.requests] == ["k", "k", "k"]
    assert len({bytes(request.content) for request in server.requests}) == 1


async def test_a_refusal_is_final() -> None:
    server = Server(refused(409, "request_is_closed"))
    async with client(server) as api:
        with pytest.raises(RefusedByApiError, match=r"request_is_closed: Some text\.") as caught:
            await api.post("/x", {}, key="k")
    assert (caught.value.status, len(server.requests)) == (409, 1)


async def test_a_refusal_that_is_no_problem_document_still_has_a_code() -> None:
    async with client(Server(httpx.Response(404, content=b"<html>"))) as api:
        with pytest.raises(RefusedByApiError, match="http_404"):
            await api.get("/x")


@pytest.mark.parametrize("answer", [None, refused(503, "writer_moving")])
async def test_a_service_that_stays_away_is_given_up(answer: httpx.Response | None) -> None:
    async with client(Server(answer), SPENT) as api:
        with pytest.raises(ApiUnavailableError):
            await api.get("/x")


async def test_a_position_to_wait_for_is_sent_along() -> None:
    server = Server(httpx.Response(200, json={"n": 1}))
    async with client(server) as api:
        assert await api.get("/x", {"limit": 3}, after="p1.y") == {"n": 1}
    (request,) = server.requests
    assert (request.headers["Cogov-After"], request.url.query) == ("p1.y", b"limit=3")
