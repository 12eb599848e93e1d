"""One partition of a tape, as the committer and the readers see it: something that only grows, and may answer late.

`infra.kafka.client` is the one on Kafka, `infra.log.sqlite.tape` the one in an SQLite file; the tests have one in
memory that delays, loses, doubles and reorders.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class UnreadableBatch(NamedTuple):
    """Why the records of a batch are not known, and its first offset."""

    first: int
    reason: str


class Record(NamedTuple):
    """A record: its offset, and its value (None for a tombstone, which is a stranger's).

    `appended_at` is when it was appended, by the clock of whoever keeps the log, in milliseconds since 1970; 0 where
    that is not known. A batch that cannot be read stands as one record without a value, at its last offset.
    """

    offset: int
    value: bytes | None
    appended_at: int = 0
    unreadable: UnreadableBatch | None = None


class FetchResult(NamedTuple):
    """Records in order of their offsets, and the offset after them, which may be past the last one's next."""

    records: list[Record]
    next_offset: int


class PendingAppend(Protocol):
    """A record on its way."""

    def result(self) -> int | None:
        """Wait for the offset at which the record stands; None when that is unknown. Never waits for ever.

        Raises LogUnusable for an error that no retry mends: then it was not appended.
        """
        ...


class PartitionClient(Protocol):
    """A partition of a tape. Not for several threads at once."""

    largest: int
    """The most bytes that a value may have."""
    lag: float
    """Seconds that a record which was acknowledged may take to come into sight, at most."""

    @property
    def tape(self) -> str:
        """What tells this tape from every other, copies of it excepted; empty where it was never given a name."""
        ...

    @property
    def session(self) -> object:
        """Stays equal as long as nothing that was read can be gone; None where that is not known."""
        ...

    def send(self, value: bytes) -> PendingAppend | None:
        """Start to append a record.

        None where the tape compares by itself, and has records that were not read yet: then nothing was appended.
        """
        ...

    def read(self, start: int) -> Iterator[FetchResult]:
        """All records from an offset on, up to the high watermark as it is now or later.

        Raises LogChanged when the log is shorter than that, begins above offset 0, or is another topic by now;
        KafkaUnreachable when no broker answers in time; LogUnusable when a file cannot be read.
        """
        ...

    def follow(self, start: int, seconds: float) -> FetchResult:
        """The next records from an offset on as soon as there are any, or none after some seconds. Raises as `read`."""
        ...

    def close(self) -> None:
        """Let the connections go."""
        ...
