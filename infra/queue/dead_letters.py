"""Commands that could not be decoded or handled, kept with the reason until somebody retries or drops them.

A record's key is PARTITION/OFFSET, the command's place in the queue, and its value JSON. The same letter may stand
there more than once; settled once, it stays so. A letter has the beginning of the command and the SHA-256 of the whole,
which stays where it is: in the queue, from which nothing is ever deleted. Letters of earlier releases have all of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec
import structlog

from consumers.commands.errors import UnreadableRecords
from consumers.commands.ports import DeadLetter
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.queue.command_consumer import KafkaCommandQueue
from infra.queue.errors import CommandGone

_log = structlog.get_logger(__name__)

_BEGINNING: Final = 1024
_BATCH_BYTES: Final = 400_000
_OVERHEAD_BYTES: Final = 100


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the command's place in the queue, and the error that it was answered with.

    `beginning` are the first bytes of the command, at most 1,024 (all of them in a letter of an earlier release),
    `size` is how many it has, `sha256` their hash in hexadecimal digits. Records that cannot be read have no bytes.
    """

    partition: int
    offset: int
    topic_id: str
    command_id: str | None
    error: Mapping[str, Any]
    beginning: bytes
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """PARTITION/OFFSET."""
        return f"{self.partition}/{self.offset}"

    @property
    def is_whole(self) -> bool:
        """Whether the beginning is all there is."""
        return self.size == len(self.beginning)


class _Error(msgspec.Struct):
    """Why a command was not accepted, as answers have it."""

    code: str
    message: str
    clause: str | None = None
    details: dict[str, Any] = {}


class _StoredLetter(msgspec.Struct):
    """What stands in the topic, of whatever release: `command` up to the one that kept the whole of it."""

    letter: str
    commands: str
    settled: str | None = None
    command_id: str | None = None
    error: _Error | None = None
    command: str | None = None
    beginning: str | None = None
    size: int = 0
    sha256: str = ""


class KafkaDeadLetters:
    """The dead letters of one partition."""

    def __init__(self, settings: KafkaSettings, topic: Topic, partition: int) -> None:
        self._partition = partition
        self._client = KafkaPartitionClient(settings, topic, partition)
        self.passed_over = 0
        """How many records of the topic were none of ours, when it was last read."""

    def store(self, letters: Sequence[DeadLetter]) -> None:
        """See `consumers.commands.ports.DeadLetters`. Raises LogUnusable."""
        for batch in _batches([self._record(dead) for dead in letters]):
            self._client.send_durably(batch)
        if letters:
            first, last = letters[0].source.offset, letters[-1].source.offset
            _log.warning("commands.dead", partition=self._partition, count=len(letters), first=first, last=last)

    def _record(self, dead: DeadLetter) -> tuple[bytes, bytes]:
        answer = json.loads(dead.answer)
        key = f"{self._partition}/{dead.source.offset}"
        letter = {
            "letter": key,
            "commands": str(dead.source.topic_id),
            "command_id": answer["command_id"],
            "error": answer["error"],
            "size": len(dead.value),
            "sha256": sha256(dead.value).hexdigest(),
            "beginning": base64.b64encode(dead.value[:_BEGINNING]).decode(),
        }
        _log.debug("command.dead", letter=key, command=answer["command_id"], code=answer["error"]["code"])
        return key.encode(), json.dumps(letter, ensure_ascii=False).encode()

    def settle(self, letter: Letter, how: str) -> None:
        """It is no longer there: retried, or dropped. Raises LogUnusable."""
        value = {"letter": letter.name, "commands": letter.topic_id, "settled": how}
        self._client.send_durably([(letter.name.encode(), json.dumps(value).encode())])

    def waiting(self) -> list[Letter]:
        """Those that nobody has retried or dropped, in the order of their commands. Raises LogUnusable."""
        found: dict[tuple[str, str], Letter | None] = {}
        self.passed_over = 0
        for fetched in self._client.read(0):
            for record in fetched.records:
                read = self._read(record.value)
                if read is None:
                    self.passed_over += 1
                    continue
                key, letter = read
                # Stored again after it was settled, as a worker does at its start, it stays settled.
                found[key] = letter and found.get(key, letter)
        if self.passed_over:
            _log.warning("letters.passed_over", partition=self._partition, count=self.passed_over)
        return sorted((each for each in found.values() if each is not None), key=lambda each: each.offset)

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def _read(self, value: bytes | None) -> tuple[tuple[str, str], Letter | None] | None:
        """What a letter is known by, and the letter, or None where it is settled; None for what is none of ours."""
        try:
            found = msgspec.json.decode(value or b"", type=_StoredLetter)
            partition, offset = map(int, found.letter.split("/"))
            letter = None if found.settled is not None else _letter(found, partition, offset)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None
        return ((found.commands, found.letter), letter) if partition == self._partition else None


def whole_command(settings: KafkaSettings, commands: Topic, letter: Letter) -> bytes:
    """The bytes of a letter's command, read from the queue where the letter has only some. Raises CommandGone."""
    if letter.error["code"] == UnreadableRecords.code or letter.topic_id != str(commands.identity.topic_id):
        raise CommandGone(letter=letter.name)
    command = letter.beginning
    if not letter.is_whole:
        queue = KafkaCommandQueue(settings, commands, letter.partition)
        try:
            command = queue.values_at([letter.offset]).get(letter.offset, b"")
        finally:
            queue.close()
    if sha256(command).hexdigest() != letter.sha256:
        raise CommandGone(letter=letter.name)
    return command


def _batches(records: Sequence[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Records that go together: as many as one batch of the topic holds."""
    batch: list[tuple[bytes, bytes]] = []
    size = 0
    for key, value in records:
        needed = len(key) + len(value) + _OVERHEAD_BYTES
        if batch and size + needed > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((key, value))
        size += needed
    if batch:
        yield batch


def _letter(found: _StoredLetter, partition: int, offset: int) -> Letter:
    """Raises ValueError."""
    if found.error is None:
        raise ValueError("a letter without an error")
    beginning, size, digest = base64.b64decode(found.beginning or "", validate=True), found.size, found.sha256
    if found.command is not None:
        beginning = base64.b64decode(found.command, validate=True)
        size, digest = len(beginning), sha256(beginning).hexdigest()
    return Letter(
        partition, offset, found.commands, found.command_id, msgspec.to_builtins(found.error), beginning, size, digest
    )
