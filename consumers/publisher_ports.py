"""What a publisher needs from outside: a partition of the stream, and a store for its fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from projections.public_decisions.read_model import FeedPosition
from projections.public_decisions.tables import PublicDecision, RowStore


class StreamTail(NamedTuple):
    """What a record of the stream says of where it stems from."""

    log_id: str
    feed_position: FeedPosition
    decision_id: str


class OutcomeUnknown(Exception):
    """Whether a transaction was committed is not known, or another publisher took over: read the tail again."""


class TailUndecided(OutcomeUnknown):
    """A transaction that is none of ours is open: what stands from the offset `first` on cannot be read yet."""

    def __init__(self, first: int, end: int) -> None:
        super().__init__(f"offset {first} to {end} is not decided yet")
        self.first = first


class PartitionUnsettled(Exception):
    """The outcome in a partition stayed unknown for as long as it was tried."""

    def __init__(self, partition: int, unknown: OutcomeUnknown) -> None:
        super().__init__(f"partition {partition}: {unknown}")
        self.partition = partition
        self.unknown = unknown


class PartitionProducer(Protocol):
    """One partition of the stream, open for one publisher: whoever published before is shut out."""

    @property
    def tail(self) -> StreamTail | None:
        """The last record of ours that was committed when it was opened; None when there was none."""

    def publish(self, decisions: Sequence[tuple[FeedPosition, PublicDecision]]) -> None:
        """Append records in one transaction, all or none. Raises OutcomeUnknown."""

    def hidden(self) -> TailUndecided | None:
        """What of the partition an open transaction hides from those who read what is committed.

        Raises OutcomeUnknown.
        """

    def close(self) -> None:
        """Release it."""


class FoldCheckpoint(NamedTuple):
    """How far a partition was folded.

    `position` is that of the last event, `event` its digest (see `digest_of`); `last` and `last_id` are of the last
    decision that the events up to there led to, (0, 0) and None where there was none.
    """

    position: int
    event: bytes
    last: FeedPosition
    last_id: str | None


class FoldStore(RowStore, Protocol):
    """The rows of a fold, kept from one start to the next. A cache: whatever is wrong with it, it is made anew."""

    def load(self) -> FoldCheckpoint | None:
        """How far the rows go that were saved for this log and release; None where there are none that are whole."""

    def save(self, checkpoint: FoldCheckpoint) -> None:
        """Keep the rows as they are now, all or none. Raises InfrastructureError where there is no room."""

    def clear(self) -> None:
        """Forget every row."""

    def close(self) -> None:
        """Release it; what was not saved is forgotten."""


class FoldStoreDamaged(Exception):
    """A row is not what was saved: the store is of no use any more, and the fold begins anew."""


class Tries(Protocol):
    """How long something is tried again: `infra.retry.Retry`."""

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""

    def progress(self) -> None:
        """Something worked: the time begins anew."""

    def pause(self) -> None:
        """Wait a moment before the next try."""
