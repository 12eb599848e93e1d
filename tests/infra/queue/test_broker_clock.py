from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consumers.commands.errors import ClockWrong
from infra.queue.broker_clock import BrokerClock

NOW = datetime(2026, 3, 2, 1, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WRONG = timedelta(days=73 * 365)


class World:
    """A computer and a broker; either clock may be set."""

    def __init__(self) -> None:
        self.computer = self.broker = NOW
        self.up = timedelta(days=3)
        self.asked = 0
        self.confirmed = False
        self.clock = BrokerClock(lambda: self.computer, self._ask, lambda: self.confirmed, lambda: self.up)

    def _ask(self) -> datetime:
        self.asked += 1
        return self.broker

    def wait(self, passed: timedelta) -> None:
        self.computer, self.broker, self.up = self.computer + passed, self.broker + passed, self.up + passed


def test_a_broker_is_asked_once_however_quiet_it_was_in_between() -> None:
    world = World()
    assert world.clock.moment(None) == NOW
    world.wait(timedelta(days=3))
    assert world.clock.moment(NOW) == NOW + timedelta(days=3)
    assert world.asked == 1


@pytest.mark.parametrize("wrong", [WRONG, -WRONG, 6 * MINUTE, -6 * MINUTE])
def test_a_clock_that_differs_from_the_brokers_records_nothing(wrong: timedelta) -> None:
    """From the start, or set while it runs; it goes on as soon as it is set right."""
    world = World()
    for _ in range(2):
        world.computer += wrong
        with pytest.raises(ClockWrong):
            world.clock.moment(NOW)
        world.computer -= wrong
        assert world.clock.moment(None) == world.computer


def test_a_wrong_moment_in_the_log_binds_nobody() -> None:
    """The broker says that the clock is right: so nobody need be asked."""
    assert World().clock.moment(NOW + WRONG) == NOW


def test_moments_follow_one_another_where_the_clocks_of_two_workers_differ_a_little() -> None:
    assert World().clock.moment(NOW + 4 * MINUTE) == NOW + 4 * MINUTE


def test_a_confirmed_clock_goes_on_until_it_differs_otherwise() -> None:
    world = World()
    world.broker += WRONG
    world.confirmed = True
    assert world.clock.moment(NOW) == NOW
    world.confirmed = False
    world.wait(MINUTE)
    assert world.clock.moment(NOW) == NOW + MINUTE
    world.computer += 6 * MINUTE
    with pytest.raises(ClockWrong):
        world.clock.moment(NOW)


def test_after_a_pause_that_no_clock_counted_the_broker_is_asked_again() -> None:
    """As of a virtual machine that was put to sleep."""
    world = World()
    world.clock.moment(None)
    world.computer, world.broker = world.computer + WRONG, world.broker + WRONG
    assert world.clock.moment(None) == NOW + WRONG
    assert world.asked == 2
