"""Backups of a log on a real broker, put back on Kafka and as an embedded log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from infra.backup import restoring_kafka
from infra.backup.errors import BackupOfAnotherLog, RestoreOtherLog, RestoreOtherShape, RestoreTargetTaken
from infra.backup.folder import FolderStorage
from infra.backup.restoring import Restored
from infra.backup.restoring_embedded import restore_embedded
from infra.backup.restoring_kafka import restore_kafka
from infra.backup.verifying import verify
from infra.dev.kafka import KafkaCluster
from infra.kafka.admin import ask
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import TopicUnusable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, exists, log_topic
from infra.log.full_scan import check_whole
from infra.log.kafka.source import KafkaSource, close_partition, open_partition
from infra.log.partition_client import Record
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import insert
from infra.log.sqlite.source import SQLiteSource
from tests.infra.backup.logs import contents, dismiss_all, looked_at, send_orphan, take, void_from
from tests.support.stranger import batch_of, produce
from tests.support.waiting import wait_until

PARTITIONS = 2


@pytest.fixture
def settings(broker: KafkaCluster, tmp_path: Path) -> KafkaSettings:
    app = f"b{uuid4().hex[:12]}"
    return KafkaSettings(
        broker.bootstrap, app, PARTITIONS, index_dir=tmp_path / "index", own_keys_dir=tmp_path / "keys"
    )


@pytest.fixture
def opened(settings: KafkaSettings) -> Iterator[list[PartitionHandle]]:
    """Both partitions, each with a genesis, some records and, between them, what strangers sent."""
    made = [open_partition(settings, number) for number in range(PARTITIONS)]
    topic = topic_of(settings)
    for number, partition in enumerate(made):
        happen(partition, 3 + number)
        produce(settings, topic, number, batch_of([b"a stranger's", b""]))
        partition.refresh()
        happen(partition, 3)
    yield made
    for partition in made:
        close_partition(partition)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def happen(opened: PartitionHandle, count: int) -> None:
    """Events of dossiers of this partition."""
    number = opened.source.address.partition
    for _ in range(count):
        originator = UUID(int=uuid4().int & ((1 << 80) - 1) | (number << 80))
        insert(opened, [StoredEvent(originator, 1, "Happened", b"state")], None)


def topic_of(settings: KafkaSettings) -> Any:
    return ensure(settings, [log_topic(settings, settings.events_topic)])[0]


def sources(settings: KafkaSettings) -> list[KafkaSource]:
    return [KafkaSource(settings, number) for number in range(settings.partitions)]


def accepted(settings: KafkaSettings, topic: Any, partition: int) -> list[tuple[bytes | None, int]]:
    """Value and moment of each record that looks like one of the log."""
    with closing(KafkaPartitionClient(settings, topic, partition)) as client:
        records: list[Record] = [record for fetched in client.read(0) for record in fetched.records]
    return [(each.value, each.appended_at) for each in records if each.value and each.value[0] >= 0xF8]


def forget(settings: KafkaSettings) -> None:
    """Delete all topics of the log."""
    names = [settings.events_topic, settings.commands_topic, settings.replies_topic, settings.dead_letters_topic]
    there = [name for name in names if exists(settings, name)]
    ask(settings, lambda admin: admin.delete_topics(there))
    wait_until(lambda: not any(exists(settings, name) for name in names))


def put(folder: Path, settings: KafkaSettings) -> Restored:
    storage = FolderStorage(folder)
    with storage.reading():
        verified = verify(storage)
        return restore_kafka(storage, verified.manifest, settings, verified.largest)


def elsewhere(settings: KafkaSettings, tmp_path: Path) -> KafkaSettings:
    """The same log for another machine, that knows nothing of it."""
    return replace(settings, index_dir=tmp_path / "elsewhere", own_keys_dir=tmp_path / "other-keys")


def test_it_comes_back_byte_for_byte_under_another_topic(
    opened: list[PartitionHandle], settings: KafkaSettings, folder: Path, tmp_path: Path
) -> None:
    """With every moment, so that none is found wrong later; writers go on with their keys, and backups too."""
    void_from(opened[1], 5)
    send_orphan(opened[1])
    dismiss_all(opened[1])
    taken = take(folder, sources(settings))
    assert taken.faults == []
    topic = topic_of(settings)
    before = [accepted(settings, topic, number) for number in range(PARTITIONS)]
    for partition in opened:
        partition.close()
    forget(settings)
    done = put(folder, settings)
    assert done.added == [each.records for each in taken.manifest.partitions]
    assert done.moments == 0
    made = topic_of(settings)
    assert made.identity.topic_id != topic.identity.topic_id
    orphans = sum(len(each) for each in before) - sum(done.added)
    assert orphans == 1
    after = [accepted(settings, made, number) for number in range(PARTITIONS)]
    assert after[0] == before[0]
    assert after[1] == [each for each in before[1] if each in after[1]]
    assert all(check_whole(source) is None for source in sources(settings))
    fresh = replace(settings, index_dir=tmp_path / "fresh")
    again = open_partition(fresh, 1)
    assert again.partition.state.voids
    happen(again, 2)
    close_partition(again)
    more = take(folder, sources(settings))
    assert more.added == [0, 2]
    assert looked_at(folder).manifest == more.manifest
    take(tmp_path / "once", sources(settings))
    assert contents(tmp_path / "once").keys() == contents(folder).keys()


def test_a_run_that_was_broken_off_goes_on_and_is_no_log_until_its_end(
    opened: list[PartitionHandle], settings: KafkaSettings, folder: Path
) -> None:
    """Nobody takes the topic for a log before; what is there is compared and not sent again."""
    take(folder, sources(settings))
    for partition in opened:
        partition.close()
    forget(settings)
    sent = 0

    def breaking(*arguments: Any) -> int:
        nonlocal sent
        sent += 1
        if sent == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    original = restoring_kafka.send
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring_kafka, "_RECORDS_AT_ONCE", 3)
        patch.setattr(restoring_kafka, "send", breaking)
        with pytest.raises(KeyboardInterrupt):
            put(folder, settings)
    with pytest.raises(TopicUnusable, match="LogAppendTime"):
        topic_of(settings)
    assert put(folder, settings).added == [1, 8]
    topic = topic_of(settings)
    assert [len(accepted(settings, topic, number)) for number in range(PARTITIONS)] == [7, 8]
    assert put(folder, settings).added == [0, 0]


def test_an_unknown_outcome_is_settled_by_reading(
    opened: list[PartitionHandle], settings: KafkaSettings, folder: Path
) -> None:
    """Whether the batch had come or not, it is there once, and a stranger's record between changes nothing."""
    take(folder, sources(settings))
    for partition in opened:
        partition.close()
    forget(settings)
    original = KafkaPartitionClient.send_all
    calls = 0

    def losing(client: KafkaPartitionClient, records: Sequence[Any], moments: Sequence[int] | None = None) -> Any:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            return _Unknown()
        pending = original(client, records, moments)
        if calls % 3 == 2:
            pending.result()
            original(client, [(None, b"a stranger's")]).result()
            return _Unknown()
        return pending

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring_kafka, "_RECORDS_AT_ONCE", 2)
        patch.setattr(KafkaPartitionClient, "send_all", losing)
        assert put(folder, settings).added == [7, 8]
    topic = topic_of(settings)
    assert [len(accepted(settings, topic, number)) for number in range(PARTITIONS)] == [7, 8]


class _Unknown:
    def result(self) -> None:
        return None


def test_nothing_is_put_on_another_history(
    opened: list[PartitionHandle], settings: KafkaSettings, folder: Path, tmp_path: Path
) -> None:
    """A log that went on, one that is another, and one that is being restored from another backup."""
    take(folder, sources(settings))
    assert put(folder, settings).added == [0, 0]
    happen(opened[0], 1)
    with pytest.raises(RestoreTargetTaken):
        put(folder, settings)
    for partition in opened:
        partition.close()
    forget(settings)
    other = replace(settings, index_dir=tmp_path / "other", own_keys_dir=tmp_path / "other-keys")
    for number in range(PARTITIONS):
        happen(made := open_partition(other, number), 1)
        close_partition(made)
    with pytest.raises(RestoreTargetTaken):
        put(folder, settings)
    take(tmp_path / "others", sources(other))
    forget(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring_kafka._Restore, "read_back", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path / "others", settings)
    with pytest.raises(RestoreTargetTaken):
        put(folder, settings)
    put(tmp_path / "others", settings)
    assert topic_of(settings)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_empty_topic_is_taken(opened: list[PartitionHandle], settings: KafkaSettings, folder: Path) -> None:
    """With the settings of a log it is switched over and back; the moments are kept."""
    taken = take(folder, sources(settings))
    for partition in opened:
        partition.close()
    forget(settings)
    topic_of(settings)
    done = put(folder, settings)
    assert (done.added, done.moments) == ([each.records for each in taken.manifest.partitions], 0)


def test_name_partitions_and_identity_must_be_those_of_the_backup(
    opened: list[PartitionHandle], settings: KafkaSettings, folder: Path, tmp_path: Path
) -> None:
    """Nothing is made for another one."""
    take(folder, sources(settings))
    for other in (replace(settings, app=f"x{settings.app}"), replace(settings, partitions=3)):
        with pytest.raises(RestoreOtherShape) as found:
            put(folder, other)
        assert f"prefix={settings.app}&partitions=2" in found.value.hint()
    with pytest.raises(RestoreOtherLog):
        put(folder, replace(settings, identity=bytes(32)))
    storage = FolderStorage(folder)
    with pytest.raises(RestoreOtherShape):
        restore_embedded(storage, looked_at(folder).manifest, SQLiteSource(tmp_path / "log.sqlite"))
    assert not exists(settings, f"x{settings.app}.events")
    assert opened[0].partition.state.number == 7


def test_a_log_that_was_made_anew_is_another_one(
    opened: list[PartitionHandle], settings: KafkaSettings, folder: Path, tmp_path: Path
) -> None:
    """A backup is not grown with it, and nothing in the folder changes."""
    take(folder, sources(settings))
    before = contents(folder)
    for partition in opened:
        partition.close()
    forget(settings)
    other = elsewhere(settings, tmp_path)
    for number in range(PARTITIONS):
        happen(made := open_partition(other, number), 9)
        close_partition(made)
    with pytest.raises(BackupOfAnotherLog):
        take(folder, sources(other))
    assert contents(folder) == before
