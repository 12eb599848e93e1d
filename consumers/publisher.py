"""`dossier publisher`: from the log to the public stream of decisions, each once, in the order of the log.

Partition p of the log goes to partition p of the stream. The stream itself knows how far it has come: nothing else is
remembered. What a unit's decisions repeat and count is folded from the log anew at each start.

    InfrastructureError
    ├── StreamDiverged     the stream's last decision is not what the log says
    └── StreamAheadOfLog   the stream's last decision stems from a position that the log does not hold
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Final, NamedTuple, Protocol

import structlog

from consumers.cloudevents import DecisionSerializer
from domain.errors import InfrastructureError
from projections.engine.ports import Decode, LogReader
from projections.public_decisions.in_memory import InMemoryFold
from projections.public_decisions.read_model import BEGINNING, FeedPosition
from projections.public_decisions.tables import PublicDecision

BATCH: Final = 500
"""Decisions in one transaction at most."""
_READ_BATCH: Final = 5000
_IDLE_PAUSE: Final = 0.002
_RETRY_PAUSE: Final = 0.5


class StreamTail(NamedTuple):
    """What a record of the stream says of where it stems from."""

    log_id: str
    feed_position: FeedPosition
    decision_id: str


class OutcomeUnknown(Exception):
    """Whether a transaction was committed is not known, or another publisher took over: read the tail again."""


class StreamDiverged(InfrastructureError):
    """The stream holds something else than the log leads to."""

    code = "STREAM_DIVERGED"


class StreamAheadOfLog(InfrastructureError):
    """The log lost its end, or is an older copy."""

    code = "STREAM_AHEAD_OF_LOG"


class PartitionProducer(Protocol):
    """One partition of the stream, open for one publisher."""

    tail: StreamTail | None

    def publish(self, decisions: Sequence[tuple[FeedPosition, PublicDecision]]) -> None:
        """Append records in one transaction, all or none. Raises OutcomeUnknown."""

    def close(self) -> None:
        """Release it."""


class Stream(Protocol):
    """The public stream."""

    def assigned(self) -> frozenset[int]:
        """The partitions that are this publisher's now."""

    def open(self, partition: int) -> PartitionProducer:
        """Shut out whoever published before, and read the tail of what was committed. Raises OutcomeUnknown."""

    def close(self) -> None:
        """Release everything."""


class Tries(Protocol):
    """How long something is tried again: `infra.retry.Retry`."""

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""

    def progress(self) -> None:
        """Something worked: the time begins anew."""

    def pause(self) -> None:
        """Wait a moment before the next try."""


@dataclass(slots=True)
class _Partition:
    """How far a partition was folded, and what of it is not published yet."""

    fold: InMemoryFold
    folded: int = 0
    unpublished: list[tuple[FeedPosition, PublicDecision]] = field(default_factory=list)
    published: FeedPosition = BEGINNING
    tail: StreamTail | None = None
    producer: PartitionProducer | None = None


class Publisher:
    """Publishes what a log leads to. Not for several threads; several processes share the partitions."""

    def __init__(
        self,
        log: LogReader,
        decode: Decode,
        stream: Stream,
        serializer: DecisionSerializer,
        *,
        batch: int = BATCH,
    ) -> None:
        self._log = log
        self._batch = batch
        self._decode = decode
        self._stream = stream
        self._serializer = serializer
        self._partitions: dict[int, _Partition] = {}
        self.published = 0
        """Decisions of which this publisher knows that it published them."""
        self._logger = structlog.get_logger("publisher")

    def run(
        self,
        stop: Flag,
        pause: Callable[[float], object] | None = None,
        went_on: Callable[[], None] = lambda: None,
    ) -> None:
        """Publish until `stop` is set. `pause` waits for seconds (default: until `stop` is set at most).

        `went_on` is called after each round that worked.

        Raises StreamDiverged, StreamAheadOfLog, UnknownEvent, CannotApply, and what log and stream raise.
        """
        wait = pause or stop.wait
        try:
            while not stop.is_set():
                try:
                    published = self.step()
                    went_on()
                    if not published:
                        wait(_IDLE_PAUSE)
                except OutcomeUnknown as reason:
                    self._logger.warning("publisher.unsettled", reason=str(reason))
                    wait(_RETRY_PAUSE)
        finally:
            self.close()

    def step(self) -> int:
        """One round over all partitions; returns how many decisions were published.

        1. Take the partitions that are assigned to us now, and release the others.
        2. Open each: whoever published before is fenced off, then the tail says what is published.
        3. Read on in the log and fold it. What the stream has already is not published again, but must agree.
        4. Publish what follows in one transaction.
        5. If it is not known whether that worked: release the partition, so that the next round begins at 2.
        """
        ours = self._stream.assigned()  # 1
        for number in [number for number in self._partitions if number not in ours]:
            self._release(number)
            del self._partitions[number]
        published = 0
        for number in sorted(ours):
            partition = self._partitions.get(number) or self._add_partition(number)
            try:
                if partition.producer is None:
                    self._open(number, partition)  # 2
                self._fold(number, partition)  # 3
                published += self._publish(number, partition)  # 4
            except OutcomeUnknown:
                self._release(number)  # 5
                raise
        return published

    def close(self) -> None:
        """Release every partition and the stream."""
        for number in self._partitions:
            self._release(number)
        self._stream.close()

    def _add_partition(self, number: int) -> _Partition:
        fold = InMemoryFold(number, self._serializer.log_id, self._decode)
        partition = self._partitions[number] = _Partition(fold)
        return partition

    def _release(self, number: int) -> None:
        partition = self._partitions[number]
        if partition.producer is not None:
            partition.producer.close()
            partition.producer = None

    def _open(self, number: int, partition: _Partition) -> None:
        partition.producer = self._stream.open(number)
        partition.tail = partition.producer.tail
        position = BEGINNING
        if partition.tail is not None:
            position = partition.tail.feed_position
            head = self._log.head(number)
            if position.position > head:
                raise StreamAheadOfLog(partition=number, position=position.position, head=head)
            if partition.tail.log_id != self._serializer.log_id:
                theirs, ours = f"{partition.tail.decision_id} of log {partition.tail.log_id}", self._serializer.log_id
                raise StreamDiverged(partition=number, theirs=theirs, ours=f"log {ours}")
        if position < partition.published:
            ours = f"more, up to position {partition.published.position}"
            raise StreamDiverged(partition=number, theirs=str(partition.tail), ours=ours)
        # These were folded before the tail was known.
        queued, partition.unpublished, partition.published = partition.unpublished, [], position
        self._queue(number, partition, queued)
        self._logger.info("publisher.opened", partition=number, position=position.position, ordinal=position.ordinal)

    def _fold(self, number: int, partition: _Partition) -> None:
        while len(partition.unpublished) < self._batch:
            found = self._log.read(number, partition.folded, _READ_BATCH)
            for stored in found:
                decisions = partition.fold.apply(stored)
                self._queue(
                    number,
                    partition,
                    [(FeedPosition(stored.id, ordinal), decision) for ordinal, decision in enumerate(decisions)],
                )
                partition.folded = stored.id
            if len(found) < _READ_BATCH:
                return

    def _queue(
        self, number: int, partition: _Partition, decisions: Sequence[tuple[FeedPosition, PublicDecision]]
    ) -> None:
        """Queue what the stream does not have yet, and compare its last decision with ours."""
        for position, decision in decisions:
            tail = partition.tail
            if tail is not None and position == tail.feed_position and decision["id"] != tail.decision_id:
                raise StreamDiverged(partition=number, theirs=tail.decision_id, ours=decision["id"])
            if position > partition.published:
                partition.unpublished.append((position, decision))

    def _publish(self, number: int, partition: _Partition) -> int:
        if partition.producer is None or not partition.unpublished:
            return 0
        batch = partition.unpublished[: self._batch]
        partition.producer.publish([(position, self._serializer.record(decision)) for position, decision in batch])
        del partition.unpublished[: len(batch)]
        self.published += len(batch)
        partition.published = batch[-1][0]
        last_position, last = batch[-1]
        self._logger.info(
            "decisions.published",
            partition=number,
            count=len(batch),
            position=last_position.position,
            decision=last["id"],
            unit=last["unit"]["id"],
        )
        return len(batch)


def publish_all(publisher: Publisher, tries: Tries) -> int:
    """Publish until nothing is left, and release everything; returns how many decisions were published.

    What ends in OutcomeUnknown is tried again as long as `tries` allow, and then raised. Raises what `run` raises.
    """
    before = publisher.published
    try:
        while True:
            try:
                if not publisher.step():
                    return publisher.published - before
            except OutcomeUnknown:
                if tries.is_over:
                    raise
                tries.pause()
            else:
                tries.progress()
    finally:
        publisher.close()
