"""Which spans are recorded, what they are linked to, and what they never say."""

from collections.abc import Iterator, Sequence
from threading import Event, get_ident

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry

from shared.kit.ids import TimeOrderedIds
from shared.kit.observability.exporting import Traces, open_traces, traces_to
from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import LINKS_MAX, NO_TRACING
from shared.kit.settings import ServiceSettings
from tests.fixtures.spans import attributes, kept, traceparent_of

IDS = TimeOrderedIds()
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
NOT_SAMPLED = f"00-{TRACE}-{SPAN}-00"
COMMON = {"service": "meadows", "role": "serve", "release": "7"}
SECRET = "Anna Lind, 13800138000"


def test_a_sampled_caller_s_trace_goes_on_in_a_span_of_our_own() -> None:
    traces = kept(ratio=0.0)

    traceparent, span = traces.tracing.request(SAMPLED.encode(), IDS, may_begin=True)
    span.end()

    (recorded,) = traces.spans
    assert traceparent == traceparent_of(recorded)
    assert traceparent.split("-")[1] == TRACE
    assert recorded.kind is SpanKind.SERVER
    assert recorded.parent is not None
    assert f"{recorded.parent.span_id:016x}" == SPAN


def test_a_caller_s_decision_not_to_sample_is_kept() -> None:
    traces = kept(ratio=1.0)

    traceparent, span = traces.tracing.request(NOT_SAMPLED.encode(), IDS, may_begin=True)

    assert not span
    assert traceparent.startswith(f"00-{TRACE}-")
    assert traceparent.endswith("-00")


@pytest.mark.parametrize(
    ("drawn", "recorded"), [(0.0, True), (0.0499, True), (0.05, False), (0.99, False)]
)
def test_the_share_of_the_traces_begun_here_is_the_ratio(drawn: float, *, recorded: bool) -> None:
    traces = kept(ratio=0.05, draw=lambda: drawn)

    traceparent, span = traces.tracing.request(None, IDS, may_begin=True)

    assert bool(span) is recorded
    assert (int(traceparent[-2:], 16) & 1 == 1) is recorded


def test_a_path_that_is_asked_all_day_begins_no_sampled_trace() -> None:
    traceparent, span = kept(ratio=1.0).tracing.request(None, IDS, may_begin=False)

    assert not span
    assert traceparent.endswith("-00")


@pytest.mark.parametrize(
    "header",
    [
        b"nonsense",
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"ff-{TRACE}-{SPAN}-01".encode(),
        SAMPLED.upper().encode(),
        b"\xff\xfe" + SAMPLED.encode(),
    ],
)
def test_a_header_that_is_no_traceparent_counts_as_none(header: bytes) -> None:
    traceparent, _ = NO_TRACING.request(header, IDS, may_begin=True)

    assert len(traceparent) == len(SAMPLED)
    assert TRACE not in traceparent


def test_without_a_tracer_a_caller_s_trace_is_handed_on_and_nothing_recorded() -> None:
    traceparent, span = NO_TRACING.request(SAMPLED.encode(), IDS, may_begin=True)

    assert not span
    assert traceparent.startswith(f"00-{TRACE}-")
    assert traceparent.endswith("-01")
    assert not NO_TRACING.child("decide", SAMPLED)
    assert not NO_TRACING.batch("append", [SAMPLED])
    assert not NO_TRACING.error(SAMPLED, 1)


def test_a_child_is_below_the_span_that_its_traceparent_names() -> None:
    traces = kept()

    with traces.tracing.child("decide", SAMPLED) as span:
        span.set(command="Plant", events=2)

    (recorded,) = traces.spans
    assert recorded.parent is not None
    assert f"{recorded.parent.span_id:016x}" == SPAN
    assert attributes(recorded) == {"cogov.command": "Plant", "cogov.events": 2}


@pytest.mark.parametrize(
    "traceparent", ["", NOT_SAMPLED, "x" * len(SAMPLED), f"{SAMPLED[:-2]}g1", SAMPLED + "1"]
)
def test_what_no_sampled_request_led_to_makes_no_span(traceparent: str) -> None:
    traces = kept()

    with traces.tracing.child("decide", traceparent), traces.tracing.batch("send", [traceparent]):
        pass

    assert traces.spans == ()


def test_a_batch_is_a_trace_of_its_own_linked_to_each_sampled_request_once() -> None:
    traces = kept()
    others = [f"00-{TRACE}-{number:016x}-01" for number in (1, 2)]

    with traces.tracing.batch("append", [others[0], NOT_SAMPLED, *others, ""], SpanKind.PRODUCER):
        pass

    (recorded,) = traces.spans
    assert recorded.parent is None
    assert [link.context.span_id for link in recorded.links] == [1, 2]
    assert recorded.kind is SpanKind.PRODUCER


@pytest.mark.parametrize(("asked", "linked"), [(128, 128), (129, 128), (1000, 128)])
def test_a_batch_has_so_many_links_and_no_more(asked: int, linked: int) -> None:
    traces = kept()
    taken: list[int] = []

    def traceparents() -> Iterator[str]:
        for number in range(1, asked + 1):
            taken.append(number)
            yield f"00-{TRACE}-{number:016x}-01"

    with traces.tracing.batch("append", traceparents()):
        pass

    (recorded,) = traces.spans
    assert linked <= LINKS_MAX
    assert len(recorded.links) == linked
    assert recorded.dropped_links == 0


def test_an_exception_is_told_by_its_type_alone() -> None:
    traces = kept()

    with pytest.raises(ValueError, match="Anna"), traces.tracing.child("decide", SAMPLED):
        raise ValueError(SECRET)

    (recorded,) = traces.spans
    assert recorded.status.status_code is StatusCode.ERROR
    assert attributes(recorded) == {"error.type": "ValueError"}
    assert recorded.events == ()
    assert "Anna" not in traces.texts()


class Collector(SpanExporter):
    """A collector that can be slow, or refuse."""

    def __init__(self) -> None:
        self.free = Event()
        self.free.set()
        self.asked = Event()
        self.result = SpanExportResult.SUCCESS
        self.spans: list[ReadableSpan] = []
        self.threads: set[int] = set()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.threads.add(get_ident())
        self.asked.set()
        self.free.wait(30)
        self.spans += spans
        return self.result

    def shutdown(self) -> None:
        pass


def opened(collector: Collector, *, queue_spans_max: int = 10) -> tuple[Traces, Metrics]:
    metrics = Metrics(CollectorRegistry())
    traces = traces_to(
        collector, metrics, COMMON, ratio=1.0, queue_spans_max=queue_spans_max, delay_ms=10
    )
    return traces, metrics


def counted(metrics: Metrics) -> dict[str, float]:
    return {
        outcome: metrics.registry.get_sample_value("cogov_trace_spans_total", {"outcome": outcome})
        or 0
        for outcome in ("exported", "failed", "dropped")
    }


def make(traces: Traces, spans: int) -> None:
    for _ in range(spans):
        traces.tracing.child("decide", SAMPLED).end()


def test_spans_are_sent_by_a_thread_of_their_own_and_say_who_sent_them() -> None:
    collector = Collector()
    traces, metrics = opened(collector)

    make(traces, 3)
    traces.close(30)

    assert len(collector.spans) == 3
    assert get_ident() not in collector.threads
    resource = collector.spans[0].resource.attributes
    assert resource["service.name"] == "meadows"
    assert resource["service.version"] == "7"
    assert counted(metrics) == {"exported": 3, "failed": 0, "dropped": 0}


@pytest.mark.parametrize(("made", "dropped"), [(10, 0), (11, 1), (500, 490)])
def test_while_the_collector_is_slow_so_many_spans_wait_and_the_others_are_dropped(
    made: int, dropped: int
) -> None:
    collector = Collector()
    traces, metrics = opened(collector, queue_spans_max=10)
    collector.free.clear()
    make(traces, 1)
    assert collector.asked.wait(30), "the first is under way, so the queue is empty"

    make(traces, made)
    assert counted(metrics)["dropped"] == dropped

    collector.free.set()
    traces.close(30)
    assert len(collector.spans) == 1 + made - dropped


def test_a_collector_that_does_not_answer_is_not_waited_for_at_the_end() -> None:
    collector = Collector()
    traces, _ = opened(collector)
    collector.free.clear()
    make(traces, 1)
    assert collector.asked.wait(30)

    traces.close(0.01)

    assert collector.spans == []
    collector.free.set()


def test_spans_that_a_collector_refuses_are_counted_as_failed() -> None:
    collector = Collector()
    collector.result = SpanExportResult.FAILURE
    traces, metrics = opened(collector)

    make(traces, 2)
    traces.close(30)

    assert counted(metrics) == {"exported": 0, "failed": 2, "dropped": 0}


def test_without_an_endpoint_nothing_is_opened() -> None:
    traces = open_traces(settings(), Metrics(CollectorRegistry()), COMMON)

    assert traces.tracing is NO_TRACING
    traces.close()


def settings() -> ServiceSettings:
    return ServiceSettings.model_validate(
        {
            "database_dsn": "",
            "keys_dsn": "",
            "kafka_bootstrap": "",
            "issuer": "",
            "jwks_file": "none",
            "internal_secret": "",
            "vault_master_key": "",
            "vault_pepper": "",
            "fingerprint_secret": "",
            "district": "d1",
        }
    )
