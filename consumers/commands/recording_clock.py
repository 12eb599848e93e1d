"""The moments at which facts are recorded, and when a clock is not believed.

A clock that was wrong once must not stamp what follows: a moment that lies far ahead binds nobody, and a clock that
contradicts the log is not recorded by until somebody has looked. Readers flag the moments that were recorded all the
same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final, Protocol

from consumers.commands.errors import ClockWrong
from domain.context import VIETNAM
from domain.i18n import Text, pair

TOLERANCE: Final = timedelta(minutes=5)
"""By so much two clocks that are right may differ."""
LONGEST_GAP: Final = timedelta(hours=1)
"""After so long without a fact, the log says nothing of what time it is now."""


class RecordingClock(Protocol):
    """Says at which moment a fact is recorded."""

    def moment(self, last: datetime | None) -> datetime:
        """The moment of a fact that follows one recorded at `last` (None: it is the first). In UTC.

        Raises ClockWrong.
        """
        ...


class LogClock:
    """The clock of a log that knows no other clock than its own last recorded moment.

    The clock may not be more than TOLERANCE before that moment, nor more than LONGEST_GAP after it.

    now             the clock of this computer, in UTC
    is_confirmed    whether somebody who looked at another clock has said that this one is right
    is_synchronised whether the system keeps this clock by others: then it is believed after any gap
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        is_confirmed: Callable[[], bool] = lambda: False,
        is_synchronised: Callable[[], bool] = lambda: False,
    ) -> None:
        self._now = now
        self._is_confirmed = is_confirmed
        self._is_synchronised = is_synchronised

    def moment(self, last: datetime | None) -> datetime:
        """See `RecordingClock`."""
        now = self._now()
        if last is not None and not self._believes(now - last):
            raise clock_wrong(now, pair("the last fact was recorded at"), last)
        return moment_after(last, now)

    def _believes(self, passed: timedelta) -> bool:
        if -TOLERANCE <= passed <= LONGEST_GAP:
            return True
        return (passed > LONGEST_GAP and self._is_synchronised()) or self._is_confirmed()


def moment_after(last: datetime | None, now: datetime) -> datetime:
    """A moment that is not before the last one, unless that lies so far ahead that a wrong clock must have said it."""
    return now if last is None or last - now > TOLERANCE else max(last, now)


def clock_wrong(now: datetime, against: Text, known: datetime) -> ClockWrong:
    """The error for a clock that contradicts another moment; `against` says whose that is."""
    return ClockWrong(clock=shown(now), against=against, known=shown(known))


def shown(moment: datetime) -> str:
    """A moment as officials read it: in Vietnam's time."""
    return moment.astimezone(timezone(VIETNAM)).isoformat(timespec="seconds")
