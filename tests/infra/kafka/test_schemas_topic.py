"""The topic of schemas on a real Kafka: filled before a log's first record, and by whoever knows more later."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient

from infra.dev.kafka import KafkaCluster
from infra.kafka import schemas_topic
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import TopicUnusable
from infra.kafka.schemas_topic import publish_schemas
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, log_topic
from infra.log.kafka import source
from infra.log.kafka.log import KafkaLog
from schemas.avro.registry import every_schema
from tests.support import subscriber
from tests.support.topic_settings import set_topic


@pytest.fixture
def settings(broker: KafkaCluster, tmp_path: Path) -> KafkaSettings:
    return KafkaSettings(broker.bootstrap, f"s{uuid4().hex[:12]}", index_dir=tmp_path)


def keys(settings: KafkaSettings) -> set[str]:
    return {each.key for each in subscriber.read_all(settings.bootstrap, f"{settings.app}.schemas")}


def records(settings: KafkaSettings) -> int:
    """How many records the log has."""
    (topic,) = ensure(settings, [log_topic(settings, settings.events_topic)])
    client = KafkaPartitionClient(settings, topic, 0)
    try:
        return client.end()
    finally:
        client.close()


def open_as_another_process(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer's start, in a process that knows nothing yet."""
    monkeypatch.setattr(source, "_provided", set())
    log = KafkaLog(settings)
    try:
        log.opened(0)
    finally:
        log.close()


def test_whoever_founds_a_log_has_filled_it_before(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def looking(given: KafkaSettings) -> int:
        published = publish_schemas(given)
        seen.append(records(given))
        return published

    monkeypatch.setattr(source, "publish_schemas", looking)
    open_as_another_process(settings, monkeypatch)
    assert seen == [0]
    assert records(settings) == 1
    assert keys(settings) == every_schema().keys()


def test_a_writer_of_a_newer_release_adds_what_it_knows(
    settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = every_schema()
    older = dict(list(everything.items())[:-2])
    with monkeypatch.context() as earlier:
        earlier.setattr(schemas_topic, "every_schema", lambda: older)
        open_as_another_process(settings, monkeypatch)
    assert keys(settings) == older.keys()
    open_as_another_process(settings, monkeypatch)
    assert keys(settings) == everything.keys()
    assert publish_schemas(settings) == 0


def test_a_log_is_not_founded_without_them_and_goes_on_without_what_is_new(
    settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic that forgets schemas is none of them; who may write to the log alone is not stopped by it later."""
    open_as_another_process(settings, monkeypatch)
    _forget(settings)
    open_as_another_process(settings, monkeypatch)

    other = KafkaSettings(settings.bootstrap, f"s{uuid4().hex[:12]}", index_dir=settings.index_dir)
    publish_schemas(other)
    _forget(other)
    with pytest.raises(TopicUnusable, match=r"cleanup\.policy=compact"):
        open_as_another_process(other, monkeypatch)
    assert records(other) == 0


def _forget(settings: KafkaSettings) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    set_topic(admin, f"{settings.app}.schemas", {"cleanup.policy": "delete"})
    admin.close()
