"""Attachments: files outside the log, sealed under a person's key, named by their hash (X10)."""

from shared.kit.attachments.media import (
    MEDIA_TYPES,
    AttachmentEmpty,
    MediaTypeDiffers,
    MediaTypeRefused,
)
from shared.kit.attachments.store import (
    Attachment,
    AttachmentBrokenError,
    AttachmentGone,
    Attachments,
    AttachmentsUnavailable,
    AttachmentTooLarge,
    open_store,
)

__all__ = [
    "MEDIA_TYPES",
    "Attachment",
    "AttachmentBrokenError",
    "AttachmentEmpty",
    "AttachmentGone",
    "AttachmentTooLarge",
    "Attachments",
    "AttachmentsUnavailable",
    "MediaTypeDiffers",
    "MediaTypeRefused",
    "open_store",
]
