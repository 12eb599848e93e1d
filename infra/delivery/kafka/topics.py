"""The topic of the stream, `<app>.decisions`, kept for ever; and with it the topic of schemas."""

from __future__ import annotations

from typing import Final

from infra.delivery.kafka.errors import StreamUnusable
from infra.errors import LogUnusable
from infra.kafka import topics
from infra.kafka.errors import TopicUnusable
from infra.kafka.schemas_topic import publish_schemas
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
    decisions = decisions_topic(settings.app)
    try:
        topics.ensure(settings, [TopicSpec(decisions, partitions, DECISIONS, survives=False)])
        publish_schemas(settings)
    except TopicUnusable as error:
        reason = f"{error.details['reason']} ({error.details['mend']})"
        raise StreamUnusable(topic=decisions, reason=reason) from error
    except LogUnusable as error:
        raise StreamUnusable(topic=decisions, reason=error.details["reason"]) from error
