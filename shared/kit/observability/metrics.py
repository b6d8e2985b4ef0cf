"""Every metric that the kit reports, declared in one place; units are in the names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._declare_http(registry)
        self._declare_writer(registry)
        self._declare_between_services(registry)

    def _declare_http(self, registry: CollectorRegistry) -> None:
        self.http_requests = Counter(
            "cogov_http_requests",
            "Requests answered, by route template.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.http_seconds = Histogram(
            "cogov_http_request_seconds",
            "Time from the first byte read to the last one written.",
            ["route", "method"],
            buckets=_FAST,
            registry=registry,
        )
        self.http_in_flight = Gauge(
            "cogov_http_requests_in_flight", "Requests being answered.", registry=registry
        )

    def _declare_writer(self, registry: CollectorRegistry) -> None:
        self.writer_batch_size = Histogram(
            "cogov_writer_batch_commands",
            "Commands and heard events decided in one batch.",
            buckets=_SIZES,
            registry=registry,
        )
        self.writer_batch_seconds = Histogram(
            "cogov_writer_batch_seconds",
            "Time from taking a batch to answering it.",
            buckets=_FAST,
            registry=registry,
        )
        self.writer_queue_length = Gauge(
            "cogov_writer_queue_length",
            "Submissions waiting for the writer.",
            ["queue"],
            registry=registry,
        )
        self.append_seconds = Histogram(
            "cogov_append_seconds", "Time of one append.", buckets=_FAST, registry=registry
        )
        self.lease_epoch = Gauge(
            "cogov_lease_epoch",
            "The epoch this process holds the lease in; 0: another does.",
            ["role"],
            registry=registry,
        )

    def _declare_between_services(self, registry: CollectorRegistry) -> None:
        self.relay_position = Gauge(
            "cogov_relay_position", "The position relayed to Kafka last.", registry=registry
        )
        self.relay_lag_events = Gauge(
            "cogov_relay_lag_events", "Positions not yet past the relay.", registry=registry
        )
        self.ingest_stopped = Gauge(
            "cogov_ingest_stopped",
            "1 while a partition stands still and an operator is needed.",
            ["topic", "partition"],
            registry=registry,
        )
        self.projector_lag_events = Gauge(
            "cogov_projector_lag_events",
            "Positions not yet folded into a read model.",
            ["model"],
            registry=registry,
        )
