"""An index that another process holds and fills, for those who only read it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from eventsourcing.sqlite import SQLiteDatastore

from consumers.commands.ports import LastHandled
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.acceptance import start
from infra.log.errors import IndexUnusable, LogChanged
from infra.log.events import IndexedEvents
from infra.log.format import Place
from infra.log.handled import find_last_handled
from infra.log.index import file_error, find_last_appends
from infra.log.index_head import Head, read_head, read_stop
from infra.log.kafka.source import index_path
from infra.log.last_rows import check_last_rows
from infra.opened_files import OpenedFiles
from infra.queue.errors import ReadingBehind
from infra.sqlite_file import read_only_uri, reading_schema

_T = TypeVar("_T")


class ForeignIndex:
    """An index that another process holds and fills."""

    def __init__(self, settings: KafkaSettings, topic: Topic, partition: int) -> None:
        self._name = settings.url
        self._partition = partition
        self._place = Place(settings.app, settings.partitions, partition)
        self._path = index_path(settings, partition)
        self._topic_id = str(topic.identity.topic_id)
        self._client = KafkaPartitionClient(settings, topic, partition)
        self._opened: _OpenedIndex | None = None

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
            with reading_schema():
                return read(self._file().connection)
        except sqlite3.OperationalError:
            self._let_go()
            return None
        except sqlite3.DatabaseError as error:
            self._let_go()
            raise file_error(self._path, error, IndexUnusable) from error

    def _file(self) -> _OpenedIndex:
        """The file that stands there now: its holder may have had to make another one."""
        if self._opened is not None and self._opened.files.moved() is not None:
            self._let_go()
        if self._opened is None:
            self._opened = _OpenedIndex(self._path)
        return self._opened

    def _let_go(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def check_stop(self, end: int) -> None:
        """Raises RecordUnreadable, NewerLog where its holder stopped, and has looked for a void up to an offset."""
        stop = self._from_file(read_stop)
        if stop is not None and stop.next_offset >= end:
            raise stop.error(f"{self._name}/{self._partition}")

    def events(self) -> IndexedEvents:
        """Its events. Raises LogChanged, IndexAltered where its end is not the log's, when it is first asked of a file.

        Raises IndexUnusable while there is no file.
        """
        try:
            opened = self._file()
        except sqlite3.Error as error:
            raise file_error(self._path, error, IndexUnusable) from error
        if opened.events is None:
            self._check_end()
            opened.events = IndexedEvents(SQLiteDatastore(str(self._path)))
        return opened.events

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
        self._let_go()


class _OpenedIndex:
    """A file that another process fills, and the connections to it."""

    def __init__(self, path: Path) -> None:
        """Raises sqlite3.Error."""
        self.connection = sqlite3.connect(read_only_uri(path), uri=True, check_same_thread=False)
        try:
            with reading_schema():
                self.connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except BaseException:
            self.connection.close()
            raise
        self.files = OpenedFiles(path)
        self.events: IndexedEvents | None = None

    def close(self) -> None:
        self.connection.close()
        if self.events is not None:
            self.events.datastore.close()


def _read_topic_and_head(connection: sqlite3.Connection) -> tuple[str | None, Head | None]:
    (topic_id,) = connection.execute("SELECT topic_id FROM log").fetchone() or (None,)
    return topic_id, read_head(connection)
