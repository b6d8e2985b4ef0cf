"""How a message becomes commands."""

import itertools
from typing import Any

import pytest

from shared.cli.client import Answered, RefusedByApiError
from shared.cli.importing import MessageImport, answer_body, kind_of, received_body
from shared.cli.messages import BrokenLine, Line, Message
from tests.unit.cli.lines import message


class Desk:
    """Answers commands as the API does; refuses those whose key it is told."""

    def __init__(self, refused: dict[str, int] | None = None) -> None:
        self.keys: list[str] = []
        self.given: list[tuple[str, dict[str, Any]]] = []
        self._refused = refused or {}
        self._ids = itertools.count(1)

    async def post(self, path: str, body: dict[str, Any], *, key: str) -> Answered:
        if key in self._refused:
            raise RefusedByApiError(self._refused[key], "some_code", "Some text.")
        replayed = key in self.keys
        self.keys.append(key)
        self.given.append((path, body))
        content = {"id": f"r{next(self._ids)}"} if path.endswith("/requests") else {}
        return Answered(content=content, replayed=replayed, position="")


def importing(desk: Desk) -> MessageImport:
    return MessageImport(
        desk, "east", unit_of=lambda _message: "unit-1", in_flight_max=1, on_line=lambda: None
    )


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("咨询医保", "enquiry"),
        ("什么时候修路？", "enquiry"),  # noqa: RUF001 - as residents write
        ("When is it open? ", "enquiry"),
        ("投诉:这样合理吗?", "enquiry"),
        ("投诉噪声", "complaint"),
        ("举报违建并建议拆除", "complaint"),
        ("反对加价", "complaint"),
        ("建议加灯", "opinion"),
        ("问题?不,是路灯", "problem"),
    ],
)
def test_the_kind_follows_from_the_subject(subject: str, kind: str) -> None:
    assert kind_of(subject) == kind


def test_a_text_has_no_say_in_the_kind() -> None:
    assert received_body(message(subject="路灯", text="我咨询过。"))["kind"] == "problem"


def test_a_message_without_an_area_has_an_unknown_one() -> None:
    assert received_body(message(area=None))["area"] == "unknown"


def test_an_answer_without_a_date_stands_at_the_requests_own_and_says_so() -> None:
    body = answer_body(message(replied_at=None))
    assert (body["entered"], body["dated"]) == ("late", False)
    assert body["occurred_at"] == message().submitted_at.isoformat()


async def test_a_message_is_received_accepted_dispatched_and_answered_in_order() -> None:
    desk = Desk()
    report = await importing(desk).run(iter([Line(1, message(id="7"))]))
    assert desk.keys == [
        "message-7-receive",
        "message-7-accept",
        "message-7-dispatch",
        "message-7-answer",
    ]
    assert [
        path.removeprefix("/api/wishes/v1/communities/east/requests") for path, _ in desk.given
    ] == [
        "",
        "/r1/acceptance",
        "/r1/dispatch",
        "/r1/answer",
    ]
    assert (report.messages, report.commands, report.replayed) == (1, 4, 0)


async def test_a_message_without_a_reply_stays_open() -> None:
    desk = Desk()
    await importing(desk).run(iter([Line(1, message(reply=None, replied_at=None))]))
    assert len(desk.given) == 3


async def test_the_same_messages_again_change_nothing() -> None:
    desk, lines = Desk(), [Line(1, message(id="7")), Line(2, message(id="8"))]
    assert not (await importing(desk).run(iter(lines))).nothing_changed
    assert (await importing(desk).run(iter(lines))).nothing_changed


async def test_a_refused_message_is_reported_and_the_others_go_on() -> None:
    desk = Desk({"message-7-accept": 409})
    lines: list[Line | BrokenLine] = [
        Line(1, message(id="7")),
        BrokenLine(2, "not JSON"),
        Line(3, message(id="8")),
    ]
    report = await importing(desk).run(iter(lines))
    assert report.broken == [
        BrokenLine(1, "refused: some_code: Some text."),
        BrokenLine(2, "not JSON"),
    ]
    assert report.messages == 1


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_an_import_that_may_not_do_anything_stops_at_once(status: int) -> None:
    desk = Desk({"message-7-receive": status})
    with pytest.raises(RefusedByApiError):
        await importing(desk).run(iter([Line(1, message(id="7")), Line(2, message(id="8"))]))
    assert desk.given == []


def test_lines_are_messages() -> None:
    assert isinstance(message(), Message)
