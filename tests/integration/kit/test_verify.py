"""`cogov verify` on a played site: clean as played, and every planted violation by its name."""

from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from shared.kit.bus import Record
from shared.kit.cloudevents import Malformed, to_record
from shared.kit.embedded import Servers
from shared.kit.embedded.polling import run_apart
from shared.kit.embedded.ports import LOOPBACK, free_port
from shared.kit.heard import HeardPart, Item, dead_letter
from shared.kit.kafka.bus import KafkaBus
from shared.kit.letters import SKIPPED_TYPE
from shared.kit.ports import Stored
from shared.kit.postgres.log import PostgresLog
from shared.kit.verify import INVARIANTS, Finding, ServiceUnderTest, VerifyLimits, verify
from shared.kit.writer import Writer
from tests.fixtures.exchange import KAFKA_LIMITS, eventually, running
from tests.fixtures.garden import (
    GARDEN,
    MARKET,
    PARTITIONS,
    House,
    Names,
    clone,
    drop,
    new_names,
    new_topic_for,
    opened,
    play,
    played,
)

LIMITS = VerifyLimits(page_rows=7, settle_s=1.0, quiet_s=0.6, poll_s=0.05)


@pytest.fixture(scope="module")
def played_once(site: Servers) -> Generator[Names]:
    names = run_apart(lambda: played(site))
    yield names
    run_apart(lambda: drop(site, names))


@pytest.fixture
async def house(site: Servers, played_once: Names) -> AsyncGenerator[House]:
    names = await clone(site, played_once)
    async with opened(site, names) as house:
        yield house
    await drop(site, names)


async def look(house: House, invariant: str) -> Finding:
    sites = list(house.sites.values())
    (finding,) = await verify(sites, house.bus, limits=LIMITS, only=(invariant,))
    assert finding.invariant == invariant
    return finding


async def write(where: ServiceUnderTest, statement: str, *arguments: object) -> None:
    """Do as a superuser what no part of ours can do."""
    assert not (await where.pool.execute(statement, *arguments)).endswith(" 0")


async def heard_at(house: House, stream: str, version: int) -> int:
    """Give the market's position of what it heard."""
    return await house.market.pool.fetchval(
        "SELECT position FROM kit.event WHERE stream = $1 AND version = $2", stream, version
    )


def place(bed: int, version: int) -> int:
    """Give the garden's position of a bed's version: seven events a round."""
    return 7 * (version - 1) + bed + 1


def assert_named(finding: Finding, what: str, **where: str | int) -> None:
    rows = [note.row() for note in finding.violations]
    assert any(what in str(row["what"]) and where.items() <= row.items() for row in rows), (
        f"{what} {where} is not among {rows}"
    )


# --- Clean ------------------------------------------------------------------------------------


async def test_a_played_site_keeps_every_invariant(house: House) -> None:
    async with house.leased():
        findings = await verify(list(house.sites.values()), house.bus, limits=LIMITS)
    assert [finding.invariant for finding in findings] == list(INVARIANTS)
    for finding in findings:
        assert finding.violations == ()
        assert finding.holds
        assert finding.checked > 0
        assert finding.seconds > 0
    listed = {f.invariant: [note.row() for note in f.excused] for f in findings if f.excused}
    assert listed.keys() == {"I6", "I8"}
    (letter,) = listed["I8"]
    assert letter["service"] == MARKET
    assert letter["stream"] == "garden/bed/b0"
    assert "missing_attribute" in str(letter["what"])


async def test_a_site_at_work_keeps_every_invariant(site: Servers) -> None:
    names = await new_names(site)
    async with opened(site, names) as house, house.leased(), house.at_work() as writer:
        await play(writer, range(2))
        async with running(play_on(writer)):
            for _ in range(2):
                limits = replace(LIMITS, settle_s=20.0)
                findings = await verify(list(house.sites.values()), house.bus, limits=limits)
                assert [note.row() for each in findings for note in each.violations] == []
                assert all(finding.checked > 0 for finding in findings)
        await eventually(house.at_head, "all is sent, heard and folded")
    await drop(site, names)


async def play_on(writer: Writer) -> None:
    number = 2
    while True:
        await play(writer, range(number, number + 1))
        number += 1


async def test_what_cannot_be_checked_is_a_violation(house: House) -> None:
    away = KafkaBus(
        bootstrap=[f"{LOOPBACK}:{free_port()}"],
        client_id="test",
        partitions={each.topic.name: PARTITIONS for each in house.sites.values()},
        limits=replace(KAFKA_LIMITS, connect_timeout_s=0.5),
    )
    assert_named(await look(replace(house, bus=away), "I6"), "could not be checked")


async def test_findings_are_bounded_and_their_totals_are_not(house: House) -> None:
    await write(
        house.garden, "UPDATE kit.event SET recorded_at = recorded_at - position * '1 s'::interval"
    )
    limits = replace(LIMITS, notes_max=3)
    (finding,) = await verify([house.garden], house.bus, limits=limits, only=("I5",))
    assert len(finding.violations) == 3
    assert finding.violations_total == 48
    assert not finding.holds
    assert finding.as_json()["violations_total"] == 48


# --- I1: nothing acknowledged is lost -------------------------------------------------------


async def test_i1_names_an_acknowledged_event_that_is_gone(house: House) -> None:
    await write(house.garden, "DELETE FROM kit.event WHERE position = $1", place(2, 3))
    finding = await look(house, "I1")
    where = {"service": GARDEN, "stream": "garden/bed/b2", "position": place(2, 3)}
    assert_named(finding, "acknowledged with 1 events, of which the log has 0", **where)
    assert_named(finding, "answered with version 3, which was not in the log", **where)


async def test_i1_names_a_receipt_that_points_elsewhere(house: House) -> None:
    await write(
        house.garden,
        "UPDATE kit.receipt SET first_position = first_position + 1 WHERE first_position = $1"
        " AND events = 1",
        place(2, 3),
    )
    what = f"acknowledged at {place(2, 3) + 1}, its events are at {place(2, 3)}"
    assert_named(await look(house, "I1"), what, stream="garden/bed/b2", position=place(2, 3))


async def test_i1_names_the_events_of_a_refused_command(house: House) -> None:
    await write(
        house.garden,
        """UPDATE kit.receipt SET outcome = '{"refusal": "bed_bare"}', events = 0
           WHERE first_position = $1 AND events = 1""",
        place(4, 2),
    )
    what = "was refused (bed_bare), but has 1 events"
    assert_named(await look(house, "I1"), what, stream="garden/bed/b4", position=place(4, 2))


async def test_i1_names_an_event_without_a_receipt_and_one_done_twice(house: House) -> None:
    await write(
        house.garden,
        "DELETE FROM kit.receipt WHERE first_position = $1 AND events = 1",
        place(1, 1),
    )
    await write(
        house.garden,
        "UPDATE kit.event SET command_id = (SELECT e.command_id FROM kit.event AS e"
        " WHERE e.position = $1) WHERE position = $2",
        place(3, 1),
        place(3, 2),
    )
    finding = await look(house, "I1")
    assert_named(finding, "no receipt", stream="garden/bed/b1", position=place(1, 1))
    assert_named(
        finding,
        "acknowledged with 1 events, the log has 2",
        stream="garden/bed/b3",
        position=place(3, 1),
    )


# --- I2: nothing heard twice, missed or changed --------------------------------------------


async def test_i2_names_an_event_edited_at_its_source(house: House) -> None:
    await write(
        house.garden,
        """UPDATE kit.event SET data = data || '{"litres": 900}' WHERE position = $1""",
        place(5, 4),
    )
    assert_named(
        await look(house, "I2"),
        "differ in data",
        service=MARKET,
        source=GARDEN,
        stream="garden/bed/b5",
        version=4,
        source_position=place(5, 4),
        position=await heard_at(house, "garden/bed/b5", 4),
    )


@pytest.mark.parametrize(
    "change",
    ["scope = 'ash'", "at = at + '1 s'::interval", "occurred_at = at - '1 s'::interval"],
)
async def test_i2_names_a_heard_event_that_was_edited(house: House, change: str) -> None:
    position = await heard_at(house, "garden/bed/b0", 2)
    await write(house.market, f"UPDATE kit.event SET {change} WHERE position = $1", position)
    assert_named(
        await look(house, "I2"),
        f"differ in {change.split(maxsplit=1)[0]}",
        stream="garden/bed/b0",
        version=2,
        position=position,
    )


async def test_i2_names_a_heard_event_that_is_gone(house: House) -> None:
    await write(
        house.market, "DELETE FROM kit.event WHERE stream = 'garden/bed/b3' AND version = 5"
    )
    finding = await look(house, "I2")
    where = {"stream": "garden/bed/b3", "version": 5, "source_position": place(3, 5)}
    assert_named(finding, f"published at {place(3, 5)}", service=MARKET, **where)
    assert finding.violations_total == 1


async def test_i2_names_a_fork(house: House) -> None:
    await write(
        house.garden, "UPDATE kit.event SET event_id = gen_random_uuid() WHERE position = 8"
    )
    where = {"stream": "garden/bed/b0", "version": 2, "source_position": 8}
    assert_named(await look(house, "I2"), "a fork", service=MARKET, **where)


async def test_i2_names_what_was_heard_and_never_published(house: House) -> None:
    await write(house.garden, "DELETE FROM kit.event WHERE position = $1", place(4, 7))
    position = await heard_at(house, "garden/bed/b4", 7)
    where = {"stream": "garden/bed/b4", "version": 7, "source_position": place(4, 7)}
    assert_named(await look(house, "I2"), "not published", position=position, **where)


async def test_i2_names_an_event_that_is_there_twice(house: House) -> None:
    await write(
        house.garden,
        "UPDATE kit.event SET event_id = (SELECT e.event_id FROM kit.event AS e"
        " WHERE e.position = 3) WHERE position = 30",
    )
    where = {"service": GARDEN, "stream": "garden/bed/b1", "position": 30}
    assert_named(await look(house, "I2"), "twice, first at 3", **where)


async def test_i2_names_what_lies_below_a_source_position_set_ahead(house: House) -> None:
    await append_one_more(house)
    part = house.bus.partition(house.garden.topic.name, "elm")
    await write(house.market, "UPDATE kit.heard SET source_position = 50 WHERE part = $1", part)
    where = {"stream": "garden/bed/b0", "version": 8, "source_position": 50}
    assert_named(await look(house, "I2"), "heard up to 50, but missing", **where)


@pytest.mark.parametrize(("settled", "word"), [(None, "parked"), ("skipped", "skipped")])
async def test_i2_lists_and_excuses_what_waits_as_a_dead_letter(
    house: House, settled: str | None, word: str
) -> None:
    await forget(house, "garden/bed/b2", after=4)
    await park(house, place(2, 6), settled=settled)
    await park(house, place(2, 7), settled=settled)
    finding = await look(house, "I2")
    assert_named(finding, "but missing", stream="garden/bed/b2", version=5)
    assert finding.violations_total == 1
    assert {note.row()["version"] for note in finding.excused} == {6, 7}
    assert {note.what for note in finding.excused} == {word}


async def test_i2_lists_and_excuses_what_an_operator_skipped(house: House) -> None:
    await write(
        house.market,
        "UPDATE kit.event SET type = $1, source_position = NULL"
        " WHERE stream = 'garden/bed/b2' AND version = 4",
        SKIPPED_TYPE,
    )
    finding = await look(house, "I2")
    assert finding.violations == ()
    (note,) = finding.excused
    assert (note.what, note.where["version"]) == ("skipped", 4)


# --- I4: states and read models are folds ---------------------------------------------------


async def test_i4_names_a_changed_state(house: House) -> None:
    await write(
        house.garden,
        """UPDATE kit.state SET state = state || '{"litres": 1}' WHERE stream = 'garden/bed/b1'""",
    )
    where = {"service": GARDEN, "stream": "garden/bed/b1", "version": 6, "view": "bed"}
    finding = await look(house, "I4")
    assert_named(finding, "differs from the fold", position=place(1, 6), **where)
    assert finding.violations_total == 1


async def test_i4_names_a_state_beyond_its_stream(house: House) -> None:
    await write(house.garden, "UPDATE kit.state SET version = 9 WHERE stream = 'garden/bed/b1'")
    what = "is of version 9, the log ends at 7"
    assert_named(await look(house, "I4"), what, stream="garden/bed/b1", position=place(1, 7))


async def test_i4_lists_states_of_views_that_are_no_more(house: House) -> None:
    await write(house.garden, "UPDATE kit.state SET revision = 7 WHERE stream = 'garden/bed/b1'")
    finding = await look(house, "I4")
    assert finding.violations == ()
    assert finding.excused[0].where["view"] == "bed r7"


async def test_i4_names_an_edited_event_by_the_state_and_the_row_it_made(house: House) -> None:
    await write(
        house.garden,
        """UPDATE kit.event SET data = data || '{"litres": 900}' WHERE position = $1""",
        place(3, 2),
    )
    finding = await look(house, "I4")
    assert_named(finding, "differs from the fold", service=GARDEN, stream="garden/bed/b3")
    key = '{"bed": "b3", "scope": "elm"}'
    assert_named(finding, "in litres", service=GARDEN, read_model="beds_r1", key=key)
    assert finding.violations_total == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE beds_r1 SET litres = litres + 1 WHERE bed = 'b4'",
        "DELETE FROM beds_r1 WHERE bed = 'b4'",
        "UPDATE beds_r1 SET scope = 'elm' WHERE bed = 'b4'",
    ],
)
async def test_i4_names_a_row_that_a_replay_does_not_give(house: House, statement: str) -> None:
    await write(house.market, statement)
    key = '{"bed": "b4", "scope": "oak"}'
    finding = await look(house, "I4")
    assert_named(finding, "differs from a replay", service=MARKET, read_model="beds_r1", key=key)


async def test_i4_names_an_event_that_cannot_be_read(house: House) -> None:
    await write(house.garden, "UPDATE kit.event SET data = '{}' WHERE position = 2")
    finding = await look(house, "I4")
    assert_named(finding, "an event of it cannot be read", stream="garden/bed/b1", position=2)
    assert_named(finding, "cannot be replayed", service=GARDEN, read_model="beds_r1")


async def test_i4_names_a_read_model_beyond_the_head(house: House) -> None:
    await write(house.market, "UPDATE kit.read_model SET position = position + 3")
    assert_named(await look(house, "I4"), "3 beyond", service=MARKET, read_model="beds_r1")


# --- I5: positions and versions ------------------------------------------------------------


async def test_i5_names_a_gap_in_the_positions_and_in_the_stream(house: House) -> None:
    await write(house.garden, "DELETE FROM kit.event WHERE position = $1", place(2, 3))
    finding = await look(house, "I5")
    assert_named(finding, "positions 17 to 17 are missing", service=GARDEN, position=17)
    where = {"stream": "garden/bed/b2", "version": 4, "position": place(2, 4)}
    assert_named(finding, "follows version 2: 1 missing", **where)
    assert finding.violations_total == 2


async def test_i5_names_a_log_whose_end_is_gone(house: House) -> None:
    await write(house.garden, "DELETE FROM kit.event WHERE position >= 48")
    finding = await look(house, "I5")
    assert_named(finding, "kit.head says position 49, the log ends at 47", position=47)
    where = {"stream": "garden/bed/b5", "version": 6, "position": place(5, 6)}
    assert_named(finding, "kit.stream says version 7, the log ends at 6", **where)


async def test_i5_names_a_version_that_is_skipped_or_there_twice(house: House) -> None:
    await write(house.garden, "UPDATE kit.event SET version = 3 WHERE position = $1", place(2, 4))
    finding = await look(house, "I5")
    where = {"stream": "garden/bed/b2", "version": 3, "position": place(2, 4)}
    assert_named(finding, "twice", **where)
    where = {"stream": "garden/bed/b2", "version": 5, "position": place(2, 5)}
    assert_named(finding, "follows version 3: 1 missing", **where)


async def test_i5_names_versions_that_changed_places_and_a_moved_scope(house: House) -> None:
    await write(
        house.market,
        "UPDATE kit.event SET version = 9 - version"
        " WHERE stream = 'garden/bed/b2' AND version IN (4, 5)",
    )
    await write(
        house.market,
        "UPDATE kit.event SET scope = 'elm' WHERE stream = 'garden/bed/b1' AND version = 7",
    )
    finding = await look(house, "I5")
    position = await heard_at(house, "garden/bed/b2", 5)
    where = {"service": MARKET, "stream": "garden/bed/b2", "version": 5, "position": position}
    assert_named(finding, "lies before the version before it", **where)
    position = await heard_at(house, "garden/bed/b1", 7)
    assert_named(finding, "the scope differs", stream="garden/bed/b1", position=position)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("version = 8", "kit.stream says version 8, the log ends at 7"),
        ("last_event_id = gen_random_uuid()", "is last, the log"),
        ("scope = 'ash'", "kit.stream says scope ash, the log elm"),
        ("stream = 'garden/bed/other'", "has events, but is not in kit.stream"),
    ],
)
async def test_i5_names_a_wrong_row_of_kit_stream(house: House, change: str, what: str) -> None:
    await write(house.garden, f"UPDATE kit.stream SET {change} WHERE stream = 'garden/bed/b3'")
    finding = await look(house, "I5")
    where = {"stream": "garden/bed/b3", "version": 7, "position": place(3, 7)}
    assert_named(finding, what, service=GARDEN, **where)


async def test_i5_names_a_stream_without_events(house: House) -> None:
    await write(
        house.market,
        "INSERT INTO kit.stream (stream, version, last_event_id, scope)"
        " VALUES ('garden/bed/b9', 2, gen_random_uuid(), 'elm')",
    )
    assert_named(await look(house, "I5"), "the log has no event", stream="garden/bed/b9")


async def test_i5_names_a_recording_that_goes_back_in_time(house: House) -> None:
    await write(
        house.garden,
        "UPDATE kit.event SET recorded_at = recorded_at - '1 h'::interval, epoch = 0"
        " WHERE position = 20",
    )
    finding = await look(house, "I5")
    where = {"stream": "garden/bed/b5", "version": 3, "position": 20}
    assert_named(finding, "recorded_at is earlier", **where)
    assert_named(finding, "the epoch is lower", **where)
    assert finding.violations_total == 2


# --- I6: Kafka holds what was published -----------------------------------------------------


async def test_i6_names_what_a_cursor_set_ahead_left_out(house: House) -> None:
    await append_one_more(house)
    await write(house.garden, "UPDATE kit.cursor SET position = 50")
    where = {"service": GARDEN, "stream": "garden/bed/b0", "version": 8, "position": 50}
    finding = await look(house, "I6")
    assert_named(finding, "below the relay's cursor 50", **where)
    assert finding.violations_total == 1


async def test_i6_names_a_cursor_beyond_the_head(house: House) -> None:
    await write(house.garden, "UPDATE kit.cursor SET position = 60")
    assert_named(await look(house, "I6"), "beyond the log's head 49", position=60)


async def test_i6_allows_duplicates_and_a_cursor_that_lags(site: Servers, house: House) -> None:
    house = await new_topic_for(site, house)
    stored = [event for event in await events_of(house.garden) if event.public]
    await publish(house, [*stored[:20], *stored[10:30]])
    await write(house.garden, "UPDATE kit.cursor SET position = $1", stored[25].position)
    finding = await look(house, "I6")
    assert finding.violations == ()
    assert finding.checked == 40


async def test_i6_names_what_is_left_out_or_late(site: Servers, house: House) -> None:
    house = await new_topic_for(site, house)
    stored = {event.position: event for event in await events_of(house.garden) if event.public}
    left_out = stored.pop(place(2, 3))
    late = stored.pop(place(4, 2))
    await publish(house, [*stored.values(), late])
    finding = await look(house, "I6")
    for event in (left_out, late):
        where = {"stream": event.stream, "version": event.version, "position": event.position}
        assert_named(finding, "not on Kafka in its place", **where)
    assert finding.violations_total == 2


async def test_i6_names_a_private_event_on_kafka(site: Servers, house: House) -> None:
    house = await new_topic_for(site, house)
    await publish(house, await events_of(house.garden))
    finding = await look(house, "I6")
    where = {"service": GARDEN, "stream": "garden/note/b0", "version": 3, "position": 21}
    assert_named(finding, "is on Kafka, but private", **where)
    assert finding.violations_total == 7


async def test_i6_names_what_is_on_kafka_and_otherwise_or_not_in_the_log(house: House) -> None:
    await write(
        house.garden,
        "UPDATE kit.event SET event_id = gen_random_uuid() WHERE position = $1",
        place(0, 2),
    )
    await write(house.garden, "DELETE FROM kit.event WHERE position = $1", place(1, 2))
    await write(house.garden, "UPDATE kit.event SET scope = 'pine' WHERE position = 11")
    finding = await look(house, "I6")
    assert_named(finding, "in the log as", stream="garden/bed/b0", position=place(0, 2))
    assert_named(finding, "not in the log", stream="garden/bed/b1", position=place(1, 2))
    assert_named(finding, "with scope elm, in the log with pine", position=11)


async def test_i6_names_a_record_in_another_scope_s_partition(site: Servers, house: House) -> None:
    house = await new_topic_for(site, house)
    first = (await events_of(house.garden))[0]
    part = (house.bus.partition(house.garden.topic.name, first.scope) + 1) % PARTITIONS
    await publish(house, [first], part=part)
    what = "in another partition than its scope's"
    assert_named(await look(house, "I6"), what, position=1, part=part, offset=0)


@pytest.mark.parametrize("kept", [5, 0])
async def test_i6_does_not_ask_for_what_has_passed_retention(
    site: Servers, house: House, kept: int
) -> None:
    house = await new_topic_for(site, house)
    oak = [e for e in await events_of(house.garden) if e.public and e.scope == "oak"]
    await publish(house, oak)
    await write(house.garden, "DELETE FROM kit.event WHERE public AND scope <> 'oak'")
    await expire(site, house, "oak", len(oak) - kept)
    finding = await look(house, "I6")
    assert finding.violations == ()
    assert finding.checked == kept
    assert finding.excused_total == (0 if kept else 1)


# --- I8: dead letters ----------------------------------------------------------------------


async def test_i8_names_a_dead_letter_whose_event_is_in_the_log(house: House) -> None:
    await park(house, place(2, 6), settled=None)
    where = {"service": MARKET, "stream": "garden/bed/b2", "version": 6}
    position = await heard_at(house, "garden/bed/b2", 6)
    assert_named(await look(house, "I8"), "but is in the log", position=position, **where)


async def test_i8_names_a_dead_letter_that_was_passed_over(house: House) -> None:
    await park(house, place(2, 6), settled=None)
    await write(
        house.market, "DELETE FROM kit.event WHERE stream = 'garden/bed/b2' AND version = 6"
    )
    where = {"service": MARKET, "stream": "garden/bed/b2", "version": 6}
    position = await heard_at(house, "garden/bed/b2", 7)
    assert_named(await look(house, "I8"), "its stream goes on", position=position, **where)


async def test_i8_allows_dead_letters_in_order(house: House) -> None:
    await forget(house, "garden/bed/b2", after=5)
    await park(house, place(2, 6), settled=None)
    await park(house, place(2, 7), settled="skipped")
    await park(house, place(1, 4), settled="redriven")
    finding = await look(house, "I8")
    assert finding.violations == ()
    assert finding.excused_total == 2


async def test_i8_names_a_redriven_letter_that_is_not_in_the_log(house: House) -> None:
    await forget(house, "garden/bed/b2", after=5)
    await park(house, place(2, 6), settled="redriven")
    await write(
        house.market,
        "UPDATE kit.dead_letter SET settled = 'redriven' WHERE value = $1",
        b"\xff\x00",
    )
    finding = await look(house, "I8")
    where = {"service": MARKET, "stream": "garden/bed/b2", "version": 6}
    assert_named(finding, "was redriven, but is not in the log", **where)
    assert_named(finding, "was redriven, but is no event", stream="garden/bed/b0")


async def test_i8_names_a_skipped_letter_in_whose_place_something_else_is(house: House) -> None:
    await park(house, place(2, 6), settled="skipped")
    await write(
        house.market,
        "UPDATE kit.event SET event_id = gen_random_uuid()"
        " WHERE stream = 'garden/bed/b2' AND version = 6",
    )
    where = {"service": MARKET, "stream": "garden/bed/b2", "version": 6}
    assert_named(await look(house, "I8"), "something else in its place", **where)


async def test_i8_reports_a_partition_that_stands_still(house: House) -> None:
    await write(house.market, "UPDATE kit.heard SET stopped = 'fork: of something' WHERE part = 1")
    where = {"service": MARKET, "topic": house.garden.topic.name, "part": 1}
    assert_named(await look(house, "I8"), "stands still: fork", **where)


async def test_i8_names_a_letter_beyond_its_partition_s_offset(house: House) -> None:
    await write(house.market, "UPDATE kit.dead_letter SET record_offset = 1000000")
    where = {"service": MARKET, "stream": "garden/bed/b0", "offset": 1000000}
    assert_named(await look(house, "I8"), "its partition stands before it", **where)


@pytest.mark.parametrize("ahead", [3, 100_000])
async def test_i8_names_an_offset_beyond_the_topic(house: House, ahead: int) -> None:
    part = house.bus.partition(house.garden.topic.name, "elm")
    offset = await house.market.pool.fetchval(
        "UPDATE kit.heard SET next_offset = next_offset + $2 WHERE part = $1 RETURNING next_offset",
        part,
        ahead,
    )
    where = {"service": MARKET, "topic": house.garden.topic.name, "part": part, "offset": offset}
    assert_named(await look(house, "I8"), f"the stored offset is {offset}", **where)


async def test_i8_names_records_that_an_offset_ahead_passed_over(
    site: Servers, house: House
) -> None:
    house = await new_topic_for(site, house)
    stored = [event for event in await events_of(house.garden) if event.scope == "oak"]
    await publish(house, [event for event in stored if event.public])
    topic = house.garden.topic
    part = house.bus.partition(topic.name, "oak")
    market = replace(house.market, hears=(topic,))
    house = replace(house, sites={**house.sites, MARKET: market})
    last = stored[-1]
    await write(
        market,
        "INSERT INTO kit.heard (topic, part, generation, next_offset, source_position)"
        " VALUES ($1, $2, 1, $3, $4)",
        topic.name,
        part,
        len([event for event in stored if event.public]),
        last.position - 1,
    )
    where = {"stream": last.stream, "source_position": last.position, "part": part}
    finding = await look(house, "I8")
    assert_named(finding, "was passed over", service=MARKET, **where)
    assert finding.violations_total == 1


async def test_i8_names_records_that_retention_took_unheard(site: Servers, house: House) -> None:
    house = await new_topic_for(site, house)
    topic = house.garden.topic
    part = house.bus.partition(topic.name, "oak")
    await publish(house, [e for e in await events_of(house.garden) if e.scope == "oak"])
    house = replace(house, sites={**house.sites, MARKET: replace(house.market, hears=(topic,))})
    await write(
        house.market,
        "INSERT INTO kit.heard (topic, part, generation, next_offset, source_position)"
        " VALUES ($1, $2, 1, 3, 16)",
        topic.name,
        part,
    )
    assert (await look(house, "I8")).violations == ()
    await expire(site, house, "oak", 3)
    assert (await look(house, "I8")).violations == ()
    await expire(site, house, "oak", 4)
    what = "the topic begins at 4"
    assert_named(await look(house, "I8"), what, topic=topic.name, part=part, offset=3)


# --- I10: liveness --------------------------------------------------------------------------


async def test_i10_names_a_missing_and_an_expired_lease(house: House) -> None:
    async with house.leased():
        pass
    # Released in order it has no holder; a holder that died leaves its name.
    await write(house.garden, "UPDATE kit.lease SET holder = 'test-garden' WHERE role = 'write'")
    await write(house.market, "DELETE FROM kit.lease")
    finding = await look(house, "I10")
    assert_named(finding, "expired", service=GARDEN, role="write", holder="test-garden")
    assert_named(finding, "nobody ever held", service=MARKET, role="write")


async def test_i10_lets_a_release_that_is_over_give_its_projection_back(house: House) -> None:
    given = (
        "INSERT INTO kit.lease (role, holder, address, epoch, until, revision)"
        " VALUES ($1, $2, '', 1, clock_timestamp() + $3 * '1 s'::interval, 1)"
    )
    async with house.leased():
        await write(house.garden, given, "project/1", "", -10)
        finding = await look(house, "I10")
        assert_named(finding, "expired", service=GARDEN, role="project/1")

        await write(house.garden, given, "project/2", "living", 3600)
        roles = {note.where.get("role") for note in (await look(house, "I10")).violations}
        # The second one does not renew here, and is named; the first is over.
        assert roles == {"project/2"}


async def test_i10_names_a_lease_that_is_not_renewed_or_of_another_epoch(house: House) -> None:
    async with house.leased():
        await write(house.market, "UPDATE kit.head SET epoch = 5")
        await write(
            house.garden,
            "INSERT INTO kit.lease (role, holder, address, epoch, until, revision)"
            " VALUES ('project', 'gone', '', 3, clock_timestamp() + '1 h'::interval, 1)",
        )
        finding = await look(house, "I10")
    assert_named(finding, "does not renew", service=GARDEN, role="project", holder="gone", epoch=3)
    assert_named(finding, "the log's epoch is 5", service=MARKET, role="write")
    assert finding.violations_total == 2


@pytest.mark.parametrize(
    ("statement", "where", "what"),
    [
        (
            "UPDATE kit.cursor SET position = 40",
            {"cursor": "relay", "position": 40},
            "stands below the head",
        ),
        ("DELETE FROM kit.cursor", {"cursor": "relay", "position": 0}, "stands below the head"),
        (
            "UPDATE kit.read_model SET position = 40",
            {"read_model": "beds_r1", "position": 40},
            "stands below the head",
        ),
        (
            "UPDATE kit.read_model SET failure = 'fold_raised at position 41'",
            {"read_model": "beds_r1"},
            "stands still: fold_raised at position 41",
        ),
        (
            "UPDATE kit.heard SET source_position = 5 WHERE source_position > 40",
            {"source_position": 5},
            "heard up to 5, published up to",
        ),
    ],
)
async def test_i10_names_what_stands_still_below_the_head(
    house: House, statement: str, where: dict[str, str | int], what: str
) -> None:
    await write(house.market, statement)
    async with house.leased():
        finding = await look(house, "I10")
    assert_named(finding, what, service=MARKET, **where)


async def test_i10_waits_for_what_is_catching_up(house: House) -> None:
    await write(house.market, "UPDATE kit.read_model SET position = 0")
    await write(house.market, "TRUNCATE beds_r1")
    async with house.leased(), running(house.projector(house.market).run()):
        assert (await look(house, "I10")).violations == ()


# --- Planting -------------------------------------------------------------------------------


async def events_of(site: ServiceUnderTest) -> list[Stored]:
    return await PostgresLog(site.pool).read(0, 1000)


async def append_one_more(house: House) -> None:
    """Append an event to the garden's log that nobody relays."""
    await write(
        house.garden,
        """
        INSERT INTO kit.event
        SELECT (one.event).* FROM (
            SELECT jsonb_populate_record(e, jsonb_build_object(
                'position', 50, 'version', 8, 'event_id', gen_random_uuid())) AS event
            FROM kit.event AS e WHERE e.stream = 'garden/bed/b0' AND e.version = 7) AS one
        """,
    )
    await write(house.garden, "UPDATE kit.head SET position = 50")


async def record_of_event(house: House, event: Stored) -> Record:
    previous = await house.garden.pool.fetchval(
        "SELECT event_id FROM kit.event WHERE stream = $1 AND version = $2",
        event.stream,
        event.version - 1,
    )
    return to_record(event, previous, service=GARDEN, generation=1)


async def publish(house: House, events: Sequence[Stored], *, part: int | None = None) -> None:
    """Send events as the relay would, in the order given."""
    topic = house.garden.topic
    parts: dict[int, list[Record]] = {}
    for event in events:
        number = house.bus.partition(topic.name, event.scope) if part is None else part
        parts.setdefault(number, []).append(await record_of_event(house, event))
    for number, records in parts.items():
        await house.send(topic, number, records)


async def expire(site: Servers, house: House, scope: str, before: int) -> None:
    """Let the beginning of a partition of the garden's topic pass retention."""
    topic = house.garden.topic.name
    partition = TopicPartition(topic, house.bus.partition(topic, scope))
    admin = AIOKafkaAdminClient(bootstrap_servers=site.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({partition: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


async def forget(house: House, stream: str, *, after: int) -> None:
    """Take the end of a heard stream away."""
    await write(
        house.market, "DELETE FROM kit.event WHERE stream = $1 AND version > $2", stream, after
    )
    await write(house.market, "UPDATE kit.stream SET version = $2 WHERE stream = $1", stream, after)


async def park(house: House, position: int, *, settled: str | None) -> None:
    """Put a published event into the market's dead letters, as if it had been refused."""
    (event,) = await PostgresLog(house.garden.pool).read(position - 1, 1)
    topic = house.garden.topic.name
    item = Item(
        position,
        await record_of_event(house, event),
        Malformed("content_refused", "", event.stream),
    )
    part = HeardPart(topic, house.bus.partition(topic, event.scope), (item,), None)
    letter = dead_letter(part, item, Malformed("content_refused", "22P05", event.stream))
    await write(
        house.market,
        "INSERT INTO kit.dead_letter (topic, part, record_offset, record_key, headers, value,"
        " stream, code, reason, settled) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        letter.topic,
        letter.part,
        -letter.record_offset,
        letter.record_key,
        letter.headers,
        letter.value,
        letter.stream,
        letter.code,
        letter.reason,
        settled,
    )
