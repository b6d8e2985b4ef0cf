"""The five places of the demo district: loaded whole, asked on any day, told who answers (A1)."""

import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.cli.client import ApiClient, ClientLimits, RefusedByApiError
from shared.cli.community.checking import check
from shared.cli.community.entering import enter
from shared.cli.community.places import PLACES, Place, records
from shared.cli.community.rows import Line, resident_id
from shared.cli.directory import ADMINISTRATOR
from shared.contracts.deliberation.layout import AreaKind
from tests.fixtures.ordeal import Ordeal, eventually

log = logging.getLogger(__name__)

DONGTING, SHINAN, HONGLIAN, YUANJIAGOU = PLACES[1:]
JUNE_30, JULY = "2025-06-30", "2025-07-01"


@dataclass(frozen=True)
class Communities:
    """A client of the directory, and what has been entered."""

    ordeal: Ordeal
    api: ApiClient

    async def load(self, place: Place, *, residents: bool = True) -> tuple[int, str]:
        """Enter a place; give the number of lines and the position after them."""
        await self.ordeal.community(place.node)
        lines = [
            Line("made", number, one)
            for number, one in enumerate(records(place, residents=residents), 1)
        ]
        checked = check(lines)
        assert checked.bad == []
        done = await enter(
            self.api,
            district=self.ordeal.district.district,
            community=place.node,
            lines=checked.lines,
            entered=lambda _lines: None,
        )
        return len(lines), done.position

    async def post(self, place: Place, path: str, body: dict[str, Any], *, key: str) -> str:
        answer = await self.api.post(f"{_here(place)}/{path}", body, key=key)
        return answer.position

    async def areas(self, place: Place, on: str, *, after: str = "") -> dict[str, Any]:
        return await self.api.get(f"{_here(place)}/areas", {"on": on}, after=after)

    async def coverage(self, place: Place, on: str, *, after: str = "") -> dict[str, Any]:
        return await self.api.get(f"{_here(place)}/coverage", {"on": on}, after=after)


@pytest.fixture
async def communities(ordeal: Ordeal) -> AsyncGenerator[Communities]:
    url = ordeal.district.url("deliberation")
    token = ordeal.district.token(ADMINISTRATOR)
    async with ApiClient(url, token, ClientLimits()) as api:
        yield Communities(ordeal, api)


@pytest.mark.timeout(300)
async def test_the_five_places_are_loaded_with_the_figures_of_their_sources(
    communities: Communities,
) -> None:
    started = time.monotonic()
    lines, position = 0, ""
    for place in PLACES:
        # Residents of one place: the sixty thousand of all five take minutes on a busy machine.
        count, position = await communities.load(place, residents=place is YUANJIAGOU)
        lines += count
    took = time.monotonic() - started
    log.info("%d lines of five places entered in %.1f s", lines, took)

    trees = {place.node: await communities.areas(place, JULY, after=position) for place in PLACES}
    found = {
        node: (tree["households"], tree["residents"], tree["kinds"]) for node, tree in trees.items()
    }
    log.info("on %s: %s", JULY, found)
    assert trees["laodong"]["households"] == 4700
    assert _count(trees["dongting"], "grid", "neighbourhood") == [10, 242]
    assert trees["shinan"]["households"] == 3188
    assert _count(trees["shinan"], "compound", "building") == [6, 88]
    assert _count(trees["shinan"], "party_branch", "party_group") == [3, 9]
    unmanaged = [one for one in trees["honglian"]["areas"] if one["property_firm"] is False]
    assert len(unmanaged) == 8
    assert _count(trees["yuanjiagou"], "grid") == [12]
    assert trees["yuanjiagou"]["households"] == 3765
    assert trees["yuanjiagou"]["residents"] == 14_650

    for place in PLACES:
        covered = await communities.coverage(place, JULY)
        assert covered["households"] == place.households
        assert covered["uncovered"] == 0
        assert sum(one["households"] for one in covered["cadres"]) == place.households
    again, _ = await communities.load(YUANJIAGOU)  # entered again, it changes nothing
    assert again > 0
    same = await communities.areas(YUANJIAGOU, JULY)
    assert same == trees["yuanjiagou"]
    await communities.ordeal.drained()
    await communities.ordeal.assert_clean()


async def test_a_grid_gives_two_neighbourhoods_and_june_keeps_its_tree(
    communities: Communities,
) -> None:
    """B3: grid 3 gives two to grid 4 on 1 July: 22 and 26, and on 30 June 24 and 24."""
    await communities.load(DONGTING, residents=False)
    body = {"starts_on": JULY, "areas": ["n3-1", "n3-2"], "parent": "g4"}
    position = await communities.post(DONGTING, "areas/moves", body, key="b3")

    async def small(on: str) -> list[int]:
        tree = await communities.areas(DONGTING, on, after=position)
        parents = [one["parent"] for one in tree["areas"] if one["kind"] == AreaKind.NEIGHBOURHOOD]
        assert len(parents) == 242
        return [parents.count(f"g{number}") for number in range(1, 11)]

    assert await small(JUNE_30) == [24, 24, 24, 24, 24, 24, 24, 24, 25, 25]
    assert await small(JULY) == [24, 24, 22, 26, 24, 24, 24, 24, 25, 25]


async def test_a_cadre_who_leaves_is_followed_or_the_gap_is_told(
    communities: Communities,
) -> None:
    """B4: every household has exactly one cadre; where one leaves, an alarm or a successor."""
    place = replace(YUANJIAGOU, node="yuanjiagou-alone", number=9)  # residents of its own
    await communities.load(place, residents=False)
    first, second = (str(resident_id(place.node, name)) for name in ("r1", "r2"))
    body = {"starts_on": JULY, "successor": second}
    position = await communities.post(place, f"cadres/{first}/replacement", body, key="followed")
    before = await communities.coverage(place, JUNE_30, after=position)
    after = await communities.coverage(place, JULY)
    assert (before["uncovered"], len(before["cadres"])) == (0, 12)
    assert (after["uncovered"], len(after["cadres"])) == (0, 11)

    third = str(resident_id(place.node, "r3"))
    position = await communities.post(
        place, f"cadres/{third}/replacement", {"starts_on": JULY}, key="nobody"
    )
    left = await communities.coverage(place, JULY, after=position)
    assert left["uncovered"] > 0

    async def told() -> bool:
        row = await communities.ordeal.row(
            "deliberation",
            "SELECT count(*) AS told FROM kit.event AS e"
            " WHERE e.type = 'cogov.deliberation.area_uncovered.v1' AND e.scope = $1",
            place.node,
        )
        return row["told"] == 1

    await eventually(told, within_s=30)
    stand_in = {"starts_on": JULY, "cadre": second}
    position = await communities.post(place, "cadres/stand-in", stand_in, key="stand-in")
    covered = await communities.coverage(place, JULY, after=position)
    assert (covered["households"], covered["uncovered"]) == (3765, 0)


async def test_what_a_layout_refuses_has_a_stable_code(communities: Communities) -> None:
    await communities.load(SHINAN, residents=False)
    refused = {
        "areas/g1/end": ({"ends_on": JULY}, 409, "area_not_empty"),
        "areas/moves": (
            {"starts_on": JULY, "areas": ["b1"], "parent": "g1"},
            422,
            "parent_unfit",
        ),
        "cadres": (
            {"starts_on": JULY, "areas": ["g1"], "cadre": str(resident_id("shinan", "none"))},
            409,
            "not_a_cadre",
        ),
        "areas/nowhere/end": ({"ends_on": JULY}, 404, "area_unknown"),
    }
    for path, (body, status, code) in refused.items():
        with pytest.raises(RefusedByApiError) as error:
            await communities.post(SHINAN, path, body, key=path)
        assert (error.value.status, error.value.code) == (status, code)


def _count(tree: dict[str, Any], *kinds: str) -> list[int]:
    return [tree["kinds"].get(kind, 0) for kind in kinds]


def _here(place: Place) -> str:
    return f"/api/deliberation/v1/communities/{place.node}"
