"""The metrics are a contract with dashboards and alerts: names, labels, and the page about them."""

import re

from prometheus_client import CollectorRegistry

from shared.kit.observability.common_labels import CommonLabels
from shared.kit.observability.metrics import OPEN, Metrics
from shared.kit.observability.reference import METRICS_PAGE, metrics_page

PERSONAL_OR_MANY = {"scope", "community", "stream", "person", "resident", "actor", "subject"}
UNITS = ("_seconds", "_total", "_ratio", "_events", "_records", "_commands", "_entries", "_info")


def test_the_page_says_what_is_declared() -> None:
    assert METRICS_PAGE.read_text(encoding="utf-8") == metrics_page(), "run `make docs`"


def test_no_label_names_a_community_a_person_or_a_stream() -> None:
    labels = {label for one in Metrics(CollectorRegistry()).declared for label in one.labels}

    assert labels & PERSONAL_OR_MANY == set()


def test_a_metric_is_found_under_its_name() -> None:
    metrics = Metrics(CollectorRegistry())

    for one in metrics.declared:
        attribute = one.name.removeprefix("cogov_").removesuffix("_total")
        assert hasattr(metrics, attribute), one.name
        assert re.fullmatch(r"cogov_[a-z_]+", one.name), one.name
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
        assert one.kind != "histogram" or one.name.endswith(UNITS), one.name
        assert one.text.endswith("."), one.name


def test_a_counter_whose_labels_are_known_starts_at_nought() -> None:
    registry = CollectorRegistry()
    declared = Metrics(registry).declared
    families = {family.name: family for family in registry.collect()}

    for one in declared:
        if one.kind == "counter" and OPEN not in one.labels.values():
            samples = families[one.name.removesuffix("_total")].samples
            assert {sample.value for sample in samples if sample.name == one.name} == {0}, one.name


def test_every_series_has_the_common_labels_and_its_own_role_wins() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.lease_held.labels("project").set(1)
    metrics.http_in_flight.set(2)

    shown = CommonLabels(registry, {"service": "meadows", "role": "serve,write"})

    series = [sample for family in shown.collect() for sample in family.samples]
    assert {sample.labels["service"] for sample in series} == {"meadows"}
    roles = {sample.name: sample.labels["role"] for sample in series}
    assert roles["cogov_lease_held"] == "project"
    assert roles["cogov_http_in_flight"] == "serve,write"
