"""The topics: made with the settings that they need, and looked at before anything is read or written.

Against a topic that breaks a rule the program refuses to write, and says which rule and how to mend it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import InvalidConfigurationError, KafkaError, TopicAlreadyExistsError

from infra.kafka.admin import ask
from infra.kafka.errors import KafkaUnreachable, TopicUnusable, unreachable
from infra.kafka.settings import KafkaSettings
from infra.log.errors import LogChanged
from infra.retry import Retry
from infra.timeouts import Timeout
from schemas.content_types import content_type_of

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)

PLAIN: Final = {"compression.type": "uncompressed"}
"""What every topic must be set to: then the broker itself unpacks what comes, and refuses what is too large."""
_COMMON: Final = {
    **PLAIN,
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
}
REQUIRED: Final = {**_COMMON, "retention.ms": "-1", "retention.bytes": "-1"}
"""What the topics of events, of commands and of dead letters must be set to: nothing in them is ever deleted."""
_DAY_MS: Final = 86_400_000
_LARGEST: Final = "max.message.bytes"
_IN_SYNC: Final = "min.insync.replicas"
_UNPACKED: Final = "max.decompressed.message.bytes"
_MOST_UNPACKED: Final = 16 << 20
"""Bytes up to which a broker unpacks a record, where it has such a bound; without one it unpacks all, and then sees."""
_SAFE_REPLICATION: Final = 3
LARGEST_OF_KAFKA: Final = 1_048_588
"""The `max.message.bytes` of a topic unless somebody sets another."""
# What Kafka adds around one record: the batch's header, the record's own, and some to spare.
_BATCH_OVERHEAD: Final = 256


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic must be.

    required      settings that it is made with and must have
    at_creation   settings that it is made with, which an operator may change
    whole         whether every record from offset 0 on must be there
    survives      whether, of three copies, one may be lost without a record that was acknowledged
    content_type  what its records are, for people with kcat: a header of each; no reader looks at it
    """

    name: str
    partitions: int
    required: Mapping[str, str]
    at_creation: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True
    survives: bool = True
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Which topic it is: a topic that was made anew under the same name has another id."""

    cluster_id: str
    topic_id: UUID
    partitions: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that keeps the rules.

    largest       the most bytes that a record's value may have
    whole         whether every record from offset 0 on must be there
    content_type  what its records are, as a header of each says; None: they have no such header
    """

    name: str
    identity: Identity
    largest: int
    whole: bool = True
    content_type: str | None = None


def log_topic(settings: KafkaSettings, name: str) -> TopicSpec:
    """One of the topics of the log and its queue: nothing is ever deleted, but replies, which can be made again."""
    content_type = content_type_of(name.removeprefix(f"{settings.app}."))
    if name != settings.replies_topic:
        return TopicSpec(name, settings.partitions, REQUIRED, content_type=content_type)
    kept = {"retention.ms": str(settings.replies_days * _DAY_MS), "retention.bytes": "-1"}
    return TopicSpec(name, settings.partitions, _COMMON, kept, whole=False, content_type=content_type)


def ensure(settings: KafkaSettings, specs: Sequence[TopicSpec]) -> list[Topic]:
    """The topics, those that are missing made. Raises TopicUnusable, KafkaUnreachable."""
    return _asked(settings, lambda admin: [_ensured(admin, settings, spec) for spec in specs])


def check(settings: KafkaSettings, specs: Sequence[TopicSpec], known: Sequence[Topic] = ()) -> None:
    """Look at topics as they are now; one that is missing is passed over.

    Raises TopicUnusable, KafkaUnreachable; LogChanged where one that is `known` was made anew.
    """
    ids = {topic.name: topic.identity.topic_id for topic in known}

    def look(admin: KafkaAdminClient) -> None:
        for spec in specs:
            found = _describe(admin, spec.name)
            if found is None:
                continue
            now = _checked(admin, settings, spec, found).identity.topic_id
            before = ids.get(spec.name, now)
            if before != now:
                reason = f"the topic was made anew: its id was {before}, and is {now}"
                raise LogChanged(log=settings.url_of(spec.name), reason=reason, index=str(settings.index_dir))

    _asked(settings, look)


def exists(settings: KafkaSettings, name: str) -> bool:
    """Whether there is such a topic. Raises KafkaUnreachable."""
    return _asked(settings, lambda admin: _describe(admin, name) is not None)


def settings_of(settings: KafkaSettings, spec: TopicSpec) -> Mapping[str, str]:
    """The settings that a topic has. Raises KafkaUnreachable."""
    return _asked(settings, lambda admin: _configs(admin, settings, spec))


def switch(settings: KafkaSettings, name: str, values: Mapping[str, str | None]) -> None:
    """Change settings of a topic, None: to the cluster's own. Raises KafkaUnreachable, TopicUnusable."""
    changes = {
        key: (AlterConfigOp.SET, value) if value is not None else (AlterConfigOp.DELETE, None)
        for key, value in values.items()
    }
    resource = ConfigResource(ConfigResourceType.TOPIC, name, changes)
    found = _asked(settings, lambda admin: admin.alter_configs([resource]))["topic"][name]
    if found != "OK":
        mend = f"ask for the right to alter the settings of the topic {name}"
        raise TopicUnusable(log=settings.url, reason=f"{name}: {found}", mend=mend)


def room_for(largest: int) -> int:
    """The `max.message.bytes` that a topic needs for a value of so many bytes."""
    return largest + _BATCH_OVERHEAD


def _ensured(admin: KafkaAdminClient, settings: KafkaSettings, spec: TopicSpec) -> Topic:
    found = _describe(admin, spec.name)
    if found is None:
        _create(admin, settings, spec)
        found = _wait_for_leaders(admin, settings, spec.name)
    return _checked(admin, settings, spec, found)


def _create(admin: KafkaAdminClient, settings: KafkaSettings, spec: TopicSpec) -> None:
    replication = settings.replication or -1
    configs = {**spec.required, **spec.at_creation}
    if replication >= _SAFE_REPLICATION:
        configs[_IN_SYNC] = "2"
    wanted = {"num_partitions": spec.partitions, "replication_factor": replication}
    try:
        try:
            admin.create_topics({spec.name: {**wanted, "configs": {**configs, _UNPACKED: str(_MOST_UNPACKED)}}})
        except InvalidConfigurationError:
            # A broker that does not have that bound, as up to Kafka 4.3.0; anything else is refused again.
            admin.create_topics({spec.name: {**wanted, "configs": configs}})
        _log.info("topic.created", topic=spec.name, partitions=spec.partitions)
    except TopicAlreadyExistsError:
        # Another process was faster; what it made is checked like any other.
        _log.info("topic.found", topic=spec.name)


def _describe(admin: KafkaAdminClient, name: str) -> dict[str, Any] | None:
    (found,) = admin.describe_topics([name])
    return found if found["error_code"] == 0 and found["partitions"] else None


def _wait_for_leaders(admin: KafkaAdminClient, settings: KafkaSettings, name: str) -> dict[str, Any]:
    for _ in Retry(Timeout.TOPIC_READY, pause=0.02):
        found = _describe(admin, name)
        if found is not None and all(partition["leader_id"] >= 0 for partition in found["partitions"]):
            return found
    raise KafkaUnreachable(log=settings.url_of(name), reason=f"the topic {name} was made, but has no leader")


def _checked(admin: KafkaAdminClient, settings: KafkaSettings, spec: TopicSpec, found: dict[str, Any]) -> Topic:
    configs = _configs(admin, settings, spec)
    wrong = [f"{key}={value}" for key, value in spec.required.items() if configs[key] != value]
    copies = min(len(partition["replica_nodes"]) for partition in found["partitions"])
    if spec.survives and copies >= _SAFE_REPLICATION and int(configs[_IN_SYNC]) < 2:  # noqa: PLR2004 - one may be lost
        wrong.append(f"{_IN_SYNC}=2")
    if _UNPACKED in configs and not 0 < int(configs[_UNPACKED]) <= _MOST_UNPACKED:
        wrong.append(f"{_UNPACKED}={_MOST_UNPACKED}")
    if wrong:
        raise TopicUnusable(
            log=settings.url_of(spec.name),
            reason=f"the topic {spec.name} must have {', '.join(wrong)}",
            mend=f"kafka-configs.sh --alter --topic {spec.name} --add-config {','.join(wrong)} "
            f"--bootstrap-server {settings.bootstrap}",
        )
    partitions = len(found["partitions"])
    if partitions != spec.partitions:
        raise TopicUnusable(
            log=settings.url_of(spec.name),
            reason=f"the topic {spec.name} has {partitions} partitions, not {spec.partitions}",
            mend="name the number of partitions that it was made with; it never changes",
        )
    cluster_id = admin.describe_cluster()["cluster_id"]
    identity = Identity(cluster_id, UUID(found["topic_id"]), partitions)
    return Topic(spec.name, identity, int(configs[_LARGEST]) - _BATCH_OVERHEAD, spec.whole, spec.content_type)


def _configs(admin: KafkaAdminClient, settings: KafkaSettings, spec: TopicSpec) -> dict[str, str]:
    """The settings of a topic. A broker that has just started answers none until it knows the topic."""
    for _ in Retry(Timeout.TOPIC_READY):
        answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, spec.name)], config_filter="all")
        configs = {key: setting["value"] for key, setting in answer["topic"].get(spec.name, {}).items()}
        if configs.keys() >= {*spec.required, _LARGEST, _IN_SYNC}:
            return configs
    reason = f"no broker tells the settings of the topic {spec.name}"
    raise KafkaUnreachable(log=settings.url_of(spec.name), reason=reason)


def _asked(settings: KafkaSettings, question: Callable[[KafkaAdminClient], _T]) -> _T:
    try:
        return ask(settings, question)
    except KafkaError as error:
        raise unreachable(settings.url, error) from error
