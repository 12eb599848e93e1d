from __future__ import annotations

import os
import signal
from threading import Event

from infra.processes import SupervisedThread, until_stopped


def test_a_signal_ends_the_work_and_the_old_handlers_come_back() -> None:
    """SIGTERM, which service managers send, and SIGINT, which a terminal does."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    for number in (signal.SIGTERM, signal.SIGINT):
        with until_stopped() as stopped:
            assert not stopped.is_set()
            os.kill(os.getpid(), number)
            assert stopped.wait(10)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_thread_does_its_work_until_it_is_stopped() -> None:
    """Its name says what it is about."""
    began = Event()

    def work(stopped: Event) -> None:
        began.set()
        stopped.wait()

    thread = SupervisedThread("worker", work, partition=3)
    assert (thread.name, thread.daemon) == ("worker-3", True)
    thread.start()
    assert began.wait(10)
    assert thread.is_alive()
    thread.stopped.set()
    thread.join(10)
    assert not thread.is_alive()
