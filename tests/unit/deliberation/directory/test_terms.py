"""When a granted role was held."""

from datetime import timedelta
from uuid import UUID

from services.deliberation.directory.terms_model import TERMS
from shared.contracts.deliberation import RoleGranted, RoleRevoked, grants_stream
from shared.kit.testing.spec import NOW, facts_of, fold_all

RESIDENT, GRANT = UUID(int=2), UUID(int=3)
DAY = timedelta(days=1)


def held(*, ends: int | None = None, revoked: int | None = None) -> list[tuple[int, int | None]]:
    """Give the days of a grant that begins on day 10."""
    granted = RoleGranted(
        grant_id=GRANT,
        resident=RESIDENT,
        role="desk",
        node="elm",
        starts_at=NOW + 10 * DAY,
        ends_at=None if ends is None else NOW + ends * DAY,
    )
    stream = grants_stream(RESIDENT)
    facts = list(facts_of(stream, granted, scope="north"))
    if revoked is not None:
        ended = RoleRevoked(grant_id=GRANT, resident=RESIDENT)
        facts += facts_of(stream, ended, scope="north", at=NOW + revoked * DAY, after=1)
    return [
        ((row.valid_from - NOW).days, None if row.valid_to is None else (row.valid_to - NOW).days)
        for row in fold_all(TERMS, facts).values()
    ]


def test_a_term_is_known_from_the_grant_and_needs_no_event_to_end() -> None:
    assert held() == [(10, None)]
    assert held(ends=20) == [(10, 20)]


def test_a_revocation_ends_what_is_left_of_a_term() -> None:
    assert held(revoked=12) == [(10, 12)]
    assert held(ends=20, revoked=12) == [(10, 12)]


def test_a_revocation_after_the_term_changes_nothing() -> None:
    assert held(ends=20, revoked=25) == [(10, 20)]


def test_a_grant_revoked_before_it_began_was_never_held() -> None:
    assert held(revoked=10) == held(ends=20, revoked=4) == []
