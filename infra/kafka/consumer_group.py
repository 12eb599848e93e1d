"""A consumer group that only spreads partitions over processes: a hint for speed, never for safety."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaError, KafkaTimeoutError

from infra.kafka.internals import CooperativeStickyAssignor
from infra.kafka.settings import KafkaSettings

_log = structlog.get_logger(__name__)

_POLL_MS: Final = 200
SESSION_SECONDS: Final = 6
"""A member that gives no sign of life for so long loses its partitions."""
_HEARTBEAT_MS: Final = 1_000
_PAUSE: Final = 1.0
_JOINS_WITHIN: Final = 20.0
"""Seconds until a member that was not even told that it has no partitions begins anew.

Members that die one soon after another keep a new one waiting: the group waits for each until its session is over.
"""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no types
    """Runs on the client's own thread: it only takes note."""

    def __init__(self) -> None:
        self.heard = False
        self.partitions: set[int] = set()

    def on_partitions_assigned(self, assigned: Any) -> None:
        self.heard = True
        self.partitions |= {place.partition for place in assigned}

    def on_partitions_revoked(self, revoked: Any) -> None:
        self.partitions -= {place.partition for place in revoked}

    def on_partitions_lost(self, lost: Any) -> None:
        self.partitions -= {place.partition for place in lost}


def run_member(
    settings: KafkaSettings, group: str, topic: str, on_change: Callable[[set[int]], None], stopped: threading.Event
) -> None:
    """Be a member of `group` until `stopped`; `on_change` is told of every change of this member's partitions.

    Nothing is fetched and no offset is committed. A coordinator that dies is waited for with the partitions kept: two
    processes on one partition are harmless.
    """
    mine: set[int] = set()
    while not stopped.is_set():
        listener = _Listener()
        begun = time.monotonic()
        consumer = None
        try:
            consumer = KafkaConsumer(
                **settings.client,
                group_id=group,
                partition_assignment_strategy=[CooperativeStickyAssignor],
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                session_timeout_ms=SESSION_SECONDS * 1000,
                heartbeat_interval_ms=_HEARTBEAT_MS,
                max_poll_interval_ms=300_000,
            )
            consumer.subscribe([topic], listener=listener)
            while not stopped.is_set():
                if not listener.heard and time.monotonic() > begun + _JOINS_WITHIN:
                    raise KafkaTimeoutError(f"the group {group} gave no answer")
                consumer.pause(*consumer.assignment())
                consumer.poll(timeout_ms=_POLL_MS, max_records=1)
                if listener.heard and listener.partitions != mine:
                    mine = set(listener.partitions)
                    _log.info("group.assigned", group=group, partitions=sorted(mine))
                    on_change(mine)
        except (KafkaError, OSError) as error:
            _log.warning("group.lost", group=group, reason=repr(error))
            stopped.wait(_PAUSE)
        finally:
            if consumer is not None:
                _close(consumer)
    on_change(set())


def _close(consumer: KafkaConsumer) -> None:
    try:
        consumer.close(autocommit=False)
    except (KafkaError, OSError) as error:
        _log.info("group.closed", reason=repr(error))
