"""What the engine needs from outside: a log to read and a store for the read models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from eventsourcing.persistence import Notification

from projections.table import Row, Value

Decode = Callable[[str, bytes], dict[str, Any]]
"""Topic and bytes of an event to its fields: `recorded_at` a UTC datetime, days as date, what is not given as None."""

Progress = Callable[[int, int, int], None]
"""Told after each batch: the partition, the position reached in it, and the position to reach."""


class LogReader(Protocol):
    """The log, partition by partition. Positions start at 1 and only grow."""

    @property
    def log_id(self) -> str:
        """What tells this log from every other, for ever."""

    @property
    def partitions(self) -> range:
        """The partitions, from 0."""

    def head(self, partition: int) -> int:
        """The last position of a partition; 0 when it is empty."""

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """At most `limit` events whose position is above `after`, in order."""


class Reader(Protocol):
    """A store as it stood at one moment."""

    def select(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """The rows of a query; `?` marks each parameter."""

    def has_table(self, name: str) -> bool:
        """Whether a table exists."""


class Writer(Reader, Protocol):
    """One transaction of a store; it alone writes."""

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        """Run one statement."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each row of parameters."""


class Views(Protocol):
    """A store of read models."""

    def reading(self) -> AbstractContextManager[Reader]:
        """A snapshot: what others write meanwhile does not show."""

    def writing(self) -> AbstractContextManager[Writer]:
        """A transaction that holds the one write lock from its start; stored at its end, or not at all on an error."""
