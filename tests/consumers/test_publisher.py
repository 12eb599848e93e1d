"""The publisher of a partition: what its last run does in an outage, and when it believes a fold that was saved."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from eventsourcing.persistence import Notification

from consumers.cloudevents import DecisionSerializer
from consumers.publisher import PartitionPublisher, StreamDiverged, publish_all
from consumers.publisher_ports import (
    FoldCheckpoint,
    FoldStore,
    FoldStoreDamaged,
    OutcomeUnknown,
    PartitionUnsettled,
    StreamTail,
    TailUndecided,
)
from infra.delivery.fold_store import SQLiteFoldStore
from infra.retry import Retry
from projections.engine.empty_positions import EmptyPositions
from projections.engine.table import Key, Row, Table
from projections.public_decisions.read_model import FeedPosition
from projections.public_decisions.tables import PublicDecision
from schemas.avro.codec import decode_event
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.fold_stores import MemoryFoldStore, folded
from tests.support.units import UNITS

SECONDS = 60.0
_KILLED = 0.3
"""How often a process is killed at a place where it may be."""


@dataclass
class Clock:
    """Goes on only while somebody sleeps."""

    now: float = 0.0
    sleeps: int = 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps += 1

    def tries(self) -> Retry:
        return Retry(SECONDS, pause=1.0, now=lambda: self.now, sleep=self.sleep)


@dataclass
class MemoryStream:
    """One partition, in memory. `outages`: for each publication, how often it fails before it works."""

    outages: list[int]
    published: list[str] = field(default_factory=list)
    tails: list[StreamTail] = field(default_factory=list)
    closed: bool = False

    @property
    def tail(self) -> StreamTail | None:
        return self.tails[-1] if self.tails else None

    def lose(self, decisions: int) -> None:
        """The last ones are gone."""
        del self.published[-decisions:], self.tails[-decisions:]

    def open(self) -> MemoryStream:
        return self

    def hidden(self) -> TailUndecided | None:
        return None

    def publish(self, decisions: Sequence[tuple[FeedPosition, PublicDecision]]) -> None:
        if self.outages and self.outages[0]:
            self.outages[0] -= 1
            raise OutcomeUnknown("no broker answers")
        del self.outages[:1]
        self.published += [decision["id"] for _, decision in decisions]
        self.tails += [StreamTail("log", position, decision["id"]) for position, decision in decisions]

    def close(self) -> None:
        self.closed = True


def _publisher(stream: MemoryStream) -> PartitionPublisher:
    log = FakeLog("log")
    DossierHistory(log).until("announce")
    serializer = DecisionSerializer("log", UNITS)
    return PartitionPublisher(0, log, decode_event, stream.open, serializer, MemoryFoldStore(), batch=1)


def test_an_outage_that_lasts_ends_it() -> None:
    """It says so after its time, and leaves nothing open."""
    clock, stream = Clock(), MemoryStream([10_000])
    with pytest.raises(PartitionUnsettled, match="no broker answers"):
        publish_all([_publisher(stream)], clock.tries())
    assert SECONDS < clock.now <= SECONDS + 1
    assert stream.closed
    assert stream.published == []


def test_an_outage_after_it_had_begun_ends_it_as_well() -> None:
    """The time begins anew with what is published, and not with each try."""
    clock, stream = Clock(), MemoryStream([50, 10_000])
    with pytest.raises(PartitionUnsettled):
        publish_all([_publisher(stream)], clock.tries())
    assert 50 + SECONDS < clock.now <= 50 + SECONDS + 1
    assert len(stream.published) == 1


def test_outages_that_pass_cost_nothing_but_time() -> None:
    """Each decision is published once, and all are counted, also those before an outage."""
    clock, stream = Clock(), MemoryStream([0, 50, 50])
    publisher = _publisher(stream)
    assert publish_all([publisher], clock.tries()) == len(stream.published) == len(set(stream.published)) >= 3
    assert clock.sleeps == 100


class CountingLog(FakeLog):
    """Notes how many events were read; `empty` are its voided positions."""

    reads = 0
    empty: EmptyPositions = ()

    def empty_positions(self, partition: int) -> EmptyPositions:
        assert partition in self.partitions
        return self.empty

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        found = [each for each in self.events[partition] if each.id > after][:limit]
        self.reads += len(found)
        return found


@dataclass
class Host:
    """Publishers of one log to one stream, one after another, and the file that they leave to each other."""

    path: Path
    log: CountingLog
    stream: MemoryStream
    former: tuple[str, ...] = ()
    """What the log was called before it was moved."""

    def publish(self) -> int:
        """All that is left; returns how many events were read for it."""
        before = self.log.reads
        publish_all([self.begin()], Clock().tries())
        return self.log.reads - before

    def begin(self, store: FoldStore | None = None, stream: MemoryStream | None = None) -> PartitionPublisher:
        serializer = DecisionSerializer(self.log.log_id, UNITS, former=self.former)
        store = store or SQLiteFoldStore(self.path, self.log.log_id, 0)
        return PartitionPublisher(0, self.log, decode_event, (stream or self.stream).open, serializer, store, batch=2)

    def other(self, name: str) -> Host:
        """Another host with the same log and stream."""
        return Host(self.path.with_name(name), self.log, self.stream)

    def more(self, unit: str, year: int = 2024) -> None:
        """Decisions of a unit: approved, with what it is entitled to, and announced."""
        DossierHistory(self.log, UNITS.get(unit), year=year).until("announce")

    def check(self) -> None:
        """The stream holds each decision that the log leads to, once and in order."""
        assert self.stream.published == [decision["id"] for decision in folded(self.log, 0)]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "fold.sqlite", CountingLog("log"), MemoryStream([]))
    made.more("04630")
    made.more("04633")
    return made


def test_a_start_goes_on_where_the_fold_was_saved(host: Host) -> None:
    """It reads the one event that the fold ends at, and what came since; sequences go on as if all had been folded."""
    assert host.publish() == len(host.log.events[0])
    assert host.publish() == 1
    before = len(host.log.events[0])
    host.more("04630", 2025)
    assert host.publish() == 1 + len(host.log.events[0]) - before
    host.check()


def test_a_host_with_an_old_fold_goes_on_from_there(host: Host) -> None:
    """The partition was elsewhere meanwhile: what the stream has since is folded, compared, and not published again."""
    other = host.other("other.sqlite")
    host.publish()
    host.more("04630", 2025)
    other.publish()
    before = len(host.log.events[0])
    host.more("04633", 2025)
    assert host.publish() < before
    host.more("04630", 2026)
    assert other.publish() < before
    host.check()


def test_a_fold_that_is_ahead_of_the_stream_is_not_believed(host: Host) -> None:
    """The stream lost its end: what the fold led to is made again."""
    host.publish()
    host.stream.lose(2)
    assert host.publish() == len(host.log.events[0])
    host.check()


def test_a_fold_of_another_history_is_not_believed(host: Host, tmp_path: Path) -> None:
    """The log was set back and went on otherwise, with the same name and to the same length."""
    other = Host(tmp_path / "elsewhere.sqlite", CountingLog("log"), MemoryStream([]))
    other.log.begins_at += timedelta(days=1)
    other.more("04630")
    other.more("04633")
    other.publish()
    assert other.stream.published[0] == next(folded(host.log, 0))["id"]
    other.path.replace(host.path)
    host.stream.published, host.stream.tails = list(other.stream.published), list(other.stream.tails)
    host.more("04639")
    assert host.publish() > len(host.log.events[0])
    host.check()


def test_a_fold_of_a_longer_log_is_not_believed(host: Host) -> None:
    longer = Host(host.path, CountingLog("log"), MemoryStream([]))
    for unit in ("04630", "04633", "04639"):
        longer.more(unit)
    longer.publish()
    host.publish()
    host.check()


def test_a_stream_that_the_log_does_not_lead_to_is_not_continued(host: Host) -> None:
    """Whether its last decision stands where the log leads to another one, or to none."""
    host.publish()
    tail = host.stream.tails[-1]
    for place in (FeedPosition(1, 0), tail.feed_position, tail.feed_position._replace(ordinal=7)):
        host.stream.tails.append(StreamTail("log", place, "a stranger's"))
        with pytest.raises(StreamDiverged):
            host.publish()


def test_a_log_that_was_moved_goes_on_in_its_stream(host: Host) -> None:
    """By what it was called before; another log does not, even where it holds the same."""
    host.publish()
    host.log.log_id = "moved"
    with pytest.raises(StreamDiverged, match="moved"):
        host.publish()
    moved = Host(host.path, host.log, host.stream, former=("log",))
    published = list(host.stream.published)
    moved.publish()
    assert host.stream.published == published
    moved.more("04630", 2025)
    moved.publish()
    moved.check()


def test_what_was_folded_and_then_voided_is_folded_no_more(host: Host) -> None:
    """Events of a dossier were there, and count as nothing: what comes behind them is numbered without them."""
    whole = len(host.log.events[0])
    publisher = host.begin()
    publisher.step()
    DossierHistory(host.log, UNITS.get("04639")).until("council")
    publisher.step()
    voided = host.log.events[0][whole:]
    del host.log.events[0][whole:]
    host.log.empty = ((whole + 1, voided[-1].id),)
    later = CountingLog("log")
    DossierHistory(later, UNITS.get("04642")).until("announce")
    host.log.events[0] += [replace(each, id=each.id + voided[-1].id) for each in later.events[0]]
    publisher.step()
    publisher.close()
    host.check()


def test_a_store_that_is_damaged_while_it_is_used_is_made_anew(host: Host) -> None:
    host.publish()
    host.more("04630", 2025)
    store = DamagedStore(SQLiteFoldStore(host.path, "log", 0))
    publisher = host.begin(store)
    publisher.step()
    publisher.close()
    assert store.damaged
    host.check()
    assert host.publish() == 1


@pytest.mark.parametrize("seed", range(5))
def test_whoever_is_killed_anywhere_publishes_each_decision_once(host: Host, seed: int) -> None:
    """Before and after every publication, and every time that the fold is saved, on two hosts in turn."""
    random = Random(seed)  # noqa: S311  # where it is killed is no secret
    units = ("04630", "04633", "04639")
    for number in range(24):
        host.more(units[number % 3], 2025 + number // 3)
    kills = 0
    while len(host.stream.published) < sum(1 for _ in folded(host.log, 0)):
        each = host.other(random.choice(["one.sqlite", "two.sqlite"]))
        store = KillingStore(SQLiteFoldStore(each.path, "log", 0), random)
        publisher = each.begin(store, KillingStream(host.stream, random))
        with closing(store), suppress(Killed):
            publisher.step()
            kills -= 1
        kills += 1
    assert kills > 3
    host.check()


class Killed(BaseException):
    """The process ends here."""


class KillingStream(MemoryStream):
    """Another publisher of a stream, which is killed before or after a publication."""

    def __init__(self, stream: MemoryStream, random: Random) -> None:
        super().__init__([], stream.published, stream.tails)
        self._random = random

    def publish(self, decisions: Sequence[tuple[FeedPosition, PublicDecision]]) -> None:
        if self._random.random() < _KILLED:
            raise Killed
        super().publish(decisions)
        if self._random.random() < _KILLED:
            raise Killed


class _Store:
    """A store that does what another one does."""

    def __init__(self, store: FoldStore) -> None:
        self._store = store

    def load(self) -> FoldCheckpoint | None:
        return self._store.load()

    def get(self, table: Table, key: Key) -> Row | None:
        return self._store.get(table, key)

    def upsert_row(self, table: Table, row: Row) -> None:
        self._store.upsert_row(table, row)

    def save(self, checkpoint: FoldCheckpoint) -> None:
        self._store.save(checkpoint)

    def clear(self) -> None:
        self._store.clear()

    def close(self) -> None:
        self._store.close()


class KillingStore(_Store):
    """Its process is killed before or after the fold is saved."""

    def __init__(self, store: FoldStore, random: Random) -> None:
        super().__init__(store)
        self._random = random

    def save(self, checkpoint: FoldCheckpoint) -> None:
        if self._random.random() < _KILLED:
            raise Killed
        super().save(checkpoint)
        if self._random.random() < _KILLED:
            raise Killed


class DamagedStore(_Store):
    """The first row that it is asked for is not what was saved."""

    damaged = False

    def get(self, table: Table, key: Key) -> Row | None:
        if not self.damaged:
            self.damaged = True
            raise FoldStoreDamaged("a row is not what was saved")
        return super().get(table, key)
