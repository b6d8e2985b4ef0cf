"""The category policy of a district: its categories, and the rule that assigns one.

The rules:

- Versions are adopted one after the other, 1, 2, 3 …, without a gap, by the district for all of
  its communities. An adopted version never changes; what it says again changes nothing.
- Every category has a name of its own, the unit that its requests go to first, and keywords.
- The rule, `keyword_weight_v1`: a category weighs, for each of its keywords, the keyword's length
  times its occurrences in the text plus three times those in the subject. The heaviest category
  is assigned, of equals the earlier one; where nothing weighs anything, the request is
  uncategorised.

The keywords of a category table (level 1, 2, 3) are the two-character pieces of the names on
levels 2 and 3 (of a name in Latin letters: its words), but for those that occur under more than
one level 1. Whole names were tried first: residents do not write as administrations name, and two
of three messages had no category at all.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from services.wishes.language import UNCATEGORISED
from services.wishes.versions import is_new
from shared.authority import NODE, Allow
from shared.contracts.deliberation import NodeKind, node_stream
from shared.contracts.wishes import Category, CategoryPolicyAdopted, category_policy_stream
from shared.decider import (
    Asked,
    Command,
    Decider,
    Fact,
    Read,
    RefusalKind,
    Refused,
    State,
    States,
    To,
    View,
)

RULE = "keyword_weight_v1"
CATEGORIES_MAX = 100
KEYWORDS_MAX = 10_000  # of a policy: one event holds them all, and every message is searched

_OTHER = "其他"
_KEYWORD_CHARS_MIN = 2
_SEPARATORS = re.compile(r"[、，,（）()和及与/\s]+")  # noqa: RUF001 - both widths are meant


class Policy(State):
    """The versions adopted so far, each as a digest of what it says."""

    digests: tuple[str, ...] = ()

    @property
    def version(self) -> int:
        """Give the version in force, 0 before the first."""
        return len(self.digests)


class CategoryDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A category as proposed."""

    name: str
    unit: str
    keywords: tuple[str, ...]


class AdoptCategoryPolicy(Command):
    """Put a version of the category policy into force."""

    district: str
    version: int
    rule: str
    categories: tuple[CategoryDraft, ...]


class NotADistrict(Refused):
    """A category policy belongs to a district."""

    kind = RefusalKind.INVALID


class RuleUnknown(Refused):
    """There is no such rule."""

    kind = RefusalKind.INVALID


class CategoriesOutOfBounds(Refused):
    """A policy has some categories and keywords, but not more than its limits."""

    kind = RefusalKind.INVALID


class CategoryNameTaken(Refused):
    """Two categories have the same name, or one is called uncategorised."""

    kind = RefusalKind.INVALID


class KeywordTooShort(Refused):
    """A keyword has at least two characters."""

    kind = RefusalKind.INVALID


class PolicyVersionTaken(Refused):
    """This version says something else already."""


class PolicyVersionSkipped(Refused):
    """Versions follow one another without a gap."""


def evolve(state: Policy, fact: Fact) -> Policy:
    """Follow one fact."""
    match fact.event:
        case CategoryPolicyAdopted(rule=rule, categories=categories):
            return Policy(digests=(*state.digests, _digest(rule, categories)))
        case _:
            return state


def decide(
    command: AdoptCategoryPolicy, state: Policy, states: States, asked: Asked
) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    categories = _checked(command, states, asked)
    if not is_new(
        state.digests,
        command.version,
        _digest(command.rule, categories),
        taken=PolicyVersionTaken,
        skipped=PolicyVersionSkipped,
    ):
        return []
    event = CategoryPolicyAdopted(version=command.version, rule=command.rule, categories=categories)
    return [To(category_policy_stream(command.district), event)]


def _checked(command: AdoptCategoryPolicy, states: States, asked: Asked) -> tuple[Category, ...]:
    place = states.get(node_stream(command.district), NODE)
    if command.district != asked.scope or place.kind != NodeKind.DISTRICT.value:
        raise NotADistrict
    if command.rule != RULE:
        raise RuleUnknown(rule_known=RULE)
    keywords = [keyword for category in command.categories for keyword in category.keywords]
    if not 1 <= len(command.categories) <= CATEGORIES_MAX or len(keywords) > KEYWORDS_MAX:
        raise CategoriesOutOfBounds(categories_max=CATEGORIES_MAX, keywords_max=KEYWORDS_MAX)
    names = {category.name for category in command.categories}
    if len(names) < len(command.categories) or UNCATEGORISED in names:
        raise CategoryNameTaken
    if any(len(keyword) < _KEYWORD_CHARS_MIN for keyword in keywords):
        raise KeywordTooShort
    return tuple(
        Category(name=category.name, unit=category.unit, keywords=category.keywords)
        for category in command.categories
    )


def _digest(rule: str, categories: Sequence[Category]) -> str:
    said = [rule, [(category.name, category.unit, category.keywords) for category in categories]]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


CATEGORY_POLICY: Decider[AdoptCategoryPolicy, Policy] = Decider(
    name="category_policy",
    view=View("wishes.category_policy", 1, Policy, Policy(), evolve),
    commands=(AdoptCategoryPolicy,),
    target=lambda command: category_policy_stream(command.district),
    decide=decide,
    reads=lambda command: (Read(node_stream(command.district), NODE),),
)


ACCESS = (
    # It decides where every later request of the district goes.
    Allow("district_admin", AdoptCategoryPolicy, fresh=True),
    *(
        Allow(role, "read_categories")
        for role in ("district_admin", "secretary", "desk", "department", "integration", "resident")
    ),
)


def categories_from_rows(rows: Iterable[tuple[str, str, str]]) -> tuple[Category, ...]:
    """Derive the categories of a table of (level 1, level 2, level 3) names.

    Each level 1 is a category, in the table's order; its unit is `unit-<n>`, n from 1.
    """
    pieces: dict[str, dict[str, None]] = {}  # a dict keeps the table's order
    for level1, *names in rows:
        of_category = pieces.setdefault(level1, {})
        for name in names:
            of_category.update(dict.fromkeys(_pieces(name)))
    shared = Counter(piece for of_category in pieces.values() for piece in of_category)
    return tuple(
        Category(
            name=level1,
            unit=f"unit-{number}",
            keywords=tuple(piece for piece in of_category if shared[piece] == 1),
        )
        for number, (level1, of_category) in enumerate(pieces.items(), 1)
    )


def _pieces(name: str) -> Iterator[str]:
    for word in _SEPARATORS.split(name):
        if word == _OTHER or len(word) < _KEYWORD_CHARS_MIN:
            continue
        if word.isascii():
            yield word
        else:
            yield from (word[start : start + 2] for start in range(len(word) - 1))
