"""What a run left behind, read without the project's own readers: plain consumers, and the clients' own files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from fastavro import parse_schema, schemaless_reader
from kafka import KafkaConsumer, TopicPartition

from tests.support.second_rule import CONTROL, HEADER, read_all

Record = tuple[int, bytes | None]
"""Offset and value."""


@dataclass(slots=True)
class Evidence:
    """Of one partition: the log, the queue of commands, the replies; `told` are lines of answers that clients saw."""

    app: str
    partitions: int
    partition: int
    log: list[Record]
    commands: list[Record]
    replies: list[Record]
    told: list[str] = field(default_factory=list)
    times: dict[str, dict[int, float]] = field(default_factory=dict)
    """`log` and `commands`: offset → when the broker took the record, in seconds since 1970."""
    begins: int = 0
    """The first offset of the log."""
    lost: dict[int, str] = field(default_factory=dict)
    """Offsets at which the queue lost a command that had been handled, and its id."""


@dataclass(slots=True)
class Accepted:
    """An accepted record, decoded; one whose body is not `readable` has no appends.

    `empty` is how many positions just before its own are empty, since their records are void.
    """

    offset: int
    number: int
    position: int
    counted: int
    writer: str
    appends: list[dict[str, Any]]
    readable: bool = True
    empty: int = 0


def read_topic(
    bootstrap: str, topic: str, partition: int, times: dict[int, float] | None = None
) -> tuple[list[Record], int]:
    """All records of a partition and its first offset, transactions of strangers or not. `times` takes theirs."""
    place = TopicPartition(topic, partition)
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        auto_offset_reset="none",
        enable_auto_commit=False,
        isolation_level="read_uncommitted",
    )
    found: list[Record] = []
    try:
        consumer.assign([place])
        begins = consumer.beginning_offsets([place])[place]
        consumer.seek(place, begins)
        end = consumer.end_offsets([place])[place]
        while consumer.position(place) < end:
            for records in consumer.poll(timeout_ms=1000).values():
                found.extend((record.offset, record.value) for record in records)
                if times is not None:
                    times.update((record.offset, record.timestamp / 1000) for record in records)
    finally:
        consumer.close()
    return found, begins


def gather(bootstrap: str, app: str, partitions: int, told: Sequence[str]) -> list[Evidence]:
    """The evidence of every partition."""
    by_partition: dict[int, list[str]] = {}
    for line in told:
        answer = json.loads(line)
        if answer["partition"] is not None:
            by_partition.setdefault(answer["partition"], []).append(line)
    return [_gathered(bootstrap, app, partitions, number, by_partition.get(number, [])) for number in range(partitions)]


def _gathered(bootstrap: str, app: str, partitions: int, partition: int, told: list[str]) -> Evidence:
    times: dict[str, dict[int, float]] = {"log": {}, "commands": {}}
    log, begins = read_topic(bootstrap, f"{app}.events", partition, times["log"])
    commands, _ = read_topic(bootstrap, f"{app}.commands", partition, times["commands"])
    replies, _ = read_topic(bootstrap, f"{app}.replies", partition)
    return Evidence(app, partitions, partition, log, commands, replies, told, times, begins)


def accepted(evidence: Evidence) -> tuple[list[Accepted], list[int]]:
    """The accepted records of appends that count, by a second hand; and the offsets of open orphans."""
    reader = read_all(evidence.app, evidence.partitions, evidence.partition, evidence.log)
    found: list[Accepted] = []
    empty = 0
    for record in reader.accepted:
        if record.void:
            empty += record.counted
        elif record.format not in CONTROL:
            body = _body(record.value)
            found.append(Accepted(record.offset, record.number, record.position, record.counted, *body, empty))
            empty = 0
    return found, sorted(reader.orphans)


def answers_of(replies: Sequence[Record]) -> Iterator[tuple[str, int, str]]:
    """Topic id of the commands, offset and answer, of every reply."""
    for _, value in replies:
        head, *lines = (value or b"").decode().split("\n")
        topic_id = json.loads(head)["commands"]
        for line in lines:
            offset, _, text = line.split(" ", 2)
            yield topic_id, int(offset), text


def _body(value: bytes) -> tuple[str, list[dict[str, Any]], bool]:
    """Writer, appends, and whether they could be decoded."""
    source = BytesIO(value)
    source.seek(HEADER.size)
    try:
        record: Any = schemaless_reader(source, _schema(), None)
    except (EOFError, IndexError, OverflowError, TypeError, ValueError):
        return "", [], False
    return record["writer"], record["appends"], True


@cache
def _schema() -> Any:
    file = Path(__file__).parents[2] / "schemas/log/record.v2.avsc"
    return parse_schema(json.loads(file.read_text(encoding="utf-8")))
