"""What is declared to Kafka: partitions as the Java client computes them, and the document."""

from typing import ClassVar

import pytest

from shared.contracts.envelope import Event
from shared.kit.kafka.broker import asyncapi_document
from shared.kit.kafka.bus import KafkaBus, KafkaLimits


class MeadowMown(Event):
    """A meadow was mown."""

    service: ClassVar[str] = "gardens"

    meadow: str


# From Kafka's own UtilsTest: what its Java client gives.
JAVA_MURMUR2 = [
    ("21", -973932308),
    ("foobar", -790332482),
    ("a-little-bit-long-string", -985981536),
    ("a-little-bit-longer-string", -1486304829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ("abc", 479470107),
]


@pytest.mark.parametrize(("scope", "hashed"), JAVA_MURMUR2)
def test_a_scope_has_the_partition_that_java_gives_it(scope: str, hashed: int) -> None:
    bus = KafkaBus(
        bootstrap=["nowhere:1"], client_id="x", partitions={"t": 8}, limits=KafkaLimits()
    )
    assert bus.partition("t", scope) == (hashed & 0x7FFFFFFF) % 8


def test_the_document_has_a_channel_for_each_event_and_each_heard_topic() -> None:
    document = asyncapi_document(
        service="gardens",
        version="1",
        description="Gardens.",
        server="kafka:9092",
        published={"cogov.gardens.v1": [MeadowMown]},
        heard=["cogov.wishes.v1"],
    )
    assert document["asyncapi"] == "3.0.0"
    addresses = {name: each["address"] for name, each in document["channels"].items()}
    assert addresses == {
        "cogov.gardens.meadow_mown.v1": "cogov.gardens.v1",
        "cogov.wishes.v1 (heard)": "cogov.wishes.v1",
    }
    actions = {each["action"] for each in document["operations"].values()}
    assert actions == {"send", "receive"}
    assert "meadow" in document["components"]["schemas"]["MeadowMown"]["properties"]
