"""Python's collector of cycles, while many objects are made that live for a moment and have none.

Every 700 of them it looks for cycles, and ever so often among everything that the process has: a fifth of the time that
it takes to read a log of many records, and a tenth of that to decide many commands.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

_OBJECTS: Final = 50_000
"""Other threads go on meanwhile, and their cycles are found after so many."""

_guard: Final = Lock()
_usual: Final[list[tuple[int, int, int]]] = []
"""What is set outside of all blocks; one for each block that somebody is in."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """A block in which cycles are looked for after 50,000 new objects; of any number of threads at once."""
    with _guard:
        _usual.append(_usual[0] if _usual else gc.get_threshold())
        gc.set_threshold(_OBJECTS, *_usual[0][1:])
    try:
        yield
    finally:
        with _guard:
            usual = _usual.pop()
            if not _usual:
                gc.set_threshold(*usual)
