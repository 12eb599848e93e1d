"""The topics of the stream: `<app>.decisions`, kept for ever, and `<app>.schemas`, compacted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from infra.delivery.kafka.errors import StreamUnusable
from infra.kafka.admin import ask
from infra.kafka.settings import KafkaSettings

DECISIONS: Final = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "unclean.leader.election.enable": "false",
}
SCHEMAS: Final = {"cleanup.policy": "compact", "unclean.leader.election.enable": "false"}
_SAFE_REPLICATION: Final = 3
_APPEAR_WITHIN: Final = 15.0


def decisions_topic(app: str) -> str:
    """The name of the public stream."""
    return f"{app}.decisions"


def schemas_topic(app: str) -> str:
    """The name of the topic of schemas."""
    return f"{app}.schemas"


def ensure(settings: KafkaSettings, partitions: int) -> None:
    """Make what is missing, and look at what is there. Raises StreamUnusable."""
    wanted = {
        decisions_topic(settings.app): (partitions, DECISIONS),
        schemas_topic(settings.app): (1, SCHEMAS),
    }
    for name, (count, configs) in wanted.items():
        try:
            ask(settings, partial(_ensure, name=name, partitions=count, configs=configs, copies=settings.replication))
        except KafkaError as error:
            raise StreamUnusable(topic=name, reason=str(error) or type(error).__name__) from error


def _ensure(
    admin: KafkaAdminClient, *, name: str, partitions: int, configs: Mapping[str, str], copies: int | None
) -> None:
    found = _described(admin, name)
    if found is None:
        safe = {"min.insync.replicas": "2"} if (copies or 0) >= _SAFE_REPLICATION else {}
        made = {"num_partitions": partitions, "replication_factor": copies or -1, "configs": {**configs, **safe}}
        # Another process may be faster: what it made is looked at like any other.
        with suppress(TopicAlreadyExistsError):
            admin.create_topics({name: made})
        found = _wait_for(admin, name)
    present = _configured(admin, name)
    wrong = [f"{key}={value}" for key, value in configs.items() if present[key] != value]
    if wrong:
        mend = f"kafka-configs.sh --alter --topic {name} --add-config {','.join(wrong)}"
        raise StreamUnusable(topic=name, reason=f"it must have {', '.join(wrong)} ({mend})")
    if len(found["partitions"]) != partitions:
        reason = f"it has {len(found['partitions'])} partitions, and the log has {partitions}"
        raise StreamUnusable(topic=name, reason=reason)


def _configured(admin: KafkaAdminClient, name: str) -> dict[str, str]:
    """The settings of a topic. A broker that has not heard of a new one yet answers with none."""
    deadline = time.monotonic() + _APPEAR_WITHIN
    while True:
        answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
        present = {key: setting["value"] for key, setting in answer["topic"].get(name, {}).items()}
        if present:
            return present
        if time.monotonic() > deadline:
            raise StreamUnusable(topic=name, reason="its settings cannot be read")
        time.sleep(0.05)


def _described(admin: KafkaAdminClient, name: str) -> dict[str, Any] | None:
    (found,) = admin.describe_topics([name])
    return found if found["error_code"] == 0 and found["partitions"] else None


def _wait_for(admin: KafkaAdminClient, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + _APPEAR_WITHIN
    while True:
        found = _described(admin, name)
        if found is not None and all(partition["leader_id"] >= 0 for partition in found["partitions"]):
            return found
        if time.monotonic() > deadline:
            raise StreamUnusable(topic=name, reason="it was made, but has no leader")
        time.sleep(0.02)
