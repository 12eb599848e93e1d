"""How topics are made and looked at, on brokers that have a bound for what they unpack and on such that have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import InvalidConfigurationError

from infra.dev.kafka import KafkaCluster
from infra.kafka import topics
from infra.kafka.errors import TopicUnusable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, log_topic
from infra.queue.topics import queue_topics
from tests.support.topic_settings import set_topic

BOUND = "max.decompressed.message.bytes"


class Brokers:
    """A cluster's administration: it knows some settings of topics, and has one topic, or none."""

    def __init__(self, known: dict[str, str]) -> None:
        self.known = {"max.message.bytes": "1048588", "min.insync.replicas": "1", **known}
        self.configs: dict[str, str] | None = None

    def create_topics(self, wanted: dict[str, Any]) -> None:
        ((_, topic),) = wanted.items()
        unknown = topic["configs"].keys() - self.known.keys() - topics.REQUIRED.keys()
        if unknown:
            raise InvalidConfigurationError(f"Unknown topic config name: {unknown.pop()}")
        self.configs = {**self.known, **topic["configs"]}

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        partition = {"leader_id": 1, "replica_nodes": [1]}
        partitions = [partition] if self.configs is not None else []
        return [{"error_code": 0, "partitions": partitions, "topic_id": str(uuid4()), "name": names[0]}]

    def describe_configs(self, resources: list[Any], config_filter: str) -> dict[str, Any]:
        del config_filter
        configs = {key: {"value": value} for key, value in (self.configs or {}).items()}
        return {"topic": {resources[0].name: configs}}

    def describe_cluster(self) -> dict[str, str]:
        return {"cluster_id": "cluster"}


@pytest.fixture
def ensured(monkeypatch: pytest.MonkeyPatch) -> Callable[[Brokers], Any]:
    settings = KafkaSettings("127.0.0.1:1")

    def ensure_on(brokers: Brokers) -> Any:
        def ask(_settings: KafkaSettings, question: Callable[[Any], Any]) -> Any:
            return question(brokers)

        monkeypatch.setattr(topics, "ask", ask)
        return ensure(settings, [log_topic(settings, settings.events_topic)])

    return ensure_on


def test_the_broker_unpacks_within_a_bound_where_it_has_one(ensured: Callable[[Brokers], Any]) -> None:
    brokers = Brokers({BOUND: "2147483647"})
    ensured(brokers)
    assert brokers.configs is not None
    assert (brokers.configs[BOUND], brokers.configs["compression.type"]) == (str(16 << 20), "uncompressed")


def test_a_broker_without_the_bound_is_no_fault(ensured: Callable[[Brokers], Any]) -> None:
    brokers = Brokers({})
    ensured(brokers)
    assert brokers.configs is not None
    assert BOUND not in brokers.configs


@pytest.mark.parametrize("value", ["2147483647", "-1", "0", str((16 << 20) + 1)])
def test_a_topic_with_another_bound_is_refused(ensured: Callable[[Brokers], Any], value: str) -> None:
    """As one that was made before the broker had it."""
    brokers = Brokers({BOUND: value})
    brokers.configs = {**brokers.known, **topics.REQUIRED}
    with pytest.raises(TopicUnusable, match=BOUND.replace(".", r"\.")) as refused:
        ensured(brokers)
    assert f"{BOUND}={16 << 20}" in refused.value.hint()


def test_every_topic_of_a_queue_has_the_broker_unpack(broker: KafkaCluster) -> None:
    """One of an earlier release is refused until somebody sets it so, and the message says how."""
    settings = KafkaSettings(broker.bootstrap, f"t{uuid4().hex[:12]}")
    made = queue_topics(settings, create=True)
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    try:
        for topic in made:
            set_topic(admin, topic.name, {"compression.type": "producer"})
            with pytest.raises(TopicUnusable) as refused:
                queue_topics(settings, create=False)
            mend = f"kafka-configs.sh --alter --topic {topic.name} --add-config compression.type=uncompressed"
            assert mend in refused.value.hint()
            set_topic(admin, topic.name, {"compression.type": "uncompressed"})
        assert queue_topics(settings, create=False) == made
    finally:
        admin.close()
