"""What the handling of commands asks of a log and of a queue; `infra` provides it, on SQLite or Kafka."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from projections.engine.ports import DossierLog


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


class RecordedCommand(NamedTuple):
    """A handled command as the log has it: its offset, its id (None: not known), and its digest (32 bytes)."""

    offset: int
    command_id: str | None
    digest: bytes


class LastHandled(NamedTuple):
    """The last command of a queue's partition that was handled.

    `recorded` is that command, or the last one before it, in the same record of the log, whose digest is known; None
    where there is none.
    """

    source: QueuePosition
    recorded: RecordedCommand | None


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What was decided about one command: the events to append, and the answer that its id is bound to.

    `digest` (32 bytes) is that of the command's content, or of the bytes of what is none; `answer` a line of JSON. A
    refusal has no events. `source` is given for a command that was taken from a queue; a log without a queue does not
    keep it.

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
    """Somebody else appended after the head on which the commands were decided: read on and decide anew."""


class AppendTooLarge(Exception):
    """More than one append can hold: nothing was appended."""


class CommandLog(DossierLog, Protocol):
    """A log that commands are decided against: an append is conditional, and keeps the answers of its commands."""

    def refresh(self, partition: int) -> None:
        """Read to the end: what anybody appended before is seen afterwards."""

    def check_end(self, partition: int) -> None:
        """Compare the last record that was read with what stands there, and read on. Raises where either is wrong."""

    def answers(self, partition: int, keys: Sequence[CommandKey]) -> Mapping[CommandKey, tuple[bytes, str]]:
        """Digest and first answer of those commands that were handled before."""

    def last_given(self, partition: int) -> int:
        """The last position that was given out: above the head where the positions behind it are empty."""

    def append(
        self, partition: int, head: int, outcomes: Sequence[CommandOutcome], *, given: int | None = None
    ) -> None:
        """Append all events and answers after `head` at once and durably, or change nothing.

        The first event gets the position after `given`, which is the head unless it is said. Raises ConcurrencyConflict
        where either is no longer so, AppendTooLarge.
        """

    def commands_offset(self, partition: int) -> QueuePosition | None:
        """The last command of the queue's partition that was handled; None before the first, or without a queue."""

    def last_handled(self, partition: int) -> LastHandled | None:
        """The same, with what the log recorded of it."""


class QueuedCommand(NamedTuple):
    """A command as it stands in the queue: where, and its bytes (None: a record without a value).

    Records that cannot be read are one such, without bytes, at the place of the last of them: `first` is the offset of
    the first one, and `reason` says why.
    """

    source: QueuePosition
    value: bytes | None
    first: int | None = None
    reason: str = ""


class DeadLetter(NamedTuple):
    """A command that could not be decoded or handled: its place in the queue, its bytes, and the answer to it."""

    source: QueuePosition
    value: bytes
    answer: str


class CommandQueue(Protocol):
    """One partition of the queue of commands."""

    def check(self, last_handled: Callable[[], LastHandled | None]) -> None:
        """Raises QueueCut where the last handled command does not stand in the queue any more.

        It is looked for once on each connection, and `poll` gives nothing that came over another one.
        """

    def poll(self, after: QueuePosition | None) -> Sequence[QueuedCommand]:
        """What stands after a command (None: from the first on), in order; waits a moment when there is nothing."""


class Replies(Protocol):
    """The answers to a partition's commands. They are made from what the log accepted, and sent at least once."""

    def resend_last(self) -> None:
        """Send those of the last accepted record: whoever appended it may have died before it answered."""

    def send(self) -> None:
        """Send those of all records that were accepted since the last time."""


class DeadLetters(Protocol):
    """Where commands go that cannot be handled, until somebody looks at them."""

    def store(self, letters: Sequence[DeadLetter]) -> None:
        """Write them durably, at least once."""
