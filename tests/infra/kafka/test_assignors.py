"""A leader spreads the partitions that it knows as kafka-python does, and none where it does not know a topic."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import RetriableError, UnknownTopicOrPartitionError

from infra.kafka.assignors import COOPERATIVE, EAGER, KnownRange, KnownRoundRobin, check_known


class _Cluster:
    def __init__(self, **known: set[int]) -> None:
        self._known = known

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return self._known.get(topic)


def _member(name: str, *topics: str) -> Any:
    return SimpleNamespace(member_id=name, group_instance_id=None, metadata=SimpleNamespace(topics=list(topics)))


def test_a_topic_that_is_not_known_is_named_and_asked_for_again() -> None:
    members = [_member("a", "events"), _member("b", "events", "more")]
    check_known(_Cluster(events={0, 1}, more={0}), members)
    with pytest.raises(UnknownTopicOrPartitionError, match="more") as raised:
        check_known(_Cluster(events={0, 1}), members)
    assert isinstance(raised.value, RetriableError)
    with pytest.raises(UnknownTopicOrPartitionError):
        check_known(_Cluster(events={0, 1}, more=set()), members)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(KnownRange, RangePartitionAssignor), (KnownRoundRobin, RoundRobinPartitionAssignor)]
)
def test_what_is_known_is_spread_as_by_the_library(ours: Any, theirs: Any) -> None:
    cluster, members = _Cluster(events={0, 1, 2, 3, 4}), [_member("a", "events"), _member("b", "events")]
    expected = theirs.assign(cluster, members)
    assert {name: each.encode() for name, each in ours.assign(cluster, members).items()} == {
        name: each.encode() for name, each in expected.items()
    }
    with pytest.raises(UnknownTopicOrPartitionError):
        ours.assign(_Cluster(), members)


def test_the_groups_see_the_names_that_they_always_saw() -> None:
    assert [each.name for each in EAGER] == ["range", "roundrobin"]
    assert [each.name for each in COOPERATIVE] == ["cooperative-sticky"]
