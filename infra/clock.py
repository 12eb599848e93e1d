"""The clock of this computer: whether the system keeps it by others, and an operator's word that it is right."""

from __future__ import annotations

import ctypes
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from consumers.commands.recording_clock import TOLERANCE, shown
from domain.errors import InvalidInput
from infra.state_files import read_state, write_state

utc_now: Callable[[], datetime] = partial(datetime.now, UTC)
"""The clock of an installation."""

_FILE: Final = "clock-confirmed.json"
_TIMEX_BYTES: Final = 512
"""More than any system's `struct timex` has; all zero, it asks and changes nothing."""
_UNSYNCHRONISED: Final = 5
"""What adjtimex(2) answers while no time daemon keeps the clock (TIME_ERROR)."""
_UPTIME: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class OtherTime(InvalidInput):
    """The time that another clock is said to show is not the one of this computer."""

    code = "OTHER_TIME"


def is_synchronised() -> bool:
    """Whether a time daemon keeps this clock, by the kernel's word; a clock that was set by hand is not kept."""
    adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    if adjtimex is None:
        return False
    return adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) in range(_UNSYNCHRONISED)


def uptime() -> timedelta:
    """How long the system has run; nobody sets this clock."""
    return timedelta(seconds=time.clock_gettime(_UPTIME))


class ClockConfirmation:
    """An operator's word that this computer's clock is right. It holds until the clock is set or the system restarts.

    Kept in a file, so that a worker need not be started again. What is kept is the moment of the system's start by this
    clock: that moves with every change of the clock, and with nothing else.
    """

    def __init__(
        self, folder: Path, now: Callable[[], datetime] = utc_now, uptime: Callable[[], timedelta] = uptime
    ) -> None:
        self._path = folder / _FILE
        self._now = now
        self._uptime = uptime

    def confirm(self, other: datetime) -> None:
        """Another clock shows `other`. Raises OtherTime where this one does not, StateUnusable."""
        now = self._now()
        if abs(now - other) > TOLERANCE:
            raise OtherTime(other=shown(other), clock=shown(now))
        kept = {"confirmed": now.isoformat(), "started": self._started().isoformat()}
        write_state(self._path, json.dumps(kept))

    def holds(self) -> bool:
        """Whether it was given, and the clock was not set since. Raises StateUnusable."""
        found = read_state(self._path)
        try:
            started = datetime.fromisoformat(json.loads(found)["started"]) if found is not None else None
        except (ValueError, KeyError, TypeError):
            return False
        return started is not None and abs(started - self._started()) <= TOLERANCE

    def _started(self) -> datetime:
        return self._now() - self._uptime()
