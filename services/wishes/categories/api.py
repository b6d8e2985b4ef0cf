"""HTTP of the category policy: adopt a version, show the one in force."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from services.wishes.categories.domain import (
    RULE,
    AdoptCategoryPolicy,
    CategoryDraft,
    categories_from_rows,
)
from services.wishes.categoriser import Categoriser
from services.wishes.language import UNIT_PATTERN
from shared.kit.http.bodies import CommandBody
from shared.kit.http.commands import Call, Draft, Routes
from shared.kit.http.queries import Reading
from shared.kit.service import Rooms

Name = Annotated[str, Field(min_length=1, max_length=200)]
Keyword = Annotated[str, Field(min_length=2, max_length=200)]


class CategoryBody(CommandBody):
    """A category with its keywords and the unit that its requests go to first."""

    name: Name
    unit: Annotated[str, Field(pattern=UNIT_PATTERN)]
    keywords: Annotated[list[Keyword], Field(max_length=10_000)]


class PolicyBody(CommandBody):
    """A version of the policy: its categories, or the rows of a table to derive them from."""

    version: Annotated[int, Field(ge=1)]
    rule: str = RULE
    categories: Annotated[list[CategoryBody], Field(max_length=100)] = Field(
        default_factory=list[CategoryBody]
    )
    rows: Annotated[list[tuple[Name, Name, Name]], Field(max_length=5000)] = Field(
        default_factory=list[tuple[str, str, str]]
    )


class CategoryAnswer(BaseModel):
    """A category of the policy in force."""

    name: str
    unit: str
    keywords: tuple[str, ...]


class PolicyAnswer(BaseModel):
    """The policy in force; version 0: none was adopted."""

    version: int
    rule: str
    categories: list[CategoryAnswer]


def routes(rooms: Rooms) -> Routes:
    """Give the routes of the category policy."""
    found = Routes("wishes", rooms.edge)
    categoriser = Categoriser(rooms.states, rooms.district, rooms.edge.clock)

    async def get_category_policy(reader: Reading) -> PolicyAnswer:
        """Show the policy in force for this place's district."""
        del reader
        version, categories = await categoriser.policy()
        return PolicyAnswer(
            version=version,
            rule=RULE,
            categories=[
                CategoryAnswer(name=one.name, unit=one.unit, keywords=one.keywords)
                for one in categories
            ],
        )

    found.command(
        "/districts/{scope}/category-policy",
        PolicyBody,
        _adopt,
        action=AdoptCategoryPolicy,
        status=201,
        summary="Adopt a version of the category policy",
    )
    found.query(
        "/communities/{scope}/category-policy",
        get_category_policy,
        action="read_categories",
        summary="Show the category policy in force",
    )
    return found


def _adopt(call: Call[PolicyBody]) -> Draft:
    body = call.body
    categories = [
        CategoryDraft(name=one.name, unit=one.unit, keywords=tuple(one.keywords))
        for one in body.categories
    ] or [
        CategoryDraft(name=one.name, unit=one.unit, keywords=one.keywords)
        for one in categories_from_rows(body.rows)
    ]
    return Draft(
        AdoptCategoryPolicy(
            district=call.scope, version=body.version, rule=body.rule, categories=tuple(categories)
        )
    )
