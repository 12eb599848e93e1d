"""The partitions that this process has open: each once, shared by all that ask for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Generic, TypeVar

from infra.log.partition_handle import PartitionHandle
from infra.log.partition_reader import PartitionReader
from infra.log.partition_source import PartitionSource

_Opened = TypeVar("_Opened", bound=PartitionReader)


class PartitionPool(Generic[_Opened]):
    """The open partitions of one kind, by the files of their indexes.

    The library ends an application that nobody holds any more when the garbage collector finds it, which may be in the
    middle of `open` or `close` in the same thread: what ends then is closed as soon as that is through.
    """

    def __init__(self, kind: Callable[[PartitionSource], _Opened]) -> None:
        self._kind = kind
        self._guard = RLock()
        self._opened: dict[Path, tuple[_Opened, int]] = {}
        self._ended: deque[_Opened] = deque()
        self._is_busy = False

    def open(self, source: PartitionSource) -> _Opened:
        """A partition, opened when nobody in this process has it open. Raises LogUnusable."""
        path = source.index_path.resolve()
        with self._guard:
            self._is_busy = True
            try:
                found = self._opened.get(path)
                if found is None:
                    found = (self._kind(source), 0)
                self._opened[path] = (found[0], found[1] + 1)
            finally:
                self._is_busy = False
                self._close_ended()
            return found[0]

    def close(self, opened: _Opened) -> None:
        """The end of one `open`; the last one closes it."""
        self._ended.append(opened)
        with self._guard:
            self._close_ended()

    def _close_ended(self) -> None:
        while self._ended and not self._is_busy:
            self._is_busy = True
            try:
                self._end(self._ended.popleft())
            finally:
                self._is_busy = False

    def _end(self, opened: _Opened) -> None:
        # By itself, for its path may lead elsewhere by now. One that is closed already stays so.
        for path, (found, users) in self._opened.items():
            if found is opened:
                if users > 1:
                    self._opened[path] = (opened, users - 1)
                else:
                    del self._opened[path]
                    opened.close()
                return


WRITERS: PartitionPool[PartitionHandle] = PartitionPool(PartitionHandle)
READERS: PartitionPool[PartitionReader] = PartitionPool(PartitionReader)
