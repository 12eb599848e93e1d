"""The four topics of a log with its queue: made together, with the same partitions. Replies alone are ever deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from infra.errors import LogMissing
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, TopicSpec, check, ensure, exists, log_topic


class QueueTopics(NamedTuple):
    """`<app>.events`, `<app>.commands`, `<app>.replies`, `<app>.dead-letters`."""

    events: Topic
    commands: Topic
    replies: Topic
    dead_letters: Topic


def queue_topics(settings: KafkaSettings, *, create: bool) -> QueueTopics:
    """The topics; unless `create`, a log that does not exist raises LogMissing.

    Raises TopicUnusable, KafkaUnreachable.
    """
    if not create and not exists(settings, settings.events_topic):
        raise LogMissing(log=settings.url, on_kafka=True)
    return QueueTopics(*ensure(settings, _specs(settings)))


def check_queue_topics(settings: KafkaSettings, known: Sequence[Topic]) -> None:
    """Look at the topics as they are now. Raises TopicUnusable, KafkaUnreachable; LogChanged for one made anew."""
    check(settings, _specs(settings), known)


def _specs(settings: KafkaSettings) -> list[TopicSpec]:
    names = (settings.events_topic, settings.commands_topic, settings.replies_topic, settings.dead_letters_topic)
    return [log_topic(settings, name) for name in names]
