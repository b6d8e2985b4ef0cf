"""Why a personal text is read: there is no reveal without a purpose, and each is on record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.kit.submission import Caller


class Purpose(StrEnum):
    """The purposes for which texts are revealed."""

    HANDLING = "handling"  # of the matter that the text belongs to
    CONTACT = "contact"  # calling or visiting the person
    CORRECTION = "correction"  # of what the record says
    SUPERVISION = "supervision"  # checking how a matter was handled
    SEARCH = "search"  # candidates of a search, which must be read to be told apart
    NAMES = "names"  # showing who acted, instead of a pseudonym


@dataclass(frozen=True, slots=True)
class Access:
    """Who reads what for: a login, in a place of the tree."""

    purpose: Purpose
    caller: Caller
    scope: str
