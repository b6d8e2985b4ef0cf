"""Text as it is searched: width, case, normal form and traditional characters folded away."""

from __future__ import annotations

import hashlib
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

import opencc

REVISION: Final = 1  # of folding and grams: raise it, and every index is made anew

_CHARACTERS_MAX: Final = 65_536  # remembered; more than any text of ours has different ones
# The dot in a name such as 阿依古丽·买买提 is typed in many ways.
_DOTS: Final = dict.fromkeys(map(ord, "•‧∙⋅・᛫●"), "·")
_GRAM_BYTES: Final = 8


def fold(text: str) -> str:
    """Give the form in which two texts are the same to a searcher.

    Character by character, so that a part of a text folds to a part of the folded text: a
    dictionary of phrases would fold 乾 one way in 乾隆 and another way alone. White space is one
    blank, and none at the ends.
    """
    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(map(_simplified, normal)).translate(_DOTS)
    return " ".join(plain.split())


def text_grams(folded: str) -> set[str]:
    """Give what a folded text is indexed under: its characters and its pairs of them."""
    return {*folded, *_pairs(folded)}


def query_grams(folded: str) -> set[str]:
    """Give what every text that contains the folded one is indexed under."""
    return set(_pairs(folded)) or set(folded)


class GramHasher:
    """Keyed digests of grams, for one service and one place of the tree.

    Whoever has the index but not the key can count equal grams, no more; and those of two places
    cannot be compared.
    """

    def __init__(self, key: bytes, service: str, scope: str) -> None:
        label = f"cogov.search.{REVISION}|{service}|{scope}".encode()
        self._key = hashlib.blake2b(label, key=key[:64], digest_size=32).digest()

    def digests(self, grams: set[str]) -> list[int]:
        """Give the grams as PostgreSQL's bigint, sorted."""
        return sorted(map(self._digest, grams))

    def _digest(self, gram: str) -> int:
        raw = hashlib.blake2b(gram.encode(), key=self._key, digest_size=_GRAM_BYTES).digest()
        return int.from_bytes(raw, signed=True)


def _pairs(folded: str) -> list[str]:
    return [first + second for first, second in pairwise(folded)]


@lru_cache(maxsize=_CHARACTERS_MAX)
def _simplified(character: str) -> str:
    # Twice: 薴 becomes 苧, which becomes 苎.
    convert = _converter().convert
    return convert(convert(character))


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")
