"""Recorded moments that cannot be right: a wrong clock stamped them, and they stay in the log as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from consumers.commands.recording_clock import TOLERANCE


def doubtful(
    recorded: Sequence[datetime], now: datetime, appended: Sequence[datetime | None] | None = None
) -> list[int]:
    """The places in `recorded`, moments of facts in the order of the log, that cannot be right.

    `appended` says when each was appended, by the clock of whoever keeps the log: a moment far from that is wrong.
    Where that is not known, a moment is wrong that lies ahead of a later fact's, or of now.
    """
    found: list[int] = []
    earliest_later = now
    for place in reversed(range(len(recorded))):
        moment = recorded[place]
        stamped = appended[place] if appended is not None else None
        wrong = abs(moment - stamped) > TOLERANCE if stamped is not None else moment - earliest_later > TOLERANCE
        if wrong:
            found.append(place)
        else:
            earliest_later = min(earliest_later, moment)
    return found[::-1]
