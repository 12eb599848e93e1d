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


class Source(NamedTuple):
    """Where a command came from: the id of the commands topic, and the command's offset there."""

    topic_id: UUID
    offset: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one command: the events to append, and the answer that its id is bound to.

    `digest` (32 bytes) is the content of the command, `answer` a line of JSON. A refusal has no events. `source` is
    given for a command that was taken from a queue; a log without a queue does not keep it.

    `outcome` is "decided" (events, or a refusal), "repeated" (the id was bound before: this binds nothing) or "dead"
    (the command could not be decoded or handled: this binds nothing, so that it can be retried).
    """

    key: CommandKey
    digest: bytes
    answer: str
    events: Sequence[StoredEvent]
    source: Source | None = None
    outcome: Literal["decided", "repeated", "dead"] = "decided"


class Conflict(Exception):
    """Somebody else appended after the head on which the decisions were made: read on and decide anew."""


class Log(Protocol):
    """An append-only log in partitions, with the answers of the commands that it has handled."""

    log_id: str
    partitions: range

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

    def append(self, partition: int, head: int, decisions: Sequence[Decision]) -> None:
        """Append all events and answers after `head` at once and durably, or raise Conflict and change nothing."""
        ...
