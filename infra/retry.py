"""Trying again: within a time-out of the table, or for as long as a process runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from types import MappingProxyType
from typing import Final

from domain.errors import InfrastructureError
from infra.timeouts import Timeout

_PLACE: Final = ("projection", "dossier", "partition", "position")


class Retry:
    """Tries within a time-out: whether there is time left, and the pause before the next one.

    Iterated, it gives the number of each try from 1, pauses in between, and ends once the time is over; there is at
    least one try. `pause` are seconds, doubled after each one up to `longest` where that is given. `began` is when the
    first try began, by `now`, where this is only made after that has failed.
    """

    def __init__(
        self,
        timeout: Timeout | float,
        *,
        pause: float = 0.1,
        longest: float | None = None,
        began: float | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.seconds = timeout.seconds if isinstance(timeout, Timeout) else timeout
        self._first = self._pause = pause
        self._longest = longest or pause
        self._now = now
        self._sleep = sleep
        self._began = now() if began is None else began

    @property
    def elapsed(self) -> float:
        """Seconds since the first try, or since there was progress."""
        return self._now() - self._began

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.elapsed > self.seconds

    def lasts(self, timeout: Timeout) -> bool:
        """Whether it lasts longer than another time-out already."""
        return self.elapsed > timeout.seconds

    def progress(self) -> None:
        """Something worked: the time begins anew, and the pauses are short again."""
        self._began = self._now()
        self._pause = self._first

    def pause(self) -> None:
        """Wait a moment before the next try."""
        self._sleep(self._pause)
        self._pause = min(2 * self._pause, self._longest)

    def __iter__(self) -> Iterator[int]:
        number = 1
        while True:
            yield number
            if self.is_over:
                return
            self.pause()
            number += 1


def supervise(
    name: str,
    run: Callable[[], None],
    stopped: Event,
    context: Mapping[str, object] = MappingProxyType({}),
    *,
    failed: Callable[[Exception], None] | None = None,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Run something until `stopped`, again after each failure: whatever it is, the work is not left alone in silence.

    Failures in a row are paused for, a second at first and half a minute at most; one that comes later than that after
    the last start begins with a second again. `name` and `context` tell the log what failed; `failed` is told as well.
    """
    pause = Timeout.RESTART.seconds
    while not stopped.is_set():
        began = now()
        try:
            run()
        except Exception as error:  # noqa: BLE001  # nothing but a stop ends the work
            if now() - began > Timeout.RESTART_LONGEST.seconds:
                pause = Timeout.RESTART.seconds
            _report(name, error, pause, context)
            if failed is not None:
                failed(error)
            stopped.wait(pause)
            pause = min(2 * pause, Timeout.RESTART_LONGEST.seconds)
        else:
            pause = Timeout.RESTART.seconds


def _report(name: str, error: Exception, pause: float, context: Mapping[str, object]) -> None:
    # Whoever only tries again, as every command does, need not wait for its import.
    import structlog  # noqa: PLC0415

    report = structlog.get_logger(__name__).error
    if not isinstance(error, InfrastructureError):
        report(f"{name}.failed", pause=pause, exc_info=error, **context)
        return
    from infra.runbook.pages import page  # noqa: PLC0415  # as above

    place: dict[str, object] = {key: error.details[key] for key in _PLACE if key in error.details}
    more = {"more": f"dossier explain {error.code}"} if page(error.code, "en") is not None else {}
    report(f"{name}.halted", code=error.code, reason=str(error), pause=pause, **{**place, **context, **more})
