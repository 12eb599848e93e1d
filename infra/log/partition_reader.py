"""One partition, open for reading: its index, filled by the acceptance rule, and a follower while anybody listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Lock, Thread
from typing import Final, Protocol

from eventsourcing.sqlite import SQLiteDatastore

from infra.errors import LogUnusable
from infra.log.last_rows import check_last_rows
from infra.log.partition import Partition
from infra.log.partition_client import PartitionClient
from infra.log.partition_source import PartitionSource
from infra.retry import supervise

_FOLLOW_SECONDS: Final = 0.25
_OWN_WRITES_SECONDS: Final = 0.02


class Listener(Protocol):
    """Somebody who waits for events: called from other threads, so it must be quick."""

    def notify(self) -> None:
        """Events have reached the index."""
        ...

    def fail(self, error: LogUnusable) -> None:
        """There will be no more for whoever listens now."""
        ...


class PartitionReader:
    """One partition, open for reading, for any number of threads. Opened, it has read the log to the end.

    Raises LogUnusable: IndexInUse where another process has the index, and whatever reading raises.
    """

    def __init__(self, source: PartitionSource) -> None:
        self.source = source
        self._listeners: list[Listener] = []
        self._guard = Lock()
        self._lead = Lock()
        self._follower: _Follower | None = None
        self._client, self.index = source.open()
        with ExitStack() as opening:
            opening.callback(self.index.close)
            opening.callback(self._client.close)
            self.partition = Partition(source.address, self._client, self.index)
            check_last_rows(self.index.path, self.partition.last_accepted())
            self.datastore = SQLiteDatastore(self.index.database)
            opening.pop_all()

    @contextmanager
    def leading(self) -> Iterator[Partition]:
        """The partition for this thread alone, with the index at its head."""
        with self._lead:
            self.partition.write_index()
            yield self.partition

    def refresh(self) -> None:
        """Read to the high watermark: what is in the log now is in the index afterwards."""
        with self.leading() as partition:
            partition.read_on()

    def check_whole(self) -> None:
        """Raises as `Partition.check_whole`, while what the index holds is not the whole."""
        if self.partition.needs_reading:
            # A control record may have mended it by now.
            self.refresh()
        self.partition.check_whole()

    def listen(self, listener: Listener) -> None:
        """Tell a listener of new events, of other processes too, until `forget`."""
        with self._guard:
            self._listeners.append(listener)
            self.partition.listeners.append(listener.notify)
            if self._follower is None:
                self._follower = _Follower(self, self.source.follower())
                self._follower.start()
            self._follower.wanted.set()

    def forget(self, listener: Listener) -> None:
        """The end of `listen`."""
        with self._guard:
            if listener in self._listeners:
                self._listeners.remove(listener)
                self.partition.listeners.remove(listener.notify)
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
            self.partition.listeners.clear()
        if follower is not None:
            follower.stop()
        with ExitStack() as stack:
            stack.callback(self.index.close)
            stack.callback(self.datastore.close)
            stack.callback(self._client.close)
            # What the index could not take is read again by whoever opens it next.
            with suppress(LogUnusable), self.leading():
                pass


class _Follower:
    """Reads what other processes append, while somebody listens."""

    def __init__(self, reader: PartitionReader, client: PartitionClient) -> None:
        self._reader = reader
        self._client = client
        self.wanted = Event()
        """Set while anybody listens."""
        self._stopped = Event()
        name = f"follow-{reader.source.address.partition}"
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopped.set()
        self.wanted.set()
        self._thread.join()

    def _run(self) -> None:
        # Whoever holds an index reads for the others as well, who wait for that as long as it is held.
        supervise(
            "follow",
            self._follow,
            self._stopped,
            {"log": self._reader.partition.address.name},
            failed=self._tell_listeners,
        )
        self._client.close()

    def _follow(self) -> None:
        partition = self._reader.partition
        while self.wanted.wait() and not self._stopped.is_set():
            fetched = self._client.follow(partition.next_offset, _FOLLOW_SECONDS)
            if fetched.next_offset > partition.next_offset:
                with self._reader.leading():
                    partition.apply(fetched)
            elif fetched.records:
                # This process's own, known already: no hurry to fetch the next.
                self._stopped.wait(_OWN_WRITES_SECONDS)

    def _tell_listeners(self, error: Exception) -> None:
        if isinstance(error, LogUnusable):
            self._reader.fail(error)
