"""Imported messages: both services count what is in the file, whoever counts it."""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from shared.cli.categories import read_categories
from shared.cli.client import ApiClient, ClientLimits
from shared.cli.connections import all_settings
from shared.cli.directory import IMPORTER, SECRETARY, Community
from shared.cli.entering import ImportTask, run_import
from shared.cli.importing import ImportReport
from shared.cli.lag import wait_for_no_lag
from shared.cli.local_site import LocalDistrict
from shared.cli.opening import open_community
from tests.acceptance.counting import BANDS_DAYS, Counted, count
from tests.acceptance.sample import write_sample

MESSAGES = 240
NO_RATE = {"asked": 0, "answered": 0, "yes": 0}
OTHERS = os.environ.get("COGOV_MESSAGES", "")


@dataclass(frozen=True)
class Imported:
    """A file that was entered twice, and what was said of it."""

    community: str
    expected: Counted
    broken: int
    first: ImportReport
    second: ImportReport
    said: str


def enter(district: LocalDistrict, community: str, files: tuple[Path, Path], folder: Path) -> Any:
    """Open a community and enter a file twice."""
    said = folder / "said.txt"
    task = ImportTask(
        file=files[0],
        categories=files[1],
        url=district.url("wishes"),
        community=community,
        token=district.token(IMPORTER),
        district=None,
        administrator_token="",
        in_flight_max=16,
    )

    async def run() -> tuple[ImportReport, ImportReport]:
        place = Community(community, "试点社区")
        await open_community(district, place, read_categories(files[1]))
        with said.open("w", encoding="utf-8") as out:
            console = Console(file=out, width=200)
            first = await run_import(task, console, console)
            second = await run_import(task, console, console)
        await wait_for_no_lag(all_settings(district.places.root), timeout_s=60)
        return first, second

    return *asyncio.run(run()), said.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sample(district: LocalDistrict, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    folder = tmp_path_factory.mktemp("sample")
    file, table, broken = write_sample(folder, MESSAGES)
    first, second, said = enter(district, "sample", (file, table), folder)
    return Imported("sample", count(file, table), broken, first, second, said)


def ask(
    district: LocalDistrict, service: str, path: str, *, limit: int = 50, cursor: str = ""
) -> Any:
    """Ask a service as the community's secretary."""

    async def run() -> Any:
        async with ApiClient(
            district.url(service), district.token(SECRETARY), ClientLimits()
        ) as api:
            pages: dict[str, str | int] = {"limit": limit}
            if cursor:
                pages["cursor"] = cursor
            return await api.get(f"/api/{service}/v1/communities/{path}", pages)

    return asyncio.run(run())


def pages(district: LocalDistrict, service: str, path: str) -> list[dict[str, Any]]:
    """Give every item of a list."""
    found: list[dict[str, Any]] = []
    page = ask(district, service, path, limit=200)
    found += page["items"]
    while page["next"] is not None:
        page = ask(district, service, path, limit=200, cursor=page["next"])
        found += page["items"]
    return found


def check_wishes(district: LocalDistrict, community: str, expected: Counted) -> None:
    figures = ask(district, "wishes", f"{community}/requests/figures")
    assert (figures["received"], figures["accepted"]) == (expected.messages, expected.messages)
    assert figures["answered"] == expected.answered
    assert figures["open"] == expected.messages - expected.answered
    assert (figures["returned"], figures["closed"]) == (0, 0)
    assert figures["days_to_answer"] == {
        "dated": len(expected.seconds),
        "undated": expected.undated,
        "min_seconds": expected.seconds[0],
        "quartile1_seconds": expected.quartile(0.25),
        "median_seconds": expected.quartile(0.5),
        "quartile3_seconds": expected.quartile(0.75),
        "max_seconds": expected.seconds[-1],
    }
    bands = [(band["days_max"], band["requests"]) for band in figures["answered_ageing"]]
    assert bands == list(zip((*BANDS_DAYS, None), expected.bands(), strict=True))
    # Every message of the files is older than the last band.
    assert [band["requests"] for band in figures["open_ageing"]] == [0, 0, 0, 0, 0, figures["open"]]
    for name, part in (("busiest_categories", 1), ("busiest_areas", 2)):
        assert [(each["name"], each["requests"]) for each in figures[name]] == expected.busiest(
            part
        )
    for rate in ("contacted", "solved", "satisfied"):
        assert figures[rate] | NO_RATE == figures[rate]


def check_each_request(district: LocalDistrict, community: str, expected: Counted) -> None:
    requests = pages(district, "wishes", f"{community}/requests")
    assert len({each["request"] for each in requests}) == expected.messages
    assert (
        Counter((each["kind"], each["category"], each["area"], each["state"]) for each in requests)
        == expected.requests
    )
    assert Counter(each["accountable"] for each in requests) == expected.units


def check_deliberation(district: LocalDistrict, community: str, expected: Counted) -> None:
    totals = ask(district, "deliberation", f"{community}/agenda/totals")
    groups = expected.agenda
    assert totals == {
        "heard": expected.messages,
        "answered": expected.answered,
        "open": expected.messages - expected.answered,
        "areas": len({area for _, area, _ in groups}),
        "categories": len({category for _, _, category in groups}),
        "months": len({month for month, _, _ in groups}),
    }
    agenda = pages(district, "deliberation", f"{community}/agenda")
    assert {
        (each["month"], each["area"], each["category"]): (each["matters"], each["answered"])
        for each in agenda
    } == groups
    sizes = [each["matters"] for each in agenda]
    assert sizes == sorted(sizes, reverse=True)
    assert all(each["open"] == each["matters"] - each["answered"] for each in agenda)


def test_the_sample_has_what_it_is_to_show(sample: Imported) -> None:
    expected = sample.expected
    assert expected.messages == MESSAGES
    assert expected.undated == 1
    assert 0 < expected.answered < MESSAGES
    assert all(expected.bands()[band] for band in (0, 1, 5))
    assert {request[0] for request in expected.requests} == {
        "enquiry", "complaint", "opinion", "problem",
    }  # fmt: skip
    assert {"unknown", "A1"} < {request[2] for request in expected.requests}
    assert "uncategorised" in {request[1] for request in expected.requests}


def test_wishes_counts_what_is_in_the_file(district: LocalDistrict, sample: Imported) -> None:
    check_wishes(district, sample.community, sample.expected)


def test_every_message_is_a_request_of_its_kind_category_area_and_unit(
    district: LocalDistrict, sample: Imported
) -> None:
    check_each_request(district, sample.community, sample.expected)


def test_deliberation_counts_what_it_heard_of_the_file(
    district: LocalDistrict, sample: Imported
) -> None:
    check_deliberation(district, sample.community, sample.expected)


def test_every_broken_line_is_named_and_the_rest_goes_on(sample: Imported) -> None:
    assert sample.first.messages == MESSAGES
    assert len(sample.first.broken) == sample.broken
    for broken in sample.first.broken:
        assert f"messages.ndjson:{broken.number}: {broken.reason}" in sample.said


def test_the_second_import_changes_nothing_and_says_so(sample: Imported) -> None:
    assert not sample.first.nothing_changed
    assert sample.first.replayed == 0
    assert sample.second.nothing_changed
    assert sample.second.commands == sample.first.commands
    assert f"nothing changed: all {sample.second.commands:,} commands" in sample.said


@pytest.mark.timeout(300)
def test_a_file_named_by_the_environment_is_counted_alike(
    district: LocalDistrict, tmp_path: Path
) -> None:
    """With COGOV_MESSAGES this is that file with the table beside it, else a sample of our own."""
    if OTHERS:
        file, table, broken = Path(OTHERS), Path(OTHERS).parent / "categories.csv", 0
    else:
        file, table, broken = write_sample(tmp_path, 20)
    first, second, _ = enter(district, "others", (file, table), tmp_path)
    expected = count(file, table)
    assert (first.messages, len(first.broken)) == (expected.messages, broken)
    assert second.nothing_changed
    check_wishes(district, "others", expected)
    check_each_request(district, "others", expected)
    check_deliberation(district, "others", expected)
