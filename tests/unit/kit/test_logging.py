"""Logs: one JSON object a line, ours and the libraries', without the text of exceptions."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from shared.kit.observability.logging import configure_logging


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def refuse_li_lei() -> None:
    try:
        int("13800138000x")
    except ValueError as error:
        raise KeyError("Li Lei, 13800138000") from error


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", service="wishes", console=False)
    structlog.get_logger().info("relay.published", events=3)
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "relay.published", "events": 3, "level": "info", "service": "wishes"}


def test_what_a_library_logs_has_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", service="wishes", console=False)
    logging.getLogger("aiokafka.conn").warning("Lost %s", "broker")
    logging.getLogger("aiokafka.conn").debug("unheard")
    logging.getLogger("httpx").info("GET http://a/b?phone=13800138000")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == (
        "Lost broker",
        "warning",
        "aiokafka.conn",
    )


def test_the_level_counts_for_both(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", service="wishes", console=False)
    structlog.get_logger().info("relay.published")
    logging.getLogger("uvicorn.error").info("started")
    assert lines(capsys) == []


@pytest.mark.parametrize("library", [False, True])
def test_an_exception_is_told_by_kind_and_place(
    capsys: pytest.CaptureFixture[str], *, library: bool
) -> None:
    configure_logging("INFO", service="wishes", console=False)
    try:
        refuse_li_lei()
    except KeyError:
        if library:
            logging.getLogger("uvicorn.error").exception("crashed")
        else:
            structlog.get_logger().exception("http.crashed")
    text = capsys.readouterr().out
    assert "13800138000" not in text
    assert "Li Lei" not in text
    (line,) = map(json.loads, text.splitlines())
    assert [cause["type"] for cause in line["exception"]] == ["KeyError", "ValueError"]
    assert "test_logging.py" in line["exception"][0]["at"][-1]


def test_a_person_gets_lines_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", service="wishes", console=True)
    structlog.get_logger().info("relay.published", events=3)
    text = capsys.readouterr().out
    assert "relay.published" in text
    assert not text.startswith("{")
