"""What notices add to wishes."""

from __future__ import annotations

from services.wishes.notice.domain import NOTICE, NOTICES, NoticeFailed, NoticeSent, RecordNotice
from shared.feature import Feature

FEATURE = Feature(
    private_events=(NoticeSent, NoticeFailed),
    deciders=(NOTICE,),
    rules=(NOTICES,),
    internal=(RecordNotice,),
)
