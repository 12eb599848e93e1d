"""Callers that append, each its own events one after another, and how long each append took."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Barrier, Thread
from uuid import uuid4

from eventsourcing.persistence import StoredEvent

_STATE = bytes(range(256)) * 2 + bytes(38)
"""550 bytes, as an event of Dossier has."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Appends a second, and how many milliseconds one took."""

    rate: float
    p50: float
    p99: float


def measure(append: Callable[[list[StoredEvent]], object], callers: int, seconds: float) -> Measured:
    """Let callers append one event each, again and again, for some seconds after a start."""
    barrier = Barrier(callers + 1)
    took: list[list[float]] = [[] for _ in range(callers)]

    def call(times: list[float]) -> None:
        barrier.wait()
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            append([StoredEvent(uuid4(), 1, "DossierStarted", _STATE)])
            times.append(time.perf_counter() - started)

    threads = [Thread(target=call, args=(times,), daemon=True) for times in took]
    for thread in threads:
        thread.start()
    gc.collect()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    every = sorted(each for times in took for each in times)
    return Measured(len(every) / elapsed, 1000 * every[len(every) // 2], 1000 * every[len(every) * 99 // 100])
