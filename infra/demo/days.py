"""The simulated days: the system begins with Guidance 02/HD-UBND of 10 June 2024; the period ends with 2025 (III.1)."""

from __future__ import annotations

from datetime import date, timedelta

COUNCIL_ESTABLISHED = date(2024, 6, 14)
COUNCIL_CHANGED = date(2025, 3, 10)
FIRST_DAY = date(2024, 6, 24)
LAST_DAY = date(2025, 12, 19)
"""The simulation ends on this day: what is still under way is left as it stands."""

_DAYS_OF_DECISION = (5, 15, 25)
_SATURDAY = 5
_HOLIDAYS = frozenset({(1, 1), (4, 30), (5, 1), (9, 2)})
_TET = (date(2025, 1, 25), date(2025, 2, 2))


def workday(day: date) -> date:
    """The day itself, or the first workday after weekend and holidays; never after LAST_DAY."""
    while day.weekday() >= _SATURDAY or (day.month, day.day) in _HOLIDAYS or _TET[0] <= day <= _TET[1]:
        day += timedelta(days=1)
    return min(day, LAST_DAY)


def later(day: date, days: int) -> date:
    """So many days later, on a workday."""
    return workday(day + timedelta(days=days))


def decision_day(day: date) -> date:
    """The next day on which the Chairman decides: one decision may name several units (I.2)."""
    found = day + timedelta(days=1)
    while found.day not in _DAYS_OF_DECISION:
        found += timedelta(days=1)
    return workday(found)
