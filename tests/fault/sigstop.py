"""SIGSTOP for a while: the process sleeps in the background, and other faults fall meanwhile."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass
from threading import Lock, Timer
from typing import Any


@dataclass(frozen=True, slots=True)
class _Asleep:
    process: subprocess.Popen[bytes]
    since: float
    timer: Timer


class Pauses:
    """Who sleeps. `lengths` are the seconds of those that woke up again."""

    def __init__(self) -> None:
        self.lengths: list[float] = []
        self._asleep: dict[int, _Asleep] = {}
        self._guard = Lock()

    def stop(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        """Stop a process that is awake; it wakes up after so many seconds."""
        process.send_signal(signal.SIGSTOP)
        timer = Timer(seconds, self._wake, (process.pid,))
        with self._guard:
            self._asleep[process.pid] = _Asleep(process, time.monotonic(), timer)
        timer.start()

    def sleeps(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it is stopped just now."""
        return process.pid in self._asleep

    def wake_all(self) -> None:
        """End all pauses."""
        for pid in list(self._asleep):
            self._wake(pid)

    def figures(self, session: float) -> dict[str, Any]:
        """How many and how long; `session` are the seconds after which a group gives up a member."""
        return {
            "count": len(self.lengths),
            "shortest": round(min(self.lengths, default=0.0), 1),
            "longest": round(max(self.lengths, default=0.0), 1),
            "beyond_session": sum(length > session for length in self.lengths),
        }

    def _wake(self, pid: int) -> None:
        with self._guard:
            found = self._asleep.pop(pid, None)
        if found is None:
            return
        found.timer.cancel()
        # One that was killed in its sleep does not wake up.
        if found.process.poll() is None:
            self.lengths.append(time.monotonic() - found.since)
            found.process.send_signal(signal.SIGCONT)
