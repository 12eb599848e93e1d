"""The ways in which a group's leader spreads partitions over its members: kafka-python's, but never blindly.

The leader may be chosen before it has heard of a topic that was just made. kafka-python then gives nobody anything, and
since what it knew has not changed afterwards, nobody asks again for minutes. Here it says that it does not know, asks
for the topic anew, and joins again a moment later.
"""

from __future__ import annotations

from typing import Any, Final

from kafka.errors import UnknownTopicOrPartitionError

from infra.kafka.internals import CooperativeStickyAssignor, RangePartitionAssignor, RoundRobinPartitionAssignor


def check_known(cluster: Any, members: Any) -> None:
    """Raises UnknownTopicOrPartitionError where the partitions of a topic that members ask for are not known."""
    for topic in sorted({topic for member in members for topic in member.metadata.topics}):
        if not cluster.partitions_for_topic(topic):
            raise UnknownTopicOrPartitionError(topic)


class KnownCooperativeSticky(CooperativeStickyAssignor):  # type: ignore[misc]  # kafka-python ships no types
    """`cooperative-sticky`."""

    def assign(self, cluster: Any, members: Any) -> Any:
        """Member → its partitions. Raises UnknownTopicOrPartitionError."""
        check_known(cluster, members)
        return super().assign(cluster, members)


class KnownRange(RangePartitionAssignor):  # type: ignore[misc]
    """`range`."""

    @classmethod
    def assign(cls, cluster: Any, members: Any) -> Any:
        """Member → its partitions. Raises UnknownTopicOrPartitionError."""
        check_known(cluster, members)
        return super().assign(cluster, members)


class KnownRoundRobin(RoundRobinPartitionAssignor):  # type: ignore[misc]
    """`roundrobin`."""

    @classmethod
    def assign(cls, cluster: Any, members: Any) -> Any:
        """Member → its partitions. Raises UnknownTopicOrPartitionError."""
        check_known(cluster, members)
        return super().assign(cluster, members)


COOPERATIVE: Final = (KnownCooperativeSticky,)
EAGER: Final = (KnownRange, KnownRoundRobin)
"""What kafka-python offers unless it is told otherwise: the publishers of version 0.1 do."""
