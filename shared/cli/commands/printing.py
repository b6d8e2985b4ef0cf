"""JSON on standard output."""

from __future__ import annotations

from typing import Any

import orjson


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_json_line(value: Any) -> None:
    """Print a value as one line of JSON, at once: somebody may follow."""
    print(orjson.dumps(value).decode(), flush=True)
