"""The log that version 0.1 wrote, and what it answered about it: see tests/data/golden/v0.1/README.md."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from infra.bootstrap import Application

_FOLDER: Final = Path(__file__).parents[1] / "data/golden/v0.1"
APP: Final = "golden"
PARTITIONS: Final = 2
_OF_THE_DAY: Final = frozenset({"days_left", "seconds", "replay"})
"""What an answer says of the day or the moment of the question; a replay has a name of its own."""

Json = dict[str, Any]


class KafkaRecord(NamedTuple):
    """A record as it stood in its topic. `timestamp` is in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def unpacked(name: str) -> bytes:
    """The contents of a file of the golden log."""
    return gzip.decompress((_FOLDER / f"{name}.gz").read_bytes())


def lines(name: str) -> list[Json]:
    """The JSON values of a file, one a line."""
    return [json.loads(line) for line in unpacked(name).splitlines()]


def value(name: str) -> Any:
    """The JSON value of a file."""
    return json.loads(unpacked(name))


def heads() -> Json:
    """Where the readers' indexes stood, by partition, and the log's own id."""
    found: Json = json.loads((_FOLDER / "kafka/heads.json").read_text(encoding="utf-8"))
    return found


def records(topic: str) -> list[KafkaRecord]:
    """All records of a topic such as `events`, partition by partition, in order."""
    return [
        KafkaRecord(
            found["topic"],
            found["partition"],
            found["offset"],
            found["timestamp"],
            _bytes(found["key"]),
            _bytes(found["value"]),
            [(name, b64decode(text)) for name, text in found["headers"]],
        )
        for found in lines("kafka/records.jsonl")
        if found["topic"] == f"{APP}.{topic}"
    ]


def events(application: Application) -> list[Json]:
    """Every event of a log in the form of `events.jsonl`."""
    return [
        as_json(application, partition, stored.id, stored)
        for partition in application.log.partitions
        for stored in application.log.read(partition, 0, 1_000_000)
    ]


def as_json(application: Application, partition: int, position: int, stored: StoredEvent) -> Json:
    """One event, decoded, in the form of `events.jsonl`."""
    event = vars(application.mapper.to_domain_event(stored))
    event = {name: found for name, found in event.items() if name != "originator_topic"}
    return {
        "partition": partition,
        "position": position,
        "topic": stored.topic,
        "originator": str(UUID(str(stored.originator_id))),
        "version": stored.originator_version,
        "event": json.loads(json.dumps(event, default=str)),
    }


def check_answers(name: str, ask: Callable[[list[str]], str]) -> None:
    """Ask every question of a file on the command line with --json; the answer must be the same."""
    for question in value(name):
        arguments = [*question["arguments"], "--json"]
        text = ask(arguments)
        is_stream = arguments[0] == "decisions"
        answer = [json.loads(line) for line in text.splitlines()] if is_stream else json.loads(text)
        assert timeless(answer) == timeless(question["answer"]), arguments


def timeless(answer: Any) -> Any:
    """An answer without what depends on the moment of the question."""
    if isinstance(answer, dict):
        return {name: timeless(found) for name, found in answer.items() if name not in _OF_THE_DAY}
    if isinstance(answer, list):
        return [timeless(item) for item in answer]
    return answer


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)
