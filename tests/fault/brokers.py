"""Which broker to hit, and a broker's own disk that fills up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import psutil
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from infra.dev.kafka import KafkaCluster
from infra.dev.kafka_node import Node

_FINDS_WITHIN = 200.0
_FULL_FOR = 30.0
_ROOM = (0, 6000)
"""Bytes that still fit: less than a record or two of a group commit, so that a write is often torn in the middle."""


def leader(cluster: KafkaCluster, topic: str, partition: int) -> int:
    """The number of the broker that leads a partition now, from the cluster's metadata."""

    def found(admin: KafkaAdminClient) -> int:
        (described,) = admin.describe_topics([topic])
        return next(int(p["leader_id"]) for p in described["partitions"] if p["partition_index"] == partition)

    return _ask(cluster, found)


def coordinator(cluster: KafkaCluster, group: str) -> int:
    """The number of the broker that coordinates a group."""
    return _ask(cluster, lambda admin: int(admin._manager.run(admin._find_coordinator_ids, [group])[group]))


def _ask(cluster: KafkaCluster, what: Callable[[KafkaAdminClient], int]) -> int:
    """A broker's number, asked again while the cluster is finding together."""
    deadline = time.monotonic() + _FINDS_WITHIN
    while True:
        try:
            admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap, request_timeout_ms=5000)
            try:
                if (number := what(admin)) > 0:
                    return number
            finally:
                admin.close()
        except KafkaError:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise TimeoutError("no broker leads")
        time.sleep(0.2)


def fill_disk(node: Node, topic: str, partition: int, rng: random.Random) -> bool:
    """No file of the broker grows beyond the partition's end and a few bytes, until it has given up; whether it has.

    Kafka takes the failed write as a broken disk, and ends itself; the limit ends with the process.
    """
    pid = node.pid()
    if pid is None:
        return False
    segments = sorted((node.folder / "data" / f"{topic}-{partition}").glob("*.log"))
    limit = segments[-1].stat().st_size + rng.randint(*_ROOM)
    psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (limit, psutil.RLIM_INFINITY))
    deadline = time.monotonic() + _FULL_FOR
    while node.pid() == pid:
        if time.monotonic() > deadline:
            # Nothing was written meanwhile.
            psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
            return False
        time.sleep(0.1)
    node.wait_until_gone()
    return True
