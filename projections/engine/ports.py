"""What the engine needs from outside: a log to read and a store for the read models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from domain.recorded_event import RecordedEvent
from projections.engine.empty_positions import EmptyPositions
from projections.engine.table import Row, Table, Value

Decode = Callable[[StoredEvent], RecordedEvent]
"""A stored event to the domain's event, in its newest shape. Raises InfrastructureError for one it cannot read.

ProgramTooOld says that a newer release can: that is where whoever folds the log must stop.
"""

Progress = Callable[[int, int, int], None]
"""Called after each batch with the partition, the position reached in it, and the position to reach."""


class SnapshotExpired(Exception):  # handled within the engine, which reads anew
    """A table was dropped after the snapshot was taken and before it was pinned: take another snapshot."""


class InvalidRow(Exception):  # handled within the engine, which parks the event
    """The store takes no such value in a row (a NUL in a text, a date): the store's own words are the message."""


class LogReader(Protocol):
    """The log, partition by partition. Positions start at 1 and are dense, but for those of voided records."""

    @property
    def log_id(self) -> str:
        """What tells this log from every other, for ever."""

    @property
    def partitions(self) -> range:
        """The partitions, from 0."""

    def head(self, partition: int) -> int:
        """The last position of a partition that has an event; 0 when it is empty."""

    def empty_positions(self, partition: int) -> EmptyPositions:
        """The positions that have no event because their records were voided."""

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """At most `limit` events whose position is above `after`, in order; fewer only at the head."""

    def history(self, partition: int, position: int) -> bytes | None:
        """What tells the log up to a position (from 1) from every other one: 32 bytes; None where it ends before.

        It covers every record up to the one with that position, and which positions up to there are empty. It stays
        the same while the log grows, and costs as good as nothing, however long the log is.
        """


class DossierLog(LogReader, Protocol):
    """The log as everybody may read it: also dossier by dossier, and by the types of its events."""

    def partition_of(self, dossier_id: UUID) -> int:
        """The partition of a dossier: all dossiers of a unit share one."""

    def events_of(self, dossier_id: UUID) -> Sequence[StoredEvent]:
        """The events of one dossier in order."""

    def read_types(
        self, partition: int, types: Collection[str], after: int, up_to: int, limit: int
    ) -> Sequence[Notification]:
        """At most `limit` events of these types (their topics) at positions in `after` < position <= `up_to`, in order.

        Fewer than `limit` only where no more of them stand up to `up_to`.
        """


class Reader(Protocol):
    """A store as it stood at one moment."""

    def select(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """The rows of a query; `?` marks each parameter."""

    def select_by(self, physical: str, column: str, values: Sequence[Value]) -> list[Row]:
        """The rows of a table whose text column has one of these values."""

    def stream(self, sql: str) -> Iterator[list[tuple[Value, ...]]]:
        """The rows of a query in chunks of at most a thousand; never more in memory."""

    def has_table(self, name: str) -> bool:
        """Whether a table exists."""

    def pin(self, names: Sequence[str]) -> None:
        """Keep these tables readable until the transaction ends, whoever drops them. Raises SnapshotExpired."""


class Writer(Reader, Protocol):
    """One transaction of a store."""

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run one statement; returns how many rows it changed."""

    def create(self, table: Table, physical: str) -> None:
        """Make a table, without its indexes, unless it is there."""

    def index(self, table: Table, physical: str) -> None:
        """Make the indexes that are missing."""

    def upsert(self, table: Table, physical: str, rows: Sequence[tuple[Value, ...]], *, new: bool = False) -> None:
        """Store rows (values in the order of the columns, no key twice), new or changed. Raises InvalidRow.

        `new` says that they are most likely all new: a store may try what is faster for such rows first.
        """


class Views(Protocol):
    """A store of read models."""

    def reading(self) -> AbstractContextManager[Reader]:
        """A snapshot: what others write meanwhile does not show."""

    def transaction(self) -> AbstractContextManager[Writer]:
        """A transaction beside others of its kind: stored at its end, or not at all on an error."""

    def exclusive_transaction(self) -> AbstractContextManager[Writer]:
        """A transaction that is alone: no other one writes from its start to its end."""

    def drop(self, names: Sequence[str]) -> bool:
        """Drop tables that nobody begins to read any more; False when one is still being read: ask again later."""
