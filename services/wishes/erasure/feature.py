"""What wishes' part in a resident's erasure adds to it."""

from __future__ import annotations

from services.wishes.erasure.effect import END_THE_REST
from services.wishes.erasure.process import (
    ERASE_WHEN_ASKED,
    ERASURE,
    ConfirmErasure,
    EraseTexts,
    subjects_of,
)
from shared.contracts.wishes.erasure import SubjectTextsErased
from shared.feature import Feature

FEATURE = Feature(
    deciders=(ERASURE,),
    rules=(ERASE_WHEN_ASKED, END_THE_REST),
    internal=(EraseTexts, ConfirmErasure),
    erases={SubjectTextsErased: subjects_of},
)
