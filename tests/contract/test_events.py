"""What is published stays readable: type names, schemas and samples are frozen."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.contracts.envelope import Event
from shared.contracts.registry import Registry
from shared.contracts.schemas import FOLDER, PUBLISHED, schema_path, schema_text
from shared.contracts.topics import TOPICS

SAMPLES = Path(__file__).parent / "samples"
REGISTRY = Registry(PUBLISHED)
# The samples are the list of what was ever published: none is renamed, changed or deleted.
TYPES = tuple(sorted(path.stem for path in SAMPLES.glob("*.json")))


def sample(type_name: str) -> str:
    return (SAMPLES / f"{type_name}.json").read_text(encoding="utf-8")


def test_the_names_on_the_wire_are_frozen() -> None:
    assert REGISTRY.types == TYPES


def test_every_event_of_a_page_is_in_its_list() -> None:
    written = {event for event in _below(Event) if event.__module__.startswith("shared.contracts.")}
    bases = {base for event in written for base in event.__bases__}

    assert written - bases == set(PUBLISHED)


@pytest.mark.parametrize("event", PUBLISHED, ids=lambda event: event.type_name())
def test_the_schema_is_the_one_that_was_published(event: type[Event]) -> None:
    assert schema_path(event).read_text(encoding="utf-8") == schema_text(event), (
        "run `make schemas`, and read the difference as a hearer would"
    )


def test_there_is_a_schema_for_each_sample_and_no_other() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(TYPES)


@pytest.mark.parametrize("type_name", TYPES)
def test_a_sample_means_the_same_after_a_round_trip(type_name: str) -> None:
    event = REGISTRY.parse(type_name, sample(type_name))

    assert event.type_name() == type_name
    # A sample written before a field was added lacks it, and stays as it is.
    written = event.model_dump_json(exclude_unset=True)
    assert json.loads(written) == json.loads(sample(type_name))


@pytest.mark.parametrize("type_name", TYPES)
def test_a_hearer_passes_over_a_field_that_a_later_release_adds(type_name: str) -> None:
    later = json.dumps({**json.loads(sample(type_name)), "added_later": 1})

    assert REGISTRY.parse(type_name, later) == REGISTRY.parse(type_name, sample(type_name))


@pytest.mark.parametrize("event", PUBLISHED, ids=lambda event: event.type_name())
def test_we_write_no_field_that_is_not_published(event: type[Event]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        event.model_validate({**json.loads(sample(event.type_name())), "added_later": 1})


def test_a_service_publishes_on_the_topic_of_its_own() -> None:
    assert {event.service for event in PUBLISHED} == set(TOPICS)
    assert {name: topic.name for name, topic in TOPICS.items()} == {
        "deliberation": "cogov.deliberation.v1",
        "wishes": "cogov.wishes.v1",
    }


def _below(event: type[Event]) -> Iterator[type[Event]]:
    for each in event.__subclasses__():
        yield each
        yield from _below(each)
