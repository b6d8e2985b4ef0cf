"""Five communities of a demo district, with the figures that their sources tell.

Where a source tells a number, it is that number; what it does not say is made up, and marked
`generated` in the place's `made_up`. Names of residents come from a generator with a seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from faker import Faker

from shared.cli.community.checking import CADRE
from shared.cli.community.rows import (
    AreaRecord,
    CadreRecord,
    HouseholdRecord,
    PremisesRecord,
    Record,
    ResidentRecord,
)
from shared.contracts.deliberation import ResidentKind
from shared.contracts.deliberation.layout import AreaKind

STARTS_ON: Final = date(2024, 1, 1)
_SEED: Final = 20240101
_KINDS: Final = (
    *(ResidentKind.REGISTERED,) * 6,
    *(ResidentKind.PERMANENT,) * 2,
    ResidentKind.FLOATING,
    ResidentKind.TENANT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A community's figures; `made_up` names those that no source tells.

    `neighbourhoods` are per grid; `unmanaged` are compounds without a property firm.
    """

    node: str
    name: str
    number: int
    compounds: int
    buildings: int
    households: int
    residents: int
    neighbourhoods: tuple[int, ...] = ()
    branches: int = 0
    groups: int = 0
    unmanaged: int | None = None
    cadres: int = 0
    made_up: tuple[str, ...] = ()


PLACES: Final = (
    Place(
        node="laodong",
        name="劳动一坊社区",
        number=0,
        compounds=8,
        buildings=94,
        households=4700,
        residents=12_220,
        neighbourhoods=(0,) * 8,
        branches=1,
        groups=8,
        cadres=8,
        made_up=("compounds", "buildings", "residents", "grids", "groups", "cadres"),
    ),
    Place(
        node="dongting",
        name="东亭社区",
        number=1,
        compounds=10,
        buildings=121,
        households=3630,
        residents=9438,
        neighbourhoods=(24,) * 8 + (25,) * 2,
        branches=10,
        cadres=10,
        made_up=("compounds", "buildings", "households", "residents", "cadres"),
    ),
    Place(
        node="shinan",
        name="市南社区",
        number=2,
        compounds=6,
        buildings=88,
        households=3188,
        residents=8289,
        neighbourhoods=(0,) * 6,
        branches=3,
        groups=9,
        cadres=6,
        made_up=("residents", "grids", "cadres"),
    ),
    Place(
        node="honglian",
        name="红联社区",
        number=3,
        compounds=20,
        buildings=150,
        households=5770,
        residents=15_000,
        neighbourhoods=(0,) * 15,
        branches=5,
        unmanaged=8,
        cadres=15,
        made_up=("compounds", "buildings", "households", "grids", "cadres"),
    ),
    Place(
        node="yuanjiagou",
        name="袁家沟社区",
        number=4,
        compounds=12,
        buildings=96,
        households=3765,
        residents=14_650,
        neighbourhoods=(0,) * 12,
        cadres=12,
        made_up=("compounds", "buildings", "cadres"),
    ),
)


def records(place: Place, *, residents: bool = True) -> Iterator[Record]:
    """Give a place as a file's records; without `residents` its cadres are the only people."""
    compounds = [f"c{number}" for number in range(1, place.compounds + 1)]
    buildings = {
        f"b{number}": compounds[(number - 1) * place.compounds // place.buildings]
        for number in range(1, place.buildings + 1)
    }
    yield from _premises(place, compounds, buildings)
    yield from _grids(place, list(buildings))
    yield from _party(place, compounds)
    yield from _people(place, list(buildings), whole=residents)


def _premises(
    place: Place, compounds: Sequence[str], buildings: dict[str, str]
) -> Iterator[Record]:
    for number, compound in enumerate(compounds, 1):
        firm = None if place.unmanaged is None else number > place.unmanaged
        yield AreaRecord(
            area=compound,
            kind=AreaKind.COMPOUND,
            name=f"{number}号小区",
            starts_on=STARTS_ON,
            property_firm=firm,
        )
    for building, compound in buildings.items():
        yield AreaRecord(
            area=building,
            kind=AreaKind.BUILDING,
            name=f"{building[1:]}幢",
            parent=compound,
            starts_on=STARTS_ON,
        )
    if place.number == _DIVIDED:
        for building in buildings:
            for number in (1, 2):
                yield AreaRecord(
                    area=f"{building}-{number}",
                    kind=AreaKind.UNIT,
                    name=f"{number}单元",
                    parent=building,
                    starts_on=STARTS_ON,
                )


_DIVIDED: Final = 1  # the place whose neighbourhoods are stairwells: 121 buildings of two


def _grids(place: Place, buildings: Sequence[str]) -> Iterator[Record]:
    count = len(place.neighbourhoods)
    for number in range(1, count + 1):
        yield AreaRecord(
            area=f"g{number}", kind=AreaKind.GRID, name=f"第{number}网格", starts_on=STARTS_ON
        )
    stairs = iter([f"{building}-{number}" for building in buildings for number in (1, 2)])
    for number, small in enumerate(place.neighbourhoods, 1):
        for part in range(1, small + 1):
            area = f"n{number}-{part}"
            yield AreaRecord(
                area=area,
                kind=AreaKind.NEIGHBOURHOOD,
                name=f"{number}-{part}小邻里",
                parent=f"g{number}",
                starts_on=STARTS_ON,
            )
            yield PremisesRecord(premises=next(stairs), area=area, starts_on=STARTS_ON)
    if not any(place.neighbourhoods):
        for number, some in enumerate(_dealt(buildings, count), 1):
            premises = " ".join(some)
            yield PremisesRecord(premises=premises, area=f"g{number}", starts_on=STARTS_ON)


def _party(place: Place, compounds: Sequence[str]) -> Iterator[Record]:
    for number in range(1, place.branches + 1):
        yield AreaRecord(
            area=f"p{number}",
            kind=AreaKind.PARTY_BRANCH,
            name=f"第{number}党支部",
            starts_on=STARTS_ON,
        )
    for number in range(1, place.groups + 1):
        branch = (number - 1) * place.branches // place.groups + 1
        yield AreaRecord(
            area=f"pg{number}",
            kind=AreaKind.PARTY_GROUP,
            name=f"第{number}党小组",
            parent=f"p{branch}",
            starts_on=STARTS_ON,
        )
    if place.unmanaged is None and place.branches:  # there, branches go by kinds of organisations
        for number, some in enumerate(_dealt(compounds, place.branches), 1):
            yield PremisesRecord(premises=" ".join(some), area=f"p{number}", starts_on=STARTS_ON)


def _people(place: Place, buildings: Sequence[str], *, whole: bool) -> Iterator[Record]:
    faker = Faker("zh_CN", use_weighting=False)
    faker.seed_instance(_SEED + place.number)
    homes = _homes(place, buildings)
    for number in range(1, place.households + 1):
        premises = homes[(number - 1) % len(homes)]
        yield HouseholdRecord(household=f"h{number}", premises=premises, starts_on=STARTS_ON)
    for number in range(1, (place.residents if whole else place.cadres) + 1):
        yield ResidentRecord(
            resident=f"r{number}",
            household=f"h{(number - 1) % place.households + 1}",
            kind=_KINDS[number % len(_KINDS)],
            starts_on=STARTS_ON,
            name=faker.name(),
            id_number=f"demo{place.number}{number:08d}",
            role=CADRE if number <= place.cadres else None,
        )
    for number in range(1, place.cadres + 1):
        yield CadreRecord(resident=f"r{number}", areas=f"g{number}", starts_on=STARTS_ON)


def _homes(place: Place, buildings: Sequence[str]) -> list[str]:
    if place.number == _DIVIDED:
        return [f"{building}-{number}" for building in buildings for number in (1, 2)]
    return list(buildings)


def _dealt(names: Sequence[str], count: int) -> list[Sequence[str]]:
    """Deal names in their order to so many parts, as evenly as it goes."""
    return [
        names[part * len(names) // count : (part + 1) * len(names) // count]
        for part in range(count)
    ]
