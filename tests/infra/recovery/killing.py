"""A recovery that is killed right behind one of its steps."""

from __future__ import annotations

from typing import Any

import pytest

from infra.recovery.recovery import Recovery

STEPS = ("written", "indexes", "views", "queues", "given")


class Killed(BaseException):
    """The end of the process, as far as one process can play it."""


def kill_behind(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Let every recovery that is made from now on end there."""
    made = Recovery.__init__

    def killed(done: str) -> None:
        if done == step:
            raise Killed

    def init(self: Recovery, opened: Any, named: Any) -> None:
        made(self, opened, named, killed)

    monkeypatch.setattr(Recovery, "__init__", init)
