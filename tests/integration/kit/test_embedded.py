"""The embedded servers: started, used, crashed, orphaned, refused."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.kit.embedded import Servers, Site, SiteBusy
from shared.kit.embedded.polling import until
from shared.kit.embedded.ports import LOOPBACK, free_port, is_free
from shared.kit.embedded.processes import ServerProcess

TIMEOUT_S = 60.0
WAIT = "import signal; signal.pause()"


@pytest.fixture
def root() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="cogov-embedded-") as folder:
        yield Path(folder)


async def select_one(servers: Servers, database: str) -> int:
    servers.ensure_database(database)
    connection = await asyncpg.connect(servers.dsn(database), timeout=TIMEOUT_S)
    try:
        return await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


async def create_topic(bootstrap: str) -> str:
    topic = f"test.{secrets.token_hex(6)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    return topic


async def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def consume_all(bootstrap: str, topic: str, *, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value or b"" for _ in range(count)]
    finally:
        await consumer.stop()


async def test_the_session_s_servers_answer(site: Servers) -> None:
    assert await select_one(site, "embedded_answers") == 1
    topic = await create_topic(site.bootstrap)
    await produce(site.bootstrap, topic, b"one")
    assert await consume_all(site.bootstrap, topic, count=1) == [b"one"]


async def test_a_database_has_the_pinned_locale_and_is_durable(site: Servers) -> None:
    site.ensure_database("embedded_locale")
    connection = await asyncpg.connect(site.dsn("embedded_locale"), timeout=TIMEOUT_S)
    try:
        row = await connection.fetchrow(
            "SELECT pg_encoding_to_char(encoding) AS encoding, datlocprovider::text AS provider,"
            " datlocale AS locale, current_setting('fsync') AS fsync,"
            " current_setting('synchronous_commit') AS synchronous_commit,"
            " lower('ÄÖÜ') AS lowered"
            " FROM pg_database WHERE datname = current_database()"
        )
    finally:
        await connection.close()
    assert row is not None
    assert tuple(row) == ("UTF8", "b", "C.UTF-8", "on", "on", "äöü")


async def test_data_and_ports_outlive_a_stop_a_kill_and_a_crash(root: Path) -> None:
    with Site(root) as first:
        topic = await create_topic(first.bootstrap)
        await produce(first.bootstrap, topic, b"one")
        addresses = (first.bootstrap, first.dsn("kept"))
        assert await select_one(first, "kept") == 1
        first.kafka.kill()
        first.kafka.start()
        first.postgres.restart("immediate")
        first.postgres.kill()
        first.postgres.start()
        assert (first.bootstrap, first.dsn("kept")) == addresses
    with Site(root) as second:
        assert (second.bootstrap, second.dsn("kept")) == addresses
        await produce(second.bootstrap, topic, b"two")
        assert await consume_all(second.bootstrap, topic, count=2) == [b"one", b"two"]
        assert await select_one(second, "kept") == 1
    assert (second.postgres.pid, second.kafka.pid) == (None, None)


async def test_ports_that_somebody_took_are_chosen_again(root: Path) -> None:
    with Site(root) as first:
        topic = await create_topic(first.bootstrap)
        await produce(first.bootstrap, topic, b"one")
    taken = [listen(port) for port in json.loads((root / "site.json").read_bytes()).values()]
    try:
        with Site(root) as second:
            assert second.bootstrap != first.bootstrap
            assert second.postgres.port != taken[0].getsockname()[1]
            assert await consume_all(second.bootstrap, topic, count=1) == [b"one"]
            assert await select_one(second, "moved") == 1
    finally:
        for listener in taken:
            listener.close()


def test_a_second_live_run_is_refused_and_a_killed_one_is_cleared(root: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "shared.kit.embedded", "up", "--root", str(root)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout as said:
        assert "PostgreSQL" in said.readline()
        assert "Kafka" in said.readline()
    site = Site(root)
    orphans = [psutil.Process(pid) for pid in (site.postgres.pid, site.kafka.pid)]
    with pytest.raises(SiteBusy, match=rf"process {parent.pid}"):
        site.start()

    parent.kill()
    parent.wait(timeout=TIMEOUT_S)
    assert all(orphan.is_running() for orphan in orphans)
    with site:
        assert not any(alive(orphan) for orphan in orphans)
        assert site.postgres.pid not in {orphan.pid for orphan in orphans}


def test_up_stops_both_on_ctrl_c(root: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "shared.kit.embedded", "up", "--root", str(root)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    with parent.stdout as said:
        assert "PostgreSQL" in said.readline()
        # A terminal's Ctrl-C goes to the whole foreground group.
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.wait(timeout=TIMEOUT_S) == 0
    site = Site(root)
    assert (site.postgres.pid, site.kafka.pid) == (None, None)


def test_a_recycled_process_id_is_left_alone(root: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        record = {"pid": stranger.pid, "started": 1.0, "marker": sys.executable}
        (root / "process.json").write_text(json.dumps(record))
        ServerProcess(name="test", folder=root).end(((signal.SIGTERM, 1.0),))
        assert stranger.poll() is None
    finally:
        stranger.communicate()


def test_a_process_is_found_from_its_first_moment_on(root: Path) -> None:
    server = ServerProcess(name="test", folder=root)
    for _ in range(20):  # its command line is there a moment after it
        server.launch([sys.executable, "-c", WAIT], marker=sys.executable)
        found = server.find()
        server.end(())
        assert found is not None
    assert server.find() is None


def test_a_free_port_is_kept_and_a_taken_one_is_not() -> None:
    port = free_port()
    assert free_port(port) == port
    assert free_port(port, besides=frozenset({port})) != port
    with listen(port):
        assert not is_free(port)
        assert free_port(port) != port


def alive(process: psutil.Process) -> bool:
    return not until(
        lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, timeout_s=1.0
    )


def listen(port: int) -> socket.socket:
    return socket.create_server((LOOPBACK, port))
