"""The group that spreads partitions, on a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest
from kafka.errors import GroupAuthorizationFailedError

from infra.dev.kafka import KafkaCluster
from infra.kafka import consumer_group
from infra.kafka.consumer_group import Membership, run_member
from infra.kafka.errors import TopicUnusable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, log_topic

PARTITIONS = frozenset(range(4))


@pytest.fixture
def settings(broker: KafkaCluster, tmp_path: Path) -> KafkaSettings:
    return KafkaSettings(broker.bootstrap, f"g{uuid4().hex[:12]}", partitions=len(PARTITIONS), index_dir=tmp_path)


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_every_partition_is_somebody_s_and_one_that_leaves_gives_its_own_away(settings: KafkaSettings) -> None:
    """None at first; then all among the members, whoever comes and goes."""
    ensure(settings, [log_topic(settings, settings.events_topic)])
    one = Membership(settings, f"{settings.app}.worker", settings.events_topic)
    _wait(lambda: one.partitions == PARTITIONS)
    other = Membership(settings, f"{settings.app}.worker", settings.events_topic)
    _wait(lambda: sorted([*one.partitions, *other.partitions]) == sorted(PARTITIONS) and bool(other.partitions))
    one.close()
    assert one.partitions == frozenset()
    _wait(lambda: other.partitions == PARTITIONS)
    other.close()


class _Denied:
    """A client of Kafka without the right to be a member."""

    def __init__(self, **_options: object) -> None:
        raise GroupAuthorizationFailedError("dossier.worker")


def test_who_may_not_be_a_member_is_told_and_not_left_trying(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No other try mends it: the process ends and says which right it needs."""
    monkeypatch.setattr(consumer_group, "KafkaConsumer", _Denied)
    settings = KafkaSettings("127.0.0.1:1", index_dir=tmp_path)
    changes: list[set[int]] = []
    with pytest.raises(TopicUnusable, match="not authorised") as raised:
        run_member(settings, "dossier.worker", settings.commands_topic, changes.append, Event())
    assert "the group dossier.worker" in raised.value.hint()
    assert changes == [set()]
    membership = Membership(settings, "dossier.publisher", "dossier.decisions")
    membership.close()
    with pytest.raises(TopicUnusable):
        _ = membership.partitions
