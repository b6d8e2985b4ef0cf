"""JSON Schemas of the published events, one frozen file per type and version.

`python -m shared.contracts.schemas` writes them from the classes; a contract test compares. A file
that exists is a promise to hearers: a change that is not an added optional field is a new version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.contracts.envelope import Event
from shared.contracts.published import published
from shared.contracts.topics import TOPICS

FOLDER = Path(__file__).parent
PUBLISHED: tuple[type[Event], ...] = tuple(
    event for service in TOPICS for event in published(service)
)
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_path(event: type[Event]) -> Path:
    """Give the file of an event's schema."""
    return FOLDER / f"{event.type_name()}.json"


def schema_text(event: type[Event]) -> str:
    """Give the schema of an event's data as it is written."""
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "$id": f"urn:{event.type_name().replace('.', ':')}",
        **event.model_json_schema(mode="serialization"),
        "title": event.type_name(),
    }
    # We write closed; whoever hears us must pass over fields that a later release adds.
    for described in (schema, *schema.get("$defs", {}).values()):
        described.pop("additionalProperties", None)
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
