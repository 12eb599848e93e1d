"""The log for whoever only reads it: one index for each partition and machine, filled by whoever holds its lock.

A process that finds the index in use reads what the holder fills in. Either way `head`, `read` and `events_of` show all
that was acknowledged before they were called, so that everybody reads their own writes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from threading import Event, RLock, Thread
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent

from consumers.commands.ports import CommandKey, LastHandled
from domain.identity import partition_of
from infra.errors import LogUnusable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.errors import IndexInUse
from infra.log.index import find_answers
from infra.log.index_head import Head
from infra.log.indexed_log import IndexedLog, empty_positions, history_of
from infra.log.kafka.foreign_index import ForeignIndex
from infra.log.kafka.index_paths import reader_settings
from infra.log.kafka.log import KafkaReader
from infra.log.kafka.source import index_path
from infra.log.last_rows import check_mark
from infra.log.partition_knowledge import check_chain
from infra.retry import Retry, supervise
from infra.timeouts import Timeout
from projections.engine.empty_positions import EmptyPositions

_REFRESH_SECONDS: Final = 0.1


class SharedLog:
    """The log as readers use it (`projections.engine.ports.DossierLog`). For any thread.

    `long_running`: this process lives on, and learns what others append without asking again and again.
    `check_topics` raises what is wrong with the topics' settings, and is asked before the log is read.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: Topic,
        *,
        long_running: bool = False,
        check_topics: Callable[[], None] = lambda: None,
    ) -> None:
        self.partitions = range(settings.partitions)
        self.log_id = f"{topic.identity.cluster_id}/{topic.identity.topic_id}"
        self._settings = reader_settings(settings)
        self._topic = topic
        self._long_running = long_running
        self._check_topics = check_topics
        self._held = KafkaReader(self._settings)
        self._holding: set[int] = set()
        self._shared: dict[int, IndexedLog[Any]] = {}
        self._foreign: dict[int, ForeignIndex] = {}
        self._guards = {partition: RLock() for partition in self.partitions}
        self._closed = Event()
        self._refresher: Thread | None = None

    def share(self, partition: int, log: IndexedLog[Any]) -> None:
        """A partition that this process has open as a writer: its index serves for reading as well."""
        self._shared[partition] = log

    def unshare(self, partition: int) -> None:
        """The end of `share`."""
        with self._guards[partition]:
            self._shared.pop(partition, None)

    def partition_of(self, dossier_id: UUID) -> int:
        """The partition of a dossier."""
        return partition_of(dossier_id, len(self.partitions))

    def head(self, partition: int) -> int:
        """The last position. Everything that anybody appended before the call is seen.

        Raises LogBroken while an orphan is open, and as `refresh`.
        """
        with self._guards[partition]:
            self.refresh(partition)
            self.check_whole(partition)
            return self.state(partition).state.last_position

    def empty_positions(self, partition: int) -> EmptyPositions:
        """See `projections.engine.ports.LogReader`."""
        return empty_positions(self.state(partition).state)

    def history(self, partition: int, position: int) -> bytes | None:
        """See `projections.engine.ports.LogReader`. Raises LogBroken while an orphan is open, and as `refresh`."""
        with self._guards[partition]:
            if position > self.state(partition).state.last_position:
                self.refresh(partition)
            log = self._held_log(partition)
            if log is not None:
                return log.history(partition, position)
            self.check_whole(partition)
            return history_of(self._foreign_index(partition).events(), self.state(partition).state, position)

    def refresh(self, partition: int) -> None:
        """Read to the end of the log as it is now, or wait for whoever does.

        Raises LogUnusable (RecordUnreadable, NewerLog where the other one stopped), ReadingBehind where it is too slow.
        """
        self._check_topics()
        with self._guards[partition]:
            log = self._held_log(partition)
            if log is None:
                foreign = self._foreign_index(partition)
                end = foreign.end_behind(foreign.state().next_offset)
                tries = Retry(Timeout.INDEX, pause=0.01)
                while foreign.state().next_offset < end:
                    # Whoever held it may be gone.
                    log = self._held_log(partition, retry=True)
                    if log is not None:
                        break
                    # What it stopped at may have been voided in what it has not looked at yet.
                    foreign.check_stop(0 if tries.is_over else end)
                    if tries.is_over:
                        raise foreign.behind(end)
                    tries.pause()
                else:
                    return
            log.refresh(partition)

    def state(self, partition: int) -> Head:
        """How far the index has been read, after `refresh`: what was ignored, and open orphans."""
        with self._guards[partition]:
            log = self._held_log(partition)
            return log.state(partition) if log is not None else self._foreign_index(partition).state()

    def last_handled(self, partition: int) -> LastHandled | None:
        """See `consumers.commands.ports.CommandLog`; as far as the index has been read."""
        with self._guards[partition]:
            log = self._held_log(partition)
            return log.last_handled(partition) if log is not None else self._foreign_index(partition).last_handled()

    def answers(self, partition: int, keys: Sequence[CommandKey]) -> Mapping[CommandKey, tuple[bytes, str]]:
        """Digest and first answer of those commands that were handled before; as far as the index has been read."""
        with self._guards[partition]:
            log = self._held_log(partition)
            if log is not None:
                return log.answers(partition, keys)
            self.check_whole(partition)
            with self._foreign_index(partition).events().datastore.transaction(commit=False) as cursor:
                return find_answers(cursor.sqlite_cursor, keys)

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """At most `limit` events after a position, in order; fewer only where the log ended when this was called.

        Raises LogBroken while an orphan is open, and as `refresh`.
        """
        with self._guards[partition]:
            found = self._indexed(partition, after, limit)
            if len(found) < limit:
                # The index may be behind what was acknowledged, and never says so itself.
                self.refresh(partition)
                found = self._indexed(partition, after, limit)
            return found

    def _indexed(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        """Events after a position, as far as the index has been filled."""
        log = self._held_log(partition)
        if log is not None:
            return log.read(partition, after, limit)
        self.check_whole(partition)
        return self._foreign_index(partition).events().read(after, limit)

    def read_types(
        self, partition: int, types: Collection[str], after: int, up_to: int, limit: int
    ) -> Sequence[Notification]:
        """Events of these types after a position, none after `up_to`, in order. Raises as `read`."""
        with self._guards[partition]:
            log = self._held_log(partition)
            if log is not None:
                return log.read_types(partition, types, after, up_to, limit)
            self.check_whole(partition)
            return self._foreign_index(partition).events().read_types(types, after, up_to, limit)

    def events_of(self, dossier_id: UUID) -> Sequence[StoredEvent]:
        """The events of one dossier in order, up to the end of the log."""
        partition = self.partition_of(dossier_id)
        with self._guards[partition]:
            self.head(partition)
            log = self._held_log(partition)
            if log is not None:
                return log.events_of(dossier_id)
            self.check_whole(partition)
            return self._foreign_index(partition).events().select_events(dossier_id)

    def appended_at(self, dossier_id: UUID) -> Sequence[datetime | None]:
        """When the record of each event of a dossier was appended, by the brokers' clock; None: not known here."""
        partition = self.partition_of(dossier_id)
        with self._guards[partition]:
            log = self._held_log(partition)
            if log is not None:
                return log.appended_at(dossier_id)
            return self._foreign_index(partition).events().appended_at(dossier_id)

    def close(self) -> None:
        """Close everything, and let others have the indexes."""
        self._closed.set()
        if self._refresher is not None:
            self._refresher.join()
        self._held.close()
        for foreign in self._foreign.values():
            foreign.close()

    def _held_log(self, partition: int, *, retry: bool = False) -> IndexedLog[Any] | None:
        """The log with an index that this process holds; None when another one has it."""
        shared = self._shared.get(partition)
        if shared is not None:
            return shared
        if partition in self._holding:
            return self._held
        if partition in self._foreign and not retry:
            return None
        try:
            opened = self._held.opened(partition)
        except IndexInUse:
            return None
        self._holding.add(partition)
        if self._long_running:
            opened.listen(NullListener())
        elif self._refresher is None:
            self._refresher = Thread(target=self._keep_refreshing, name="refresh-index", daemon=True)
            self._refresher.start()
        foreign = self._foreign.pop(partition, None)
        if foreign is not None:
            foreign.close()
        return self._held

    def _keep_refreshing(self) -> None:
        """A process that is soon over does not follow; yet while it holds an index, others wait for it to read on."""
        supervise("refresh", self._refresh_held, self._closed)

    def _refresh_held(self) -> None:
        while not self._closed.wait(_REFRESH_SECONDS):
            for partition in sorted(self._holding):
                with self._guards[partition], suppress(LogUnusable):
                    # What is wrong with the log is told to whoever asks.
                    self._held.refresh(partition)

    def check_whole(self, partition: int) -> None:
        """Raises LogBroken while an orphan is open, or where the genesis is lost."""
        log = self._held_log(partition)
        if log is not None:
            log.opened(partition).check_whole()
            return
        check_chain(f"{self._settings.url}/{partition}", self.state(partition).state, None)

    def _foreign_index(self, partition: int) -> ForeignIndex:
        if partition not in self._foreign:
            check_mark(index_path(self._settings, partition))
            self._foreign[partition] = ForeignIndex(self._settings, self._topic, partition)
        return self._foreign[partition]


class NullListener:
    """Listens so that the index follows the log."""

    def notify(self) -> None:
        """Nothing waits for it."""

    def fail(self, error: LogUnusable) -> None:
        """Whoever asks next finds out for himself."""
