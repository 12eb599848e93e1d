"""Hostile and faulty writers with an active key, on a real broker, and the way back from what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from kafka import KafkaProducer

from infra.errors import LogUnusable
from infra.kafka.settings import KafkaSettings
from infra.log.control_records import Orphan, StatementKind
from infra.log.errors import (
    ControlRecordLost,
    LogBroken,
    LogChanged,
    NewerLog,
    RecordsVoided,
    RecordUnreadable,
    RootsMissing,
    WriterNotRegistered,
)
from infra.log.format import Append, Format, RecordedOutcome, encode_append, encode_body, seal
from infra.log.kafka.source import close_partition, open_partition
from infra.log.key_statements import opened as keyed
from infra.log.key_statements import state_keys
from infra.log.keys import KeyFolder, Signer
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import LogApplicationRecorder, insert
from infra.log.repair import examined, open_orphans, repaired
from tests.support.signing import STRANGER, signer

MOLE = signer(66)


@pytest.fixture
def produce(settings: KafkaSettings) -> Iterator[Callable[[list[bytes]], None]]:
    """Writes values to the topic, as anybody may who can produce."""
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap, acks="all")

    def write(values: list[bytes]) -> None:
        for future in [producer.send(settings.events_topic, value=value, partition=0) for value in values]:
            future.get(30)

    yield write
    producer.close()


@pytest.fixture
def mole(opened: PartitionHandle) -> Signer:
    """A registered writer that turns hostile."""
    state(opened, StatementKind.ADD_WRITER, MOLE.public)
    return MOLE


def state(opened: PartitionHandle, kind: StatementKind, public: bytes) -> int:
    keys = opened.source.keys
    return state_keys([opened.source], kind, public, keys.folder.roots(), keys.writer())


def happen(opened: PartitionHandle, originator_id: UUID | None = None, version: int = 1) -> int:
    (position,) = insert(opened, [StoredEvent(originator_id or uuid4(), version, "Happened", b"state")], None) or ()
    return int(position)


def built(
    opened: PartitionHandle, by: Signer, content: bytes, *, events: int = 0, format_: int = Format.APPENDS
) -> bytes:
    """A record on the head."""
    opened.refresh()
    state = opened.partition.state
    return seal(state.place, by, format_, (state.head, state.number + 1, state.position, events), content)


def of_events(*events: tuple[str, int]) -> bytes:
    rows = [(originator, version, "Sabotaged", b"") for originator, version in events]
    return encode_body("mole", [encode_append(Append(uuid4().bytes, RecordedOutcome.EVENTS, rows))])


KNOWN = uuid4()
SABOTAGE = {
    "a garbage body": (b"garbage", 0, Format.APPENDS),
    "the next format": (b"newer", 0, 0xFE),
    "a repeated version": (of_events((KNOWN.hex, 1)), 1, Format.APPENDS),
    "a wrong count": (of_events((uuid4().hex, 1)), 3, Format.APPENDS),
    "a control record with events": (b"", 1, Format.DISMISSAL),
}


@pytest.mark.parametrize("kind", SABOTAGE)
def test_a_record_that_nobody_can_use_stops_all_until_it_is_void(
    opened: PartitionHandle,
    another: Callable[[], PartitionHandle],
    mole: Signer,
    produce: Callable[[list[bytes]], None],
    kind: str,
) -> None:
    """Each reader names its number, its offset and its writer's key; after the void each goes on, a new one too."""
    content, events, format_ = SABOTAGE[kind]
    other = another()
    assert happen(opened, KNOWN) == 1
    produce([built(opened, mole, content, events=events, format_=format_)])
    stopped = []
    for side in (opened, other):
        with pytest.raises((RecordUnreadable, NewerLog), match=MOLE.key_id.hex()) as told:
            happen(side)
        stopped.append(told.value.details["number"])
        with pytest.raises((RecordUnreadable, NewerLog)):
            side.check_whole()
    number = stopped[0]
    assert stopped == [number, number]
    assert isinstance(number, int)
    # The mole goes on meanwhile, on its own head; once it is retired, nothing of it moves the head any more.
    state(opened, StatementKind.RETIRE_WRITER, MOLE.public)
    void(opened, number)
    assert [happen(side) for side in (opened, other, another())] == [2 + events, 3 + events, 4 + events]
    for side in (opened, other):
        side.refresh()
        recorder = LogApplicationRecorder(side)
        found = [notification.id for notification in recorder.select_notifications(1, 10)]
        assert found == [1, 2 + events, 3 + events, 4 + events]


def void(opened: PartitionHandle, number: int) -> None:
    with examined(opened.source, number) as (partition, found):
        keys = opened.source.keys
        partition.void(found, "a test", keys.folder.roots(), keys.writer())


def test_who_had_applied_what_is_void_makes_its_index_anew(
    settings: KafkaSettings, opened: PartitionHandle, another: Callable[[], PartitionHandle]
) -> None:
    """What was void is gone from it, a version is free again, and a stale copy of an index learns the same."""
    dossier, other = uuid4(), another()
    for version in (1, 2, 3):
        happen(opened, dossier, version)
    other.refresh()
    with examined(opened.source, 3) as (_, found):
        assert found.facts == [f"{dossier.hex}/{version} Happened" for version in (2, 3)]
        assert not found.built_on
    void(opened, 3)
    for side in (opened, other):
        # Whoever may have built on it is told once.
        with pytest.raises(RecordsVoided):
            side.refresh()
    for side in (opened, other, another()):
        side.refresh()
        recorder = LogApplicationRecorder(side)
        assert [event.originator_version for event in recorder.select_events(dossier)] == [1]
    with pytest.raises(IntegrityError):
        happen(other, dossier, 3)
    assert happen(other, dossier, 2) == 4
    close_partition(opened)
    again = open_partition(settings, 0)
    again.refresh()
    assert [found.id for found in LogApplicationRecorder(again).select_notifications(1, 10)] == [1, 4]
    close_partition(again)


def test_a_void_names_the_head_that_it_is_built_on(opened: PartitionHandle) -> None:
    """Where somebody appended since it was looked at, nothing is voided."""
    happen(opened)
    with examined(opened.source, 2) as (partition, found):
        happen(opened)
        keys = opened.source.keys
        with pytest.raises(ControlRecordLost):
            partition.void(found, "a test", keys.folder.roots(), keys.writer())
    opened.refresh()
    assert opened.partition.voids == ()


def test_the_roots_must_be_at_hand(opened: PartitionHandle) -> None:
    happen(opened)
    with examined(opened.source, 2) as (partition, found), pytest.raises(RootsMissing):
        partition.void(found, "a test", [STRANGER], opened.source.keys.writer())


def test_a_writer_that_was_retired_or_never_registered_cannot_append(
    settings: KafkaSettings, opened: PartitionHandle, tmp_path: Path
) -> None:
    """It is told so, before anything is sent; what it sends all the same is foreign. Registered, it may."""
    happen(opened)
    elsewhere = KeyFolder(tmp_path / "elsewhere")
    own = elsewhere.make_writer()
    stranger = open_partition(replace(settings, index_dir=tmp_path / "stranger", keys_dir=elsewhere.path), 0)
    try:
        with pytest.raises(WriterNotRegistered, match=own.public.hex()):
            happen(stranger)
        state(opened, StatementKind.ADD_WRITER, own.public)
        assert happen(stranger) == 2
        state(opened, StatementKind.RETIRE_WRITER, own.public)
        with pytest.raises(WriterNotRegistered):
            happen(stranger)
        assert happen(opened) == 3
    finally:
        close_partition(stranger)


def test_a_statement_that_was_broken_off_is_brought_to_every_partition(settings: KafkaSettings) -> None:
    """Given again, it goes to those partitions that lack it; given once more, it does nothing."""
    wide = replace(settings, partitions=3)
    handles = [open_partition(wide, number) for number in range(3)]
    sources = [handle.source for handle in handles]
    keys = sources[0].keys
    roots, writer = keys.folder.roots(), keys.writer()
    try:
        assert state_keys(sources[1:2], StatementKind.ADD_WRITER, MOLE.public, roots, writer) == 1
        assert state_keys(sources[2:], StatementKind.ADD_WRITER, MOLE.public, roots, writer) == 1
        for _ in range(2):
            assert state_keys(sources, StatementKind.ADD_WRITER, MOLE.public, roots, writer) == 1
        for source in sources:
            with keyed(source) as partition:
                assert MOLE.key_id in partition.keys.writers
                assert [*partition.taken] == [1]
        assert len({source_identity(handle) for handle in handles}) == 1
    finally:
        for handle in handles:
            close_partition(handle)


def source_identity(handle: PartitionHandle) -> bytes:
    handle.refresh()
    keys = handle.partition.state.keys
    assert keys is not None
    return keys.identity


def test_only_the_log_of_the_expected_identity_is_opened(settings: KafkaSettings, opened: PartitionHandle) -> None:
    """Whatever a stranger has put into the topic first, and whatever an index holds."""
    happen(opened)
    known, other = source_identity(opened), bytes(32)
    for folder in ("fresh", "again"):
        expecting = replace(settings, index_dir=settings.index_dir / folder, identity=known)
        right = open_partition(expecting, 0)
        assert right.partition.indexed == 1
        close_partition(right)
        with pytest.raises((LogChanged, LogBroken)):
            open_partition(replace(expecting, identity=other), 0)


def test_ten_thousand_orphans_are_left_behind_in_one_go(
    opened: PartitionHandle, mole: Signer, produce: Callable[[list[bytes]], None]
) -> None:
    """Listed in one reading, and dismissed in one record."""
    happen(opened)
    state = opened.partition.state
    many = [seal(state.place, mole, Format.APPENDS, (bytes(32), 10 + number, 1, 0), b"") for number in range(10_000)]
    produce(many)
    opened.refresh()
    with pytest.raises(LogUnusable, match="10000 such records"):
        happen(opened)
    number = opened.partition.state.number
    found = open_orphans(opened.source)
    assert {each["hash"] for each in found} == {sha256(value).hexdigest() for value in many}
    with repaired(opened.source) as partition:
        orphans = [Orphan(each["offset"], bytes.fromhex(each["hash"])) for each in found]
        partition.dismiss(orphans, opened.source.keys.writer())
    assert happen(opened) == 2
    assert opened.partition.state.number == number + 2
