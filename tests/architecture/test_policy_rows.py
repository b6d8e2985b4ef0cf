"""No route without a policy row, no command that the table does not know, no row for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from services.deliberation.app import POLICY as DELIBERATION
from services.deliberation.app import SERVICE as DELIBERATION_SERVICE
from services.deliberation.directory.domain import ROLES
from services.wishes.app import POLICY as WISHES
from services.wishes.app import SERVICE as WISHES_SERVICE
from shared.authority import PolicyTable
from shared.decider import Command
from shared.kit.http.routing import FeatureRoute
from shared.kit.operating import OPERATE
from shared.kit.service import Rooms, Service

SERVICES = [
    pytest.param(DELIBERATION_SERVICE, DELIBERATION, id="deliberation"),
    pytest.param(WISHES_SERVICE, WISHES, id="wishes"),
]


class _Unfurnished:
    """Stands where a route keeps what it will call: no route is called here."""

    def __getattr__(self, name: str) -> Any:
        return self


def routes(service: Service) -> Iterator[FeatureRoute]:
    nothing = cast("Any", _Unfurnished())
    rooms = Rooms(
        edge=nothing,
        tables=nothing,
        states=nothing,
        vault=nothing,
        attachments=nothing,
        names=nothing,
        district="d",
    )
    for feature in service.routes(rooms):
        yield from feature.routes


@pytest.mark.parametrize(("service", "table"), SERVICES)
def test_every_route_has_a_policy_row(service: Service, table: PolicyTable) -> None:
    actions = {action for route in routes(service) for action in route.actions}

    assert len(actions) > 5
    assert {action for action in actions if action not in table.actions} == set()


@pytest.mark.parametrize(("service", "table"), SERVICES)
def test_every_command_is_allowed_to_somebody_or_internal(
    service: Service, table: PolicyTable
) -> None:
    commands = set(service.commands)

    assert commands == {a for a in table.actions if not isinstance(a, str)} | {*table.internal}


@pytest.mark.parametrize(("service", "table"), SERVICES)
def test_every_row_is_for_a_route_and_a_role_that_exist(
    service: Service, table: PolicyTable
) -> None:
    asked: set[type[Command] | str] = {
        action for route in routes(service) for action in route.actions
    }

    assert {row.action for row in table.rows} - asked == {OPERATE}
    assert {row.role for row in table.rows} - set(ROLES) == set()
