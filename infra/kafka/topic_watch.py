"""A running process looks at the settings of its topics again and again: somebody may change them at any time.

A topic that deletes records, or that believes a stamp of a client, loses what was acknowledged; so a process halts
before it acknowledges more, and goes on by itself when the settings were mended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, Thread

import structlog

from domain.errors import InfrastructureError
from infra.kafka.errors import KafkaUnreachable
from infra.timeouts import Timeout

_log = structlog.get_logger(__name__)


class TopicWatch:
    """Looks every `seconds`, beside the work, and every `again` seconds while something is wrong. For any thread.

    `look` raises what is wrong with the topics. They were right when this is made.
    """

    def __init__(
        self,
        look: Callable[[], None],
        *,
        seconds: float = Timeout.TOPIC_CHECK.seconds,
        again: float = Timeout.TOPIC_RECHECK.seconds,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._seconds = seconds
        self._again = again
        self._now = now
        self._guard = Lock()
        self._looked_at = now()
        self._thread: Thread | None = None
        self._wrong: InfrastructureError | None = None

    def check(self) -> None:
        """Raises what was wrong when it was looked last. Never waits for brokers while nothing is known to be wrong."""
        if self._now() < self._looked_at + (self._seconds if self._wrong is None else self._again):
            self._raise()
            return
        with self._guard:
            if self._wrong is not None:
                # Whoever asks halts anyway, and may just as well learn that it was mended.
                self._look_now()
            elif self._thread is None or not self._thread.is_alive():
                self._looked_at = self._now()
                self._thread = Thread(target=self._look_now, name="look-at-topics", daemon=True)
                self._thread.start()
        self._raise()

    def _raise(self) -> None:
        wrong = self._wrong
        if wrong is not None:
            raise wrong

    def _look_now(self) -> None:
        try:
            self._look()
        except KafkaUnreachable as error:
            # Nothing is known of the settings; what an outage means is told by whoever reads or writes.
            _log.info("topics.unchecked", reason=str(error))
        except InfrastructureError as error:
            _log.error("topics.unusable", code=error.code, reason=str(error))
            self._wrong = error
        else:
            if self._wrong is not None:
                _log.info("topics.mended")
            self._wrong = None
        self._looked_at = self._now()
