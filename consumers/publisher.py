"""`dossier publisher`: from the log to the public stream of decisions, each once, in the order of the log.

Partition p of the log goes to partition p of the stream, and no partition waits for another. The stream itself knows
how far it has come. What a unit's decisions repeat and count is folded from the log; a `FoldStore` spares the next
start the way there, and is believed only where log and stream bear it out.

    InfrastructureError
    ├── StreamDiverged     the stream's last decision is not what the log says
    └── StreamAheadOfLog   the stream's last decision stems from a position that the log does not hold
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Event as Flag
from typing import Final

import structlog
from eventsourcing.persistence import Notification

from consumers.cloudevents import DecisionSerializer
from consumers.publisher_ports import (
    FoldCheckpoint,
    FoldStore,
    FoldStoreDamaged,
    OutcomeUnknown,
    PartitionProducer,
    PartitionUnsettled,
    StreamTail,
    TailUndecided,
    Tries,
)
from domain.errors import InfrastructureError
from projections.engine.empty_positions import next_position
from projections.engine.ports import Decode, LogReader
from projections.public_decisions.partition_fold import PartitionFold
from projections.public_decisions.read_model import BEGINNING, FeedPosition
from projections.public_decisions.tables import PublicDecision

BATCH: Final = 500
"""Decisions in one transaction at most."""
LOOK_EVERY: Final = 15.0
"""Seconds between two looks whether readers of committed records can see what was published."""
_READ_BATCH: Final = 1000
_SAVE_EVERY: Final = 1000
"""Events after which the fold is saved where no decision comes: as many are folded again at most after a crash."""
_IDLE_PAUSE: Final = 0.005
_RETRY_PAUSE: Final = 0.5


class StreamDiverged(InfrastructureError):
    """The stream holds something else than the log leads to."""

    code = "STREAM_DIVERGED"


class StreamAheadOfLog(InfrastructureError):
    """The log lost its end, or is an older copy."""

    code = "STREAM_AHEAD_OF_LOG"


def digest_of(stored: Notification) -> bytes:
    """SHA-256 of an event as it stands in the log: which dossier's, its version, its type and its bytes."""
    where = f"{stored.id}/{stored.originator_id}/{stored.originator_version}/{stored.topic}/".encode()
    return sha256(where + stored.state).digest()


@dataclass(slots=True)
class _Reached:
    """Up to where the log was folded, the last decision that it led to, and the last event that was folded here."""

    position: int = 0
    last: FeedPosition = BEGINNING
    last_id: str | None = None
    stored: Notification | None = None


class PartitionPublisher:
    """Publishes what one partition of a log leads to. Not for several threads at once.

    `open_producer` shuts out whoever published before, and reads the tail of what was committed; it raises
    OutcomeUnknown. `look_every`: seconds between two looks whether what was published can be read; `hidden_after`:
    seconds for which a stranger's open transaction may hide it.
    """

    def __init__(  # noqa: PLR0917  # one of each, and each of another type
        self,
        partition: int,
        log: LogReader,
        decode: Decode,
        open_producer: Callable[[], PartitionProducer],
        serializer: DecisionSerializer,
        store: FoldStore,
        *,
        batch: int = BATCH,
        look_every: float = LOOK_EVERY,
        hidden_after: float = 4 * LOOK_EVERY,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.partition = partition
        self._log = log
        self._open_producer = open_producer
        self._serializer = serializer
        self._store = store
        self._batch = batch
        self._look_every = look_every
        self._now = now
        self._hidden_after = hidden_after
        self._looked_at = now()
        self._hidden: tuple[int, float] | None = None
        """The first offset that is hidden, and since when."""
        self._fold = PartitionFold(partition, serializer.log_id, decode, store)
        self._producer: PartitionProducer | None = None
        self._tail: StreamTail | None = None
        self._begun = False
        # Up to where the log was folded, and what of it is not published.
        self._reached = _Reached()
        self._saved = 0
        self._unpublished: list[tuple[FeedPosition, PublicDecision]] = []
        self._published: tuple[FeedPosition, str | None] = (BEGINNING, None)
        self._tail_met = False
        self.published = 0
        """Decisions of which this publisher knows that it published them."""
        self._logger = structlog.get_logger("publisher").bind(partition=partition)

    def run(self, stop: Flag, tries: Tries, went_on: Callable[[], None] = lambda: None) -> None:
        """Publish until `stop` is set.

        `tries`: how long an unknown outcome is tried again before it is raised. `went_on` is called after each round
        that worked.

        Raises PartitionUnsettled, StreamDiverged, StreamAheadOfLog, UnknownEvent, CannotApply, and what log, stream
        and store raise.
        """
        try:
            while not stop.is_set():
                before = self.published
                try:
                    published = self.step()
                    hidden = self._look()
                except OutcomeUnknown as reason:
                    if self.published > before:
                        tries.progress()
                    if tries.is_over:
                        raise PartitionUnsettled(self.partition, reason) from reason
                    self._logger.warning("publisher.unsettled", reason=str(reason))
                    stop.wait(_RETRY_PAUSE)
                    continue
                if hidden is not None:
                    raise PartitionUnsettled(self.partition, hidden)
                tries.progress()
                went_on()
                if not published:
                    stop.wait(_IDLE_PAUSE)
            self._save(at_least=1)
        finally:
            self.close()

    def step(self) -> int:
        """One round; returns how many decisions were published.

        1. Open the partition: whoever published before is fenced off, then the tail says what is published. At first,
           see how far a fold that was saved goes.
        2. Read on in the log and fold it. What the stream has already is not published again, but must agree.
        3. Publish what follows, in transactions of `batch` decisions. Then raise what ended 2, if it was an error: what
           stands before an event that cannot be read or applied does not wait for it.
        4. Save the fold: all that it led to is in the stream now.

        If it is not known whether 3 worked, the producer is given up, so that the next round begins at 1.
        """
        try:
            if self._producer is None:
                self._open()  # 1
            failed = self._read_on()  # 2
            published = self._publish()  # 3
            if failed is not None:
                raise failed
            self._save(at_least=1 if published else _SAVE_EVERY)  # 4
        except OutcomeUnknown:
            self._release()
            raise
        except FoldStoreDamaged as damage:
            self._begin_anew(str(damage))
            return self.step()
        return published

    def close(self) -> None:
        """Release everything."""
        self._release()
        self._store.close()

    def _release(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close()

    def _open(self) -> None:
        producer = self._producer = self._open_producer()
        tail = self._tail = producer.tail
        position = BEGINNING
        if tail is not None:
            position = tail.feed_position
            head = self._log.head(self.partition)
            if position.position > head:
                raise StreamAheadOfLog(partition=self.partition, position=position.position, head=head)
            if not self._serializer.is_of(tail.log_id):
                theirs, ours = f"{tail.decision_id} of log {tail.log_id}", f"log {self._serializer.log_id}"
                raise StreamDiverged(partition=self.partition, theirs=theirs, ours=ours)
        if position < self._published[0]:
            ours = f"more, up to position {self._published[0].position}"
            raise StreamDiverged(partition=self.partition, theirs=str(tail), ours=ours)
        known = [self._published] if self._tail_met else []
        if not self._begun:
            self._take_up_checkpoint(position)
        self._published = (position, tail.decision_id if tail is not None else None)
        self._tail_met = tail is None or self._published in (*known, (self._reached.last, self._reached.last_id))
        # These were folded before the tail was known.
        queued, self._unpublished = self._unpublished, []
        self._queue(queued)
        self._begun = True
        self._logger.info("publisher.opened", position=position.position, ordinal=position.ordinal)

    def _take_up_checkpoint(self, published: FeedPosition) -> None:
        """Begin where a fold that was saved ends, if the log still leads there and the stream has all it led to."""
        found = self._store.load()
        reason = "nothing is saved" if found is None else self._objection(found, published)
        if found is None or reason is not None:
            self._begin_anew(reason)
            return
        self._reached = _Reached(found.position, found.last, found.last_id)
        self._saved = found.position
        self._logger.info("publisher.went_on", position=found.position)

    def _objection(self, found: FoldCheckpoint, published: FeedPosition) -> str | None:
        """Why a saved fold cannot be used; None where it can.

        It must end at an event that the log holds: then it holds the same before it. It must not be ahead of the
        stream, whose missing decisions could not be made any more; nor may the stream have more up to there.
        """
        tail = self._tail
        if found.last > published:
            return "the stream is behind it"
        if found.last < published and published.position <= found.position:
            return "the stream has a decision that it does not have"
        if tail is not None and found.last == published and found.last_id != tail.decision_id:
            return "the stream has another decision in its place"
        if found.position > self._log.head(self.partition):
            return "the log ends before it"
        (stored,) = self._log.read(self.partition, found.position - 1, 1) or (None,)
        if stored is None or digest_of(stored) != found.event:
            return "the log holds another event there"
        return None

    def _begin_anew(self, reason: str | None) -> None:
        """Fold from the first event on."""
        self._store.clear()
        self._reached, self._saved = _Reached(), 0
        self._unpublished.clear()
        self._tail_met = self._tail is None
        self._logger.info("publisher.folds_anew", reason=reason)

    def _read_on(self) -> InfrastructureError | None:
        """Returns what ended it where log or events cannot be read, or an event not be applied."""
        reached = self._reached
        while len(self._unpublished) < self._batch:
            try:
                found = self._log.read(self.partition, reached.position, _READ_BATCH)
            except InfrastructureError as error:
                return error
            if found and self._is_voided(reached.position):
                self._begin_anew("what was folded last was voided")
                reached = self._reached
                continue
            for stored in found:
                try:
                    decisions = self._fold.apply(stored)
                except InfrastructureError as error:
                    self._check_tail()
                    return error
                reached.position, reached.stored = stored.id, stored
                if decisions:
                    places = [FeedPosition(stored.id, ordinal) for ordinal in range(len(decisions))]
                    self._queue(list(zip(places, decisions, strict=True)))
                    reached.last, reached.last_id = places[-1], decisions[-1]["id"]
            self._check_tail()
            self._save(at_least=_SAVE_EVERY)
            if len(found) < _READ_BATCH:
                break
        return None

    def _is_voided(self, position: int) -> bool:
        empty = self._log.empty_positions(self.partition)
        return position > 0 and next_position(position - 1, empty) != position

    def _queue(self, decisions: Sequence[tuple[FeedPosition, PublicDecision]]) -> None:
        """Queue what the stream does not have yet, and compare its last decision with ours."""
        for position, decision in decisions:
            tail = self._tail
            if tail is not None and position == tail.feed_position:
                if decision["id"] != tail.decision_id:
                    raise StreamDiverged(partition=self.partition, theirs=tail.decision_id, ours=decision["id"])
                self._tail_met = True
            if position > self._published[0]:
                self._unpublished.append((position, decision))

    def _check_tail(self) -> None:
        """Raises StreamDiverged where the log was folded past the stream's last decision, and does not lead to it."""
        tail = self._tail
        if tail is not None and not self._tail_met and self._reached.position >= tail.feed_position.position:
            ours = f"no decision at position {tail.feed_position.position}"
            raise StreamDiverged(partition=self.partition, theirs=tail.decision_id, ours=ours)

    def _publish(self) -> int:
        published = 0
        while self._unpublished and self._producer is not None:
            batch = self._unpublished[: self._batch]
            self._producer.publish([(position, self._serializer.record(decision)) for position, decision in batch])
            del self._unpublished[: len(batch)]
            self.published += len(batch)
            published += len(batch)
            position, last = batch[-1]
            self._published = (position, last["id"])
            self._logger.info(
                "decisions.published",
                count=len(batch),
                position=position.position,
                decision=last["id"],
                unit=last["unit"]["id"],
            )
        return published

    def _save(self, *, at_least: int) -> None:
        """Save the fold where it has come on by so many events, and all that it led to is published."""
        reached = self._reached
        if reached.stored is None or self._unpublished or reached.position < self._saved + at_least:
            return
        self._store.save(FoldCheckpoint(reached.position, digest_of(reached.stored), reached.last, reached.last_id))
        self._saved = reached.position

    def _look(self) -> TailUndecided | None:
        """Now and then: see whether what was published can be read, and return why it has not been for too long.

        For a moment it is hidden by what this publisher has just committed. Raises OutcomeUnknown.
        """
        if self._producer is None or self._now() < self._looked_at + self._look_every:
            return None
        now = self._looked_at = self._now()
        hidden = self._producer.hidden()
        if hidden is None:
            self._hidden = None
            return None
        if self._hidden is None or self._hidden[0] != hidden.first:
            self._hidden = (hidden.first, now)
        self._logger.warning("publisher.hidden", reason=str(hidden))
        return hidden if now >= self._hidden[1] + self._hidden_after else None


def publish_all(publishers: Sequence[PartitionPublisher], tries: Tries) -> int:
    """Publish until nothing is left of any partition, and release everything; returns how many were published.

    A partition that cannot be published holds up no other one. What ends in OutcomeUnknown is tried again as long as
    `tries` allow, from the last decision on that was published. Raises the first error at the end: what `run` raises.
    """
    before = sum(each.published for each in publishers)
    failed: list[Exception] = []
    try:
        left = list(publishers)
        while left:
            left, unknown = _one_round(left, failed, tries)
            if unknown is None:
                continue
            if tries.is_over:
                failed.append(unknown)
                break
            tries.pause()
    finally:
        for each in publishers:
            each.close()
    if failed:
        raise failed[0]
    return sum(each.published for each in publishers) - before


def _one_round(
    publishers: Sequence[PartitionPublisher], failed: list[Exception], tries: Tries
) -> tuple[list[PartitionPublisher], PartitionUnsettled | None]:
    """A step of each; which have more to do, and one whose outcome is unknown."""
    left, unknown = [], None
    for each in publishers:
        published = each.published
        try:
            if each.step():
                left.append(each)
        except OutcomeUnknown as error:
            left.append(each)
            unknown = PartitionUnsettled(each.partition, error)
        except InfrastructureError as error:
            failed.append(error)
        if each.published > published:
            tries.progress()
    return left, unknown
