"""A log moved to Kafka, from Kafka and between two clusters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from infra.backup import restoring_kafka
from infra.dev.kafka import KafkaCluster, kafka
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import TopicUnusable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, log_topic
from infra.log.errors import LogClosed
from infra.log.kafka.source import KafkaSource, close_partition, open_partition
from infra.log.keys import LogKeys
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import insert
from infra.log.sqlite.source import SQLiteSource
from infra.moving import closing, move
from infra.moving.embedded_target import EmbeddedTarget
from infra.moving.kafka_target import KafkaTarget
from tests.infra.backup.test_killed import Step, is_killed
from tests.infra.backup.test_restoring_kafka import forget, happen, sources
from tests.infra.moving.test_move import check_moved, embedded, keys, moved

__all__ = ["embedded", "keys"]

PARTITIONS = 2


@pytest.fixture(scope="module")
def second_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with kafka(nodes=1, data_dir=tmp_path_factory.mktemp("second")) as cluster:
        yield cluster


@pytest.fixture
def old(broker: KafkaCluster, tmp_path: Path) -> KafkaSettings:
    app = f"m{uuid4().hex[:12]}"
    index, own_keys = tmp_path / "index", tmp_path / "keys"
    return KafkaSettings(broker.bootstrap, app, PARTITIONS, index_dir=index, own_keys_dir=own_keys)


@pytest.fixture
def new(old: KafkaSettings, second_cluster: KafkaCluster, tmp_path: Path) -> KafkaSettings:
    return replace(old, bootstrap=second_cluster.bootstrap, index_dir=tmp_path / "new-index")


def test_it_goes_to_kafka_and_back(embedded: SQLiteSource, keys: LogKeys, broker: KafkaCluster, tmp_path: Path) -> None:
    """One history on three tapes: each but the last is closed, and says where it goes on."""
    settings = KafkaSettings(broker.bootstrap, index_dir=tmp_path / "index", own_keys_dir=keys.folder.path)
    done = moved([embedded], KafkaTarget(settings), tmp_path)
    assert (done.moments, done.added) == (0, [done.states[0].number])
    assert done.commands is not None
    assert moved([embedded], KafkaTarget(settings), tmp_path).added == [0]
    check_moved([embedded], [KafkaSource(settings, 0)])
    back = SQLiteSource(tmp_path / "back" / "log.sqlite", keys=keys)
    moved([KafkaSource(settings, 0)], EmbeddedTarget(back), tmp_path)
    check_moved([KafkaSource(settings, 0)], [SQLiteSource(back.index_path, keys=keys)])
    assert len(PartitionHandle(back).partition.state.closed) == 2
    forget(settings)


def write_on(settings: KafkaSettings, partition: int, acknowledged: list[UUID]) -> None:
    """As long as it can be written to: events of this partition, one after another."""
    opened = open_partition(settings, partition)
    try:
        while True:
            originator = UUID(int=uuid4().int & ((1 << 80) - 1) | (partition << 80))
            insert(opened, [StoredEvent(originator, 1, "Happened", b"state")], None)
            acknowledged.append(originator)
    except LogClosed:
        pass
    finally:
        close_partition(opened)


def test_a_log_in_use_goes_to_another_cluster(old: KafkaSettings, new: KafkaSettings, tmp_path: Path) -> None:
    """Two writers of each partition go on until they are told where it is: all that was acknowledged is there."""
    acknowledged: list[list[UUID]] = [[] for _ in range(2 * PARTITIONS)]
    threads = []
    for at, found in enumerate(acknowledged):
        own = replace(old, index_dir=tmp_path / f"index-{at}")
        threads.append(Thread(target=write_on, args=(own, at % PARTITIONS, found)))
    first = open_partition(old, 0)
    happen(first, 30)
    second = open_partition(old, 1)
    for thread in threads:
        thread.start()
    done = moved(sources(old), KafkaTarget(new), tmp_path)
    for thread in threads:
        thread.join()
    for opened in (first, second):
        with pytest.raises(LogClosed):
            happen(opened, 1)
        close_partition(opened)
    assert all(acknowledged)
    assert done.moments == 0
    for partition in range(PARTITIONS):
        opened = open_partition(new, partition)
        there = {each for found in acknowledged[partition::PARTITIONS] for each in found}
        assert there <= {UUID(each) for each in opened.index.last_versions([each.hex for each in there])}
        close_partition(opened)
    check_moved(sources(old), sources(new))


STEPS: list[tuple[Step, int]] = [
    ((restoring_kafka, "ensure"), 1),
    ((KafkaPartitionClient, "send_all"), 2),
    ((move, "close_partition"), 1),
    ((closing, "_append"), 2),
    ((move, "_check_whole"), 1),
    ((restoring_kafka, "switch"), 1),
    ((KafkaTarget, "finish"), 1),
]


def test_a_move_to_another_cluster_that_is_killed_goes_on(
    old: KafkaSettings, new: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of its steps, one run after another. Until the last one no program takes the target for a log."""
    monkeypatch.setattr(restoring_kafka, "_RECORDS_AT_ONCE", 2)
    for partition in range(PARTITIONS):
        opened = open_partition(old, partition)
        happen(opened, 6)
        close_partition(opened)
    for step, number in STEPS:
        assert is_killed(step, number, lambda: moved(sources(old), KafkaTarget(new), tmp_path)), step
        if step[1] != "ensure":
            with pytest.raises(TopicUnusable, match="LogAppendTime"):
                ensure(new, [log_topic(new, new.events_topic)])
    assert moved(sources(old), KafkaTarget(new), tmp_path).added == [0, 0]
    assert moved(sources(old), KafkaTarget(new), tmp_path).added == [0, 0]
    check_moved(sources(old), sources(new))
