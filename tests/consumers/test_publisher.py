"""The publisher's last run, `publisher --once`, against a stream whose brokers settle nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from consumers.cloudevents import DecisionSerializer
from consumers.publisher import PartitionPublisher, publish_all
from consumers.publisher_ports import OutcomeUnknown, PartitionUnsettled, StreamTail, TailUndecided
from infra.retry import Retry
from projections.public_decisions.read_model import FeedPosition
from projections.public_decisions.tables import PublicDecision
from schemas.avro.codec import decode_event
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.fold_stores import MemoryFoldStore
from tests.support.units import UNITS

SECONDS = 60.0


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
    tail: StreamTail | None = None
    closed: bool = False

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
        position, last = decisions[-1]
        self.tail = StreamTail("log", position, last["id"])

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
