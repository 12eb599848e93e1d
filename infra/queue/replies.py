"""Answers to commands, made from the records that the log accepted, and read by whoever waits for one.

A record of `<app>.replies` answers the commands of one record of the log. Its value is text: a line of JSON that names
the commands topic by its id, then for each command a line with its offset there, what became of it, and its answer. So
the place of a command in the queue, which its sender knows when the queue has it, is what ties the answer to it.

A topic that lost its end gives the same offsets out again. So the first line has the digest of each command, too:
whoever waits for an answer believes it only with the digest and the id of their own command.

Whoever may produce can write there too. So the first line also has the id of a writer's key and its signature
(Ed25519), over the text `dossier-answers/<app>/<P>/<p>` and SHA-256 of what it answers for: the id of the commands
topic, the offset of the log's record, the digests joined by spaces, and the further lines, all joined by line ends. A
reply is believed when that key is one of the log's active writers. Readers of earlier releases know no digests; for
them there is a signature over the text `dossier-reply/<app>/<P>/<p>` and the same without the digests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

import msgspec
import structlog

from consumers.commands.outcome import Answer, first_answer
from consumers.commands.ports import DeadLetter
from domain.commands import NO_DIGEST
from infra.kafka.client import KafkaPartitionClient
from infra.log.format import HandledCommand, Place, RecordedOutcome
from infra.log.index import Applied
from infra.log.kafka.log import KafkaLog
from infra.log.keys import Signer, is_signed
from infra.queue.command_consumer import KafkaCommandQueue
from infra.queue.dead_letters import KafkaDeadLetters
from schemas.command_parser import is_command

_log = structlog.get_logger(__name__)

_DEAD: Final = "dead"
_DONE: Final = "done"
_BYTES: Final = 500_000
_DIGEST_BYTES: Final = 68
_NO_RECORD: Final = -1


_LINE: Final = re.compile(rf"([0-9]{{1,19}}) ({_DONE}|{_DEAD}) (\{{.*\}})")


PublicKeys: TypeAlias = Callable[[bytes], bytes | None]
"""The public key (32 bytes) of an active writer by its id (8 bytes); None for any other id."""


class _Head(msgspec.Struct):
    commands: str
    record: int
    key: str
    signature: str
    digests: list[str | None] | None = None
    digests_signature: str = ""


class Reply(NamedTuple):
    """The answer to the command at an offset of the commands topic's partition.

    `digest` is that of the command, as the log has it; None where it is not known.
    """

    topic_id: str
    offset: int
    answer: Answer
    digest: bytes | None


class KafkaReplies:
    """See `ports.Replies`. Made before the worker begins: it hears of every accepted record from then on."""

    def __init__(
        self,
        log: KafkaLog,
        partition: int,
        client: KafkaPartitionClient,
        queue: KafkaCommandQueue,
        dead_letters: KafkaDeadLetters,
    ) -> None:
        self._log = log
        self._partition = partition
        self._client = client
        self._queue = queue
        self._dead_letters = dead_letters
        source = log.source(partition)
        self._place = source.address.place
        self._signer = source.keys.writer()
        self._waiting = log.follow_accepted(partition)

    def resend_last(self) -> None:
        """Answer the last accepted record's commands, and store its dead letters once more."""
        record = self._log.last_accepted(self._partition)
        if record is None:
            return
        self._waiting.append(record)
        dead = [
            (append.source, append.command)
            for append in record.appends
            if append.outcome is RecordedOutcome.DEAD and append.command is not None and append.source is not None
        ]
        if dead:
            own = [source.offset for source, _ in dead if source.topic_id == self._queue.topic_id]
            values = self._queue.values_at(own) if own else {}
            letters = [
                DeadLetter(source, _own(values.get(source.offset, b""), command), command.answer)
                for source, command in dead
            ]
            self._dead_letters.store(letters)
        self.send()

    def broker_time(self) -> datetime:
        """The moment that the broker's clock shows, by which it stamps a reply without answers. Raises LogUnusable."""
        value = signed_reply(self._signer, self._place, str(self._queue.topic_id), _NO_RECORD, ())
        self._client.send_durably([(None, value)])
        return datetime.fromtimestamp(self._client.appended_at / 1000, UTC)

    def send(self) -> None:
        """See `Replies`. Raises LogUnusable."""
        while self._waiting:
            record = self._waiting[0]
            values = [
                signed_reply(self._signer, self._place, topic_id, record.offset, lines, digests=digests)
                for topic_id, lines, digests in _values(record)
            ]
            if values:
                self._client.send_durably([(None, value) for value in values])
                _log.debug(
                    "commands.answered",
                    partition=self._partition,
                    record=record.offset,
                    position=record.position,
                    writer=record.writer,
                )
            self._waiting.popleft()


def _own(value: bytes, command: HandledCommand) -> bytes:
    """The bytes of a command that was handled; none where a queue that was cut has others in their place."""
    known = command.digest != NO_DIGEST
    return b"" if known and not is_command(value, command.digest, None) else value


def _values(record: Applied) -> Iterator[tuple[str, Sequence[str], Sequence[bytes | None]]]:
    """The replies of a record, in one or several values: commands topic, lines, and their commands' digests."""
    topic_id = None
    lines: list[str] = []
    digests: list[bytes | None] = []
    size = 0
    for append in record.appends:
        if append.source is None or append.command is None:
            continue
        topic_id = append.source.topic_id
        fate = _DEAD if append.outcome is RecordedOutcome.DEAD else _DONE
        line = f"{append.source.offset} {fate} {append.command.answer}"
        if size + len(line) > _BYTES and lines:
            yield str(topic_id), lines, digests
            lines, digests, size = [], [], 0
        lines.append(line)
        digests.append(append.command.digest if append.command.digest != NO_DIGEST else None)
        size += len(line) + _DIGEST_BYTES
    if lines:
        yield str(topic_id), lines, digests


def signed_reply(
    signer: Signer,
    place: Place,
    topic_id: str,
    record: int,
    lines: Sequence[str],
    *,
    digests: Sequence[bytes | None] | None = None,
) -> bytes:
    """The value of a reply: its lines, for commands of a topic, by a record of the log.

    `digests` has that of each line's command, None where it is not known; without them none is.
    """
    known = [digest.hex() if digest is not None else None for digest in digests or [None] * len(lines)]
    old = _message("reply", place, [topic_id, str(record), *lines])
    message = _message("answers", place, [topic_id, str(record), _joined(known), *lines])
    head = {
        "commands": topic_id,
        "record": record,
        "key": signer.key_id.hex(),
        "signature": signer.sign(old).hex(),
        "digests": known,
        "digests_signature": signer.sign(message).hex(),
    }
    return "\n".join([json.dumps(head), *lines]).encode()


def _joined(digests: Sequence[str | None]) -> str:
    """Digests as they are signed: one that is not known is a hyphen."""
    return " ".join(digest or "-" for digest in digests)


def _message(kind: str, place: Place, parts: Sequence[str]) -> bytes:
    """What is signed."""
    scope = f"dossier-{kind}/{place.app}/{place.partitions}/{place.partition}".encode()
    return scope + sha256("\n".join(parts).encode()).digest()


def read_replies(value: bytes | None, place: Place, public_key: PublicKeys) -> tuple[list[Reply], int]:
    """The answers in a record's value, and how many of its lines are none to be believed."""
    if not value:
        return [], 1
    first, *lines = value.decode("utf-8", "replace").split("\n")
    try:
        head = msgspec.json.decode(first, type=_Head)
        digests = _believed(head, lines, place, public_key)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        digests = None
    if digests is None:
        return [], 1 + len(lines)
    found = (_reply(head.commands, line, digest) for line, digest in zip(lines, digests, strict=True))
    replies = [reply for reply in found if reply is not None]
    return replies, len(lines) - len(replies)


def _believed(head: _Head, lines: Sequence[str], place: Place, public_key: PublicKeys) -> Sequence[bytes | None] | None:
    """The digest of each line's command; None where no active writer signed. Raises ValueError.

    In a reply of an earlier release no digest is known.
    """
    public = public_key(bytes.fromhex(head.key))
    if public is None:
        return None
    if head.digests is None:
        message = _message("reply", place, [head.commands, str(head.record), *lines])
        return [None] * len(lines) if is_signed(public, bytes.fromhex(head.signature), message) else None
    if len(head.digests) != len(lines):
        return None
    message = _message("answers", place, [head.commands, str(head.record), _joined(head.digests), *lines])
    if not is_signed(public, bytes.fromhex(head.digests_signature), message):
        return None
    return [bytes.fromhex(digest) if digest is not None else None for digest in head.digests]


def _reply(topic_id: str, line: str, digest: bytes | None) -> Reply | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    offset, fate, text = found.groups()
    return Reply(topic_id, int(offset), Answer(text, "malformed") if fate == _DEAD else first_answer(text), digest)
