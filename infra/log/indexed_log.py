"""The log as the processes use it, on whichever tape: its partitions, read from their indexes and appended to."""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Final, Generic, TypeVar
from uuid import UUID

from eventsourcing.persistence import Notification, PersistenceError, StoredEvent

from consumers.commands import ports
from consumers.commands.ports import CommandKey, CommandOutcome, LastHandled, QueuePosition
from domain.identity import partition_of
from infra.log.acceptance import ChainState
from infra.log.append_requests import OutcomesRequest
from infra.log.errors import RecordTooLarge
from infra.log.events import IndexedEvents
from infra.log.format import Append, HandledCommand, RecordedOutcome, event_rows
from infra.log.index import Applied, find_answers
from infra.log.index_head import Head
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_pool import WRITERS, PartitionPool
from infra.log.partition_reader import PartitionReader
from infra.log.partition_source import PartitionSource
from projections.engine.empty_positions import EmptyPositions

_OUTCOMES: Final = {"repeated": RecordedOutcome.REPEATED, "dead": RecordedOutcome.DEAD}


_Opened = TypeVar("_Opened", bound=PartitionReader)


def empty_positions(state: ChainState) -> EmptyPositions:
    """Runs of positions that no event has, because their records were voided."""
    return [(void.first_position, void.last_position) for void in state.voids]


def history_of(events: IndexedEvents, state: ChainState, position: int) -> bytes | None:
    """See `projections.engine.ports.LogReader`: the hash of the record with the position, which covers all before it.

    Where positions up to there are empty for voids, these are hashed as well: for a void comes behind what it empties.
    """
    if position > state.last_position:
        return None
    digest = events.hash_at(position)
    runs: list[tuple[int, int]] = []
    for first, last in sorted((void.first_position, min(void.last_position, position)) for void in state.voids):
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = runs[-1][0], max(runs[-1][1], last)
        elif first <= last:
            runs.append((first, last))
    if not runs:
        return digest
    return sha256(digest + b"".join(edge.to_bytes(8, "big") for run in runs for edge in run)).digest()


class IndexedLog(ABC, Generic[_Opened]):
    """The log by the indexes of this process: a partition is opened when it is first asked for.

    See `projections.engine.ports.DossierLog`; it shows what was read or appended here, and the rest after `refresh`.
    """

    def __init__(self, partitions: int, pool: PartitionPool[_Opened]) -> None:
        self.partitions = range(partitions)
        self._pool = pool
        self._opened: dict[int, tuple[_Opened, IndexedEvents]] = {}

    @abstractmethod
    def source(self, partition: int) -> PartitionSource:
        """Where a partition stands."""

    @property
    def log_id(self) -> str:
        """What tells this log from every other, for ever."""
        return self.opened(0).source.log_id

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
        return partition_of(dossier_id, len(self.partitions))

    def head(self, partition: int) -> int:
        """The last position in the index: as of the last append or read of this process. See `refresh`."""
        return self.opened(partition).partition.indexed

    def head_at_end(self, partition: int) -> int:
        """The last position at the end of the tape. Raises LogBroken while an orphan is open, and as `refresh`."""
        self.refresh(partition)
        self.opened(partition).check_whole()
        return self.opened(partition).partition.indexed

    def empty_positions(self, partition: int) -> EmptyPositions:
        """See `projections.engine.ports.LogReader`."""
        return empty_positions(self.state(partition).state)

    def history(self, partition: int, position: int) -> bytes | None:
        """See `projections.engine.ports.LogReader`."""
        if position > self.opened(partition).partition.indexed:
            self.refresh(partition)
        with self._whole(partition) as events:
            return history_of(events, self.state(partition).state, position)

    def refresh(self, partition: int) -> None:
        """Read to the end of the tape: what anybody appended before is seen afterwards."""
        self.opened(partition).refresh()

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """Events after a position, in order."""
        with self._whole(partition) as events:
            return events.read(after, limit)

    def read_types(
        self, partition: int, types: Collection[str], after: int, up_to: int, limit: int
    ) -> Sequence[Notification]:
        """Events of these types after a position, none after `up_to`, in order."""
        with self._whole(partition) as events:
            return events.read_types(types, after, up_to, limit)

    def events_of(self, dossier_id: UUID) -> Sequence[StoredEvent]:
        """The events of one dossier in order."""
        with self._whole(self.partition_of(dossier_id)) as events:
            return events.select_events(dossier_id)

    def appended_at(self, dossier_id: UUID) -> Sequence[datetime | None]:
        """When the record of each event of a dossier was appended, by the clock of the log's keeper; None: unknown."""
        with self._whole(self.partition_of(dossier_id)) as events:
            return events.appended_at(dossier_id)

    def state(self, partition: int) -> Head:
        """How far a partition has been read, what was ignored, and the open orphans."""
        return self.opened(partition).partition.head

    def answers(self, partition: int, keys: Sequence[CommandKey]) -> Mapping[CommandKey, tuple[bytes, str]]:
        """Digest and first answer of those commands that were handled before."""
        with self._whole(partition) as events, events.datastore.transaction(commit=False) as cursor:
            return find_answers(cursor.sqlite_cursor, keys)

    def last_handled(self, partition: int) -> LastHandled | None:
        """See `consumers.commands.ports.CommandLog`."""
        with self.opened(partition).leading() as leading:
            return leading.last_handled()

    def _open(self, partition: int) -> tuple[_Opened, IndexedEvents]:
        found = self._opened.get(partition)
        if found is None:
            opened = self._pool.open(self.source(partition))
            found = self._opened[partition] = opened, IndexedEvents(opened.datastore)
        return found

    @contextmanager
    def _whole(self, partition: int) -> Iterator[IndexedEvents]:
        """The events of a partition. Raises what is wrong with it as a whole, and LogUnusable if it cannot be read."""
        opened, events = self._open(partition)
        opened.check_whole()
        try:
            yield events
        except (PersistenceError, sqlite3.Error) as error:
            raise opened.index.unusable(log=opened.source.address.name, reason=str(error)) from error


class AppendableLog(IndexedLog[PartitionHandle]):
    """See `consumers.commands.ports.CommandLog`: the log with conditional appends, and what an operator needs."""

    def __init__(self, partitions: int, pool: PartitionPool[PartitionHandle] = WRITERS) -> None:
        super().__init__(partitions, pool)

    def last_given(self, partition: int) -> int:
        """See `consumers.commands.ports.CommandLog`."""
        return self.state(partition).state.position - 1

    def append(
        self, partition: int, head: int, outcomes: Sequence[CommandOutcome], *, given: int | None = None
    ) -> None:
        """See `consumers.commands.ports.CommandLog`. All outcomes are one part of one record.

        Raises ConcurrencyConflict, AppendTooLarge, or LogUnusable.
        """
        if outcomes:
            try:
                self.opened(partition).committer.submit(OutcomesRequest([*map(_append, outcomes)], head, given))
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

    def check_end(self, partition: int) -> None:
        """See `consumers.commands.ports.CommandLog`. Raises LogChanged, LogBroken, LogUnusable."""
        with self.opened(partition).leading() as leading:
            leading.verify_head()
        self.head_at_end(partition)

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
