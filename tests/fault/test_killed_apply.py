"""The short version; `make chaos` kills a hundred times and more."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

from tests.fault.killed_apply import run


def test_apply_killed_ten_times_acts_once_on_every_command_and_keeps_every_answer(tmp_path: Path) -> None:
    """SIGKILL at random points, then the same file again; the seed of a failure is in its message."""
    report = run(tmp_path, kills=10, seed=SystemRandom().getrandbits(32))
    assert not report.wrong, (report.seed, report.wrong[:5])
    assert report.answered_before_a_kill, "no kill came after an answer: the run proved nothing"
