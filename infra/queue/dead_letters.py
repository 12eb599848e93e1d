"""Commands that could not be decoded or handled, kept with the reason until somebody retries or drops them.

A record's key is PARTITION/OFFSET, the command's place in the queue, and its value JSON. The same letter may stand
there more than once; settled once, it stays so.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from consumers.commands.ports import DeadLetter
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the command's place in the queue and its bytes, and the error that it was answered with."""

    partition: int
    offset: int
    topic_id: str
    command_id: str | None
    error: dict[str, Any]
    command: bytes

    @property
    def name(self) -> str:
        """PARTITION/OFFSET."""
        return f"{self.partition}/{self.offset}"


class KafkaDeadLetters:
    """The dead letters of one partition."""

    def __init__(self, settings: KafkaSettings, topic: Topic, partition: int) -> None:
        self._partition = partition
        self._client = KafkaPartitionClient(settings, topic, partition)

    def store(self, letters: Sequence[DeadLetter]) -> None:
        """See `consumers.commands.ports.DeadLetters`. Raises LogUnusable."""
        for dead in letters:
            answer = json.loads(dead.answer)
            key = f"{self._partition}/{dead.source.offset}"
            letter = {
                "letter": key,
                "commands": str(dead.source.topic_id),
                "command_id": answer["command_id"],
                "error": answer["error"],
                "command": base64.b64encode(dead.value).decode(),
            }
            self._client.send_durably([(key.encode(), json.dumps(letter, ensure_ascii=False).encode())])
            _log.warning(
                "command.dead",
                partition=self._partition,
                offset=dead.source.offset,
                command=answer["command_id"],
                code=answer["error"]["code"],
            )

    def settle(self, letter: Letter, how: str) -> None:
        """It is no longer there: retried, or dropped. Raises LogUnusable."""
        value = {"letter": letter.name, "commands": letter.topic_id, "settled": how}
        self._client.send_durably([(letter.name.encode(), json.dumps(value).encode())])

    def waiting(self) -> list[Letter]:
        """Those that nobody has retried or dropped, in the order of their commands. Raises LogUnusable."""
        found: dict[tuple[str, str], Letter | None] = {}
        for fetched in self._client.read(0):
            for record in fetched.records:
                value = _read(record.value)
                if value is None:
                    continue
                key = value["commands"], value["letter"]
                if "settled" in value:
                    found[key] = None
                elif key not in found:
                    # Stored again after it was settled, as a worker does at its start, it stays settled.
                    found[key] = _letter(value)
        return sorted((each for each in found.values() if each is not None), key=lambda each: each.offset)

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()


def _read(value: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(value or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"letter", "commands"} <= found.keys() else None


def _letter(value: dict[str, Any]) -> Letter:
    partition, offset = value["letter"].split("/")
    return Letter(
        int(partition),
        int(offset),
        value["commands"],
        value["command_id"],
        value["error"],
        base64.b64decode(value["command"]),
    )
