"""Waiting for what must come to pass.

A test says what must hold, never how soon: the bounds here only keep a test that fails from hanging.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

GUARD: Final = 200
"""Seconds after which a test gives up waiting: far beyond what the busiest machine needs."""

_PAUSE: Final = 0.02


def wait_until(condition: Callable[[], object], *, pause: float = _PAUSE) -> None:
    """Wait until a condition holds, asking it again after `pause` seconds. Raises AssertionError after GUARD."""
    end = time.monotonic() + GUARD
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come to pass"
        time.sleep(pause)
