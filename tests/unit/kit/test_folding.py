# ruff: noqa: RUF001 - wide characters are the point
"""Texts folded for search: what a searcher takes for the same is the same."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.vault.folding import GramHasher, fold, query_grams, text_grams

# What residents write: both scripts, rare glyphs of four bytes, wide digits, dots, blanks.
CHARACTERS = "王李張张偉伟𠮷𡈽台臺湾灣后後乾干隆·•・ＡａA１1 \u3000éｶカ薴苎"
TEXTS = st.text(st.sampled_from(CHARACTERS), max_size=12) | st.text(max_size=12)
HASHER = GramHasher(b"p" * 32, "wishes", "elm")


@pytest.mark.parametrize(
    ("written", "searched"),
    [
        ("張偉", "张伟"),
        ("臺灣後面", "台湾后面"),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        ("阿依古丽・買買提", "阿依古丽·买买提"),
        ("１３８００１３８０００", "13800138000"),
        ("Straße ＡBC", "STRASSE abc"),
        ("Cafe\u0301", "café"),
        ("ｶﾞ", "ガ"),
        ("A\u3000 \tB", "a b"),
        (" x ", "x"),
        ("乾隆", "干隆"),
        ("𠮷野家", "𠮷野家"),
    ],
)
def test_two_ways_of_writing_fold_to_one(written: str, searched: str) -> None:
    assert fold(written) == fold(searched)


@pytest.mark.parametrize(("one", "other"), [("𠮷", "吉"), ("王", "主"), ("a·b", "ab")])
def test_what_is_not_the_same_stays_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_folding_again_changes_no_character() -> None:
    characters = (chr(n) for n in range(1, sys.maxunicode + 1) if not 0xD800 <= n <= 0xDFFF)
    folded = {fold(character) for character in characters}
    assert [one for one in folded if fold(one) != one] == []


@given(TEXTS)
def test_folding_again_changes_no_text(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(
    st.text(st.sampled_from("王李張张偉伟𠮷𡈽台臺湾灣后後乾干隆·•ａA１1ｶ薴"), max_size=12),
    st.data(),
)
def test_a_part_of_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(text)))
    last = data.draw(st.integers(first, len(text)))
    assert fold(text[first:last]) in fold(text)


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_contains_a_query_is_among_its_candidates(a: str, b: str, c: str) -> None:
    for query in (fold(b), fold(b)[:1], fold(b)[-2:]):
        text = fold(a) + query + fold(c)
        assert query_grams(query) <= text_grams(text)
        assert set(HASHER.digests(query_grams(query))) <= set(HASHER.digests(text_grams(text)))


def test_digests_tell_nothing_without_their_key_service_and_place() -> None:
    grams = query_grams("王小明")
    others = [
        GramHasher(b"q" * 32, "wishes", "elm"),
        GramHasher(b"p" * 32, "deliberation", "elm"),
        GramHasher(b"p" * 32, "wishes", "oak"),
    ]
    digests = set(HASHER.digests(grams))
    assert len(digests) == 2
    assert all(-(2**63) <= digest < 2**63 for digest in digests)
    assert all(digests.isdisjoint(other.digests(grams)) for other in others)
