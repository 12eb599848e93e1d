"""How much memory processes use over time, in quarters of a run: it is flat if it does not grow from the second.

What counts is a process's own memory (RSS without what it shares), so that files in the cache of the system do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from threading import Event, Thread

import psutil

_SECONDS_BETWEEN = 1.0
_MIB = 1 << 20
TOGETHER = "together"
"""All of them, whichever has the partitions just now."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The mean of each quarter of a run and the highest sample, in MiB."""

    quarters: tuple[float, float, float, float]
    highest: float

    @property
    def growth(self) -> float:
        """The last quarter to the second."""
        return self.quarters[3] / self.quarters[1]


@dataclass(slots=True)
class MemoryWatch:
    """Looks at processes once a second, until `stop`; `pids` says which they are by then (name → pid)."""

    pids: Callable[[], Mapping[str, int]]
    _samples: dict[str, list[float]] = field(default_factory=dict)
    _stopped: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._samples = {name: [] for name in self.pids()}
        self._thread = Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, Usage]:
        """End it; what was found of each process, with those that were seen too seldom left out."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        return {name: usage_of(samples) for name, samples in self._samples.items() if len(samples) >= len("four")}

    def _watch(self) -> None:
        while not self._stopped.wait(_SECONDS_BETWEEN):
            pids = self.pids()
            found = {name: used for name, pid in pids.items() if (used := _own(pid)) is not None}
            if len(found) == len(pids):
                found[TOGETHER] = sum(found.values())
            for name, used in found.items():
                self._samples.setdefault(name, []).append(used)


def _own(pid: int) -> float | None:
    """In MiB. None while it is being restarted: the next look finds it again."""
    try:
        return float(psutil.Process(pid).memory_full_info().uss) / _MIB
    except psutil.Error:
        return None


def usage_of(samples: list[float]) -> Usage:
    """At least four samples in their order, in MiB, as quarters."""
    quarter = len(samples) // 4
    means = (fmean(samples[number * quarter : (number + 1) * quarter]) for number in range(3))
    first, second, third = means
    return Usage((first, second, third, fmean(samples[3 * quarter :])), max(samples))
