"""The log for whoever only reads it: one index for each partition and machine, filled by whoever holds its lock.

A process that finds the index in use reads what the holder fills in. Either way `head`, `read` and `events_of` show all
that was acknowledged before they were called, so that everybody reads their own writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from hashlib import sha256
from threading import Event, RLock, Thread
from typing import Any, Final, TypeVar
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent
from eventsourcing.sqlite import SQLiteDatastore

from consumers.commands.ports import CommandKey, LastHandled
from domain.identity import partition_of
from infra.errors import LogUnusable
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.acceptance import start
from infra.log.errors import IndexInUse, IndexUnusable, LogChanged
from infra.log.events import IndexedEvents
from infra.log.format import Place
from infra.log.handled import find_last_handled
from infra.log.index import file_error, find_answers, find_last_appends
from infra.log.index_head import Head, read_head, read_stop
from infra.log.indexed_log import IndexedLog, empty_positions, history_of
from infra.log.kafka.index_paths import reader_settings
from infra.log.kafka.log import KafkaReader
from infra.log.kafka.source import index_path
from infra.log.last_rows import check_last_rows, check_mark
from infra.log.partition_knowledge import check_chain
from infra.queue.errors import ReadingBehind
from infra.retry import Retry
from infra.sqlite_file import read_only_uri, reading_schema
from infra.timeouts import Timeout
from projections.engine.empty_positions import EmptyPositions

_T = TypeVar("_T")

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


class ForeignIndex:
    """An index that another process holds and fills."""

    def __init__(self, settings: KafkaSettings, topic: Topic, partition: int) -> None:
        self._name = settings.url
        self._partition = partition
        self._place = Place(settings.app, settings.partitions, partition)
        self._path = index_path(settings, partition)
        self._topic_id = str(topic.identity.topic_id)
        self._client = KafkaPartitionClient(settings, topic, partition)
        self._events: IndexedEvents | None = None

    def end_behind(self, read: int) -> int:
        """Where the log ends now. Raises LogChanged when that is not behind what has been read."""
        return self._client.end_behind(read)

    def state(self) -> Head:
        """How far the index has been filled. Raises LogChanged when that was from another topic."""
        topic_id, head = self._from_file(_read_topic_and_head) or (None, None)
        if topic_id not in (None, self._topic_id):
            reason = f"its topic id was {topic_id}, and is {self._topic_id}"
            raise LogChanged(log=f"{self._name}/{self._partition}", reason=reason, index=str(self._path))
        return head or Head(0, None, start(self._place))

    def last_handled(self) -> LastHandled | None:
        """See `consumers.commands.ports.CommandLog`."""
        head = self.state()
        if head.commands is None:
            return None
        return find_last_handled(head.commands, head.state, self._last_appends, self._client)

    def _last_appends(self, before: int) -> tuple[int, int, int] | None:
        return self._from_file(lambda connection: find_last_appends(connection, before))

    def _from_file(self, read: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """What stands in the file; None while its holder is about to make it."""
        try:
            with closing(sqlite3.connect(read_only_uri(self._path), uri=True)) as connection, reading_schema():
                return read(connection)
        except sqlite3.OperationalError:
            return None
        except sqlite3.DatabaseError as error:
            raise file_error(self._path, error, IndexUnusable) from error

    def check_stop(self, end: int) -> None:
        """Raises RecordUnreadable, NewerLog where its holder stopped, and has looked for a void up to an offset."""
        stop = self._from_file(read_stop)
        if stop is not None and stop.next_offset >= end:
            raise stop.error(f"{self._name}/{self._partition}")

    def events(self) -> IndexedEvents:
        """Its events. Raises LogChanged, IndexAltered where its end is not the log's, when it is first asked."""
        if self._events is None:
            self._check_end()
            self._events = IndexedEvents(SQLiteDatastore(str(self._path)))
        return self._events

    def _check_end(self) -> None:
        head = self.state()
        if head.record_offset is None:
            return
        fetched = next(iter(self._client.read(head.record_offset)), None)
        value = fetched.records[0].value if fetched and fetched.records else None
        if value is None or sha256(value).digest() != head.state.head:
            reason = f"the record at offset {head.record_offset} is not the one that had been read"
            raise LogChanged(log=f"{self._name}/{self._partition}", reason=reason, index=str(self._path))
        check_last_rows(self._path, None)

    def behind(self, end: int) -> ReadingBehind:
        """The error that says so."""
        return ReadingBehind(
            log=self._name,
            partition=self._partition,
            reached=self.state().next_offset,
            end=end,
            holder=self._path.with_name(self._path.name + ".lock").read_text(encoding="utf-8").strip(),
            index=str(self._path),
        )

    def close(self) -> None:
        """Let go of it."""
        self._client.close()
        if self._events is not None:
            self._events.datastore.close()


def _read_topic_and_head(connection: sqlite3.Connection) -> tuple[str | None, Head | None]:
    (topic_id,) = connection.execute("SELECT topic_id FROM log").fetchone() or (None,)
    return topic_id, read_head(connection)
