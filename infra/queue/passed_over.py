"""What a stranger put into the topics of answers: everybody passes over it, and the doctor counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from infra.kafka.client import KafkaPartitionClient
from infra.log.format import Place
from infra.queue.dead_letters import KafkaDeadLetters
from infra.queue.replies import read_replies

if TYPE_CHECKING:
    from infra.bootstrap import Application

_REPLIES_READ: Final = 10_000
"""Offsets at the end of the topic."""


class PassedOver(NamedTuple):
    """Of one partition: dead letters that wait, records that are no letters, and lines of replies that are none.

    `replies` is how many records with replies were read.
    """

    letters: int
    no_letters: int
    replies: int
    no_reply_lines: int


def count_passed_over(application: Application, partition: int, *, whole: bool) -> PassedOver:
    """Read the dead letters, and the last 10,000 offsets of the replies, or all with `whole`. Raises LogUnusable."""
    settings, topics = application.kafka, application.topics
    letters = KafkaDeadLetters(settings, topics.dead_letters, partition)
    replies = KafkaPartitionClient(settings, topics.replies, partition)
    try:
        waiting = len(letters.waiting())
        read, lines = _read_replies(application, partition, replies, 0 if whole else replies.end() - _REPLIES_READ)
    finally:
        letters.close()
        replies.close()
    return PassedOver(waiting, letters.passed_over, read, lines)


def _read_replies(
    application: Application, partition: int, client: KafkaPartitionClient, start: int
) -> tuple[int, int]:
    """How many records there are from an offset on, and how many of their lines are not believed."""
    place = Place(application.kafka.app, application.kafka.partitions, partition)
    writers = application.active_writers(partition, read_on=False)
    position, end = max(start, 0), client.end()
    read = lines = 0
    while position < end:
        # Replies are kept for a week: what was deleted meanwhile is passed over.
        fetched = client.follow(position, 0.0)
        read += len(fetched.records)
        lines += sum(read_replies(record.value, place, writers.get)[1] for record in fetched.records)
        position = fetched.next_offset
    return read, lines
