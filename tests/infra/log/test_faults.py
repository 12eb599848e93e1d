"""What strangers and operators may do to a topic, on a real broker."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConnectionError

from infra.kafka.admin import ask
from infra.kafka.errors import KafkaUnreachable, TopicUnusable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import REQUIRED
from infra.log.control_records import Orphan
from infra.log.errors import IndexUnusable, LogBroken, LogChanged, NewerLog, RecordTooLarge
from infra.log.format import Format, encode_body, seal
from infra.log.kafka.log import KafkaLog
from infra.log.kafka.source import close_partition, index_path, open_partition
from infra.log.partition_client import FetchResult
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import insert
from infra.log.repair import repaired
from tests.support.topic_settings import set_topic

ANOTHER_HASH = bytes(range(32))


@pytest.fixture
def admin(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    yield client
    client.close()


@pytest.fixture
def stranger(settings: KafkaSettings) -> Iterator[Callable[[bytes | None], int]]:
    """Writes anything to the topic, and says at which offset it stands."""
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap, acks="all")

    def write(value: bytes | None) -> int:
        offset: int = producer.send(settings.events_topic, value=value, key=b"k", partition=0).get(10).offset
        return offset

    yield write
    producer.close()


def written(
    opened: PartitionHandle, *, previous: bytes | None = None, number: int | None = None, format_: int = Format.APPENDS
) -> bytes:
    """A record that this host's key signed, built on the head unless something else is said."""
    state = opened.partition.state
    chain = (previous or state.head, number or state.number + 1, state.position, 0)
    return seal(state.place, opened.source.keys.writer(), format_, chain, encode_body("writer", []))


def dismiss(opened: PartitionHandle, *orphans: Orphan) -> None:
    with repaired(opened.source) as partition:
        partition.dismiss(orphans, opened.source.keys.writer())


def happen(opened: PartitionHandle) -> int:
    (position,) = insert(opened, [StoredEvent(uuid4(), 1, "Happened", b"state")], None) or ()
    return int(position)


def test_strangers_are_ignored(opened: PartitionHandle, stranger: Callable[[bytes | None], int]) -> None:
    """Their records take no position, and are counted by sort."""
    assert happen(opened) == 1
    late = written(opened, previous=ANOTHER_HASH, number=1)
    forged = late[:61] + bytes(64) + late[125:]
    for value in (b"", b"{}", None, "Д".encode() * 60, bytes(200), forged, late):
        stranger(value)
    assert happen(opened) == 2
    ignored = opened.partition.head.ignored
    assert (ignored.late, ignored.foreign, ignored.orphans) == (1, 6, 0)


def test_an_orphan_stops_everybody_until_it_is_dismissed(
    settings: KafkaSettings,
    opened: PartitionHandle,
    another: Callable[[], PartitionHandle],
    stranger: Callable[[bytes | None], int],
) -> None:
    """A record of ours on one that is not there: an accepted one was altered or lost. Nobody serves, nobody writes."""
    assert happen(opened) == 1
    orphan = written(opened, previous=ANOTHER_HASH, number=9)
    offset = stranger(orphan)
    opened.refresh()
    log = KafkaLog(settings)
    try:
        for refused in (lambda: happen(opened), opened.check_whole, lambda: log.read(0, 0, 10)):
            with pytest.raises(LogBroken, match=f"offset {offset} "):
                refused()
        other = another()
        with pytest.raises(LogBroken):
            happen(other)
        dismiss(opened, Orphan(offset, sha256(b"not it").digest()))
        with pytest.raises(LogBroken):
            happen(opened)
        dismiss(opened, Orphan(offset, sha256(orphan).digest()))
        assert happen(opened) == 2
        assert happen(other) == 3
        assert len(log.read(0, 0, 10)) == 2
    finally:
        log.close()


def test_open_orphans_outlive_a_restart(settings: KafkaSettings, stranger: Callable[[bytes | None], int]) -> None:
    """They are in the index too."""
    first = open_partition(settings, 0)
    happen(first)
    stranger(written(first, previous=ANOTHER_HASH, number=9))
    first.refresh()
    close_partition(first)
    second = open_partition(settings, 0)
    with pytest.raises(LogBroken):
        happen(second)
    close_partition(second)


def test_a_newer_format_on_the_head_halts(opened: PartitionHandle, stranger: Callable[[bytes | None], int]) -> None:
    """An old program must not fork from a new one."""
    happen(opened)
    stranger(written(opened, format_=0xFE))
    for _ in range(2):
        with pytest.raises(NewerLog):
            happen(opened)


@pytest.mark.parametrize("setting", sorted(REQUIRED))
def test_refuses_a_topic_with_other_settings(settings: KafkaSettings, admin: KafkaAdminClient, setting: str) -> None:
    """It says which, and how to mend it."""
    others = {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "message.timestamp.type": "CreateTime",
        "unclean.leader.election.enable": "true",
    }
    configs = {**REQUIRED, setting: others.get(setting, "123456789")}
    admin.create_topics({settings.events_topic: {"num_partitions": 1, "replication_factor": 1, "configs": configs}})
    with pytest.raises(TopicUnusable, match=setting.replace(".", r"\.")) as refused:
        open_partition(settings, 0)
    assert f"{setting}={REQUIRED[setting]}" in refused.value.hint()
    set_topic(admin, settings.events_topic, {setting: REQUIRED[setting]})
    opened = open_partition(settings, 0)
    happen(opened)
    close_partition(opened)


def test_refuses_another_number_of_partitions(settings: KafkaSettings, opened: PartitionHandle) -> None:
    """P never changes: it would remap dossiers."""
    happen(opened)
    with pytest.raises(TopicUnusable, match="has 1 partitions, not 2"):
        open_partition(replace(settings, partitions=2), 0)


def test_refuses_a_topic_that_was_made_anew(settings: KafkaSettings, admin: KafkaAdminClient) -> None:
    """At the next start, and while it runs, even when it was filled to the very offset. The index stays as it is."""
    opened = open_partition(settings, 0)
    happen(opened)
    admin.delete_topics([settings.events_topic])
    fresh = open_partition(replace(settings, index_dir=settings.index_dir / "fresh"), 0)
    happen(fresh)
    close_partition(fresh)
    with pytest.raises(LogChanged):
        happen(opened)
    close_partition(opened)
    before = index_path(settings, 0).read_bytes()
    with pytest.raises(LogChanged, match="topic id was"):
        open_partition(settings, 0)
    assert index_path(settings, 0).read_bytes() == before


def test_refuses_a_log_that_was_cut(settings: KafkaSettings, opened: PartitionHandle, admin: KafkaAdminClient) -> None:
    """Its first offset is above zero: what is gone may be in the index alone."""
    for _ in range(3):
        happen(opened)
    admin.delete_records({TopicPartition(settings.events_topic, 0): 2})
    with pytest.raises(LogChanged, match="first offset is 2"):
        happen(opened)
    with pytest.raises(LogChanged, match="offset 0 is not in it"):
        open_partition(replace(settings, index_dir=settings.index_dir / "fresh"), 0)


def test_one_process_uses_an_index(opened: PartitionHandle) -> None:
    """Another one is told which process has it."""
    happen(opened)
    with pytest.raises(IndexUnusable, match=f"process {os.getpid()} uses it"):
        type(opened)(opened.source)


def test_refuses_what_no_record_can_hold(opened: PartitionHandle) -> None:
    """Its caller alone is told; the others go on."""
    with pytest.raises(RecordTooLarge):
        insert(opened, [StoredEvent(uuid4(), 1, "Happened", bytes(1 << 20))], None)
    assert happen(opened) == 1


def test_another_broker_is_asked_when_one_is_down(settings: KafkaSettings) -> None:
    """A question to the cluster as a whole fails only when nobody answers it for a while."""
    answers = iter([KafkaConnectionError("refused"), KafkaConnectionError("refused")])

    def question(admin: KafkaAdminClient) -> str:
        for refused in answers:
            raise refused
        return str(admin.describe_cluster()["cluster_id"])

    assert ask(settings, question)


def test_a_broker_that_does_not_know_the_topic_yet_is_asked_again(
    settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that has just started: it tells no settings at all."""
    describe = KafkaAdminClient.describe_configs
    answers = iter([{"topic": {}}, {"topic": {settings.events_topic: {}}}])
    monkeypatch.setattr(
        KafkaAdminClient, "describe_configs", lambda *given, **named: next(answers, None) or describe(*given, **named)
    )
    opened = open_partition(settings, 0)
    assert opened.source.log_id
    assert next(answers, None) is None
    close_partition(opened)


def test_a_failure_before_anything_is_sent_is_told(
    settings: KafkaSettings,
    opened: PartitionHandle,
    stranger: Callable[[bytes | None], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While an orphan is open, an append reads first: where that fails, nobody is told that it was appended."""
    stranger(written(opened, previous=ANOTHER_HASH, number=9))
    opened.refresh()

    def unreachable(_start: int) -> Iterator[FetchResult]:
        raise KafkaUnreachable(log=settings.url, reason="no broker answers")

    monkeypatch.setattr(opened.partition.client, "read", unreachable)
    with pytest.raises(KafkaUnreachable):
        happen(opened)
    with pytest.raises(KafkaUnreachable):
        opened.refresh()


def test_a_fault_at_the_end_of_a_round_does_not_keep_the_lead(
    opened: PartitionHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes next leads, and does not wait for ever."""

    def faulty() -> None:
        raise OSError("File too large")

    with monkeypatch.context() as patch:
        patch.setattr(opened.partition, "write_index", faulty)
        with pytest.raises(OSError, match="too large"), opened.committer.leading():
            pass
    assert happen(opened) == 1


def test_an_index_that_takes_nothing_is_let_go_all_the_same(
    settings: KafkaSettings, another: Callable[[], PartitionHandle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk, say: whoever opens it next reads again what it could not take."""
    opened = open_partition(settings, 0)
    happen(another())

    def full(*_: object) -> None:
        raise IndexUnusable(log="index", reason="database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(opened.index, "begin", full)
        with pytest.raises(IndexUnusable):
            opened.refresh()
        close_partition(opened)
    again = open_partition(settings, 0)
    assert again.partition.indexed == 1
    close_partition(again)
