"""Every metric that the kit reports, declared in one place; units are in the names.

An attribute has the name of its metric without `cogov_` and `_total`. `docs/reference/metrics.md`
is generated from these declarations. No label ever names a community, a person or a stream.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.kit.observability.common_labels import CommonLabels

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

OPEN: Final[tuple[str, ...]] = ()  # the label's values are not known beforehand
YES_NO: Final = ("yes", "no")
VIA: Final = ("http", "policy", "process", "timer", "ingest", "operator")
ROLES: Final = ("write", "project")
REJECTED: Final = (
    "queue_full",
    "not_writer",
    "log_unavailable",
    "contended",
    "authority_stale",
    "issuer_unavailable",
    "newer_version",
    "rate",
)
HEARD_STOPS: Final = ("fork", "gap", "range", "content")

Kind = Literal["counter", "gauge", "histogram"]
Labels = Mapping[str, tuple[str, ...]]


class Declared(NamedTuple):
    """A metric as declared; `labels` maps each label to its values, `OPEN` for any."""

    area: str
    name: str
    kind: Kind
    labels: Labels
    text: str


class Metrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(
        self, registry: CollectorRegistry, common: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.registry = registry
        self.shown = CommonLabels(registry, common)
        self.declared: list[Declared] = []
        self._declare_process()
        self._declare_lease()
        self._declare_writer()
        self._declare_commands()
        self._declare_relay()
        self._declare_heard()
        self._declare_models()
        self._declare_rules()
        self._declare_effects()
        self._declare_vault()
        self._declare_identity()
        self._declare_http()
        self._declare_traces()

    def _declare_process(self) -> None:
        area = "build, log"
        self.build_info = self._gauge(
            area, "build_info", "1; `contract` is the revision it can write.", {"contract": OPEN}
        )
        self.loop_lag_seconds = self._histogram(
            area, "loop_lag_seconds", "How late the event loop came back from a short sleep.", _FAST
        )
        self.pg_pool_in_use = self._gauge(
            area, "pg_pool_in_use", "Connections of a pool that are lent out.", {"pool": OPEN}
        )
        self.pg_pool_wait_seconds = self._histogram(
            area,
            "pg_pool_wait_seconds",
            "How long a connection of a pool was waited for.",
            _FAST,
            {"pool": OPEN},
        )
        self.head_position = self._gauge(area, "head_position", "The log's last position.")
        self.receipts = self._gauge(area, "receipts", "Receipts stored, as PostgreSQL estimates.")

    def _declare_lease(self) -> None:
        area, role = "lease", {"role": ROLES}
        self.lease_held = self._gauge(area, "lease_held", "1 while this process holds it.", role)
        self.lease_epoch = self._gauge(
            area, "lease_epoch", "The epoch this process holds it in; 0: it does not.", role
        )
        self.lease_remaining_seconds = self._gauge(
            area, "lease_remaining_seconds", "How long it lasts unless it is renewed.", role
        )
        self.lease_acquired = self._counter(
            area,
            "lease_acquired_total",
            "Times this process took it: given back, run out, or never held before.",
            {"role": ROLES, "reason": ("handover", "expired", "free")},
        )
        self.lease_lost = self._counter(
            area,
            "lease_lost_total",
            "Times this process lost it while it held it.",
            {"role": ROLES, "reason": ("stalled", "unreachable", "taken")},
        )
        self.takeover_seconds = self._histogram(
            area, "takeover_seconds", "From the end of the lease before to this one.", _SLOW, role
        )

    def _declare_writer(self) -> None:
        area, via = "writer", {"via": VIA}
        self.writer_queue_depth = self._gauge(
            area, "writer_queue_depth", "Submissions and heard batches waiting.", via
        )
        self.writer_queue_oldest_seconds = self._gauge(
            area, "writer_queue_oldest_seconds", "How long the oldest has been waiting.", via
        )
        self.writer_queue_wait_seconds = self._histogram(
            area, "writer_queue_wait_seconds", "Time from queued to taken.", _FAST, via
        )
        self.writer_batch_commands = self._histogram(
            area, "writer_batch_commands", "Commands and heard batches taken at once.", _SIZES
        )
        self.writer_decide_seconds = self._histogram(
            area, "writer_decide_seconds", "Time to load and decide one batch.", _FAST
        )
        self.writer_busy_ratio = self._gauge(
            area, "writer_busy_ratio", "Share of the time in which the writer's loop was at work."
        )
        self.append_seconds = self._histogram(
            area,
            "append_seconds",
            "Time of one append.",
            _FAST,
            {"outcome": ("appended", "conflict", "fenced", "unavailable", "refused")},
        )
        self.append_events = self._counter(
            area, "append_events_total", "Events appended, own and heard.", {"public": YES_NO}
        )
        self.append_retries = self._counter(
            area,
            "append_retries_total",
            "Batches decided again.",
            {"reason": ("conflict", "unavailable", "unknown")},
        )
        self.append_bisects = self._counter(
            area, "append_bisects_total", "Batches halved to find content the log refuses."
        )

    def _declare_commands(self) -> None:
        area = "commands"
        self.commands = self._counter(
            area,
            "commands_total",
            "Commands answered by the writer.",
            {"via": VIA, "outcome": ("ok", "refused", "nothing", "known", "fault")},
        )
        self.commands_rejected = self._counter(
            area,
            "commands_rejected_total",
            "Commands that were not decided.",
            {"reason": REJECTED},
        )
        self.faults = self._counter(
            area,
            "faults_total",
            "Bugs met: in a rule, in a fold, in a route.",
            {"kind": ("rule", "model", "http")},
        )
        self.state_cache_entries = self._gauge(
            area, "state_cache_entries", "Streams whose states the writer keeps in memory."
        )
        self.state_cache_requests = self._counter(
            area, "state_cache_requests_total", "States looked for there.", {"hit": YES_NO}
        )

    def _declare_relay(self) -> None:
        area = "relay"
        self.relay_pending_events = self._gauge(
            area, "relay_pending_events", "Positions that the relay has not passed."
        )
        self.relay_oldest_unsent_seconds = self._gauge(
            area, "relay_oldest_unsent_seconds", "Age of the oldest public event not yet sent."
        )
        self.relay_send_seconds = self._histogram(
            area, "relay_send_seconds", "Time until Kafka acknowledged a page.", _FAST
        )
        self.relay_producer_restarts = self._counter(
            area, "relay_producer_restarts_total", "Times the relay began again after a fault."
        )

    def _declare_heard(self) -> None:
        area, place = "heard", {"source": OPEN, "partition": OPEN}
        self.heard_lag_records = self._gauge(
            area, "heard_lag_records", "Records on the topic that are not heard.", place
        )
        self.heard_lag_seconds = self._gauge(
            area,
            "heard_lag_seconds",
            "How far what was heard lies behind the source's time; 0: all is heard.",
            {"source": OPEN},
        )
        self.heard_heartbeat_age_seconds = self._gauge(
            area,
            "heard_heartbeat_age_seconds",
            "Age of the oldest of the partitions' last heartbeats.",
            {"source": OPEN},
        )
        self.heard_stopped = self._gauge(
            area,
            "heard_stopped",
            "1 while a partition stands still and an operator is needed.",
            {**place, "reason": HEARD_STOPS},
        )
        self.heard_events = self._counter(
            area,
            "heard_events_total",
            "Records heard, by what became of them.",
            {"source": OPEN, "outcome": ("stored", "duplicate", "unknown_type", "parked")},
        )
        self.heard_generation = self._gauge(
            area, "heard_generation", "The topic's generation heard.", {"source": OPEN}
        )
        self.authority_age_seconds = self._gauge(
            area, "authority_age_seconds", "Age of what is heard of who may do what."
        )

    def _declare_models(self) -> None:
        area, model = "models", {"model": OPEN, "revision": OPEN, "building": YES_NO}
        self.model_lag_events = self._gauge(
            area, "model_lag_events", "Positions not yet folded.", model
        )
        self.model_lag_seconds = self._gauge(
            area, "model_lag_seconds", "Age of the oldest position not yet folded.", model
        )
        self.model_failed = self._gauge(area, "model_failed", "1 while it stands still.", model)
        self.model_build_ratio = self._gauge(
            area, "model_build_ratio", "Share of the log that is folded.", model
        )
        self.model_fold_seconds = self._histogram(
            area, "model_fold_seconds", "Time to fold one page.", _FAST, {"model": OPEN}
        )

    def _declare_rules(self) -> None:
        area, policy = "rules", {"policy": OPEN}
        self.policy_lag_seconds = self._gauge(
            area, "policy_lag_seconds", "Age of the oldest event a policy has not taken.", policy
        )
        self.waiting = self._gauge(area, "waiting", "Commands that wait for a stream.", policy)
        self.waiting_oldest_seconds = self._gauge(
            area, "waiting_oldest_seconds", "How long the oldest has been waiting.", policy
        )
        self.stuck = self._gauge(
            area,
            "stuck",
            "What stands still until an operator retries or skips it.",
            {"kind": ("policy", "timer", "effect", "model", "letter", "parked")},
        )
        self.timers_due = self._gauge(area, "timers_due", "Timers whose time has come.")
        self.timers_oldest_due_seconds = self._gauge(
            area, "timers_oldest_due_seconds", "How late the latest of them is."
        )
        self.timers_fired = self._counter(
            area,
            "timers_fired_total",
            "Timers fired.",
            {"outcome": ("ok", "refused", "nothing", "fault")},
        )

    def _declare_effects(self) -> None:
        area, effect = "effects", {"effect": OPEN}
        self.effects_pending = self._gauge(
            area, "effects_pending", "Events an effect has not carried out.", effect
        )
        self.effect_oldest_seconds = self._gauge(
            area, "effect_oldest_seconds", "Age of the oldest of them.", effect
        )
        self.effects_held = self._gauge(
            area, "effects_held", "1 while an operator holds it back.", effect
        )
        self.effect_seconds = self._histogram(
            area,
            "effect_seconds",
            "Time of one execution.",
            _FAST,
            {"effect": OPEN, "outcome": ("done", "failed")},
        )

    def _declare_vault(self) -> None:
        area = "vault"
        self.vault_seals = self._counter(area, "vault_seals_total", "Records sealed.")
        self.vault_reveals = self._counter(
            area,
            "vault_reveals_total",
            "Records asked to be revealed.",
            {"purpose": OPEN, "outcome": ("ok", "failed")},
        )
        self.search_lag_events = self._gauge(
            area, "search_lag_events", "Positions not yet in the search index."
        )
        self.erasures_open = self._gauge(area, "erasures_open", "Erasures without every answer.")
        self.erasure_oldest_seconds = self._gauge(
            area, "erasure_oldest_seconds", "Age of the oldest of them."
        )

    def _declare_identity(self) -> None:
        area = "identity"
        self.issuer_fetches = self._counter(
            area,
            "issuer_fetches_total",
            "Times the issuer was asked for its keys.",
            {"outcome": ("ok", "failed")},
        )
        self.issuer_keys_age_seconds = self._gauge(
            area, "issuer_keys_age_seconds", "Age of the keys; 0: they are a file's."
        )

    def _declare_http(self) -> None:
        area = "http"
        self.http_request_duration_seconds = self._histogram(
            area,
            "http_request_duration_seconds",
            "Time to answer a request, by route template and class of status.",
            _FAST,
            {"method": OPEN, "route": OPEN, "class": OPEN},
        )
        self.http_in_flight = self._gauge(area, "http_in_flight", "Requests being answered.")
        self.forward_seconds = self._histogram(
            area,
            "forward_seconds",
            "Time to hand a command to the writer's process.",
            _FAST,
            {"outcome": ("ok", "moved", "resent", "deadline")},
        )
        self.token_wait_seconds = self._histogram(
            area,
            "token_wait_seconds",
            "How long a request waited for the position in its Cogov-After.",
            _FAST,
            {"outcome": ("ok", "late", "void")},
        )

    def _declare_traces(self) -> None:
        self.trace_spans = self._counter(
            "traces",
            "trace_spans_total",
            "Spans that ended, by what became of them.",
            {"outcome": ("exported", "failed", "dropped")},
        )

    def _counter(self, area: str, name: str, text: str, labels: Labels | None = None) -> Counter:
        declared = self._declare(area, name, "counter", text, labels)
        made = Counter(declared.name, text, list(declared.labels), registry=self.registry)
        return _opened(made, declared)

    def _gauge(self, area: str, name: str, text: str, labels: Labels | None = None) -> Gauge:
        declared = self._declare(area, name, "gauge", text, labels)
        return Gauge(declared.name, text, list(declared.labels), registry=self.registry)

    def _histogram(
        self,
        area: str,
        name: str,
        text: str,
        buckets: tuple[float, ...],
        labels: Labels | None = None,
    ) -> Histogram:
        declared = self._declare(area, name, "histogram", text, labels)
        names = list(declared.labels)
        return Histogram(declared.name, text, names, buckets=buckets, registry=self.registry)

    def _declare(
        self, area: str, name: str, kind: Kind, text: str, labels: Labels | None
    ) -> Declared:
        declared = Declared(area, f"cogov_{name}", kind, labels or {}, text)
        self.declared.append(declared)
        return declared


def _opened(made: Counter, declared: Declared) -> Counter:
    """Start a counter's known series at 0, so that its first increase is seen as one."""
    if declared.labels and OPEN not in declared.labels.values():
        for values in itertools.product(*declared.labels.values()):
            made.labels(*values)
    return made
