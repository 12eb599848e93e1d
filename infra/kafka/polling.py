"""kafka-python's consumer past what it cannot read: a stranger's batch must not keep anybody from what is behind it."""

from __future__ import annotations

from typing import Any

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError, UnsupportedCodecError

_log = structlog.get_logger("stream")


def poll_past(consumer: KafkaConsumer, place: TopicPartition, end: int, timeout_ms: int) -> list[Any]:
    """The next records before the offset `end`; none where nothing came in time, or only what cannot be read.

    A batch that cannot be read is passed over, offset by offset, and so is one whose records give themselves offsets
    that they do not have: the consumer believes them, and would jump over what follows. Raises what `poll` raises.
    """
    position = consumer.position(place)
    try:
        polled = consumer.poll(timeout_ms=timeout_ms).get(place, [])
    except (CorruptRecordError, UnsupportedCodecError) as error:
        position = consumer.position(place)
        _log.warning("stream.unreadable", topic=place.topic, offset=position, reason=str(error))
        consumer.seek(place, position + 1)
        return []
    found: list[Any] = []
    for record in polled:
        if not position <= record.offset < end:
            break
        found.append(record)
        position = record.offset + 1
    if len(found) < len(polled):
        consumer.seek(place, position if found else position + 1)
    return found
