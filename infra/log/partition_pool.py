"""The partitions that this process has open: each once, shared by all that ask for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, ensure, log_topic
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_reader import PartitionReader, index_path

_Opened = TypeVar("_Opened", bound=PartitionReader)


class PartitionPool(Generic[_Opened]):
    """The open partitions of one kind, by the files of their indexes."""

    def __init__(self, kind: Callable[[KafkaSettings, Topic, int], _Opened]) -> None:
        self._kind = kind
        self._guard = Lock()
        self._opened: dict[Path, tuple[_Opened, int]] = {}

    def open(self, settings: KafkaSettings, number: int) -> _Opened:
        """A partition, opened when nobody in this process has it open. Raises LogUnusable."""
        path = index_path(settings, number).resolve()
        with self._guard:
            found = self._opened.get(path)
            if found is None:
                (topic,) = ensure(settings, [log_topic(settings, settings.events_topic)])
                found = (self._kind(settings, topic, number), 0)
            self._opened[path] = (found[0], found[1] + 1)
            return found[0]

    def close(self, opened: _Opened) -> None:
        """The end of one `open`; the last one closes it."""
        path = opened.index.path.resolve()
        with self._guard:
            found, users = self._opened[path]
            if users > 1:
                self._opened[path] = (found, users - 1)
                return
            del self._opened[path]
            found.close()


WRITERS: PartitionPool[PartitionHandle] = PartitionPool(PartitionHandle)
READERS: PartitionPool[PartitionReader] = PartitionPool(PartitionReader)
open_partition = WRITERS.open
"""(settings, number) → the partition open for writing, shared in this process. Raises LogUnusable."""
close_partition = WRITERS.close
"""The end of one `open_partition`; the last one closes it."""
