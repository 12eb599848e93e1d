"""What a record of the log looks like: a fixed header, the same in every format for ever, then a body.

    byte 0         format: F8 to FF are ours, and no UTF-8 text begins with one of them
    bytes 1-32     SHA-256 of the previous accepted record's value
    bytes 33-40    the record's own number, from 1
    bytes 41-48    the position of its first event, from 1
    bytes 49-52    how many events it has
    bytes 53-60    the id of the writer's key
    bytes 61-124   the writer's signature (Ed25519)

All numbers are big-endian and unsigned. Every format is given byte by byte in `formats.md`. The body of appends is
Avro, its schema `schemas/log/record.v2.avsc`. Appends are encoded one by one, by whoever hands them over, and joined by
the committer: Avro's blocks of an array allow that. The bodies of control records are in `control_records`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import cache, lru_cache
from hashlib import sha256
from io import BytesIO
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from eventsourcing.persistence import StoredEvent, Tracking
from fastavro import schemaless_reader

from consumers.commands.ports import CommandKey, LastHandled, QueuePosition, RecordedCommand
from domain.commands import NO_DIGEST
from infra.log.keys import KEY_ID_LENGTH, SIGNATURE_LENGTH, Signer, is_signed
from schemas.avro.encoding import long_bytes, text_bytes
from schemas.avro.registry import registry

OURS: Final = range(0xF8, 0x100)
_UNSIGNED: Final = Struct(f">B32sQQI{KEY_ID_LENGTH}s")
_HEADER: Final = Struct(f"{_UNSIGNED.format}{SIGNATURE_LENGTH}s")
HEADER_LENGTH: Final = _HEADER.size
_ID_LENGTH: Final = 16
_SCOPE_LENGTH: Final = 6
_DIGEST_LENGTH: Final = 32
# Avro names the branch of a union before its value, and ends an array with an empty block.
_NONE, _SOME = b"\x00", b"\x02"
_AS_ID, _AS_TEXT = b"\x00", b"\x02"
_END: Final = b"\x00"
_ORIGINATORS_KEPT: Final = 4096
"""Events of a dossier stand close together."""
_TOPICS_KEPT: Final = 256


class Format(IntEnum):
    """The formats that this release writes and reads."""

    APPENDS = 0xF9
    GENESIS = 0xFA
    STATEMENT = 0xFB
    VOID = 0xFC
    DISMISSAL = 0xFD
    CLOSING = 0xFF


CONTROL: Final = frozenset({Format.GENESIS, Format.STATEMENT, Format.VOID, Format.DISMISSAL, Format.CLOSING})
"""Formats that the rule itself reads."""


EventRow: TypeAlias = tuple[str, int, str, bytes]
"""An event as the index keeps it: originator id (a UUID as 32 hexadecimal digits), version, topic, state."""


class RecordedOutcome(IntEnum):
    """What became of a command or a call: the index of the symbol in the schema."""

    EVENTS = 0
    REFUSED = 1
    REPEATED = 2
    DEAD = 3
    TRACKED = 4


_OUTCOMES: Final = [long_bytes(outcome) for outcome in RecordedOutcome]


class Place(NamedTuple):
    """Which partition of which log: the log's name, P and p."""

    app: str
    partitions: int
    partition: int

    @property
    def first_hash(self) -> bytes:
        """What the first record of the partition names as the hash of the one before it."""
        return sha256(f"dossier-log/{self.app}/{self.partitions}/{self.partition}".encode()).digest()

    @property
    def scope(self) -> bytes:
        """What every signature of a record in this partition begins with."""
        return f"dossier-record/{self.app}/{self.partitions}/{self.partition}".encode()


class Header(NamedTuple):
    """The fixed header. `previous` is a SHA-256 of 32 bytes, `events` how many there are.

    `key` is the id of the writer's key (8 bytes), `signature` the writer's (64 bytes).
    """

    format: int
    previous: bytes
    number: int
    position: int
    events: int
    key: bytes
    signature: bytes


_BINDING: Final = (RecordedOutcome.EVENTS, RecordedOutcome.REFUSED)


class HandledCommand(NamedTuple):
    """A handled command, the digest of its content (32 bytes) and its answer.

    The id is bound to the answer by the outcomes EVENTS and REFUSED alone.
    """

    key: CommandKey
    digest: bytes
    answer: str


class Append(NamedTuple):
    """One append. `commit_id` has 16 bytes."""

    commit_id: bytes
    outcome: RecordedOutcome
    events: Sequence[EventRow] = ()
    command: HandledCommand | None = None
    source: QueuePosition | None = None
    tracking: Tracking | None = None

    @property
    def bound(self) -> HandledCommand | None:
        """The command whose id is bound by this append."""
        return self.command if self.outcome in _BINDING else None


class Body(NamedTuple):
    """What follows the header."""

    writer: str
    appends: list[Append]


class UnreadableBody(ValueError):
    """Bytes after a header of ours that do not follow the schema."""


def read_header(value: bytes | None) -> Header | None:
    """The header of a record, of whatever format; None for a record that is not ours."""
    if value is None or len(value) < HEADER_LENGTH or value[0] not in OURS:
        return None
    return Header._make(_HEADER.unpack_from(value))


def seal(place: Place, signer: Signer, format_: int, chain: tuple[bytes, int, int, int], content: bytes) -> bytes:
    """A record's value. `chain` is the previous hash, the own number, the first position and how many events follow."""
    unsigned = _UNSIGNED.pack(format_, *chain, signer.key_id)
    return b"".join((unsigned, signer.sign(_message(place, unsigned, content)), content))


def is_signed_by(place: Place, public: bytes, value: bytes) -> bool:
    """Whether a record with a header of ours was signed for this place, by the owner of a public key (32 bytes)."""
    message = _message(place, value[: _UNSIGNED.size], memoryview(value)[HEADER_LENGTH:])
    return is_signed(public, value[_UNSIGNED.size : HEADER_LENGTH], message)


def _message(place: Place, unsigned: bytes, content: bytes | memoryview) -> bytes:
    return place.scope + unsigned + sha256(content).digest()


def encode_body(writer: str, appends: Sequence[bytes]) -> bytes:
    """What follows the header of a record of appends, each as `encode_append` made it."""
    parts = [text_bytes(writer)]
    if appends:
        parts.append(long_bytes(len(appends)))
        parts.extend(appends)
    parts.append(_END)
    return b"".join(parts)


def encode_append(append: Append) -> bytes:
    """The Avro of one append, as an item of the record's array.

    Written field by field, in the schema's order: there is one for every command, and the writer that is made from the
    schema takes three times as long. Raises ValueError for an id or a digest of another length than the schema's,
    OverflowError for a number that is no long.
    """
    commit_id, outcome, events, command, source, tracking = append
    parts = [_fixed(commit_id, _ID_LENGTH), _OUTCOMES[outcome]]
    if command is None:
        parts.append(_NONE)
    else:
        key, digest, answer = command
        scope, digest = _fixed(key.scope, _SCOPE_LENGTH), _fixed(digest, _DIGEST_LENGTH)
        parts += (_SOME, scope, key.command_id.bytes, digest, text_bytes(answer))
    if source is None:
        parts.append(_NONE)
    else:
        parts += (_SOME, source.topic_id.bytes, long_bytes(source.offset))
    if tracking is None:
        parts.append(_NONE)
    else:
        parts += (_SOME, text_bytes(tracking.application_name), long_bytes(tracking.notification_id))
    if events:
        parts.append(long_bytes(len(events)))
        for originator, version, topic, state in events:
            parts += (_originator(originator), long_bytes(version), _topic(topic), long_bytes(len(state)), state)
    parts.append(_END)
    return b"".join(parts)


def _fixed(value: bytes, length: int) -> bytes:
    if len(value) != length:
        raise ValueError(f"{len(value)} bytes are not {length}")
    return value


def decode_body(value: bytes) -> Body:
    """The body of a record of appends. Raises UnreadableBody."""
    source = BytesIO(value)
    source.seek(HEADER_LENGTH)
    try:
        record: Any = schemaless_reader(source, _schema(), None)
        if source.read(1):
            raise UnreadableBody("bytes follow its end")
        return Body(record["writer"], [_append(found) for found in record["appends"]])
    except (EOFError, IndexError, OverflowError, TypeError, ValueError) as error:
        raise UnreadableBody(str(error)) from error


def _append(found: dict[str, Any]) -> Append:
    command, source, tracking = found["command"], found["source"], found["tracking"]
    return Append(
        found["commit_id"],
        RecordedOutcome[found["outcome"]],
        [
            (originator if isinstance(originator, str) else originator.hex(), event["version"], event["topic"], state)
            for event in found["events"]
            for originator, state in [(event["originator"], event["state"])]
        ],
        command
        and HandledCommand(
            CommandKey(command["scope"], UUID(bytes=command["id"])), command["digest"], command["answer"]
        ),
        source and QueuePosition(UUID(bytes=source["topic_id"]), source["offset"]),
        tracking and Tracking(tracking["application"], tracking["position"]),
    )


@cache
def _schema() -> Any:
    return registry("log").newest["record"].parsed


@lru_cache(maxsize=_ORIGINATORS_KEPT)
def _originator(originator: str) -> bytes:
    try:
        raw = bytes.fromhex(originator)
    except ValueError:
        raw = b""
    # 32 hexadecimal digits in lower case and a UUID are the same to the index, so they may be to the log.
    is_id = len(raw) == _ID_LENGTH and raw.hex() == originator
    return _AS_ID + raw if is_id else _AS_TEXT + text_bytes(originator)


_topic: Final = lru_cache(maxsize=_TOPICS_KEPT)(text_bytes)


@lru_cache(maxsize=_ORIGINATORS_KEPT)
def _hex(originator: UUID) -> str:
    return originator.hex


def event_rows(stored_events: Sequence[StoredEvent]) -> list[EventRow]:
    """Events as a record and the index keep them."""
    return [
        (
            _hex(event.originator_id) if isinstance(event.originator_id, UUID) else event.originator_id,
            event.originator_version,
            event.topic,
            event.state,
        )
        for event in stored_events
    ]


def last_handled_in(appends: Sequence[Append]) -> LastHandled | None:
    """The last command that the appends of a record have handled; None where they have none of a queue."""
    source: QueuePosition | None = None
    for append in reversed(appends):
        if append.source is None or (source is not None and append.source.topic_id != source.topic_id):
            continue
        source = source or append.source
        command = append.command
        if command is not None and command.digest != NO_DIGEST:
            command_id = str(command.key.command_id) if command.key.command_id.int else None
            return LastHandled(source, RecordedCommand(append.source.offset, command_id, command.digest))
    return LastHandled(source, None) if source is not None else None
