"""A subscriber of another make: librdkafka, fastavro, and nothing of ours. What it must see, and the check of it."""

from __future__ import annotations

import json
import time
from io import BytesIO
from typing import Any, NamedTuple

import fastavro
from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.support.waiting import GUARD


class Seen(NamedTuple):
    """One record of the stream."""

    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    value: bytes


def read_all(bootstrap: str, topic: str, partitions: int = 1, *, committed: bool = True) -> list[Seen]:
    """Every record of a topic from its beginning to its end as it is now."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"look-{time.monotonic_ns()}",
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    found: list[Seen] = []
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
        ends: set[int] = set()
        deadline = time.monotonic() + GUARD
        while len(ends) < partitions:
            assert time.monotonic() < deadline, "the end of the topic was not reached"
            message = consumer.poll(1.0)
            if message is None:
                continue
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                ends.add(message.partition() or 0)
                continue
            headers: Any = message.headers() or ()
            raw: Any = message
            found.append(
                Seen(
                    raw.partition(),
                    raw.offset(),
                    (raw.key() or b"").decode(),
                    {name: value.decode() for name, value in headers},
                    raw.value() or b"",
                )
            )
    finally:
        consumer.close()
    return found


def schemas(bootstrap: str, app: str) -> dict[bytes, Any]:
    """Fingerprint → schema, from the topic of schemas."""
    return {
        bytes.fromhex(seen.key): fastavro.parse_schema(json.loads(seen.value))
        for seen in read_all(bootstrap, f"{app}.schemas")
    }


def decode(value: bytes, known: dict[bytes, Any]) -> dict[str, Any]:
    """The record in an Avro single object."""
    assert value[:2] == b"\xc3\x01"
    record: dict[str, Any] = fastavro.schemaless_reader(BytesIO(value[10:]), known[value[2:10]], None)  # type: ignore[assignment]
    return record


def faults(records: list[dict[str, Any]]) -> list[str]:
    """What a subscriber can tell to be missing, doubled or out of order, from the records alone."""
    wrong: list[str] = []
    last: dict[str, tuple[int, str | None]] = {}
    seen: set[str] = set()
    for record in records:
        unit = record["unit"]["id"]
        if record["id"] in seen:
            wrong.append(f"{record['id']} comes twice")
        seen.add(record["id"])
        sequence, previous = last.get(unit, (0, None))
        if record["sequence"] != sequence + 1:
            wrong.append(f"{unit}: {record['sequence']} follows {sequence}")
        elif record["previous_id"] != previous:
            wrong.append(f"{unit}: {record['id']} does not follow {previous}")
        last[unit] = (record["sequence"], record["id"])
    return wrong
