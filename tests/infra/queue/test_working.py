from __future__ import annotations

from typing import Any, cast

import pytest

from infra.queue import worker_process as working
from infra.queue.worker_process import Lane


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "_PAUSE", 0.01)


class Scripted(Lane):
    """Ends itself in its second round."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(cast("Any", None), 0)
        self._fault = fault
        self.rounds = 0

    def _work(self) -> None:
        self.rounds += 1
        if self.rounds == 1:
            raise self._fault
        self.stopped.set()


def test_a_partition_begins_anew_after_a_fault_of_the_program() -> None:
    """As after one of what is outside: it is not left alone while its worker stays in the group."""
    lane = Scripted(KeyError("cleanup.policy"))
    lane.run()
    assert lane.rounds == 2
