"""The partitions that this process has open: each once, shared by all that ask for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from infra.log.partition_handle import PartitionHandle
from infra.log.partition_reader import PartitionReader
from infra.log.partition_source import PartitionSource

_Opened = TypeVar("_Opened", bound=PartitionReader)


class PartitionPool(Generic[_Opened]):
    """The open partitions of one kind, by the files of their indexes."""

    def __init__(self, kind: Callable[[PartitionSource], _Opened]) -> None:
        self._kind = kind
        self._guard = Lock()
        self._opened: dict[Path, tuple[_Opened, int]] = {}

    def open(self, source: PartitionSource) -> _Opened:
        """A partition, opened when nobody in this process has it open. Raises LogUnusable."""
        path = source.index_path.resolve()
        with self._guard:
            found = self._opened.get(path)
            if found is None:
                found = (self._kind(source), 0)
            self._opened[path] = (found[0], found[1] + 1)
            return found[0]

    def close(self, opened: _Opened) -> None:
        """The end of one `open`; the last one closes it. One that is closed already stays so.

        It waits for what other threads open or close: a finalizer, which runs wherever the collector comes round,
        leaves it to another thread (`infra.finalizers`).
        """
        with self._guard:
            # By itself, for its path may lead elsewhere by now.
            for path, (found, users) in self._opened.items():
                if found is opened:
                    if users > 1:
                        self._opened[path] = (found, users - 1)
                    else:
                        del self._opened[path]
                        found.close()
                    return


WRITERS: PartitionPool[PartitionHandle] = PartitionPool(PartitionHandle)
READERS: PartitionPool[PartitionReader] = PartitionPool(PartitionReader)
