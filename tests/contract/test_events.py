"""What is published stays readable: type names, schemas and samples are frozen."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.contracts.envelope import Event
from shared.contracts.registry import Registry
from shared.contracts.schemas import FOLDER, PUBLISHED, schema_path, schema_text
from shared.contracts.topics import TOPICS

SAMPLES = Path(__file__).parent / "samples"
REGISTRY = Registry(PUBLISHED)
TYPES = (
    "cogov.deliberation.account_linked.v1",
    "cogov.deliberation.agenda_item_declined.v1",
    "cogov.deliberation.agenda_item_settled.v1",
    "cogov.deliberation.agenda_item_taken.v1",
    "cogov.deliberation.erasure_answer_missing.v1",
    "cogov.deliberation.identity_linked.v1",
    "cogov.deliberation.node_added.v1",
    "cogov.deliberation.resident_registered.v1",
    "cogov.deliberation.role_granted.v1",
    "cogov.deliberation.role_revoked.v1",
    "cogov.deliberation.subject_erased.v1",
    "cogov.deliberation.subject_erasure_answered.v1",
    "cogov.deliberation.subject_erasure_requested.v1",
    "cogov.wishes.agenda_item_requested.v1",
    "cogov.wishes.callback_due.v1",
    "cogov.wishes.callback_recorded.v1",
    "cogov.wishes.category_policy_adopted.v1",
    "cogov.wishes.clock_paused.v1",
    "cogov.wishes.clock_resumed.v1",
    "cogov.wishes.confirmation_awaited.v1",
    "cogov.wishes.deadline_policy_adopted.v1",
    "cogov.wishes.deadline_set.v1",
    "cogov.wishes.evidence_attached.v1",
    "cogov.wishes.fate_told.v1",
    "cogov.wishes.info_asked.v1",
    "cogov.wishes.info_given.v1",
    "cogov.wishes.recurrence_declined.v1",
    "cogov.wishes.recurrence_lapsed.v1",
    "cogov.wishes.recurrence_on_agenda.v1",
    "cogov.wishes.recurrence_settled.v1",
    "cogov.wishes.request_accepted.v1",
    "cogov.wishes.request_answered.v1",
    "cogov.wishes.request_closed.v1",
    "cogov.wishes.request_deescalated.v1",
    "cogov.wishes.request_dispatched.v1",
    "cogov.wishes.request_escalated.v1",
    "cogov.wishes.request_received.v1",
    "cogov.wishes.request_reminded.v1",
    "cogov.wishes.request_reopened.v1",
    "cogov.wishes.request_returned.v1",
    "cogov.wishes.request_transferred.v1",
    "cogov.wishes.review_concluded.v1",
    "cogov.wishes.review_opened.v1",
    "cogov.wishes.subject_erasure_done.v1",
    "cogov.wishes.subject_texts_erased.v1",
    "cogov.wishes.working_days_adopted.v1",
)


def sample(type_name: str) -> str:
    return (SAMPLES / f"{type_name}.json").read_text(encoding="utf-8")


def test_the_names_on_the_wire_are_frozen() -> None:
    assert REGISTRY.types == TYPES


@pytest.mark.parametrize("event", PUBLISHED, ids=lambda event: event.type_name())
def test_the_schema_is_the_one_that_was_published(event: type[Event]) -> None:
    assert schema_path(event).read_text(encoding="utf-8") == schema_text(event), (
        "run `make schemas`, and read the difference as a hearer would"
    )


def test_no_schema_or_sample_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(TYPES)
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(TYPES)


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
