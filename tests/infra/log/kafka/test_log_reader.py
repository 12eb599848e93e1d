"""Whoever only reads sees all that was acknowledged before he began, however far behind the index is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from consumers.commands.ports import CommandKey, CommandOutcome
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, ensure, log_topic
from infra.log import usable
from infra.log.errors import NewerLog, RecordUnreadable
from infra.log.format import CONTROL, Place
from infra.log.kafka import log_reader
from infra.log.kafka.foreign_index import ForeignIndex
from infra.log.kafka.index_paths import reader_settings
from infra.log.kafka.log import KafkaLog
from infra.log.kafka.log_reader import SharedLog
from infra.log.kafka.source import KafkaSource
from infra.log.keys import KeyFolder
from infra.log.partition_handle import PartitionHandle
from infra.log.repair import examined
from tests.fault.hostile_writer import SABOTAGE, put_on_head
from tests.fault.losses import lose


@pytest.fixture
def topic(settings: KafkaSettings) -> Topic:
    return ensure(settings, [log_topic(settings, settings.events_topic)])[0]


@pytest.fixture
def reader(settings: KafkaSettings, topic: Topic, monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedLog]:
    """A reader whose index is read on by nobody unless it asks."""
    monkeypatch.setattr(log_reader, "_REFRESH_SECONDS", 3600.0)
    made = SharedLog(settings, topic)
    yield made
    made.close()


@pytest.fixture
def append(settings: KafkaSettings, tmp_path: Path) -> Iterator[Callable[[UUID, int], None]]:
    """Another process, which appends to the log with an index of its own."""
    log = KafkaLog(replace(settings, index_dir=tmp_path / "writer"))

    def make(dossier_id: UUID, version: int) -> None:
        event = StoredEvent(dossier_id, version, "Happened", b"state")
        key = CommandKey(dossier_id.bytes[:6], uuid4())
        log.refresh(0)
        log.append(0, log.head(0), [CommandOutcome(key, bytes(32), '{"ok":true}', [event])], given=log.last_given(0))

    yield make
    log.close()


def _versions(reader: SharedLog, limit: int = 1000) -> list[int]:
    return [found.originator_version for found in reader.read(0, 0, limit)]


def test_an_own_index_that_is_behind_hides_nothing(reader: SharedLog, append: Callable[[UUID, int], None]) -> None:
    """Read at once, with nothing asked before: the first reading of all, and one after others have appended."""
    dossier_id = uuid4()
    append(dossier_id, 1)
    assert _versions(reader) == [1]
    append(dossier_id, 2)
    assert _versions(reader) == [1, 2]
    append(dossier_id, 3)
    assert _versions(reader, limit=2) == [1, 2]
    assert [event.originator_version for event in reader.events_of(dossier_id)] == [1, 2, 3]
    assert reader.head(0) == 3


def test_an_index_that_another_process_fills_hides_nothing(
    reader: SharedLog,
    append: Callable[[UUID, int], None],
    settings: KafkaSettings,
    topic: Topic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is waited for until its holder has read to where the log ended."""
    holder = PartitionHandle(KafkaSource(reader_settings(settings), 0, topic))
    end_behind = ForeignIndex.end_behind

    def filled_once_the_end_is_known(index: ForeignIndex, read: int) -> int:
        end = end_behind(index, read)
        holder.refresh()
        return end

    monkeypatch.setattr(ForeignIndex, "end_behind", filled_once_the_end_is_known)
    try:
        dossier_id = uuid4()
        for version in (1, 2, 3):
            append(dossier_id, version)
            assert _versions(reader) == list(range(1, version + 1))
            assert [event.originator_version for event in reader.events_of(dossier_id)] == list(range(1, version + 1))
    finally:
        holder.close()


def test_an_index_that_its_holder_made_anew_hides_nothing(
    reader: SharedLog, append: Callable[[UUID, int], None], settings: KafkaSettings, topic: Topic
) -> None:
    """Whoever had the lost file open reads the one that stands there now."""
    dossier_id = uuid4()
    source = KafkaSource(reader_settings(settings), 0, topic)
    append(dossier_id, 1)
    holder = PartitionHandle(source)
    assert _versions(reader) == [1]
    holder.close()
    lose(source.index_path)
    append(dossier_id, 2)
    holder = PartitionHandle(source)
    try:
        assert _versions(reader) == [1, 2]
        assert reader.head(0) == 2
    finally:
        holder.close()


def test_whoever_fills_the_index_all_are_told_the_same_of_the_history(
    reader: SharedLog, append: Callable[[UUID, int], None], settings: KafkaSettings, topic: Topic
) -> None:
    """The holder of an index, who reads from it, and who makes it anew."""
    dossier_id = uuid4()
    for version in (1, 2, 3):
        append(dossier_id, version)
    holder = PartitionHandle(KafkaSource(reader_settings(settings), 0, topic))
    try:
        borrowed = [reader.history(0, position) for position in (1, 2, 3, 4)]
    finally:
        holder.close()
    other = SharedLog(replace(settings, index_dir=settings.index_dir / "another"), topic)
    try:
        assert [other.history(0, position) for position in (1, 2, 3, 4)] == borrowed
    finally:
        other.close()
    append(dossier_id, 4)
    assert [reader.history(0, position) for position in (1, 2, 3)] == borrowed[:3]
    assert reader.history(0, 4) is not None
    assert (len(set(borrowed)), borrowed[-1]) == (4, None)


@pytest.mark.parametrize("kind", SABOTAGE)
def test_where_the_holder_of_the_index_stopped_everybody_is_told_what_stopped_it(
    reader: SharedLog,
    append: Callable[[UUID, int], None],
    settings: KafkaSettings,
    topic: Topic,
    kind: str,
) -> None:
    """Not that it is slow; and behind a void everybody goes on."""
    dossier_id, place = uuid4(), Place(settings.app, settings.partitions, 0)
    append(dossier_id, 1)
    key, source = KeyFolder(settings.key_folder).writer(), KafkaSource(reader_settings(settings), 0, topic)
    holder = PartitionHandle(source)
    try:
        holder.refresh()
        assert _versions(reader) == [1]
        number = put_on_head(settings.bootstrap, place, kind, key)
        for _ in range(2):
            with pytest.raises((RecordUnreadable, NewerLog)):
                holder.refresh()
            with pytest.raises((RecordUnreadable, NewerLog), match=f"record {number} ") as told:
                reader.head(0)
            assert told.value.details["number"] == number
        with examined(KafkaSource(settings, 0, topic), number) as (partition, found):
            partition.void(found, "of a faulty writer", KeyFolder(settings.key_folder).roots(), key)
        holder.refresh()
        assert reader.head(0) == 1
        append(dossier_id, 2)
        holder.refresh()
        assert _versions(reader) == [1, 2]
    finally:
        holder.close()


def test_a_record_of_a_later_format_is_read_on_from_by_the_release_that_knows_it(
    reader: SharedLog,
    append: Callable[[UUID, int], None],
    settings: KafkaSettings,
    topic: Topic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The older one has stopped before it, and left its index there; nothing has to be done but to exchange it."""
    dossier_id, key = uuid4(), KeyFolder(settings.key_folder).writer
    append(dossier_id, 1)
    assert _versions(reader) == [1]
    put_on_head(settings.bootstrap, Place(settings.app, settings.partitions, 0), "the next format", key())
    for _ in range(2):
        with pytest.raises(NewerLog):
            reader.head(0)
    reader.close()
    monkeypatch.setattr(usable, "CONTROL", {*CONTROL, 0xFE})
    newer = SharedLog(settings, topic)
    try:
        assert _versions(newer) == [1]
        append(dossier_id, 2)
        assert _versions(newer) == [1, 2]
    finally:
        newer.close()


def test_after_a_lent_index_was_taken_back_nothing_is_missing(
    reader: SharedLog, append: Callable[[UUID, int], None], settings: KafkaSettings, tmp_path: Path
) -> None:
    """A worker that loses a partition takes its own index away, and the readers' own may be far behind it."""
    dossier_id = uuid4()
    append(dossier_id, 1)
    assert _versions(reader) == [1]
    lent = KafkaLog(replace(settings, index_dir=tmp_path / "lent"))
    try:
        reader.share(0, lent)
        append(dossier_id, 2)
        assert _versions(reader) == [1, 2]
        reader.unshare(0)
        assert _versions(reader) == [1, 2]
    finally:
        lent.close()
