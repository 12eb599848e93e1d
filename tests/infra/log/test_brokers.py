"""Three real brokers, of which the leading one is killed and stopped while callers append."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent
from kafka.admin import KafkaAdminClient

from infra.dev.kafka import BOOTSTRAP_SERVERS, KafkaCluster, kafka
from infra.kafka.settings import KafkaSettings
from infra.log.kafka.source import close_partition, open_partition
from infra.log.recorder import insert
from tests.infra.log.checker import appends_in
from tests.support.waiting import wait_until

CALLERS = 4


def leader(cluster: KafkaCluster, settings: KafkaSettings) -> int:
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    try:
        return int(admin.describe_topics([settings.events_topic])[0]["partitions"][0]["leader_id"])
    finally:
        admin.close()


def wait_for_more(acknowledged: list[tuple[int, str]], failed: list[BaseException]) -> None:
    """Wait until something more is acknowledged, or a caller has failed."""
    before = len(acknowledged)
    wait_until(lambda: failed or len(acknowledged) >= before + 20)


def test_the_leading_broker_is_killed_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers wait until another one leads, then go on: nothing is lost, refused or twice."""
    monkeypatch.delenv(BOOTSTRAP_SERVERS, raising=False)
    acknowledged: list[tuple[int, str]] = []
    failed: list[BaseException] = []
    done = Event()
    with kafka(nodes=3, data_dir=tmp_path / "kafka") as cluster:
        settings = KafkaSettings(cluster.bootstrap, f"t{uuid4().hex[:8]}", replication=3, index_dir=tmp_path)
        opened = open_partition(settings, 0)

        def append() -> None:
            while not done.is_set():
                originator_id = uuid4()
                try:
                    (position,) = insert(opened, [StoredEvent(originator_id, 1, "Happened", b"")], None) or ()
                except BaseException as error:  # noqa: BLE001  (any error fails the test)
                    failed.append(error)
                    return
                acknowledged.append((position, originator_id.hex))

        callers = [Thread(target=append) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        wait_for_more(acknowledged, failed)
        killed = leader(cluster, settings)
        cluster.node(killed).kill()
        wait_for_more(acknowledged, failed)
        cluster.start(killed)
        wait_for_more(acknowledged, failed)
        stopped = leader(cluster, settings)
        cluster.node(stopped).pause()
        time.sleep(5)
        cluster.node(stopped).resume()
        wait_for_more(acknowledged, failed)
        done.set()
        for caller in callers:
            caller.join()
        close_partition(opened)
        found = [(position, append.events[0][0]) for position, append in appends_in(settings)]
    assert failed == []
    assert sorted(acknowledged) == found
