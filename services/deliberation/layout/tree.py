"""A community on one day: its areas, who answers for them, and who lives there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.deliberation.layout.read_model import STAND_IN, AreaRow
from shared.contracts.deliberation.layout import Hierarchy

Living = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Tree:
    """What is so on one day.

    `cells` are, by hierarchy, the areas that premises belong to by themselves; `living` are, by
    premises, the households and residents right there.
    """

    areas: Mapping[str, AreaRow]
    cells: Mapping[Hierarchy, Mapping[str, str]]
    cadres: Mapping[str, UUID]
    living: Living

    def chain(self, area: str) -> Iterator[str]:
        """Give an area and what it stands below, upwards."""
        while area in self.areas:
            yield area
            area = self.areas[area].parent

    def cell_of(self, premises: str, hierarchy: Hierarchy) -> str:
        """Give the area of another hierarchy that premises belong to; empty where to none."""
        cells = self.cells.get(hierarchy, {})
        return next((cells[name] for name in self.chain(premises) if name in cells), "")

    def cadre_of(self, area: str) -> UUID | None:
        """Give who answers for an area of the grid: its own cadre, one above, the stand-in."""
        own = (self.cadres[name] for name in self.chain(area) if name in self.cadres)
        return next(own, self.cadres.get(STAND_IN))

    def counts(self) -> dict[str, tuple[int, int]]:
        """Give (households, residents) of each area, with all that is below it or belongs to it."""
        households, residents = Counter[str](), Counter[str]()
        for premises, (homes, people) in self.living.items():
            for area in self._all_of(premises):
                households[area] += homes
                residents[area] += people
        return {area: (households[area], residents[area]) for area in self.areas}

    def covered(self) -> dict[UUID | None, int]:
        """Give for how many households each cadre answers; under None: nobody does."""
        found = Counter[UUID | None]()
        for premises, (homes, _) in self.living.items():
            cell = self.cell_of(premises, Hierarchy.GRID)
            found[self.cadre_of(cell) if cell else None] += homes
        return dict(found)

    def _all_of(self, premises: str) -> Sequence[str]:
        cells = (self.cell_of(premises, other) for other in (Hierarchy.GRID, Hierarchy.PARTY))
        return [*self.chain(premises), *(area for cell in cells for area in self.chain(cell))]

    def kinds(self) -> dict[str, int]:
        """Count the areas by kind."""
        return dict(Counter(row.kind.value for row in self.areas.values()))
