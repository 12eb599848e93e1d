"""Signatures of many records, verified in processes of their own while this one judges the records before them.

They take most of the time where each record holds little. What a process says of a record counts only as long as the
same keys are active: behind a statement about keys it is verified here again, as every record is until it is worth it.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread
from types import TracebackType
from typing import Final, Generic, NamedTuple, Self, TypeVar

from infra.log.acceptance import ActiveKeys
from infra.log.chain import Chain
from infra.log.format import Place, is_signed_by, read_header

_T = TypeVar("_T")

WORTH_PROCESSES: Final = 20_000
"""Records after which the start of processes, a second, is won back."""
_AT_ONCE: Final = 2000
_BYTES_AT_ONCE: Final = 2 << 20
_MOST_BYTES: Final = 1000
"""Bytes of a record on average, above which its signature is the smaller part of the work."""
_MOST_PROCESSES: Final = 4


class Judged(NamedTuple):
    """Whether a record was found to be signed by a writer of `keys`."""

    is_signed: bool
    keys: ActiveKeys | None

    def is_known(self, chain: Chain) -> bool:
        """Whether that still says what the rule would say."""
        return self.is_signed and self.keys is chain.state.keys


_UNKNOWN: Final = Judged(False, None)


class _Group(NamedTuple, Generic[_T]):
    """Records that are verified together, and who does it."""

    items: list[tuple[_T, bytes | None]]
    keys: ActiveKeys | None
    found: Future[bytes] | None


class SignatureChecks:
    """The processes of one run, begun once they are worth it. Use it as a context; `jobs`: how many, 0 for none."""

    def __init__(self, jobs: int | None = None) -> None:
        cores = os.cpu_count() or 1
        self._jobs = min(cores, _MOST_PROCESSES) if jobs is None and cores > 1 else jobs or 0
        self._pool: ProcessPoolExecutor | None = None
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def ahead(
        self, place: Place, items: Iterable[tuple[_T, bytes | None]], keys: Callable[[], ActiveKeys | None]
    ) -> Iterator[tuple[_T, Judged]]:
        """Each item, which has the value of a record, with what is known of it; `keys` gives the active ones now."""
        waiting: deque[_Group[_T]] = deque()
        for group in _groups(items):
            waiting.append(self._begun(place, group, keys()))
            if len(waiting) > self._jobs:
                yield from self._ended(waiting.popleft())
        while waiting:
            yield from self._ended(waiting.popleft())

    def _begun(self, place: Place, items: list[tuple[_T, bytes | None]], keys: ActiveKeys | None) -> _Group[_T]:
        self._seen += len(items)
        values = [value for _, value in items]
        small = sum(len(value or b"") for value in values) <= _MOST_BYTES * len(values)
        if self._seen < WORTH_PROCESSES or not self._jobs or keys is None or not small:
            return _Group(items, keys, None)
        try:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(self._jobs, get_context("spawn"), _start_process)
            return _Group(items, keys, self._pool.submit(_signed, place, dict(keys.writers), values))
        except (BrokenProcessPool, OSError):
            # A process was ended, or there is no room for one: the rest is verified here.
            self._jobs = 0
            return _Group(items, keys, None)

    def _ended(self, group: _Group[_T]) -> Iterator[tuple[_T, Judged]]:
        try:
            found = group.found.result() if group.found is not None else None
        except BrokenProcessPool:
            found, self._jobs = None, 0
        for at, (item, _) in enumerate(group.items):
            yield item, Judged(bool(found[at]), group.keys) if found is not None else _UNKNOWN


def _groups(items: Iterable[tuple[_T, bytes | None]]) -> Iterator[list[tuple[_T, bytes | None]]]:
    group: list[tuple[_T, bytes | None]] = []
    size = 0
    for item in items:
        group.append(item)
        size += len(item[1] or b"")
        if len(group) == _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _start_process() -> None:
    """A process ends with the one that began it, however that ends; Ctrl-C is for that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _signed(place: Place, writers: dict[bytes, bytes], values: Sequence[bytes | None]) -> bytes:
    """A 1 for each value that one of these writers signed, else a 0."""
    return bytes(_is_signed(place, writers, value) for value in values)


def _is_signed(place: Place, writers: dict[bytes, bytes], value: bytes | None) -> bool:
    header = read_header(value)
    writer = writers.get(header.key) if header is not None else None
    return value is not None and writer is not None and is_signed_by(place, writer, value)
