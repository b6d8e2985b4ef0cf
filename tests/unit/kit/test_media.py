"""A file is taken only for what its bytes say it is."""

import pytest

from shared.kit.attachments.media import (
    AttachmentEmpty,
    MediaTypeDiffers,
    MediaTypeRefused,
    check_media_type,
)
from tests.fixtures.files import HTML, JPEG, PDF, PNG, PROGRAM, WEBP


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (JPEG, "image/jpeg"),
        (b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00" + bytes(40), "image/jpeg"),
        (b"\xff\xd8\xff\xdb\x00\x43" + bytes(40), "image/jpeg"),
        (PNG, "image/png"),
        (WEBP, "image/webp"),
        (PDF, "application/pdf"),
    ],
)
def test_a_file_of_an_accepted_type_is_taken(content: bytes, media_type: str) -> None:
    check_media_type(content, media_type)


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "image/gif", "", "IMAGE/PNG"])
def test_other_types_are_refused(media_type: str) -> None:
    with pytest.raises(MediaTypeRefused):
        check_media_type(JPEG, media_type)


@pytest.mark.parametrize("content", [PNG, HTML, PROGRAM, b"hello", bytes(100)])
def test_a_file_that_is_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(MediaTypeDiffers):
        check_media_type(content, "image/jpeg")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(AttachmentEmpty):
        check_media_type(b"", "image/png")
