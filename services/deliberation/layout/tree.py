"""A community's areas as they stand on one day: the same for what is decided and what is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.contracts.deliberation.layout import Hierarchy


@dataclass(frozen=True, slots=True)
class Tree:
    """What is so on one day.

    `parents` has every area that exists, with what it stands below (empty: the community). `cells`
    are, by hierarchy, the areas that premises belong to by themselves; `cadres` are the areas'
    own. Empty text: nobody.
    """

    parents: Mapping[str, str]
    cells: Mapping[Hierarchy, Mapping[str, str]]
    cadres: Mapping[str, str]
    stand_in: str

    def chain(self, area: str) -> Iterator[str]:
        """Give an area and what it stands below, upwards."""
        while area in self.parents:
            yield area
            area = self.parents[area]

    def below(self, area: str) -> list[str]:
        """Give what stands directly below an area, or belongs to it."""
        cells = self.cells.values()
        return [
            name
            for name, parent in self.parents.items()
            if area in (parent, *(cell.get(name) for cell in cells))
        ]

    def cell_of(self, premises: str, hierarchy: Hierarchy) -> str:
        """Give the area of another hierarchy that premises belong to: their own, or of those above.

        Empty where they belong to none.
        """
        return self._first(premises, self.cells.get(hierarchy, {}))

    def cadre_of(self, area: str) -> str:
        """Give who answers for an area of the grid: its own cadre, one above, the stand-in."""
        return self._first(area, self.cadres) or self.stand_in

    def counts(self, living: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        """Give (households, residents) of each area, with all that is below it or belongs to it.

        `living` are, by premises, those right there.
        """
        households, residents = Counter[str](), Counter[str]()
        for premises, (homes, people) in living.items():
            for area in self._all_of(premises):
                households[area] += homes
                residents[area] += people
        return {area: (households[area], residents[area]) for area in self.parents}

    def covered(self, living: Mapping[str, tuple[int, int]]) -> dict[str, int]:
        """Give for how many households each cadre answers; under no name: nobody does."""
        found = Counter[str]()
        for premises, (homes, _) in living.items():
            cell = self.cell_of(premises, Hierarchy.GRID)
            found[self.cadre_of(cell) if cell else ""] += homes
        return dict(found)

    def _all_of(self, premises: str) -> Sequence[str]:
        cells = (self.cell_of(premises, other) for other in (Hierarchy.GRID, Hierarchy.PARTY))
        return [*self.chain(premises), *(area for cell in cells for area in self.chain(cell))]

    def _first(self, area: str, said: Mapping[str, str]) -> str:
        return next((said[name] for name in self.chain(area) if said.get(name)), "")
