"""What is heard of the directory may be a day old, for fresh actions ten minutes."""

from __future__ import annotations

from math import inf
from typing import Any
from uuid import UUID

import pytest

from services.wishes.app import POLICY
from services.wishes.categories.domain import AdoptCategoryPolicy
from services.wishes.request.commands import AcceptRequest
from shared.authority import IDENTITY as IDENTITY_VIEW
from shared.authority import AuthorityStale, DirectoryGuard, UnknownIdentity, identity_stream
from shared.decider import Command, States
from shared.kit.submission import Caller, Submission
from tests.fixtures.edge import NOW

DAY_S, FRESH_S = 24 * 3600.0, 600.0
CALLER = Caller("issuer", "subject")
ADOPT = AdoptCategoryPolicy(district="d", version=1, rule="", categories=())
ACCEPT = AcceptRequest(request=str(UUID(int=1)))
NOBODY_KNOWN = States(
    {(identity_stream(CALLER.identity), IDENTITY_VIEW.name): IDENTITY_VIEW.initial}
)


def guard(age_s: float) -> DirectoryGuard:
    return DirectoryGuard(POLICY).hearing(lambda: age_s, age_s_max=DAY_S, fresh_age_s_max=FRESH_S)


def gives(command: Command, at: DirectoryGuard) -> Any:
    submission = Submission(
        command_id=UUID(int=1),
        fingerprint=b"f",
        scope="elm",
        command=command,
        caller=CALLER,
        correlation_id=UUID(int=2),
    )
    return at.authorise(submission, NOBODY_KNOWN, NOW)


def reads(action: str, at: DirectoryGuard) -> Any:
    return at.authorise_read(action, "elm", CALLER.identity, NOBODY_KNOWN, NOW)


@pytest.mark.parametrize(("command", "age_s_max"), [(ACCEPT, DAY_S), (ADOPT, FRESH_S)])
def test_a_command_is_judged_up_to_the_limit_and_not_beyond(
    command: Command, age_s_max: float
) -> None:
    with pytest.raises(UnknownIdentity):  # it was judged
        gives(command, guard(age_s_max))
    for age_s in (age_s_max + 0.001, inf):
        with pytest.raises(AuthorityStale) as stale:
            gives(command, guard(age_s))
        assert stale.value.details == {"age_s_max": int(age_s_max)}


@pytest.mark.parametrize(
    ("action", "age_s_max"), [("read_requests", DAY_S), ("read_access_log", FRESH_S)]
)
def test_a_query_is_judged_up_to_the_limit_and_not_beyond(action: str, age_s_max: float) -> None:
    with pytest.raises(UnknownIdentity):
        reads(action, guard(age_s_max))
    for age_s in (age_s_max + 0.001, inf):
        with pytest.raises(AuthorityStale):
            reads(action, guard(age_s))


def test_who_owns_the_directory_is_never_stale() -> None:
    for command in (ACCEPT, ADOPT):
        with pytest.raises(UnknownIdentity):
            gives(command, DirectoryGuard(POLICY))
