"""A route that says no quickly: most of a service's routes end in a literal."""

from __future__ import annotations

from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from shared.decider import Command


class FeatureRoute(APIRoute):
    """A FastAPI route that compares the end of the path before it runs its pattern.

    `actions` are what the policy table must allow, all of them.
    """

    def __init__(
        self, path: str, *args: Any, actions: tuple[type[Command] | str, ...], **options: Any
    ) -> None:
        super().__init__(path, *args, **options)
        self.actions = actions
        self._end = path.rpartition("}")[2]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as FastAPI does."""
        if self._end and not scope["path"].endswith(self._end):
            return Match.NONE, {}
        return super().matches(scope)
