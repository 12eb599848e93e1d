"""One partition of the queue of commands, read by offset: what has been handled is known from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from consumers.commands.errors import OtherQueue
from consumers.commands.ports import QueuedCommand, QueuePosition
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.partition_client import FetchResult, Record
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic

_WAIT: Final = 0.25
_MOST: Final = 500
# What a command leads to is about as large as itself; its answer and the rest come on top of that.
_BESIDE: Final = 600
_BYTES: Final = 400_000


class KafkaCommandQueue:
    """See `ports.CommandQueue`. `take_up`: the id of a commands topic that was made anew and may be read."""

    def __init__(self, settings: KafkaSettings, topic: Topic, partition: int, take_up: UUID | None = None) -> None:
        self.topic_id = topic.identity.topic_id
        self._partition = partition
        self._take_up = take_up
        self._tape = KafkaPartitionClient(settings, topic, partition)
        self._entries: list[Record] = []
        self._next = 0

    def poll(self, after: QueuePosition | None) -> Sequence[QueuedCommand]:
        """See `CommandQueue`. Raises OtherQueue, LogChanged, KafkaUnreachable."""
        start = self._start(after)
        kept = [entry for entry in self._entries if entry.offset >= start]
        if not kept:
            chunk: FetchResult = self._tape.follow(max(start, self._next if self._entries else start), _WAIT)
            kept, self._next = chunk.entries, chunk.next_offset
        self._entries = kept
        polled: list[QueuedCommand] = []
        room = _BYTES
        for entry in kept[:_MOST]:
            room -= len(entry.value or b"") + _BESIDE
            if room < 0 and polled:
                break
            polled.append(QueuedCommand(QueuePosition(self.topic_id, entry.offset), entry.value))
        return polled

    def value_at(self, offset: int) -> bytes:
        """The bytes of one command."""
        for entry in self._tape.follow(offset, _WAIT).entries:
            if entry.offset == offset:
                return entry.value or b""
        return b""

    def close(self) -> None:
        """Let the connection go."""
        self._tape.close()

    def _start(self, after: QueuePosition | None) -> int:
        if after is None:
            return 0
        if after.topic_id != self.topic_id:
            if self._take_up != self.topic_id:
                raise OtherQueue(partition=self._partition, handled=str(after.topic_id), queue=str(self.topic_id))
            return 0
        return after.offset + 1
