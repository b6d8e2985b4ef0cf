# ruff: noqa: RUF001 - wide characters are the point
"""Search over sealed texts on a real PostgreSQL: as if the texts were plain, and only for some."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kit.vault import TextHasNul, VaultUnavailable
from shared.kit.vault.folding import fold, query_grams
from shared.kit.vault.search import (
    CANDIDATES_MAX,
    QUERY_CHARS_MAX,
    Indexed,
    SearchTextEmpty,
    SearchTextTooLong,
    SearchTooBroad,
)
from tests.fixtures.vaults import Archive, SecretTold, access

TEXTS = [
    "王小明",
    "王",
    "小明家的水管",
    "張偉",
    "张伟家漏水",
    "阿依古丽·买买提",
    "阿依古丽•買買提",
    "𠮷野家",
    "吉野家",
    "電話 １３８００１３８０００",
    "电话13900139000",
    "臺灣後面的路燈",
    "Lamp out at No. ９",
    "乾隆路乾燥",
    "明小王",
    "the lamp",
]
ALPHABET = sorted(set("".join(TEXTS) + "".join(map(fold, TEXTS)) + "吴x"))


async def told(archive: Archive, texts: list[str]) -> dict[UUID, str]:
    records = {await archive.tell({"note": text}): text for text in texts}
    await archive.indexed()
    return records


@given(query=st.text(st.sampled_from(ALPHABET), min_size=1, max_size=5), data=st.data())
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_a_search_finds_what_a_plain_comparison_finds(
    archive: Archive, query: str, data: st.DataObject
) -> None:
    if not await archive.keys.fetchval("SELECT count(*) FROM vault.search"):
        await told(archive, TEXTS)
    if data.draw(st.booleans()):  # a part of what is there, too: most random texts are nowhere
        text = data.draw(st.sampled_from(TEXTS))
        first = data.draw(st.integers(0, len(text) - 1))
        query = text[first : first + data.draw(st.integers(1, 4))]
    if not fold(query):
        with pytest.raises(SearchTextEmpty):
            await archive.found(query)
        return
    hits = await archive.vault.search(query, ("note",), access())
    assert sorted(one.text for one in hits) == sorted(t for t in TEXTS if fold(query) in fold(t))


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("王", {"王小明", "王", "明小王"}),
        ("小明", {"王小明", "小明家的水管"}),
        ("张伟", {"張偉", "张伟家漏水"}),
        ("張偉家", {"张伟家漏水"}),
        ("买买提", {"阿依古丽·买买提", "阿依古丽•買買提"}),
        ("丽·买", {"阿依古丽·买买提", "阿依古丽•買買提"}),
        ("𠮷", {"𠮷野家"}),
        ("13800138000", {"電話 １３８００１３８０００"}),
        ("no. 9", {"Lamp out at No. ９"}),
        ("LAMP", {"Lamp out at No. ９", "the lamp"}),
        ("乾隆", {"乾隆路乾燥"}),
        ("乾", {"乾隆路乾燥"}),
        ("nobody", set[str]()),
    ],
)
async def test_names_are_found_as_people_type_them(
    archive: Archive, query: str, texts: set[str]
) -> None:
    records = await told(archive, TEXTS)
    assert {records[record] for record in await archive.found(query)} == texts


async def test_only_declared_fields_are_in_the_index(archive: Archive) -> None:
    await archive.tell({"note": "lamp", "phone": "lamp 138"})
    await archive.tell({"note": "lamp"}, event=SecretTold)
    await archive.indexed()
    rows = await archive.keys.fetch("SELECT field FROM vault.search")
    assert [row["field"] for row in rows] == ["note"]
    assert await archive.found("138", fields=("note", "title", "phone")) == set()


async def test_only_the_fields_asked_for_are_searched(archive: Archive) -> None:
    record = await archive.tell({"note": "lamp", "title": "light"})
    await archive.indexed()
    assert await archive.found("lamp", fields=("title",)) == set()
    assert await archive.found("light", fields=("title",)) == {record}


async def test_another_place_s_texts_are_neither_found_nor_opened(archive: Archive) -> None:
    here = await archive.tell({"note": "lamp"}, scope="elm")
    await archive.tell({"note": "lamp"}, scope="oak")
    await archive.indexed()
    assert await archive.found("lamp", scope="elm") == {here}
    opened = await archive.keys.fetch("SELECT item, scope, purpose FROM vault.access")
    assert [tuple(row) for row in opened] == [(str(here), "elm", "search")]


async def test_pairs_in_another_order_are_candidates_and_not_found(archive: Archive) -> None:
    await archive.tell({"note": "abcab"})
    await archive.indexed()
    assert await archive.found("bcabc") == set()
    assert await archive.keys.fetchval("SELECT count(*) FROM vault.access") == 1


async def test_a_search_that_fits_too_many_is_refused_and_opens_nothing(archive: Archive) -> None:
    subject = uuid4()
    await archive.vault.seal(subject, uuid4(), {"note": "x"})
    digests = archive.vault.hasher("elm").digests(query_grams("王小"))
    rows = [Indexed(uuid4(), "note", subject, "elm", digests) for _ in range(CANDIDATES_MAX)]
    assert await archive.index.position() == 0
    assert await archive.index.put(rows, after=0, through=1)
    assert await archive.found("王小") == set()
    assert await archive.index.put(
        [Indexed(uuid4(), "note", subject, "elm", digests)], after=1, through=2
    )
    with pytest.raises(SearchTooBroad) as refused:
        await archive.found("王小")
    assert refused.value.details == {"candidates_max": CANDIDATES_MAX}
    assert await archive.keys.fetchval("SELECT count(*) FROM vault.access") == 0


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", SearchTextEmpty),
        (" \u3000", SearchTextEmpty),
        ("x" * (QUERY_CHARS_MAX + 1), SearchTextTooLong),
        ("a\0", TextHasNul),
    ],
)
async def test_a_search_text_has_limits(
    archive: Archive, text: str, refusal: type[Exception]
) -> None:
    assert await archive.found("x" * QUERY_CHARS_MAX) == set()
    with pytest.raises(refusal):
        await archive.found(text)


async def test_whoever_is_erased_is_gone_from_the_index_with_the_key(archive: Archive) -> None:
    gone, kept = uuid4(), uuid4()
    await archive.tell({"note": "lamp", "title": "lamp"}, subject=gone)
    record = await archive.tell({"note": "lamp"}, subject=kept)
    await archive.indexed()
    await archive.destroy(gone)
    assert await archive.found("lamp") == {record}
    rows = await archive.keys.fetch("SELECT subject FROM vault.search")
    assert [row["subject"] for row in rows] == [kept]


async def test_a_text_erased_before_it_was_indexed_never_is(archive: Archive) -> None:
    subject, forgotten = uuid4(), uuid4()
    await archive.tell({"note": "lamp"}, subject=subject)
    record = await archive.tell({"note": "lamp"}, subject=forgotten)
    await archive.destroy(subject)
    await archive.pool.execute("DELETE FROM kit.vault WHERE record = $1", record)
    await archive.indexed()
    assert await archive.keys.fetchval("SELECT count(*) FROM vault.search") == 0


async def test_a_row_that_races_with_the_key_s_end_loses(archive: Archive) -> None:
    subject = uuid4()
    await archive.vault.seal(subject, uuid4(), {"note": "x"})
    await archive.index.position()
    async with archive.keys.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("DELETE FROM vault.subject_key WHERE subject = $1", subject)
        row = Indexed(uuid4(), "note", subject, "elm", [1])
        putting = asyncio.ensure_future(archive.index.put([row], after=0, through=1))
        await _until_blocked(archive)
        await transaction.commit()
    assert await putting
    assert await archive.keys.fetchval("SELECT count(*) FROM vault.search") == 0


async def test_two_indexers_at_once_put_each_page_once(archive: Archive) -> None:
    for number in range(20):
        await archive.tell({"note": f"lamp {number}"})
    indexers = [archive.indexer(page_events_max=1) for _ in range(3)]

    async def work(indexer: Any) -> None:
        while await indexer.lag():
            await indexer.step()

    await asyncio.gather(*map(work, indexers))
    assert len(await archive.found("lamp")) == 20
    assert await archive.index.position() == 20


async def test_an_indexer_follows_the_log(archive: Archive) -> None:
    running = asyncio.ensure_future(archive.indexer(page_events_max=2).run())
    try:
        records = {await archive.tell({"note": f"lamp {n}"}) for n in range(5)}
        async with asyncio.timeout(10):
            while await archive.found("lamp") != records:  # noqa: ASYNC110 - in the database
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_broken_text_is_passed_over_and_the_others_are_found(archive: Archive) -> None:
    broken = await archive.tell({"note": "lamp"})
    record = await archive.tell({"note": "lamp"})
    await archive.pool.execute("DELETE FROM kit.vault WHERE record = $1", broken)
    await archive.pool.execute(
        "INSERT INTO kit.vault (record, field, subject, ciphertext)"
        " SELECT $1, field, subject, ciphertext FROM kit.vault WHERE record = $2",
        broken,
        record,
    )
    await archive.indexed()
    assert await archive.found("lamp") == {record}


async def test_an_index_out_of_reach_is_unavailable(archive: Archive) -> None:
    await archive.keys.close()
    with pytest.raises(VaultUnavailable):
        await archive.found("lamp")


async def test_an_index_of_another_revision_is_another_one(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await archive.tell({"note": "lamp"})
    await archive.indexed()
    await archive.keys.execute("UPDATE vault.search SET revision = 0")
    await archive.keys.execute("UPDATE vault.search_cursor SET revision = 0")
    assert await archive.found("lamp") == set()
    await archive.indexed()
    assert await archive.found("lamp") == {record}


async def test_the_index_answers_from_its_inverted_lists(archive: Archive) -> None:
    subject = uuid4()
    await archive.vault.seal(subject, uuid4(), {"note": "x"})
    await archive.keys.execute(
        "INSERT INTO vault.search (service, revision, record, field, subject, scope, grams)"
        " SELECT 'lab', 1, gen_random_uuid(), 'note', $1, 'elm', ARRAY[n, n + 1, -n]"
        " FROM generate_series(1, 30000) AS n",
        subject,
    )
    await archive.keys.execute("ANALYZE vault.search")
    plan = await archive.keys.fetch(
        "EXPLAIN SELECT s.record FROM vault.search AS s WHERE s.grams @> '{7,8}'::bigint[]"
        " AND s.service = 'lab' AND s.revision = 1 AND s.scope = 'elm'"
        " AND s.field = ANY (ARRAY['note'])"
    )
    assert any("search_grams" in row[0] for row in plan), plan


async def _until_blocked(archive: Archive) -> None:
    async with asyncio.timeout(10):
        while not await _blocked(archive.keys):  # noqa: ASYNC110 - in the database
            await asyncio.sleep(0.01)


async def _blocked(pool: asyncpg.Pool) -> bool:
    return await pool.fetchval(
        "SELECT count(*) > 0 FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
