"""A log taken over into a new one: with another number of partitions, or because its last writer's key is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent, Tracking

from consumers.commands.ports import CommandKey, CommandOutcome, QueuePosition
from infra.backup import restoring_kafka
from infra.dev.kafka import KafkaCluster
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import TopicUnusable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, log_topic
from infra.log.errors import LogClosed, WriterNotRegistered
from infra.log.format import encode_append
from infra.log.full_scan import check_whole
from infra.log.indexed_log import AppendableLog
from infra.log.kafka.log import KafkaLog
from infra.log.keys import KeyFolder, LogKeys
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_source import PartitionSource
from infra.log.recorder import insert
from infra.log.sqlite.log import SQLiteLog
from infra.log.sqlite.source import SQLiteSource
from infra.moving import move_anew as anew
from infra.moving import new_log
from infra.moving.embedded_target import EmbeddedTarget
from infra.moving.errors import MoveDiffers, MoveNotPossible, MoveTargetTaken
from infra.moving.kafka_target import KafkaTarget
from infra.moving.move import Moved, moving
from infra.moving.move_anew import NewLogOptions, move_anew
from infra.moving.target import Target
from tests.infra.backup.logs import void_from
from tests.infra.backup.test_killed import Step, is_killed
from tests.infra.backup.test_restoring_kafka import sources

UNITS = 7
TOPIC = uuid4()


class Expected:
    """What was appended: the events of each dossier, and the answer of each command but for where it stands."""

    def __init__(self) -> None:
        self.events: dict[UUID, list[tuple[int, str, bytes]]] = {}
        self.answers: dict[CommandKey, tuple[bytes, dict[str, Any]]] = {}
        self.order: dict[int, list[UUID]] = {}
        """The dossiers of each unit, one for each event, in the log's order."""

    def outcome(self, random: Random, log: AppendableLog, number: int) -> tuple[int, CommandOutcome]:
        """The next command, and the partition that it belongs to: some are refused."""
        unit = random.randrange(UNITS)
        dossier = UUID(int=(unit << 80) | random.randrange(3))
        partition = log.partition_of(dossier)
        key = CommandKey(unit.to_bytes(6), UUID(int=random.getrandbits(128)))
        digest = random.randbytes(32)
        version = len(self.events.get(dossier, ()))
        refused = random.random() < 0.2
        events = [] if refused else [StoredEvent(dossier, version + 1, "Happened", random.randbytes(20))]
        position = log.last_given(partition) + len(events)
        answer = {"command_id": str(key.command_id), "ok": not refused, "partition": partition, "position": position}
        for event in events:
            self.events.setdefault(dossier, []).append((event.originator_version, event.topic, event.state))
            self.order.setdefault(unit, []).append(dossier)
        self.answers[key] = digest, {**answer, "partition": None, "position": None}
        line = json.dumps(answer, separators=(",", ":"))
        source = QueuePosition(TOPIC, number)
        return partition, CommandOutcome(key, digest, line, events, source)

    def check(self, log: AppendableLog) -> None:
        """Whether a log holds all of it, each in the partition of its unit, and nothing else."""
        heads = 0
        for partition in log.partitions:
            log.refresh(partition)
            heads += log.head(partition)
        assert heads == sum(map(len, self.events.values()))
        places: dict[UUID, list[int]] = {}
        order: dict[int, list[UUID]] = {}
        for partition in log.partitions:
            for stored in log.read(partition, 0, 10_000):
                dossier = UUID(str(stored.originator_id))
                places.setdefault(dossier, []).append(stored.id)
                order.setdefault(dossier.int >> 80, []).append(dossier)
        assert order == self.order
        for dossier, events in self.events.items():
            found = log.events_of(dossier)
            assert [(each.originator_version, each.topic, each.state) for each in found] == events
        for key, (digest, answer) in self.answers.items():
            partition = int.from_bytes(key.scope) % len(log.partitions)
            found_digest, line = log.answers(partition, [key])[key]
            said = json.loads(line)
            assert (found_digest, {**said, "partition": None, "position": None}) == (digest, answer)
            assert said["partition"] == partition
            assert said["position"] <= log.head(partition)


def record_one(log: AppendableLog) -> None:
    """One more dossier."""
    log.refresh(0)
    answer, dossier = "{}", UUID(int=99 << 80)
    events = [StoredEvent(dossier, 1, "Happened", b"")]
    key = CommandKey(bytes(5) + b"c", uuid4())
    partition = log.partition_of(dossier)
    given = log.last_given(partition)
    log.append(partition, log.head(partition), [CommandOutcome(key, bytes(32), answer, events)], given=given)


def filled(log: AppendableLog, count: int, seed: int) -> Expected:
    """Append commands to a log."""
    random, expected = Random(seed), Expected()  # noqa: S311
    for number in range(count):
        for partition in log.partitions:
            log.refresh(partition)
        partition, outcome = expected.outcome(random, log, number)
        log.append(partition, log.head(partition), [outcome], given=log.last_given(partition))
    return expected


@pytest.fixture
def keys(tmp_path: Path) -> LogKeys:
    return LogKeys(KeyFolder(tmp_path / "keys"), makes_own=True)


@pytest.fixture
def old(tmp_path: Path, keys: LogKeys) -> SQLiteSource:
    return SQLiteSource(tmp_path / "old.sqlite", keys=keys)


@pytest.fixture
def expected(old: SQLiteSource) -> Expected:
    with closing(SQLiteLog(old)) as log:
        return filled(log, 60, 1)


def on_kafka(broker: KafkaCluster, tmp_path: Path, partitions: int) -> KafkaSettings:
    app = f"n{uuid4().hex[:12]}"
    return KafkaSettings(broker.bootstrap, app, partitions, index_dir=tmp_path / app, own_keys_dir=tmp_path / "keys")


def moved(
    old: Sequence[PartitionSource], target: Target, tmp_path: Path, options: NewLogOptions | None = None
) -> Moved:
    with moving(tmp_path / "state" / "moving"):
        return move_anew(old, target, old[0].keys.folder.roots(), options or NewLogOptions())


def test_to_another_number_of_partitions_and_back(
    old: SQLiteSource, expected: Expected, broker: KafkaCluster, tmp_path: Path
) -> None:
    """From one to three, to two, and to one: each time a new log whose genesis names the heads of the one before."""
    three, two = on_kafka(broker, tmp_path, 3), on_kafka(broker, tmp_path, 2)
    done = moved([old], KafkaTarget(three), tmp_path)
    assert sum(state.last_position for state in done.states) == sum(map(len, expected.events.values()))
    assert moved([old], KafkaTarget(three), tmp_path).added == [0, 0, 0]
    with closing(KafkaLog(three)) as log:
        expected.check(log)
    with closing(SQLiteLog(old)) as log:
        with pytest.raises(LogClosed, match=three.bootstrap):
            record_one(log)
        old_state = log.state(0).state
    genesis = KafkaTarget(three)
    assert genesis.in_place()
    found = new_log.read_genesis(genesis)
    assert found is not None
    assert old_state.keys is not None
    assert found.continues.startswith(f"moved/{old_state.keys.identity.hex()}/")
    assert found.roots == old_state.keys.roots
    for source in sources(three):
        opened = PartitionHandle(source)
        name = f"dossier-log/dossier/1/0 {old_state.number} {old_state.head.hex()}"
        assert opened.index.tracking()[name] == old_state.last_position
        opened.close()
    moved(sources(three), KafkaTarget(two), tmp_path)
    with closing(KafkaLog(two)) as log:
        expected.check(log)
        assert all(log.commands_offset(partition) is None for partition in log.partitions)
    back = SQLiteSource(tmp_path / "back.sqlite", keys=LogKeys(KeyFolder(tmp_path / "back-keys"), makes_own=True))
    moved(sources(two), EmbeddedTarget(back), tmp_path)
    with closing(SQLiteLog(SQLiteSource(back.index_path, keys=back.keys))) as log:
        expected.check(log)
        record_one(log)
    assert len({old.log_id, SQLiteSource(back.index_path).log_id}) == 2
    all_of_them: list[PartitionSource] = [*sources(three), *sources(two), SQLiteSource(back.index_path)]
    assert all(check_whole(each) is None for each in all_of_them)


def test_what_is_void_is_left_behind(old: SQLiteSource, tmp_path: Path, keys: LogKeys) -> None:
    """Its positions are not empty there, but another event's."""
    opened = PartitionHandle(old)
    dossiers = [UUID(int=at << 80) for at in range(4)]
    for dossier in dossiers[:3]:
        insert(opened, [StoredEvent(dossier, 1, "Happened", b"")], None)
    void_from(opened, 4)
    opened.close()
    opened = PartitionHandle(old)
    insert(opened, [StoredEvent(dossiers[3], 1, "Happened", b"")], None)
    opened.close()
    new = SQLiteSource(tmp_path / "new.sqlite", keys=keys)
    moved([old], EmbeddedTarget(new), tmp_path)
    with closing(SQLiteLog(SQLiteSource(new.index_path, keys=keys))) as log:
        there = [UUID(str(stored.originator_id)) for stored in log.read(0, 0, 10)]
    assert there == [dossiers[0], dossiers[1], dossiers[3]]


def test_a_log_whose_last_writers_key_is_lost_goes_on_in_a_new_one(
    old: SQLiteSource, expected: Expected, tmp_path: Path, keys: LogKeys
) -> None:
    """By the word of the roots, and with a new writer; the old log has no closing, and nobody can append to it."""
    (keys.folder.path / "writer.pem").unlink()
    lost = SQLiteSource(old.index_path, keys=LogKeys(KeyFolder(keys.folder.path), makes_own=True))
    new_keys = LogKeys(KeyFolder(tmp_path / "new-keys"), makes_own=True)
    new = SQLiteSource(tmp_path / "new.sqlite", keys=new_keys)
    with pytest.raises(WriterNotRegistered):
        moved([lost], EmbeddedTarget(new), tmp_path)
    assert not new.index_path.exists()
    done = moved([lost], EmbeddedTarget(new), tmp_path, NewLogOptions(writer_lost=True))
    assert done.states[0].keys is not None
    assert [*done.states[0].keys.writers.values()] == [new_keys.writer().public]
    with closing(SQLiteLog(SQLiteSource(new.index_path, keys=new_keys))) as log:
        expected.check(log)
        record_one(log)
    with closing(SQLiteLog(lost)) as log, pytest.raises(WriterNotRegistered):
        record_one(log)


def test_what_has_no_place_there_keeps_the_log_as_it_is(
    old: SQLiteSource, broker: KafkaCluster, tmp_path: Path
) -> None:
    """An append for dossiers of two partitions, a dossier that is no UUID, a library's tracking."""
    settings = on_kafka(broker, tmp_path, 3)
    first, second = UUID(int=1 << 80), UUID(int=2 << 80)
    opened = PartitionHandle(old)
    insert(opened, [StoredEvent(first, 1, "Happened", b""), StoredEvent(second, 1, "Happened", b"")], None)
    with pytest.raises(MoveNotPossible, match="several partitions"):
        moved([old], KafkaTarget(settings), tmp_path)
    opened.close()
    tracking = SQLiteSource(tmp_path / "tracking.sqlite", keys=old.keys)
    opened = PartitionHandle(tracking)
    insert(opened, [StoredEvent(first, 1, "Happened", b"")], Tracking("upstream", 7))
    with pytest.raises(MoveNotPossible, match="upstream"):
        moved([tracking], KafkaTarget(settings), tmp_path)
    insert(opened, [StoredEvent(first, 2, "Happened", b"")], None)
    opened.close()


def test_a_difference_ends_it_before_it_is_in_place(
    old: SQLiteSource, expected: Expected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here an answer is lost on the way, and then an event's bytes are others. The old log can be read all the time."""
    keys = LogKeys(KeyFolder(tmp_path / "new-keys"), makes_own=True)
    path = tmp_path / "new.sqlite"
    original = encode_append
    faults = (
        lambda append: original(append._replace(command=None)),
        lambda append: original(append._replace(events=[(*event[:3], b"") for event in append.events])),
    )
    for at, fault in enumerate(faults):
        options = NewLogOptions(instead=at > 0)
        monkeypatch.setattr(new_log, "encode_append", fault)
        with pytest.raises(MoveDiffers):
            moved([old], EmbeddedTarget(SQLiteSource(path, keys=keys)), tmp_path, options)
        assert not path.exists()
        monkeypatch.setattr(new_log, "encode_append", original)
        with pytest.raises(MoveTargetTaken):
            moved([old], EmbeddedTarget(SQLiteSource(path, keys=keys)), tmp_path)
        draft = path.with_name(f"{path.name}.moving")
        draft.unlink()
        with pytest.raises(LogClosed):
            moved([old], EmbeddedTarget(SQLiteSource(path, keys=keys)), tmp_path)
        # What was given up is gone: the roots name another place.
        moved([old], EmbeddedTarget(SQLiteSource(path, keys=keys)), tmp_path, NewLogOptions(instead=True))
        for log in (SQLiteLog(old), SQLiteLog(SQLiteSource(path))):
            with closing(log):
                expected.check(log)
        path.rename(tmp_path / "aside.sqlite")


STEPS: list[tuple[Step, int]] = [
    ((restoring_kafka, "ensure"), 1),
    ((anew, "close_partition"), 1),
    ((anew, "genesis_for"), 1),
    ((KafkaPartitionClient, "send_all"), 3),
    ((KafkaPartitionClient, "send_all"), 2),
    ((anew, "_read"), 1),
    ((KafkaTarget, "finish"), 1),
    ((restoring_kafka, "switch"), 1),
]


def test_a_move_to_other_partitions_that_is_killed_goes_on(
    old: SQLiteSource,
    expected: Expected,
    broker: KafkaCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At each of its steps, one run after another; it is one new log all the time."""
    monkeypatch.setattr(new_log, "_AT_ONCE", 7)
    settings = on_kafka(broker, tmp_path, 3)
    for step, number in STEPS:
        assert is_killed(step, number, lambda: moved([old], KafkaTarget(settings), tmp_path)), step
        if step[1] != "ensure":
            with pytest.raises(TopicUnusable, match="LogAppendTime"):
                ensure(settings, [log_topic(settings, settings.events_topic)])
    assert moved([old], KafkaTarget(settings), tmp_path).added == [0, 0, 0]
    with closing(KafkaLog(replace(settings, index_dir=tmp_path / "fresh"))) as log:
        expected.check(log)
