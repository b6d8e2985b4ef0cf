"""One request, seen over two services: HTTP, the log, Kafka, the next log, the next tables."""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from uuid import UUID, uuid5

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry

from shared.kit.embedded import Servers
from shared.kit.ids import TimeOrderedIds
from shared.kit.observability.exporting import open_traces
from shared.kit.observability.metrics import Metrics
from shared.kit.read_models.building import BuilderLimits
from shared.kit.read_models.rebuild import rebuild
from shared.kit.settings import ServiceSettings
from shared.kit.submission import Accepted, Answer, Caller, Submission
from shared.kit.writer import Writer
from tests.fixtures.edge import MEADOWS, Ports
from tests.fixtures.exchange import eventually
from tests.fixtures.garden import (
    BEDS,
    GARDEN,
    MARKET,
    REGISTRY,
    House,
    Plant,
    Water,
    ask,
    drop,
    new_names,
    opened,
)
from tests.fixtures.spans import Kept, attributes, kept, linked, span_id, traceparent_of

CALLER = f"00-{'4b' * 16}-{'a7' * 8}-01"
SECRET = "Anna Lind, 13800138000"


@dataclass(kw_only=True)
class Door(Ports):
    """The edge before the garden's writer: a meadow that is opened is a bed that is planted."""

    writer: Writer

    async def submit(self, submission: Submission) -> Answer:
        bed = Plant(bed=str(getattr(submission.command, "meadow", "x")))
        return await self.writer.submit(msgspec.structs.replace(submission, command=bed))


@pytest.fixture
async def house(site: Servers) -> AsyncGenerator[House]:
    names = await new_names(site)
    async with opened(site, names) as house:
        yield house
    await drop(site, names)


def traced(house: House, ratio: float = 0.0) -> tuple[House, Mapping[str, Kept]]:
    traces = {name: kept(ratio=ratio) for name in (GARDEN, MARKET)}
    return replace(house, tracing={n: one.tracing for n, one in traces.items()}), traces


async def test_a_request_is_followed_over_both_services_to_both_tables(
    house: House, tmp_path: Path
) -> None:
    house, traces = traced(house)
    async with house.at_work() as writer:
        door = Door(tmp_path, tracing=traces[GARDEN].tracing, writer=writer)
        async with door.client() as client:
            answer = await client.post(
                MEADOWS,
                json={"name": SECRET, "owner": SECRET},
                headers=door.headers(traceparent=CALLER),
            )
            assert answer.status_code == 201, answer.text
        await eventually(house.at_head, "all is sent, heard and folded")
        await eventually(lambda: recorded(traces[MARKET], "fold"), "the market has folded it")
        await eventually(lambda: recorded(traces[GARDEN], "fold"), "the garden has folded it")

    garden, market = traces[GARDEN], traces[MARKET]
    (request,) = [span for span in garden.spans if span.kind is SpanKind.SERVER]
    (decided,) = garden.named("decide")
    assert request.name == "POST /api/meadows/v1/communities/{scope}/meadows"
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == "a7" * 8
    assert decided.parent is not None
    assert decided.parent.span_id == span_id(request)
    edges = {
        (service, span.name): linked(span)
        for service, kept in traces.items()
        for span in kept.spans
        if span.links
    }
    batches = [(GARDEN, name) for name in ("append", "send", "fold")]
    batches += [(MARKET, name) for name in ("ingest", "append", "fold")]
    assert edges == {batch: {span_id(request)} for batch in batches}
    assert garden.named("send")[0].kind is SpanKind.PRODUCER
    assert market.named("ingest")[0].kind is SpanKind.CONSUMER
    for site in house.sites.values():
        rows = await site.pool.fetch("SELECT traceparent FROM kit.event")
        assert [row["traceparent"] for row in rows] == [traceparent_of(request)]


async def test_a_personal_text_is_in_no_span_though_requests_fail_with_it(
    house: House, tmp_path: Path
) -> None:
    house, traces = traced(house, ratio=1.0)
    async with house.at_work() as writer:
        door = Door(tmp_path, tracing=traces[GARDEN].tracing, writer=writer)
        async with door.client() as client:
            body = {"name": SECRET, "owner": SECRET}
            await client.post(MEADOWS, json=body, headers=door.headers())
            await client.post(MEADOWS, json={"owner": [SECRET]}, headers=door.headers())
            crashed = await client.get(f"{MEADOWS}/{UUID(int=13)}?q=Anna", headers=door.headers())
            await client.get("/api/meadows/v1/Anna?q=13800138000", headers=door.headers())
        await eventually(house.at_head, "all is sent, heard and folded")
        await eventually(lambda: recorded(traces[MARKET], "fold"), "the market has folded it")

    assert crashed.status_code == 500
    said = "".join(kept.texts() for kept in traces.values())
    assert "decide" in said
    assert "Anna" not in said
    assert "13800138000" not in said


async def test_a_request_that_fails_is_recorded_though_its_trace_is_not_sampled(
    house: House, tmp_path: Path
) -> None:
    house, traces = traced(house, ratio=0.0)
    door = Door(tmp_path, tracing=traces[GARDEN].tracing, writer=house.writer(house.garden))
    async with door.client() as client:
        await client.get(f"{MEADOWS}/{UUID(int=13)}", headers=door.headers())
        await client.get(f"{MEADOWS}/{UUID(int=99)}", headers=door.headers())

    (failed,) = traces[GARDEN].spans
    assert failed.status.status_code is StatusCode.ERROR
    assert attributes(failed)["error.type"] == "internal_error"


async def test_what_no_sampled_request_led_to_makes_no_span_anywhere(house: House) -> None:
    house, traces = traced(house)
    async with house.at_work() as writer:
        assert isinstance(await ask(writer, Plant(bed="b1"), "elm", "1"), Accepted)
        await eventually(house.at_head, "all is sent, heard and folded")

    assert [kept.spans for kept in traces.values()] == [(), ()]


async def test_a_rule_s_command_goes_on_in_the_trace_of_what_it_answers(house: House) -> None:
    house, traces = traced(house)
    async with house.at_work() as writer:
        assert isinstance(await submit(writer, Plant(bed="b1"), 1, by_a_rule=True), Accepted)

    (decided,) = traces[GARDEN].named("decide")
    assert decided.parent is not None
    assert f"{decided.parent.span_id:016x}" == f"{1:016x}"
    stored = await house.garden.pool.fetchval("SELECT traceparent FROM kit.event")
    assert stored == traceparent(1)


async def test_a_rebuild_makes_one_span_a_page(house: House) -> None:
    house, traces = traced(house)
    async with house.at_work() as writer:
        await submit(writer, Plant(bed="b1"), 1)
        for number in range(2, 10):
            await submit(writer, Water(bed="b1", litres=1), number)
        await eventually(house.at_head, "all is folded")
    again = kept()

    pool = house.garden.pool
    limits = BuilderLimits(page_events_max=4)
    await rebuild(pool, REGISTRY, BEDS, random=Random(1), limits=limits, tracing=again.tracing)

    assert [span.name for span in again.spans] == ["fold"] * 3
    assert [len(linked(span)) for span in again.spans] == [4, 4, 1]
    assert traces[GARDEN].named("fold")


def test_spans_reach_a_collector_with_who_sent_them() -> None:
    with collector() as (endpoint, received):
        metrics = Metrics(CollectorRegistry())
        common = {"service": GARDEN, "role": "serve", "release": "7"}
        traces = open_traces(settings(endpoint), metrics, common)
        _, span = traces.tracing.request(None, TimeOrderedIds(), may_begin=True)
        span.set(scope="elm")
        span.end()
        traces.close(30)

    (sent,) = received
    (resource,) = sent.resource_spans
    said = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert (said["service.name"], said["service.version"]) == (GARDEN, "7")
    assert said["cogov.district"] == "d1"
    (found,) = resource.scope_spans[0].spans
    assert found.attributes[0].key == "cogov.scope"
    assert (
        metrics.registry.get_sample_value("cogov_trace_spans_total", {"outcome": "exported"}) == 1
    )


async def recorded(traces: Kept, name: str) -> bool:
    found: list[ReadableSpan] = traces.named(name)
    return bool(found)


def traceparent(number: int) -> str:
    return f"00-{'4b' * 16}-{number:016x}-01"


async def submit(
    writer: Writer, command: Plant | Water, number: int, *, by_a_rule: bool = False
) -> Answer:
    return await writer.submit(
        Submission(
            command_id=uuid5(UUID(int=7), str(number)),
            fingerprint=b"f",
            scope="elm",
            command=command,
            caller=None if by_a_rule else Caller("issuer", "subject"),
            correlation_id=UUID(int=9),
            causation_id=UUID(int=8) if by_a_rule else None,
            traceparent=traceparent(number),
        )
    )


@contextmanager
def collector() -> Generator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Run an OTLP/HTTP endpoint that keeps what it is sent."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
            received.append(request)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", received
        finally:
            server.shutdown()
            thread.join()


def settings(endpoint: str) -> ServiceSettings:
    needed = {
        name: "" for name, field in ServiceSettings.model_fields.items() if field.is_required()
    }
    return ServiceSettings.model_validate(
        {
            **needed,
            "jwks_file": "none",
            "district": "d1",
            "trace_endpoint": endpoint,
            "trace_sample_ratio": 1.0,
        }
    )
