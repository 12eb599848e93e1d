"""The partitions that this process has open: one index, one committer and one follower each, shared by all that ask."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final, Protocol

import structlog
from eventsourcing.sqlite import SQLiteDatastore

from infra.errors import LogUnusable
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, ensure, log_topic
from infra.log.append_requests import AppendRequest, DismissalJob, ReadJob
from infra.log.committer import Committer
from infra.log.format import Append, Orphan, RecordedOutcome
from infra.log.index import Index
from infra.log.partition import Partition, Place

_log = structlog.get_logger(__name__)

_FOLLOW_SECONDS: Final = 0.25
_OWN_WRITES_SECONDS: Final = 0.02
_COMMIT_ID_LENGTH: Final = 16


class Listener(Protocol):
    """Somebody who waits for events: called from other threads, so it must be quick."""

    def notify(self) -> None:
        """Events have reached the index."""
        ...

    def fail(self, error: LogUnusable) -> None:
        """There will be no more."""
        ...


class PartitionHandle:
    """One partition, open for reading and writing, for any number of threads."""

    def __init__(self, settings: KafkaSettings, topic: Topic, number: int) -> None:
        self.number = number
        self.topic = topic
        self._settings = settings
        self._listeners: list[Listener] = []
        self._guard = Lock()
        self._follower: _Follower | None = None
        self._tape = KafkaPartitionClient(settings, topic, number)
        self.index = Index(index_path(settings, number), settings.app, topic.identity, number)
        try:
            place = Place(f"{settings.url}/{number}", settings.app, settings.partitions, number)
            self.partition = Partition(place, self._tape, self.index)
            self.partition.on_events = self._notify
            self.committer = Committer(self.partition, _writer_name())
            self.datastore = SQLiteDatastore(str(self.index.path))
        except BaseException:
            self._tape.close()
            self.index.close()
            raise

    def submit(self, job: AppendRequest) -> int:
        """Append. See `Committer.submit`."""
        return self.committer.submit(job)

    def refresh(self) -> None:
        """Read to the high watermark: what is in the log now is in the index afterwards."""
        self.committer.submit(ReadJob())

    def check_whole(self) -> None:
        """Raises LogBroken while an orphan is open: then what the index holds is not the whole."""
        if self.partition.state.orphans:
            # It may have been dismissed by now.
            self.refresh()
            self.partition.check_whole()

    def dismiss(self, orphans: Sequence[Orphan]) -> None:
        """Go on without what open orphans were built on."""
        commit_id = os.urandom(_COMMIT_ID_LENGTH)
        self.committer.submit(DismissalJob([Append(commit_id, RecordedOutcome.DISMISSED, dismissed=orphans)]))

    def listen(self, listener: Listener) -> None:
        """Tell a listener of new events, of other processes too, until `forget`."""
        with self._guard:
            self._listeners.append(listener)
            if self._follower is None:
                self._follower = _Follower(self, KafkaPartitionClient(self._settings, self.topic, self.number))
                self._follower.start()
            self._follower.wanted.set()

    def forget(self, listener: Listener) -> None:
        """The end of `listen`."""
        with self._guard:
            if listener in self._listeners:
                self._listeners.remove(listener)
            if self._follower is not None and not self._listeners:
                self._follower.wanted.clear()

    def fail(self, error: LogUnusable) -> None:
        """Tell the listeners that there will be no more."""
        for listener in list(self._listeners):
            listener.fail(error)

    def close(self) -> None:
        """Close everything. Nobody may be using it."""
        with self._guard:
            follower, self._follower = self._follower, None
            self._listeners.clear()
        if follower is not None:
            follower.stop()
        with ExitStack() as stack:
            stack.callback(self.index.close)
            stack.callback(self.datastore.close)
            stack.callback(self._tape.close)
            # What the index could not take is read again by whoever opens it next.
            with suppress(LogUnusable), self.committer.leading():
                pass

    def _notify(self) -> None:
        for listener in list(self._listeners):
            listener.notify()


class _Follower:
    """Reads what other processes append, while somebody listens."""

    def __init__(self, opened: PartitionHandle, tape: KafkaPartitionClient) -> None:
        self._opened = opened
        self._tape = tape
        self.wanted = Event()
        """Set while anybody listens."""
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=f"follow-{opened.number}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self.wanted.set()
        self._thread.join()

    def _run(self) -> None:
        partition, committer = self._opened.partition, self._opened.committer
        try:
            while self.wanted.wait() and not self._stopped.is_set():
                chunk = self._tape.follow(partition.head.next_offset, _FOLLOW_SECONDS)
                if chunk.next_offset > partition.head.next_offset:
                    with committer.leading():
                        partition.apply(chunk)
                elif chunk.entries:
                    # This process's own, known already: no hurry to fetch the next.
                    self._stopped.wait(_OWN_WRITES_SECONDS)
        except LogUnusable as error:
            _log.error("follow.halted", log=partition.place.name, reason=str(error))
            self._opened.fail(error)
        finally:
            self._tape.close()


class PartitionPool:
    def __init__(self) -> None:
        self._guard = Lock()
        self._opened: dict[Path, tuple[PartitionHandle, int]] = {}

    def open(self, settings: KafkaSettings, number: int) -> PartitionHandle:
        path = index_path(settings, number).resolve()
        with self._guard:
            found = self._opened.get(path)
            if found is None:
                (topic,) = ensure(settings, [log_topic(settings, settings.events_topic)])
                found = (PartitionHandle(settings, topic, number), 0)
            self._opened[path] = (found[0], found[1] + 1)
            return found[0]

    def close(self, opened: PartitionHandle) -> None:
        path = opened.index.path.resolve()
        with self._guard:
            found, users = self._opened[path]
            if users > 1:
                self._opened[path] = (found, users - 1)
                return
            del self._opened[path]
            found.close()


_registry = PartitionPool()
open_partition = _registry.open
"""(settings, number) → the open partition, shared in this process. Raises what opening raises (LogUnusable)."""
close_partition = _registry.close
"""The end of one `open_partition`; the last one closes it."""


def index_path(settings: KafkaSettings, number: int) -> Path:
    """The index file of a partition."""
    return settings.index_dir / f"{settings.app}-{number}-of-{settings.partitions}.sqlite"


def _writer_name() -> str:
    return f"{socket.gethostname()[:64]}/{os.getpid()}/{os.urandom(4).hex()}"
