"""The group that spreads partitions, on a real broker."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.errors import GroupAuthorizationFailedError
from kafka.net.manager import KafkaConnectionManager

from infra.delivery.kafka.encoding import FingerprintEncoding
from infra.delivery.kafka.stream import KafkaStream
from infra.dev.kafka import KafkaCluster
from infra.kafka import consumer_group
from infra.kafka.consumer_group import run_member
from infra.kafka.errors import TopicUnusable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, log_topic
from infra.timeouts import Timeout
from tests.support.stranger import batch, produce, record
from tests.support.waiting import wait_until

PARTITIONS = frozenset(range(4))


class Member:
    """A member of a group, in a thread of its own. `take_part` is told whom to tell, and when to end."""

    def __init__(self, take_part: Callable[[Callable[[set[int]], object], Event], None]) -> None:
        self.partitions: frozenset[int] = frozenset()
        self._stopped = Event()
        self._thread = Thread(target=take_part, args=(self._changed, self._stopped), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the group."""
        self._stopped.set()
        self._thread.join()

    def _changed(self, partitions: set[int]) -> None:
        self.partitions = frozenset(partitions)


def member(settings: KafkaSettings, group: str, topic: str, *, eager: bool) -> Member:
    return Member(lambda changed, stopped: run_member(settings, group, topic, changed, stopped, eager=eager))


@pytest.fixture
def settings(broker: KafkaCluster, tmp_path: Path) -> KafkaSettings:
    return KafkaSettings(broker.bootstrap, f"g{uuid4().hex[:12]}", partitions=len(PARTITIONS), index_dir=tmp_path)


@pytest.mark.parametrize("eager", [False, True])
def test_every_partition_is_somebody_s_and_one_that_leaves_gives_its_own_away(
    settings: KafkaSettings, *, eager: bool
) -> None:
    """None at first; then all among the members, whoever comes and goes."""
    ensure(settings, [log_topic(settings, settings.events_topic)])
    one = member(settings, f"{settings.app}.worker", settings.events_topic, eager=eager)
    wait_until(lambda: one.partitions == PARTITIONS)
    other = member(settings, f"{settings.app}.worker", settings.events_topic, eager=eager)
    wait_until(lambda: sorted([*one.partitions, *other.partitions]) == sorted(PARTITIONS) and bool(other.partitions))
    one.close()
    assert one.partitions == frozenset()
    wait_until(lambda: other.partitions == PARTITIONS)
    other.close()


@pytest.mark.parametrize("eager", [False, True])
def test_a_leader_that_has_not_heard_of_the_topic_asks_again(
    settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch, *, eager: bool
) -> None:
    """It was just made, and the group met before the leader knew: nobody is left without partitions for that."""
    ensure(settings, [log_topic(settings, settings.events_topic)])
    calls = iter(range(10**9))
    perform = ConsumerCoordinator._perform_assignment

    def blind_at_first(coordinator: Any, *arguments: Any) -> Any:
        if next(calls) > 1:
            return perform(coordinator, *arguments)
        with monkeypatch.context() as blind:
            blind.setattr(coordinator._cluster, "partitions_for_topic", lambda _topic: None)
            return perform(coordinator, *arguments)

    monkeypatch.setattr(ConsumerCoordinator, "_perform_assignment", blind_at_first)
    one = member(settings, f"{settings.app}.worker", settings.events_topic, eager=eager)
    wait_until(lambda: one.partitions == PARTITIONS)
    assert next(calls) > 2
    one.close()


def test_publishers_of_version_0_1_and_of_today_share_the_partitions(settings: KafkaSettings) -> None:
    """Upgraded one after another, they are in one group: the old ones offered kafka-python's default assignors."""
    stream = KafkaStream(settings, range(len(PARTITIONS)), FingerprintEncoding())
    stream.prepare()
    old = KafkaConsumer(
        f"{settings.app}.decisions",
        **settings.client,
        group_id=f"{settings.app}.publisher",
        enable_auto_commit=False,
        auto_offset_reset="latest",
        allow_auto_create_topics=False,
        session_timeout_ms=6_000,
        heartbeat_interval_ms=1_000,
    )

    def of_old() -> list[int]:
        old.poll(timeout_ms=500)
        return sorted(each.partition for each in old.assignment())

    def all_shared() -> bool:
        """Every partition is with one of them, and each has some."""
        theirs, ours = of_old(), sorted(new.partitions)
        return bool(theirs and ours) and sorted([*theirs, *ours]) == sorted(PARTITIONS)

    try:
        wait_until(lambda: of_old() == sorted(PARTITIONS))
        new = Member(stream.take_part)
        wait_until(all_shared)
        old.close()
        wait_until(lambda: new.partitions == PARTITIONS)
        new.close()
    finally:
        old.close()


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


@pytest.mark.parametrize("eager", [False, True])
def test_a_member_fetches_nothing(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch, *, eager: bool) -> None:
    """Not even once: what a stranger put there could be of any codec, and unpack to any size."""
    sent: Counter[str] = Counter()
    send = KafkaConnectionManager.send

    def counted(self: KafkaConnectionManager, request: Any, *arguments: Any, **options: Any) -> Any:
        sent[type(request).__name__] += 1
        return send(self, request, *arguments, **options)

    monkeypatch.setattr(KafkaConnectionManager, "send", counted)
    (topic,) = ensure(settings, [log_topic(settings, settings.events_topic)])
    for partition in PARTITIONS:
        produce(settings, topic, partition, batch(record(b"x", headers=[(b"\xff", b"")]), 1))
    sent.clear()
    group = f"{settings.app}.worker"
    one = member(settings, group, topic.name, eager=eager)
    wait_until(lambda: one.partitions == PARTITIONS)
    other = member(settings, group, topic.name, eager=eager)
    wait_until(lambda: bool(other.partitions) and sorted([*one.partitions, *other.partitions]) == sorted(PARTITIONS))
    wait_until(lambda: sent["HeartbeatRequest"] > 4)
    other.close()
    wait_until(lambda: one.partitions == PARTITIONS)
    one.close()
    assert sent["JoinGroupRequest"] > 0
    assert sent["FetchRequest"] == 0


class _Group:
    """Consumers of a group that says yes to the first one, goes on without it, and never answers it again."""

    def __init__(self, topic: str) -> None:
        self.made = 0
        self._topic = topic

    def __call__(self, **_settings: Any) -> _Group:
        self.made += 1
        return self

    def subscribe(self, _topics: list[str], listener: Any) -> None:
        self._steps = [listener.on_partitions_assigned, listener.on_partitions_lost] if self.made != 2 else []

    def poll(self, **_options: Any) -> None:
        if self._steps:
            self._steps.pop(0)([TopicPartition(self._topic, 1)])
        time.sleep(0.01)

    def assignment(self) -> set[TopicPartition]:
        return set()

    def pause(self, *_partitions: TopicPartition) -> None:
        pass

    def close(self, **_options: Any) -> None:
        pass


def test_a_member_that_the_group_has_gone_on_without_joins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the group does not take it back, with another consumer; its partitions are its own until it is in again."""
    group = _Group("topic")
    monkeypatch.setattr(consumer_group, "KafkaConsumer", group)
    for each in (Timeout.GROUP_JOIN, Timeout.RESTART):
        monkeypatch.setattr(each, "seconds", 0.05)
    told: list[set[int]] = []
    own = Member(lambda _, stopped: run_member(KafkaSettings("none:1", "g"), "g", "topic", told.append, stopped))
    wait_until(lambda: group.made > 3)
    own.close()
    assert told == [{1}, set()], "it was told of another change than the first and the end"
