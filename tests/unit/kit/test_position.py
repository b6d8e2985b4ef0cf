"""Position tokens: what is written is read, and nothing else is."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.position import Position, PositionInvalidError, format_token, parse_token

NAMES = st.text(min_size=1, max_size=50).filter(lambda text: "\0" not in text)


@given(
    service=NAMES.filter(lambda text: ":" not in text),
    epoch=st.integers(0, 2**63 - 1),
    position=st.integers(0, 2**63 - 1),
    scope=NAMES,
)
def test_what_was_written_is_read(service: str, epoch: int, position: int, scope: str) -> None:
    place = Position(service, epoch, position, scope)
    assert parse_token(format_token(place)) == place


@given(st.text(max_size=80))
def test_anything_else_is_invalid(text: str) -> None:
    with pytest.raises(PositionInvalidError):
        parse_token(text)


@pytest.mark.parametrize(
    "text",
    [
        "wishes:1:2",
        "wishes:1:-2:c",
        "wishes:+1:2:c",
        "wishes:1:02:c",
        "wishes:1:2:",
        ":1:2:c",
        "wishes:1:9223372036854775808:c",
        "wishes:x:2:c",
        "wishes:1:2:c\0",
        "wishes:1:2:" + "c" * 600,
    ],
)
def test_a_token_with_other_contents_is_invalid(text: str) -> None:
    token = "p1." + urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    with pytest.raises(PositionInvalidError):
        parse_token(token)
