"""What our processes have in common: how they begin, end when they are told to, and keep their threads at work."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from infra.retry import supervise
from infra.terminal.streams import take_over_standard_streams

_OWNER_ALONE: Final = 0o077


def begin_process() -> None:
    """Once, at the start of each program: what it writes is its owner's alone, and it prints through the one door."""
    os.umask(_OWNER_ALONE)
    take_over_standard_streams()


@contextmanager
def until_stopped() -> Iterator[Event]:
    """An event that SIGTERM and Ctrl-C set: whoever waits for it ends what it is about, and then itself."""
    stopped = Event()

    def stop(_number: int, _frame: object) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class SupervisedThread(Thread):
    """A thread that does its work until `stopped` is set, and begins anew after each failure. See `supervise`.

    `work` gets `stopped`, and returns soon after it is set. `failed` is told of each failure, `context` is logged with
    it.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Event], None],
        *,
        stopped: Event | None = None,
        failed: Callable[[Exception], None] | None = None,
        **context: object,
    ) -> None:
        super().__init__(name="-".join([name, *map(str, context.values())]), daemon=True)
        self.stopped = stopped or Event()
        self._work_name = name
        self._work = work
        self._failed = failed
        self._context = context

    def run(self) -> None:
        """See `supervise`."""
        supervise(self._work_name, lambda: self._work(self.stopped), self.stopped, self._context, failed=self._failed)


class PartitionThreads:
    """A supervised thread for each partition that a group gives to this process."""

    def __init__(self, make: Callable[[int], SupervisedThread]) -> None:
        self._make = make
        self._running: dict[int, SupervisedThread] = {}

    def assigned(self, partitions: Collection[int]) -> set[int]:
        """Go on with these partitions alone: end the threads of others, then begin those that are missing.

        Returns the partitions that were let go of.
        """
        lost = self._running.keys() - partitions
        for partition in lost:
            self._running[partition].stopped.set()
        for partition in lost:
            self._running.pop(partition).join()
        for partition in sorted(partitions - self._running.keys()):
            self._running[partition] = self._make(partition)
            self._running[partition].start()
        return lost
