"""What the processes ask of a log. `infra.log` provides it; nothing here knows with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent


class CommandKey(NamedTuple):
    """A command id within its unit: `scope` is the unit's first 48 bits of any of its dossiers' ids."""

    scope: bytes
    command_id: UUID


NO_KEY = CommandKey(b"\0" * 6, UUID(int=0))
"""Of a command whose unit or id could not be read."""


class QueuePosition(NamedTuple):
    """Where a command came from: the id of the commands topic, and the command's offset there."""

    topic_id: UUID
    offset: int


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What was decided about one command: the events to append, and the answer that its id is bound to.

    `digest` (32 bytes) is the content of the command, `answer` a line of JSON. A refusal has no events. `source` is
    given for a command that was taken from a queue; a log without a queue does not keep it.

    `outcome` is "decided" (events, or a refusal), "repeated" (the id was bound before: this binds nothing) or "dead"
    (the command could not be decoded or handled: this binds nothing, so that it can be retried; its key may be NO_KEY).
    """

    key: CommandKey
    digest: bytes
    answer: str
    events: Sequence[StoredEvent]
    source: QueuePosition | None = None
    outcome: Literal["decided", "repeated", "dead"] = "decided"


class ConcurrencyConflict(Exception):
    """Somebody else appended after the head on which the decisions were made: read on and decide anew."""


class AppendTooLarge(Exception):
    """More than one append can hold: nothing was appended."""


class Log(Protocol):
    """An append-only log in partitions, with the answers of the commands that it has handled."""

    @property
    def log_id(self) -> str:
        """What tells this log from every other, for ever."""
        ...

    @property
    def partitions(self) -> range:
        """The partitions, from 0."""
        ...

    def partition_of(self, dossier_id: UUID) -> int:
        """The partition of a dossier: all dossiers of a unit share one."""
        ...

    def head(self, partition: int) -> int:
        """The last position of a partition, 0 when it is empty."""
        ...

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """Events after a position, in order; fewer than `limit` only at the head."""
        ...

    def events_of(self, dossier_id: UUID) -> Sequence[StoredEvent]:
        """The events of one dossier in order."""
        ...

    def answers(self, partition: int, keys: Sequence[CommandKey]) -> Mapping[CommandKey, tuple[bytes, str]]:
        """Digest and first answer of those commands that were handled before."""
        ...

    def append(self, partition: int, head: int, decisions: Sequence[CommandOutcome]) -> None:
        """Append all events and answers after `head` at once and durably, or change nothing.

        Raises Conflict, AppendTooLarge.
        """
        ...


class QueueLog(Log, Protocol):
    """A log that remembers which commands of a queue it has handled."""

    def refresh(self, partition: int) -> None:
        """Read to the end: what anybody appended before is seen afterwards."""
        ...

    def commands_offset(self, partition: int) -> QueuePosition | None:
        """The last command of the queue's partition that has been handled; None before the first."""
        ...


class QueuedCommand(NamedTuple):
    """A command as it stands in the queue: where, and its bytes (None: a record without a value)."""

    source: QueuePosition
    value: bytes | None


class DeadLetter(NamedTuple):
    """A command that could not be decoded or handled: where it stands in the queue, and the answer that says why."""

    source: QueuePosition
    answer: str


class CommandQueue(Protocol):
    """One partition of the queue of commands."""

    def take(self, after: QueuePosition | None) -> Sequence[QueuedCommand]:
        """What stands after a command (None: from the first on), in order; waits a moment when there is nothing."""
        ...


class Replies(Protocol):
    """The answers to a partition's commands. They are made from what the log accepted, and sent at least once."""

    def again(self) -> None:
        """Send those of the last accepted record: whoever appended it may have died before it answered."""
        ...

    def send(self) -> None:
        """Send those of all records that were accepted since the last time."""
        ...


class DeadLetters(Protocol):
    """Where commands go that cannot be handled, until somebody looks at them."""

    def bury(self, letters: Sequence[tuple[DeadLetter, bytes]]) -> None:
        """Write them durably, at least once, each with the command's bytes."""
        ...
