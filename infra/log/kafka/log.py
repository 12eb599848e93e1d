"""The log on Kafka as the processes use it: all partitions, conditional appends, and what an operator needs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from consumers.commands import ports
from consumers.commands.ports import CommandKey, CommandOutcome, QueuePosition
from infra.kafka.errors import AppendTooLarge
from infra.kafka.settings import KafkaSettings
from infra.log.append_requests import DecisionsJob
from infra.log.format import Append, Command, Orphan, RecordedOutcome
from infra.log.index import Head
from infra.log.kafka.recorder import KafkaApplicationRecorder, rows
from infra.log.partition_handle import PartitionHandle, close_partition, open_partition
from infra.log.partitioning import partition_of

_OUTCOMES: Final = {"repeated": RecordedOutcome.REPEATED, "dead": RecordedOutcome.DEAD}


class KafkaLog:
    """See `ports.CommandLog`. A partition is opened when it is first asked for, with an index for this process."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self.partitions = range(settings.partitions)
        self._opened: dict[int, PartitionHandle] = {}
        self._recorders: dict[int, KafkaApplicationRecorder] = {}

    @property
    def log_id(self) -> str:
        """The cluster's id and the topic's: another one when the topic was made anew."""
        identity = self.opened(0).topic.identity
        return f"{identity.cluster_id}/{identity.topic_id}"

    def opened(self, partition: int) -> PartitionHandle:
        """A partition, opened when it was not. Raises LogUnusable."""
        found = self._opened.get(partition)
        if found is None:
            found = self._opened[partition] = open_partition(self.settings, partition)
            self._recorders[partition] = KafkaApplicationRecorder(found)
        return found

    def release(self, partition: int) -> None:
        """Let another process have a partition's index."""
        opened = self._opened.pop(partition, None)
        if opened is not None:
            del self._recorders[partition]
            close_partition(opened)

    def close(self) -> None:
        """Close all partitions."""
        for partition in list(self._opened):
            self.release(partition)

    def partition_of(self, dossier_id: UUID) -> int:
        """The first 48 bits of the id modulo P."""
        return partition_of(dossier_id, self.settings.partitions)

    def head(self, partition: int) -> int:
        """The last position in the index: as of the last append or read of this process. See `refresh`."""
        return self.opened(partition).partition.indexed

    def refresh(self, partition: int) -> None:
        """Read to the high watermark: what anybody appended before is seen afterwards."""
        self.opened(partition).refresh()

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """Events after a position, in order."""
        self._whole(partition)
        return self._recorders[partition].read(after, limit)

    def read_types(
        self, partition: int, types: Collection[str], after: int, up_to: int, limit: int
    ) -> Sequence[Notification]:
        """Events of these types after a position, none after `up_to`, in order."""
        self._whole(partition)
        return self._recorders[partition].read_types(types, after, up_to, limit)

    def events_of(self, dossier_id: UUID) -> Sequence[StoredEvent]:
        """The events of one dossier in order."""
        partition = self.partition_of(dossier_id)
        self._whole(partition)
        return self._recorders[partition].select_events(dossier_id)

    def answers(self, partition: int, keys: Sequence[CommandKey]) -> Mapping[CommandKey, tuple[bytes, str]]:
        """Digest and first answer of those commands that were handled before."""
        return self._whole(partition).index.answers(keys)

    def append(self, partition: int, head: int, outcomes: Sequence[CommandOutcome]) -> None:
        """See `consumers.commands.ports.CommandLog`. All outcomes are one part of one record.

        Raises ConcurrencyConflict, AppendTooLarge, or LogUnusable.
        """
        if outcomes:
            try:
                self.opened(partition).submit(DecisionsJob([_append(outcome) for outcome in outcomes], head))
            except AppendTooLarge as error:
                raise ports.AppendTooLarge(str(error)) from error

    def commands_offset(self, partition: int) -> QueuePosition | None:
        """The last command of the commands topic that has been handled, None before the first."""
        return self.opened(partition).partition.head.commands

    def state(self, partition: int) -> Head:
        """How far a partition has been read, what was ignored, and the open orphans."""
        return self.opened(partition).partition.head

    def dismiss(self, partition: int, orphans: Sequence[Orphan]) -> None:
        """Go on without what open orphans were built on: for an operator who has looked."""
        self.opened(partition).dismiss(orphans)

    def _whole(self, partition: int) -> PartitionHandle:
        opened = self.opened(partition)
        opened.check_whole()
        return opened


def _append(decision: CommandOutcome) -> Append:
    command = Command(decision.key, decision.digest, decision.answer)
    decided = RecordedOutcome.EVENTS if decision.events else RecordedOutcome.REFUSED
    return Append(
        os.urandom(16),
        _OUTCOMES.get(decision.outcome, decided),
        rows(decision.events),
        command,
        decision.source,
    )
