"""One partition of the queue of commands, read by offset: what has been handled is known from the log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from consumers.commands.errors import OtherQueue
from consumers.commands.ports import LastHandled, QueuedCommand, QueuePosition
from consumers.commands.queued import MANY, SMALLEST
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.errors import LogChanged
from infra.log.partition_client import Record
from infra.queue.comparison import QueueComparison

_WAIT_SECONDS: Final = 0.25
_MOST_COMMANDS: Final = 500
# What a command leads to is about as large as itself; its answer and the rest come on top of that.
_OVERHEAD_BYTES: Final = 600
_MOST_BYTES: Final = 400_000
_MOST_RECORDS: Final = 20_000


class KafkaCommandQueue:
    """See `ports.CommandQueue`. `take_up`: the id of a commands topic that was made anew and may be read."""

    def __init__(self, settings: KafkaSettings, topic: Topic, partition: int, take_up: UUID | None = None) -> None:
        self.topic_id = topic.identity.topic_id
        self._partition = partition
        self._take_up = take_up
        self._client = KafkaPartitionClient(settings, topic, partition)
        self._comparison = QueueComparison(self._client, topic, partition)
        self._is_compared = False
        self._records: list[Record] = []
        # From where to where it was read to find them: Kafka's own marks, which are no records, take offsets too.
        self._read = range(0)

    def check(self, last_handled: Callable[[], LastHandled | None]) -> None:
        """See `CommandQueue`. Raises QueueCut, LogChanged, KafkaUnreachable."""
        if not self._is_compared_now():
            # What was read over another connection may be gone.
            self._records, self._read = [], range(0)
            self._comparison.compare(last_handled)
        self._is_compared = True

    def poll(self, after: QueuePosition | None) -> Sequence[QueuedCommand]:
        """See `CommandQueue`. Raises OtherQueue, LogChanged, KafkaUnreachable."""
        start = self._start(after)
        waiting = [record for record in self._records if record.offset >= start]
        if not waiting:
            known = self._read.start <= start <= self._read.stop
            try:
                fetched = self._client.follow(self._read.stop if known else start, _WAIT_SECONDS)
            except LogChanged:
                if not self._is_compared or self._is_compared_now():
                    raise
                return []
            self._read = range(self._read.start if known else start, fetched.next_offset)
            waiting = fetched.records
        if self._is_compared and not self._is_compared_now():
            return []
        self._records = waiting
        return [self._queued(record) for record in waiting[: _how_many(waiting)]]

    def _is_compared_now(self) -> bool:
        """Whether the connection is the one on which the queue was compared."""
        return self._comparison.session is not None and self._client.session == self._comparison.session

    def values_at(self, offsets: Collection[int]) -> Mapping[int, bytes]:
        """The bytes of the commands at these offsets, but for what cannot be read or is not there. Raises as `poll`."""
        found: dict[int, bytes] = {}
        end = self._client.end()
        missing = sorted(offset for offset in offsets if offset < end)
        while missing:
            fetched = self._client.follow(missing[0], _WAIT_SECONDS)
            found.update((record.offset, record.value) for record in fetched.records if record.value is not None)
            missing = [offset for offset in missing[1:] if offset >= fetched.next_offset]
        return {offset: found[offset] for offset in offsets if offset in found}

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def _queued(self, record: Record) -> QueuedCommand:
        place = QueuePosition(self.topic_id, record.offset)
        if record.unreadable is None:
            return QueuedCommand(place, record.value)
        return QueuedCommand(place, None, record.unreadable.first, record.unreadable.reason)

    def _start(self, after: QueuePosition | None) -> int:
        if after is None:
            return 0
        if after.topic_id != self.topic_id:
            if self._take_up != self.topic_id:
                raise OtherQueue(partition=self._partition, handled=str(after.topic_id), queue=str(self.topic_id))
            return 0
        return after.offset + 1


def _how_many(records: Sequence[Record]) -> int:
    """How many records are handled at once: what becomes of them fits into one record of the log as a rule.

    What is too small for a command counts up to the number from which on many in a row are handled as one.
    """
    commands = small = 0
    bytes_left = _MOST_BYTES
    for place, record in enumerate(records[:_MOST_RECORDS]):
        size = len(record.value or b"")
        small = small + 1 if size < SMALLEST else 0
        if small <= MANY:
            commands += 1
            bytes_left -= size + _OVERHEAD_BYTES
        if place and (commands > _MOST_COMMANDS or bytes_left < 0):
            return place
    return min(len(records), _MOST_RECORDS)
