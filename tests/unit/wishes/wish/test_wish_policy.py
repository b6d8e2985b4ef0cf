"""The policy of wishes: versions without a gap, numbers within their bounds."""

import pytest
from msgspec.structs import replace

from services.wishes.wish.policy import (
    BOUNDS,
    TERMS_MAX,
    WISH_POLICY,
    AdoptWishPolicy,
    TermDraft,
    WishPolicyOfADistrict,
    WishPolicyOutOfBounds,
    WishPolicyVersionSkipped,
    WishPolicyVersionTaken,
    WishTermsIncomplete,
)
from shared.contracts.deliberation import NodeAdded, NodeKind, node_stream
from shared.contracts.wishes.wishes import wish_policy_stream
from shared.decider import To
from shared.kit.testing.spec import Spec
from tests.fixtures.wishes import policy

DISTRICT = "north"
STREAM = wish_policy_stream(DISTRICT)
TERMS = (
    TermDraft(claim_days=4, wish_days=10),
    TermDraft(category="shopping", claim_days=1, wish_days=2),
)


def adopt(version: int = 1, **fields: object) -> AdoptWishPolicy:
    numbers = {name: getattr(policy(), name) for name in BOUNDS}
    return replace(
        AdoptWishPolicy(district=DISTRICT, version=version, terms=TERMS, **numbers), **fields
    )


def place(node: str, kind: NodeKind) -> NodeAdded:
    return NodeAdded(node=node, kind=kind, name=node, path=(node,))


NORTH = Spec(WISH_POLICY, scope=DISTRICT).given(
    node_stream(DISTRICT), place(DISTRICT, NodeKind.DISTRICT)
)


def test_versions_follow_one_another_and_never_change() -> None:
    NORTH.when(adopt()).then(To(STREAM, policy()))
    first = NORTH.given(STREAM, policy())
    first.when(adopt()).then_nothing()
    first.when(adopt(releases_max=9)).then_refused(WishPolicyVersionTaken, version=1)
    first.when(adopt(3)).then_refused(WishPolicyVersionSkipped, next=2)
    first.when(adopt(2)).then(To(STREAM, policy(2)))


def test_a_policy_belongs_to_a_district() -> None:
    Spec(WISH_POLICY, scope="elm").when(adopt()).then_refused(WishPolicyOfADistrict)
    street = Spec(WISH_POLICY, scope=DISTRICT).given(
        node_stream(DISTRICT), place(DISTRICT, NodeKind.STREET)
    )
    street.when(adopt()).then_refused(WishPolicyOfADistrict)


@pytest.mark.parametrize("name", BOUNDS)
def test_each_number_has_its_bounds(name: str) -> None:
    least, most = BOUNDS[name]
    for number in (least, most):
        assert NORTH.when(adopt(**{name: number})).events
    for number in (least - 1, most + 1):
        outcome = NORTH.when(adopt(**{name: number}))
        outcome.then_refused(WishPolicyOutOfBounds, name=name, least=least, most=most)


@pytest.mark.parametrize("days", [0, 1001])
def test_a_term_has_some_days_but_not_too_many(days: int) -> None:
    for name in ("claim_days", "wish_days"):
        term = replace(TERMS[0], **{name: days})
        outcome = NORTH.when(adopt(terms=(term,)))
        outcome.then_refused(WishPolicyOutOfBounds, name="days", least=1, most=1000)


def test_there_is_one_term_for_all_others_and_one_a_category() -> None:
    many = tuple(replace(TERMS[1], category=f"c{n}") for n in range(TERMS_MAX))
    for terms in ((), TERMS[1:], (*TERMS, TERMS[1]), (TERMS[0], *many)):
        outcome = NORTH.when(adopt(terms=terms))
        outcome.then_refused(WishTermsIncomplete, terms_max=TERMS_MAX)
    assert NORTH.when(adopt(terms=(TERMS[0], *many[1:]))).events
