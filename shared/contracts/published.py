"""Every event that a service publishes, from all pages of its language.

A service's pages are the package of its name here and each module in that; a page lists its own
events in `EVENTS`. A page that is added or deleted is seen by itself.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from shared.contracts.envelope import Event


@cache
def published(service: str) -> tuple[type[Event], ...]:
    """Give a service's published events, page by page."""
    first = import_module(f"shared.contracts.{service}")
    names = sorted(page.name for page in iter_modules(first.__path__))
    pages = [first, *(import_module(f"{first.__name__}.{name}") for name in names)]
    return tuple(event for page in pages for event in page.EVENTS)
