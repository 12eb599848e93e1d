"""The topics: made with the settings that the log needs, and looked at before anything is read or written.

Against a topic that breaks a rule the program refuses to write, and says which rule and how to mend it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from infra.kafka.admin import ask
from infra.kafka.errors import KafkaUnreachable, TopicUnusable, unreachable
from infra.kafka.settings import KafkaSettings

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)

_ALL: Final = {
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
}
REQUIRED: Final = {**_ALL, "retention.ms": "-1", "retention.bytes": "-1"}
"""What the topics of events, of commands and of dead letters must be set to: nothing in them is ever deleted."""
REQUIRED_OF_REPLIES: Final = _ALL
"""What the topic of replies must be set to. They can be made again from the log, so they need not stay."""
_LARGEST: Final = "max.message.bytes"
_IN_SYNC: Final = "min.insync.replicas"
_SAFE_REPLICATION: Final = 3
_APPEAR_WITHIN: Final = 15.0
# What Kafka adds around one record: the batch's header, the record's own, and some to spare.
_AROUND: Final = 256


@dataclass(frozen=True, slots=True)
class Identity:
    """Which topic it is: a topic that was made anew under the same name has another id."""

    cluster_id: str
    topic_id: UUID
    partitions: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that keeps the rules.

    largest   the most bytes that a record's value may have
    whole     whether every record from offset 0 on must be there
    """

    name: str
    identity: Identity
    largest: int
    whole: bool = True


def ensure(settings: KafkaSettings, name: str) -> Topic:
    """The topic, made when missing. Raises TopicUnusable, KafkaUnreachable."""
    return ensure_all(settings, [name])[0]


def ensure_all(settings: KafkaSettings, names: Sequence[str]) -> list[Topic]:
    """The topics, those that are missing made. Raises TopicUnusable, KafkaUnreachable."""

    def found(admin: KafkaAdminClient) -> list[Topic]:
        return [_ensured(admin, settings, name) for name in names]

    return _asked(settings, found)


def exists(settings: KafkaSettings, name: str) -> bool:
    """Whether there is such a topic. Raises KafkaUnreachable."""
    return _asked(settings, lambda admin: _describe(admin, name) is not None)


def _ensured(admin: KafkaAdminClient, settings: KafkaSettings, name: str) -> Topic:
    found = _describe(admin, name)
    if found is None:
        _create(admin, settings, name)
        found = _wait_for(admin, settings, name)
    return _checked(admin, settings, found)


def _create(admin: KafkaAdminClient, settings: KafkaSettings, name: str) -> None:
    replication = settings.replication or -1
    configs = dict(REQUIRED)
    if name == settings.replies_topic:
        configs["retention.ms"] = str(settings.replies_days * 86_400_000)
    if replication >= _SAFE_REPLICATION:
        configs[_IN_SYNC] = "2"
    wanted = {"num_partitions": settings.partitions, "replication_factor": replication, "configs": configs}
    try:
        admin.create_topics({name: wanted})
        _log.info("topic.created", topic=name, partitions=settings.partitions)
    except TopicAlreadyExistsError:
        # Another process was faster; what it made is checked like any other.
        _log.info("topic.found", topic=name)


def _describe(admin: KafkaAdminClient, name: str) -> dict[str, Any] | None:
    (found,) = admin.describe_topics([name])
    return found if found["error_code"] == 0 and found["partitions"] else None


def _wait_for(admin: KafkaAdminClient, settings: KafkaSettings, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + _APPEAR_WITHIN
    while True:
        found = _describe(admin, name)
        if found is not None and all(partition["leader_id"] >= 0 for partition in found["partitions"]):
            return found
        if time.monotonic() > deadline:
            raise KafkaUnreachable(log=settings.url, reason=f"the topic {name} was made, but has no leader")
        time.sleep(0.02)


def _checked(admin: KafkaAdminClient, settings: KafkaSettings, found: dict[str, Any]) -> Topic:
    name = found["name"]
    configs = _configs(admin, settings, name)
    whole = name != settings.replies_topic
    required = REQUIRED if whole else REQUIRED_OF_REPLIES
    wrong = [f"{key}={value}" for key, value in required.items() if configs[key] != value]
    copies = min(len(partition["replica_nodes"]) for partition in found["partitions"])
    if copies >= _SAFE_REPLICATION and int(configs[_IN_SYNC]) < 2:  # noqa: PLR2004 - one copy may be lost
        wrong.append(f"{_IN_SYNC}=2")
    if wrong:
        raise TopicUnusable(
            log=settings.url,
            reason=f"the topic {name} must have {', '.join(wrong)}",
            mend=f"kafka-configs.sh --alter --topic {name} --add-config {','.join(wrong)}",
        )
    partitions = len(found["partitions"])
    if partitions != settings.partitions:
        raise TopicUnusable(
            log=settings.url,
            reason=f"the topic {name} has {partitions} partitions, not {settings.partitions}",
            mend="name the number of partitions that it was made with; it never changes",
        )
    cluster_id = admin.describe_cluster()["cluster_id"]
    identity = Identity(cluster_id, UUID(found["topic_id"]), partitions)
    return Topic(name, identity, int(configs[_LARGEST]) - _AROUND, whole)


def _configs(admin: KafkaAdminClient, settings: KafkaSettings, name: str) -> dict[str, str]:
    """The settings of a topic. A broker that has just started answers none until it knows the topic."""
    deadline = time.monotonic() + _APPEAR_WITHIN
    while True:
        answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
        configs = {key: setting["value"] for key, setting in answer["topic"].get(name, {}).items()}
        if configs.keys() >= {*REQUIRED, _LARGEST, _IN_SYNC}:
            return configs
        if time.monotonic() > deadline:
            raise KafkaUnreachable(log=settings.url, reason=f"no broker tells the settings of the topic {name}")
        time.sleep(0.1)


def _asked(settings: KafkaSettings, question: Callable[[KafkaAdminClient], _T]) -> _T:
    try:
        return ask(settings, question)
    except KafkaError as error:
        raise unreachable(settings.url, error) from error
