"""The log on Kafka as the processes use it: all partitions, conditional appends, and what an operator needs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Generic, TypeVar
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from consumers.commands import ports
from consumers.commands.ports import CommandKey, CommandOutcome, QueuePosition
from domain.identity import partition_of
from infra.kafka.errors import RecordTooLarge
from infra.kafka.settings import KafkaSettings
from infra.log.append_requests import OutcomesRequest
from infra.log.events import IndexedEvents
from infra.log.format import Append, HandledCommand, RecordedOutcome, event_rows
from infra.log.index import Applied
from infra.log.index_head import Head
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_pool import WRITERS, PartitionPool
from infra.log.partition_reader import PartitionReader

_OUTCOMES: Final = {"repeated": RecordedOutcome.REPEATED, "dead": RecordedOutcome.DEAD}


_Opened = TypeVar("_Opened", bound=PartitionReader)


class IndexedLog(Generic[_Opened]):
    """The log by the indexes of this process: a partition is opened when it is first asked for.

    See `projections.engine.ports.DossierLog`; it shows what was read or appended here, and the rest after `refresh`.
    """

    def __init__(self, settings: KafkaSettings, pool: PartitionPool[_Opened]) -> None:
        self.settings = settings
        self.partitions = range(settings.partitions)
        self._pool = pool
        self._opened: dict[int, tuple[_Opened, IndexedEvents]] = {}

    @property
    def log_id(self) -> str:
        """The cluster's id and the topic's: another one when the topic was made anew."""
        identity = self.opened(0).topic.identity
        return f"{identity.cluster_id}/{identity.topic_id}"

    def opened(self, partition: int) -> _Opened:
        """A partition, opened when it was not. Raises LogUnusable."""
        return self._open(partition)[0]

    def release(self, partition: int) -> None:
        """Let another process have a partition's index."""
        found = self._opened.pop(partition, None)
        if found is not None:
            self._pool.close(found[0])

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
        return self._whole(partition).read(after, limit)

    def read_types(
        self, partition: int, types: Collection[str], after: int, up_to: int, limit: int
    ) -> Sequence[Notification]:
        """Events of these types after a position, none after `up_to`, in order."""
        return self._whole(partition).read_types(types, after, up_to, limit)

    def events_of(self, dossier_id: UUID) -> Sequence[StoredEvent]:
        """The events of one dossier in order."""
        return self._whole(self.partition_of(dossier_id)).select_events(dossier_id)

    def state(self, partition: int) -> Head:
        """How far a partition has been read, what was ignored, and the open orphans."""
        return self.opened(partition).partition.head

    def _open(self, partition: int) -> tuple[_Opened, IndexedEvents]:
        found = self._opened.get(partition)
        if found is None:
            opened = self._pool.open(self.settings, partition)
            found = self._opened[partition] = opened, IndexedEvents(opened.datastore)
        return found

    def _whole(self, partition: int) -> IndexedEvents:
        """The events of a partition. Raises what is wrong with it as a whole."""
        opened, events = self._open(partition)
        opened.check_whole()
        return events


class KafkaLog(IndexedLog[PartitionHandle]):
    """See `consumers.commands.ports.CommandLog`: the log with conditional appends."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(settings, WRITERS)

    def answers(self, partition: int, keys: Sequence[CommandKey]) -> Mapping[CommandKey, tuple[bytes, str]]:
        """Digest and first answer of those commands that were handled before."""
        self._whole(partition)
        return self.opened(partition).index.answers(keys)

    def append(self, partition: int, head: int, outcomes: Sequence[CommandOutcome]) -> None:
        """See `consumers.commands.ports.CommandLog`. All outcomes are one part of one record.

        Raises ConcurrencyConflict, AppendTooLarge, or LogUnusable.
        """
        if outcomes:
            try:
                self.opened(partition).committer.submit(
                    OutcomesRequest([_append(outcome) for outcome in outcomes], head)
                )
            except RecordTooLarge as error:
                raise ports.AppendTooLarge(str(error)) from error

    def commands_offset(self, partition: int) -> QueuePosition | None:
        """The last command of the commands topic that has been handled, None before the first."""
        return self.opened(partition).partition.head.commands

    def follow_accepted(self, partition: int) -> deque[Applied]:
        """Where each record is put that is accepted from now on, of other processes too, as soon as that is known."""
        accepted: deque[Applied] = deque()
        self.opened(partition).partition.observe(accepted.append)
        return accepted

    def last_accepted(self, partition: int) -> Applied | None:
        """The last accepted record, None before the first."""
        with self.opened(partition).leading() as leading:
            return leading.last_accepted()


def _append(decision: CommandOutcome) -> Append:
    command = HandledCommand(decision.key, decision.digest, decision.answer)
    decided = RecordedOutcome.EVENTS if decision.events else RecordedOutcome.REFUSED
    return Append(
        os.urandom(16),
        _OUTCOMES.get(decision.outcome, decided),
        event_rows(decision.events),
        command,
        decision.source,
    )
