"""The topic of the stream, `<app>.decisions`, kept for ever; and with it the topic of schemas."""

from __future__ import annotations

from typing import Final

from infra.delivery.kafka.errors import StreamUnusable
from infra.errors import LogUnusable
from infra.kafka import topics
from infra.kafka.errors import TopicUnusable
from infra.kafka.schemas_topic import publish_schemas, schemas_spec
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import PLAIN, TopicSpec

DECISIONS: Final = {
    **PLAIN,
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "unclean.leader.election.enable": "false",
}


def decisions_topic(app: str) -> str:
    """The name of the public stream."""
    return f"{app}.decisions"


def ensure(settings: KafkaSettings, partitions: int) -> None:
    """Make what is missing, the schemas too, and look at what is there. Raises StreamUnusable."""
    try:
        topics.ensure(settings, [_decisions(settings, partitions)])
        publish_schemas(settings)
    except TopicUnusable as error:
        raise _unusable(settings, error) from error
    except LogUnusable as error:
        raise StreamUnusable(topic=decisions_topic(settings.app), reason=error.details["reason"]) from error


def check(settings: KafkaSettings, partitions: int) -> None:
    """Look at what is there. Raises StreamUnusable; KafkaUnreachable where nothing is known of it."""
    try:
        topics.check(settings, [_decisions(settings, partitions), schemas_spec(settings)])
    except TopicUnusable as error:
        raise _unusable(settings, error) from error


def _decisions(settings: KafkaSettings, partitions: int) -> TopicSpec:
    return TopicSpec(decisions_topic(settings.app), partitions, DECISIONS, survives=False)


def _unusable(settings: KafkaSettings, error: TopicUnusable) -> StreamUnusable:
    reason = f"{error.details['reason']} ({error.details['mend']})"
    return StreamUnusable(topic=decisions_topic(settings.app), reason=reason)
