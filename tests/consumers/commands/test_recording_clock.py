from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.commands.errors import ClockWrong
from consumers.commands.recording_clock import LONGEST_GAP, TOLERANCE, LogClock, moment_after

NOW = datetime(2026, 3, 2, 1, 15, tzinfo=UTC)
YEARS = timedelta(days=73 * 365)


def clock(now: datetime = NOW, *, confirmed: bool = False, synchronised: bool = False) -> LogClock:
    return LogClock(lambda: now, lambda: confirmed, lambda: synchronised)


def test_the_first_fact_of_a_log_has_nothing_to_be_compared_with() -> None:
    assert clock().moment(None) == NOW


@pytest.mark.parametrize("passed", [timedelta(), timedelta(seconds=1), LONGEST_GAP])
def test_a_clock_that_goes_on_from_the_last_fact_is_believed(passed: timedelta) -> None:
    assert clock().moment(NOW - passed) == NOW


@pytest.mark.parametrize("ahead", [timedelta(microseconds=1), TOLERANCE])
def test_a_clock_that_was_set_back_a_little_records_no_earlier_moment(ahead: timedelta) -> None:
    assert clock().moment(NOW + ahead) == NOW + ahead


@pytest.mark.parametrize("ahead", [TOLERANCE + timedelta(microseconds=1), YEARS])
def test_a_clock_before_the_last_recorded_moment_records_nothing_until_it_is_confirmed(ahead: timedelta) -> None:
    """Whichever of the two is wrong: that the system keeps the clock says nothing of the fact."""
    last = NOW + ahead
    with pytest.raises(ClockWrong) as raised:
        clock(synchronised=True).moment(last)
    assert "2026-03-02T08:15:00+07:00" in str(raised.value)
    assert clock(confirmed=True).moment(last) == NOW


@pytest.mark.parametrize("passed", [LONGEST_GAP + timedelta(microseconds=1), YEARS])
def test_after_a_long_gap_somebody_must_vouch_for_the_clock(passed: timedelta) -> None:
    last = NOW - passed
    with pytest.raises(ClockWrong):
        clock().moment(last)
    assert clock(confirmed=True).moment(last) == clock(synchronised=True).moment(last) == NOW


@given(st.timedeltas(-YEARS, YEARS))
def test_a_recorded_moment_is_the_clocks_or_a_little_later(ahead: timedelta) -> None:
    """And never before the last one, unless that one lies far ahead."""
    last = NOW + ahead
    found = moment_after(last, NOW)
    assert NOW <= found <= NOW + TOLERANCE
    assert found >= last or last - NOW > TOLERANCE
