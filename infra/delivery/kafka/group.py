"""Which partitions are ours: a consumer group spreads them over the publishers that run.

For speed alone: what keeps two publishers of one partition apart is the transactional id.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import Final

import structlog
from kafka import KafkaConsumer
from kafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from infra.delivery.kafka.errors import StreamUnusable
from infra.delivery.kafka.topics import decisions_topic
from infra.kafka.settings import KafkaSettings

_SESSION_MS: Final = 6_000
"""After which a publisher that died is out of the group: the least that brokers allow unless told otherwise."""
_POLL_MS: Final = 500
"""Long enough for a whole round of joining: kafka-python begins it anew when the time is over."""
_AGAIN: Final = 1.0
_NO_RETRY_MENDS: Final = (GroupAuthorizationFailedError, TopicAuthorizationFailedError)

_log = structlog.get_logger("publisher")


class Group:
    """The membership, kept by a thread of its own: joining waits for others, and publishing must not."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._topic = decisions_topic(settings.app)
        self._end = Event()
        self._ours: frozenset[int] = frozenset()
        self._failed: KafkaError | None = None
        self._thread = Thread(target=self._run, name="publisher-group", daemon=True)
        self._thread.start()

    def ours(self) -> frozenset[int]:
        """The partitions that are this process's now. Raises StreamUnusable."""
        if self._failed is not None:
            reason = str(self._failed) or type(self._failed).__name__
            raise StreamUnusable(topic=self._topic, reason=reason) from self._failed
        return self._ours

    def close(self) -> None:
        """Leave."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._take_part()
            except _NO_RETRY_MENDS as error:
                self._failed = error
                return
            except KafkaError as error:
                # Brokers come back. What is ours stays so meanwhile: the transactional id keeps it safe.
                _log.warning("group.lost", topic=self._topic, reason=str(error) or type(error).__name__)
                self._end.wait(_AGAIN)

    def _take_part(self) -> None:
        consumer = KafkaConsumer(
            self._topic,
            **self._settings.client,
            group_id=f"{self._settings.app}.publisher",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            allow_auto_create_topics=False,
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_SESSION_MS // 6,
        )
        try:
            while not self._end.is_set():
                consumer.poll(timeout_ms=_POLL_MS)
                ours = consumer.assignment()
                # Nothing is read through the group.
                consumer.pause(*ours)
                self._ours = frozenset(place.partition for place in ours)
        finally:
            consumer.close(timeout_ms=1000)
