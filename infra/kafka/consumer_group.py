"""A consumer group that only spreads partitions over processes: a hint for speed, never for safety."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import structlog
from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    TopicAuthorizationFailedError,
)

from infra.kafka.assignors import COOPERATIVE, EAGER
from infra.kafka.errors import TopicUnusable, reason_of
from infra.kafka.settings import KafkaSettings
from infra.retry import Retry
from infra.timeouts import Timeout

_log = structlog.get_logger(__name__)

_POLL_MS: Final = 200
_HEARTBEAT_MS: Final = 1_000
_MAX_POLL_INTERVAL_MS: Final = 300_000
_NOT_ALLOWED: Final = (GroupAuthorizationFailedError, TopicAuthorizationFailedError)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no types
    """Runs on the client's own thread: it only takes note.

    Nothing may be fetched, not even once: what a stranger put there could be of any codec, and unpack to any size.
    """

    def __init__(self, consumer: KafkaConsumer, *, eager: bool) -> None:
        self.has_joined = False
        self.partitions: set[int] = set()
        self._consumer = consumer
        self._eager = eager

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._consumer.pause(*assigned)
        self.has_joined = True
        partitions = {each.partition for each in assigned}
        self.partitions = partitions if self._eager else self.partitions | partitions

    def on_partitions_revoked(self, revoked: Any) -> None:
        # An eager group takes everything from everybody whenever somebody joins, and gives most of it back at once.
        if not self._eager:
            self.partitions -= {each.partition for each in revoked}

    def on_partitions_lost(self, lost: Any) -> None:  # noqa: ARG002  # kafka-python calls it so
        # The group has gone on without this member, which has to join it anew.
        self.partitions = set()
        self.has_joined = False


def run_member(
    settings: KafkaSettings,
    group: str,
    topic: str,
    on_change: Callable[[set[int]], object],
    stopped: threading.Event,
    *,
    eager: bool = False,
) -> None:
    """Be a member of `group` until `stopped`; `on_change` is told of every change of this member's partitions.

    Nothing is fetched and no offset is committed. While the brokers are away, or the group has gone on without this
    member and it is not in it again, the partitions are kept: two processes on one partition are harmless. All
    members of a group must be `eager`, or none: the brokers let no others in. Raises TopicUnusable when this client
    may not be a member.
    """
    partitions: set[int] = set()

    def changed(now: set[int]) -> None:
        nonlocal partitions
        if now != partitions:
            partitions = now
            _log.info("group.assigned", group=group, partitions=sorted(now))
            on_change(now)

    try:
        while not stopped.is_set():
            try:
                _take_part(settings, group, topic, changed, stopped, eager=eager)
            except _NOT_ALLOWED as error:
                mend = f"ask for the right to read the topic {topic} and the group {group}"
                raise TopicUnusable(log=settings.url_of(topic), reason=f"not authorised: {error}", mend=mend) from error
            except (KafkaError, OSError) as error:
                _log.warning("group.lost", group=group, reason=reason_of(error))
                stopped.wait(Timeout.RESTART.seconds)
    finally:
        on_change(set())


def _take_part(
    settings: KafkaSettings,
    group: str,
    topic: str,
    changed: Callable[[set[int]], None],
    stopped: threading.Event,
    *,
    eager: bool,
) -> None:
    # Members that die one after another keep a new one waiting: the group waits for each until its session is over.
    joining = Retry(Timeout.GROUP_JOIN)
    consumer = KafkaConsumer(
        **settings.client,
        group_id=group,
        partition_assignment_strategy=EAGER if eager else COOPERATIVE,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        session_timeout_ms=Timeout.GROUP_SESSION.milliseconds,
        heartbeat_interval_ms=_HEARTBEAT_MS,
        max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
    )
    listener = _Listener(consumer, eager=eager)
    try:
        consumer.subscribe([topic], listener=listener)
        while not stopped.is_set():
            if not listener.has_joined and joining.is_over:
                raise KafkaTimeoutError(f"the group {group} gave no answer")
            consumer.pause(*consumer.assignment())
            consumer.poll(timeout_ms=_POLL_MS, max_records=1)
            if listener.has_joined:
                joining.progress()
                changed(set(listener.partitions))
    finally:
        _close(consumer)


def _close(consumer: KafkaConsumer) -> None:
    try:
        consumer.close(autocommit=False)
    except (KafkaError, OSError) as error:
        _log.info("group.closed", reason=reason_of(error))
