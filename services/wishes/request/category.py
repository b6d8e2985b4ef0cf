"""What a request's rules know of the district's category policy: its versions and their names."""

from __future__ import annotations

from collections.abc import Sequence

from services.wishes.language import UNCATEGORISED
from services.wishes.request import refusals
from services.wishes.request.commands import ReceiveRequest, RequestCommand
from shared.contracts.wishes import CategoryPolicyAdopted, category_policy_stream
from shared.decider import Fact, Read, State, States, View


class Policies(State):
    """The category names of every version of a district's policy, the first version first."""

    versions: tuple[tuple[str, ...], ...] = ()


def evolve_policies(state: Policies, fact: Fact) -> Policies:
    """Follow the district's category policy."""
    match fact.event:
        case CategoryPolicyAdopted(categories=categories):
            names = tuple(category.name for category in categories)
            return Policies(versions=(*state.versions, names))
        case _:
            return state


POLICIES = View("wishes.request.policies", 1, Policies, Policies(), evolve_policies)


def check_category(command: ReceiveRequest, states: States) -> None:
    """Refuse a category that its version of the policy, now or earlier in force, does not have."""
    versions: tuple[tuple[str, ...], ...] = ()
    if command.district:
        versions = states.get(category_policy_stream(command.district), POLICIES).versions
    if not 0 <= command.category_policy <= len(versions):
        raise refusals.CategoryPolicyUnknown(version=command.category_policy)
    names = versions[command.category_policy - 1] if command.category_policy else ()
    if command.category not in (UNCATEGORISED, *names):
        raise refusals.CategoryUnknown(category=command.category)


def category_reads(command: RequestCommand) -> Sequence[Read[Policies]]:
    """Name the policy that a receipt depends on, if the district has one."""
    match command:
        case ReceiveRequest(district=district) if district:
            return [Read(category_policy_stream(district), POLICIES)]
        case _:
            return ()
