"""The clock of a log on Kafka: the computer's own, compared with that of the broker that stamps every record.

The log itself says little of what time it is now, since nobody may have written for days. So the broker is asked, by an
empty reply that it stamps like every record; what it said is carried on by a clock that nobody sets.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from consumers.commands.recording_clock import TOLERANCE, clock_wrong, moment_after
from domain.i18n import pair


class BrokerClock:
    """See `RecordingClock`. A broker is asked first for the first fact, and then where the clocks seem to differ.

    now           the clock of this computer, in UTC
    ask_broker    the moment that a broker's clock shows. Raises LogUnusable
    is_confirmed  whether somebody who looked at another clock has said that this computer's is right
    uptime        a clock that nobody sets
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        ask_broker: Callable[[], datetime],
        is_confirmed: Callable[[], bool],
        uptime: Callable[[], timedelta],
    ) -> None:
        self._now = now
        self._ask_broker = ask_broker
        self._is_confirmed = is_confirmed
        self._uptime = uptime
        self._told: datetime | None = None
        self._told_at = timedelta()
        self._confirmed_difference = timedelta()

    def moment(self, last: datetime | None) -> datetime:
        """See `RecordingClock`. Raises ClockWrong, LogUnusable."""
        if not self._agrees():
            self._told, self._told_at = self._ask_broker(), self._uptime()
            if not self._agrees():
                self._take_word(self._told)
        return moment_after(last, self._now())

    def _agrees(self) -> bool:
        if self._told is None:
            return False
        difference = self._difference(self._told)
        return abs(difference) <= TOLERANCE or abs(difference - self._confirmed_difference) <= TOLERANCE

    def _difference(self, told: datetime) -> timedelta:
        return self._now() - (told + (self._uptime() - self._told_at))

    def _take_word(self, told: datetime) -> None:
        """Go on with a clock that differs where somebody has confirmed it; until it differs otherwise."""
        if not self._is_confirmed():
            raise clock_wrong(self._now(), pair("the broker's clock shows"), told)
        self._confirmed_difference = self._difference(told)
