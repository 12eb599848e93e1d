"""What a finalizer may do: it runs in any thread, in the middle of anything, and must wait for nobody.

The library's applications close themselves in `__del__`. The garbage collector calls that wherever it comes round: in a
thread that holds the lock which closing needs, or in the very thread that closing would wait for.
"""

from __future__ import annotations

import sys
from _thread import start_new_thread
from collections.abc import Callable

_FINALIZER = "__del__"


def close_apart(close: Callable[[], None]) -> None:
    """Close at once, and in a thread of its own where a finalizer asks for it.

    At the end of the process, when threads are gone, a finalizer closes nothing: the system does.
    """
    if not _in_finalizer():
        close()
    elif not sys.is_finalizing():
        # Not `threading.Thread`, which waits until it has begun.
        start_new_thread(close, ())


def _in_finalizer() -> bool:
    frame = sys._getframe(1)  # noqa: SLF001  # as in the standard library: there is no other way to see who calls
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name == _FINALIZER:
            return True
    return False
