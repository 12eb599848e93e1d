from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consumers.commands.recording_clock import TOLERANCE
from infra.diagnosis.moments import doubtful

NOW = datetime(2026, 3, 2, 1, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FUTURE = datetime(2099, 1, 1, tzinfo=UTC)


def test_moments_in_order_are_believed() -> None:
    assert doubtful([], NOW) == doubtful([NOW - MINUTE, NOW - MINUTE, NOW], NOW) == []


def test_a_moment_ahead_of_a_later_facts_is_doubted_and_what_follows_it_is_not() -> None:
    assert doubtful([NOW - MINUTE, FUTURE, FUTURE + MINUTE, NOW], NOW) == [1, 2]


def test_a_last_moment_ahead_of_now_is_doubted() -> None:
    assert doubtful([NOW, FUTURE], NOW) == [1]


def test_clocks_may_differ_a_little() -> None:
    assert doubtful([NOW + TOLERANCE, NOW], NOW) == []


def test_a_moment_far_from_when_it_was_appended_is_doubted() -> None:
    """In either direction; where nobody knows when that was, the order alone speaks."""
    recorded = [NOW - 60 * MINUTE, NOW - 50 * MINUTE, FUTURE, NOW]
    assert doubtful(recorded, NOW, [NOW - 60 * MINUTE, NOW - 10 * MINUTE, None, NOW]) == [1, 2]


@given(st.lists(st.timedeltas(timedelta(), timedelta(days=400)), max_size=30), st.sets(st.integers(0, 29)))
def test_exactly_the_moments_of_a_wrong_clock_are_doubted(passed: list[timedelta], wrong: set[int]) -> None:
    moments = [NOW - each for each in sorted(passed, reverse=True)]
    stamped = [FUTURE if place in wrong else moment for place, moment in enumerate(moments)]
    assert doubtful(stamped, NOW) == sorted(place for place in wrong if place < len(moments))
