from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from structlog.testing import capture_logs

from infra.errors import LogUnusable
from infra.retry import Retry, supervise
from infra.timeouts import Timeout


@dataclass
class Clock:
    """A clock that moves when somebody sleeps."""

    time: float = 100.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def test_tries_end_with_the_time() -> None:
    """The last one begins after the time is over at the earliest, so that no time is given away."""
    clock = Clock()
    numbers = list(Retry(Timeout.CLUSTER, pause=4.0, now=clock.now, sleep=clock.sleep))
    assert numbers == [1, 2, 3, 4]
    assert clock.slept == [4.0] * 3


def test_there_is_one_try_even_without_time() -> None:
    """A time-out of zero asks once."""
    clock = Clock()
    for number in Retry(0.0, now=clock.now, sleep=clock.sleep):
        assert number == 1
        clock.time += 1


def test_the_time_of_a_try_that_failed_before_counts() -> None:
    """So that whoever waits only after a failure waits no longer than the time-out."""
    clock = Clock()
    tries = Retry(Timeout.CLUSTER, pause=4.0, began=clock.time - 8.0, now=clock.now, sleep=clock.sleep)
    assert list(tries) == [1, 2]
    assert clock.slept == [4.0]


def test_pauses_double_up_to_the_longest() -> None:
    clock = Clock()
    tries = Retry(Timeout.APPEND, pause=0.25, longest=1.0, now=clock.now, sleep=clock.sleep)
    for _ in range(4):
        tries.pause()
    assert clock.slept == [0.25, 0.5, 1.0, 1.0]


def test_progress_gives_the_whole_time_again() -> None:
    """A long read is not ended as long as records come."""
    clock = Clock()
    tries = Retry(10.0, pause=1.0, longest=8.0, now=clock.now, sleep=clock.sleep)
    tries.pause()
    clock.time += 20
    assert tries.is_over
    tries.progress()
    assert (tries.is_over, tries.elapsed) == (False, 0.0)
    tries.pause()
    assert clock.slept == [1.0, 1.0]


def test_a_shorter_time_out_within_a_longer_one() -> None:
    """A deleted topic is told sooner than a broker that is away."""
    clock = Clock()
    tries = Retry(Timeout.READ, now=clock.now, sleep=clock.sleep)
    clock.time += Timeout.TOPIC_ID.seconds + 1
    assert tries.lasts(Timeout.TOPIC_ID)
    assert not tries.is_over


class _Stopped(Event):
    """Notes how long it was waited for, and is set in the end."""

    def __init__(self, rounds: int, clock: Clock) -> None:
        super().__init__()
        self._rounds = rounds
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.sleep(timeout or 0.0)
        if len(self._clock.slept) == self._rounds:
            self.set()
        return self.is_set()


def _fails(error: Exception) -> Any:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            LogUnusable(log="kafka://h", reason="away", position=7),
            {"event": "worker.halted", "code": "LOG_UNUSABLE", "more": "dossier explain LOG_UNUSABLE"},
        ),
        (KeyError("cleanup.policy"), {"event": "worker.failed"}),
    ],
)
def test_whatever_fails_is_logged_and_begun_anew(error: Exception, expected: dict[str, Any]) -> None:
    """A fault of the program too: a partition is not left alone while its worker stays in the group."""
    clock = Clock()
    with capture_logs() as logs:
        supervise("worker", _fails(error), _Stopped(7, clock), {"partition": 2}, now=clock.now)
    assert clock.slept == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert [line["pause"] for line in logs] == clock.slept
    for line in logs:
        assert expected.items() <= line.items()
        assert (line["partition"], line["log_level"]) == (2, "error")
        assert ("position" in line) is isinstance(error, LogUnusable)


def test_a_failure_after_a_long_time_of_work_is_paused_for_a_second_again() -> None:
    clock = Clock()

    def run() -> None:
        clock.time += 3600
        raise LogUnusable(log="kafka://h", reason="away")

    supervise("worker", run, _Stopped(3, clock), now=clock.now)
    assert clock.slept == [1.0, 1.0, 1.0]


def test_nothing_begins_once_it_is_stopped() -> None:
    stopped = Event()
    stopped.set()
    supervise("worker", _fails(AssertionError("it began")), stopped)
    assert stopped.is_set()
