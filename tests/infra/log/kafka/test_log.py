"""The log as the processes use it: many decisions in one record, after the head on which they were made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent

from consumers.commands.ports import CommandKey, CommandOutcome, ConcurrencyConflict, QueuePosition
from infra.kafka.settings import KafkaSettings
from infra.log.kafka.log import KafkaLog
from infra.log.kafka.source import KafkaSource
from infra.log.recorder import insert

DIGEST = bytes(32)


@pytest.fixture
def logs(settings: KafkaSettings, tmp_path: Path) -> Iterator[Callable[[], KafkaLog]]:
    made: list[KafkaLog] = []

    def make() -> KafkaLog:
        made.append(KafkaLog(replace(settings, index_dir=tmp_path / f"process-{len(made)}")))
        return made[-1]

    yield make
    for log in made:
        log.close()


def decided(dossier_id: UUID, *versions: int, source: QueuePosition | None = None) -> CommandOutcome:
    events = [StoredEvent(dossier_id, version, "Happened", b"state") for version in versions]
    key = CommandKey(dossier_id.bytes[:6], uuid4())
    return CommandOutcome(key, DIGEST, '{"ok":true}', events, source)


def test_appends_events_and_answers_at_once(logs: Callable[[], KafkaLog]) -> None:
    """Positions are dense, a refusal takes none, and every command has its answer."""
    log, dossier_id = logs(), uuid4()
    decisions = [decided(dossier_id, 1, 2), decided(dossier_id), decided(dossier_id, 3)]
    log.append(0, 0, decisions)
    assert log.head(0) == 3
    assert [event.originator_version for event in log.events_of(dossier_id)] == [1, 2, 3]
    assert [notification.id for notification in log.read(0, 1, 10)] == [2, 3]
    assert log.answers(0, [decision.key for decision in decisions]) == {
        decision.key: (DIGEST, '{"ok":true}') for decision in decisions
    }


def test_only_after_the_head(logs: Callable[[], KafkaLog]) -> None:
    """Decisions made on an old head are not appended, whoever moved it; afterwards the new head is known."""
    one, two = logs(), logs()
    assert two.head(0) == 0
    one.append(0, 0, [decided(uuid4(), 1)])
    late = decided(uuid4(), 1)
    with pytest.raises(ConcurrencyConflict):
        two.append(0, 0, [late])
    assert two.head(0) == 1
    two.append(0, 1, [late])
    one.refresh(0)
    assert one.head(0) == 2


def test_a_refusal_of_another_is_a_conflict_too(logs: Callable[[], KafkaLog]) -> None:
    """A record without events moves no position, yet what was decided beside it is decided anew."""
    one, two = logs(), logs()
    assert two.head(0) == 0
    one.append(0, 0, [decided(uuid4())])
    with pytest.raises(ConcurrencyConflict):
        two.append(0, 0, [decided(uuid4())])


def test_a_command_id_is_bound_once(logs: Callable[[], KafkaLog]) -> None:
    """The same id again is a conflict: its answer is there to be found. A repeat or a dead command binds nothing."""
    log = logs()
    first = decided(uuid4(), 1)
    log.append(0, 0, [first])
    with pytest.raises(ConcurrencyConflict):
        log.append(0, 1, [replace(first, events=())])
    for outcome in ("repeated", "dead"):
        log.append(0, 1, [replace(first, events=(), outcome=outcome)])
    assert log.head(0) == 1


def test_offsets_of_commands_grow(logs: Callable[[], KafkaLog]) -> None:
    """What has been handled is known from the log, and nothing is handled twice."""
    log, topic_id = logs(), uuid4()
    assert log.commands_offset(0) is None
    log.append(
        0,
        0,
        [decided(uuid4(), 1, source=QueuePosition(topic_id, 4)), decided(uuid4(), source=QueuePosition(topic_id, 5))],
    )
    assert log.commands_offset(0) == QueuePosition(topic_id, 5)
    for handled in (4, 5):
        with pytest.raises(ConcurrencyConflict):
            log.append(0, 1, [decided(uuid4(), 1, source=QueuePosition(topic_id, handled))])
    log.append(0, 1, [decided(uuid4(), 1, source=QueuePosition(topic_id, 9))])
    other = logs()
    assert other.commands_offset(0) == QueuePosition(topic_id, 9)


def test_partitions_by_dossier(settings: KafkaSettings) -> None:
    """The first 48 bits choose the partition, and each has its own positions."""
    log = KafkaLog(replace(settings, partitions=4))
    try:
        for number in (0, 1, 2, 3, 7):
            dossier_id = UUID(int=number << 80)
            partition = log.partition_of(dossier_id)
            assert partition == number % 4
            log.append(partition, log.head(partition), [decided(dossier_id, 1)])
        assert [log.head(partition) for partition in log.partitions] == [1, 1, 1, 2]
    finally:
        log.close()


def test_starts_from_its_index(settings: KafkaSettings) -> None:
    """Closed and opened again, it knows everything, and goes on."""
    first = KafkaLog(settings)
    dossier_id = uuid4()
    first.append(0, 0, [decided(dossier_id, 1)])
    first.close()
    second = KafkaLog(settings)
    try:
        assert second.head(0) == 1
        second.append(0, 1, [decided(dossier_id, 2)])
        identity = KafkaSource(settings, 0).topic.identity
        assert second.log_id == f"{identity.cluster_id}/{identity.topic_id}"
    finally:
        second.close()


def test_library_and_decisions_share_a_partition(logs: Callable[[], KafkaLog]) -> None:
    """A version that was taken is an IntegrityError for the one and a Conflict for the other."""
    log, dossier_id = logs(), uuid4()
    log.append(0, 0, [decided(dossier_id, 1)])
    with pytest.raises(IntegrityError):
        insert(log.opened(0), [StoredEvent(dossier_id, 1, "Happened", b"")], None)
    insert(log.opened(0), [StoredEvent(dossier_id, 2, "Happened", b"")], None)
    with pytest.raises(ConcurrencyConflict):
        log.append(0, 1, [decided(uuid4(), 1)])
