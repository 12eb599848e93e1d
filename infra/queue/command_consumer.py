"""One partition of the queue of commands, read by offset: what has been handled is known from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from consumers.commands.errors import OtherQueue
from consumers.commands.ports import QueuedCommand, QueuePosition
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.partition_client import FetchResult, Record

_WAIT_SECONDS: Final = 0.25
_MOST_COMMANDS: Final = 500
# What a command leads to is about as large as itself; its answer and the rest come on top of that.
_OVERHEAD_BYTES: Final = 600
_MOST_BYTES: Final = 400_000


class KafkaCommandQueue:
    """See `ports.CommandQueue`. `take_up`: the id of a commands topic that was made anew and may be read."""

    def __init__(self, settings: KafkaSettings, topic: Topic, partition: int, take_up: UUID | None = None) -> None:
        self.topic_id = topic.identity.topic_id
        self._partition = partition
        self._take_up = take_up
        self._client = KafkaPartitionClient(settings, topic, partition)
        self._records: list[Record] = []
        self._next = 0

    def poll(self, after: QueuePosition | None) -> Sequence[QueuedCommand]:
        """See `CommandQueue`. Raises OtherQueue, LogChanged, KafkaUnreachable."""
        start = self._start(after)
        waiting = [record for record in self._records if record.offset >= start]
        if not waiting:
            fetched: FetchResult = self._client.follow(
                max(start, self._next if self._records else start), _WAIT_SECONDS
            )
            waiting, self._next = fetched.records, fetched.next_offset
        self._records = waiting
        polled: list[QueuedCommand] = []
        bytes_left = _MOST_BYTES
        for record in waiting[:_MOST_COMMANDS]:
            bytes_left -= len(record.value or b"") + _OVERHEAD_BYTES
            if bytes_left < 0 and polled:
                break
            polled.append(QueuedCommand(QueuePosition(self.topic_id, record.offset), record.value))
        return polled

    def value_at(self, offset: int) -> bytes:
        """The bytes of one command."""
        for record in self._client.follow(offset, _WAIT_SECONDS).records:
            if record.offset == offset:
                return record.value or b""
        return b""

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def _start(self, after: QueuePosition | None) -> int:
        if after is None:
            return 0
        if after.topic_id != self.topic_id:
            if self._take_up != self.topic_id:
                raise OtherQueue(partition=self._partition, handled=str(after.topic_id), queue=str(self.topic_id))
            return 0
        return after.offset + 1
