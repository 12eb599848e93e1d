"""`dossier publisher`: from the log to the public stream of decisions, each once, in the order of the log.

Partition p of the log goes to partition p of the stream. The stream itself knows how far it has come: nothing else is
remembered. What a unit's decisions repeat and count is folded from the log anew at each start.

    InfrastructureError
    ├── StreamDiverged     the stream's last decision is not what the log says
    └── StreamAheadOfLog   the stream's last decision stems from a position that the log does not hold
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
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
_READ: Final = 5000
_IDLE: Final = 0.002
_AGAIN: Final = 0.5


class StreamTail(NamedTuple):
    """What a record of the stream says of where it stems from."""

    log_id: str
    place: FeedPosition
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
        """Append records in one transaction, all or none. Raises Unsettled."""

    def close(self) -> None:
        """Let go of it."""


class Stream(Protocol):
    """The public stream."""

    def assigned(self) -> frozenset[int]:
        """The partitions that are this publisher's now."""

    def open(self, partition: int) -> PartitionProducer:
        """Shut out whoever published before, and read the tail of what was committed. Raises Unsettled."""

    def close(self) -> None:
        """Let go of everything."""


@dataclass(slots=True)
class _Partition:
    """How far a partition was folded, and what of it is not published yet."""

    fold: InMemoryFold
    folded: int = 0
    waiting: list[tuple[FeedPosition, PublicDecision]] = field(default_factory=list)
    published: FeedPosition = BEGINNING
    tail: StreamTail | None = None
    line: PartitionProducer | None = None


class Publisher:
    """Publishes what a log leads to. Not for several threads; several processes share the partitions.

    `refresh` makes a log that reads through an index of its own see what others appended to a partition.
    """

    def __init__(
        self,
        log: LogReader,
        decode: Decode,
        stream: Stream,
        publication: DecisionSerializer,
        *,
        batch: int = BATCH,
        refresh: Callable[[int], object] | None = None,
    ) -> None:
        self._log = log
        self._refresh = refresh
        self._batch = batch
        self._decode = decode
        self._stream = stream
        self._publication = publication
        self._partitions: dict[int, _Partition] = {}
        self._said = structlog.get_logger("publisher")

    def run(self, stop: Flag, again: Callable[[float], object] | None = None) -> None:
        """Publish until `stop` is set; `again` waits.

        Raises StreamDiverged, StreamAheadOfLog, UnknownEvent, CannotApply, and what log and stream raise.
        """
        wait = again or stop.wait
        try:
            while not stop.is_set():
                try:
                    if not self.step():
                        wait(_IDLE)
                except OutcomeUnknown as reason:
                    self._said.warning("publisher.unsettled", reason=str(reason))
                    wait(_AGAIN)
        finally:
            self.close()

    def step(self) -> int:
        """One round over all partitions; returns how many decisions were published.

        1. Take the partitions that are ours now, and let go of the others.
        2. Open each: whoever published before is shut out, then the tail says what is published.
        3. Read the log on and fold it. What the stream has already is not published again, but must agree.
        4. Publish what follows in one transaction.
        5. If it is not known whether that worked: let go, and begin again at 2.
        """
        ours = self._stream.assigned()  # 1
        for number in [number for number in self._partitions if number not in ours]:
            self._let_go(number)
            del self._partitions[number]
        published = 0
        for number in sorted(ours):
            partition = self._partitions.get(number) or self._add_partition(number)
            try:
                if partition.line is None:
                    self._open(number, partition)  # 2
                self._fold(number, partition)  # 3
                published += self._publish(number, partition)  # 4
            except OutcomeUnknown:
                self._let_go(number)  # 5
                raise
        return published

    def close(self) -> None:
        """Let go of every partition and of the stream."""
        for number in self._partitions:
            self._let_go(number)
        self._stream.close()

    def _add_partition(self, number: int) -> _Partition:
        fold = InMemoryFold(number, self._publication.log_id, self._decode)
        partition = self._partitions[number] = _Partition(fold)
        return partition

    def _read_on(self, number: int) -> None:
        if self._refresh is not None:
            self._refresh(number)

    def _let_go(self, number: int) -> None:
        partition = self._partitions[number]
        if partition.line is not None:
            partition.line.close()
            partition.line = None

    def _open(self, number: int, partition: _Partition) -> None:
        partition.line = self._stream.open(number)
        self._read_on(number)
        partition.tail = partition.line.tail
        place = BEGINNING
        if partition.tail is not None:
            place = partition.tail.place
            head = self._log.head(number)
            if place.position > head:
                raise StreamAheadOfLog(partition=number, position=place.position, head=head)
            if partition.tail.log_id != self._publication.log_id:
                theirs, ours = f"{partition.tail.decision_id} of log {partition.tail.log_id}", self._publication.log_id
                raise StreamDiverged(partition=number, theirs=theirs, ours=f"log {ours}")
        if place < partition.published:
            ours = f"more, up to position {partition.published.position}"
            raise StreamDiverged(partition=number, theirs=str(partition.tail), ours=ours)
        # What waits was folded before the tail was known.
        waiting, partition.waiting, partition.published = partition.waiting, [], place
        self._take(number, partition, waiting)
        self._said.info("publisher.opened", partition=number, position=place.position, ordinal=place.ordinal)

    def _fold(self, number: int, partition: _Partition) -> None:
        self._read_on(number)
        while len(partition.waiting) < self._batch:
            found = self._log.read(number, partition.folded, _READ)
            for stored in found:
                decisions = partition.fold.apply(stored)
                self._take(
                    number,
                    partition,
                    [(FeedPosition(stored.id, ordinal), decision) for ordinal, decision in enumerate(decisions)],
                )
                partition.folded = stored.id
            if len(found) < _READ:
                return

    def _take(self, number: int, partition: _Partition, made: Sequence[tuple[FeedPosition, PublicDecision]]) -> None:
        """Let what the stream does not have wait for publication, and compare its last decision with ours."""
        for place, decision in made:
            tail = partition.tail
            if tail is not None and place == tail.place and decision["id"] != tail.decision_id:
                raise StreamDiverged(partition=number, theirs=tail.decision_id, ours=decision["id"])
            if place > partition.published:
                partition.waiting.append((place, decision))

    def _publish(self, number: int, partition: _Partition) -> int:
        if partition.line is None or not partition.waiting:
            return 0
        batch = partition.waiting[: self._batch]
        partition.line.publish([(place, self._publication.record(decision)) for place, decision in batch])
        del partition.waiting[: len(batch)]
        partition.published = batch[-1][0]
        last_place, last = batch[-1]
        self._said.info(
            "decisions.published",
            partition=number,
            count=len(batch),
            position=last_place.position,
            decision=last["id"],
            unit=last["unit"]["id"],
        )
        return len(batch)


def publish_all(publisher: Publisher) -> int:
    """Publish until nothing is left, and let go; returns how many were published. Raises what `run` raises."""
    published = 0
    try:
        while True:
            with suppress(OutcomeUnknown):
                found = publisher.step()
                published += found
                if not found:
                    return published
    finally:
        publisher.close()
