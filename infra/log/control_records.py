"""What control records say: the genesis, statements about keys, voids, dismissals and closings.

Each has a fixed binary layout behind the header of every record, which `formats.md` gives byte by byte, so that the
rule reads them without any decoder. All numbers are big-endian and unsigned. Reading is strict: whatever the bytes are,
they are exactly one content, or MalformedControlRecord is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

from infra.log.keys import PUBLIC_LENGTH, SIGNATURE_LENGTH, Signer, is_signed, is_weak

HASH_LENGTH: Final = 32
_NONCE_LENGTH: Final = 16
_STATEMENT: Final = b"dossier-statement/"
_VOID: Final = b"dossier-void/"
_CLOSING: Final = b"dossier-closing/"
_LONGEST_TEXT: Final = 255
CONTINUES_MOVED: Final = "moved/"
"""What a genesis says of the log that it took over begins so where that is a log of today, with an identity."""
MOST_DISMISSED: Final = 20_000
"""Orphans that one dismissal names at most, so that it fits into a record of a topic with Kafka's own limit."""


class MalformedControlRecord(ValueError):
    """Bytes that are no content of a control record."""


class Orphan(NamedTuple):
    """A record of the log that was built on one which is not there: its offset, and its SHA-256 (32 bytes)."""

    offset: int
    hash: bytes


class Roots(NamedTuple):
    """Root keys (32 bytes each, no two alike), and how many of them must sign."""

    threshold: int
    keys: tuple[bytes, ...]


class RootSignature(NamedTuple):
    """By which root, by its place from 0, and the signature (64 bytes)."""

    root: int
    signature: bytes


Signatures: TypeAlias = tuple[RootSignature, ...]


class Genesis(NamedTuple):
    """The first record of every partition: which log it is, and who may write to it.

    `nonce` has 16 bytes; `continues` is the id of a log that this one took over, or empty; `writers` are public keys.
    """

    app: str
    partitions: int
    nonce: bytes
    continues: str
    roots: Roots
    writers: tuple[bytes, ...]
    signatures: Signatures = ()

    @property
    def identity(self) -> bytes:
        """SHA-256 of the content without its signatures: the identity of the log."""
        return sha256(self.content()).digest()

    def content(self) -> bytes:
        """What is signed, and hashed to the log's identity."""
        return b"".join(
            (
                _text(self.app),
                _number(self.partitions, 4),
                self.nonce,
                _text(self.continues),
                _roots(self.roots),
                _number(len(self.writers), 1),
                *self.writers,
            )
        )

    def message(self) -> bytes:
        """What the roots sign."""
        return _STATEMENT + self.identity + _number(0, 8) + self.content()

    def encode(self) -> bytes:
        """What follows the header."""
        return self.content() + _signatures(self.signatures)


class StatementKind(IntEnum):
    """What a statement does."""

    ADD_WRITER = 1
    RETIRE_WRITER = 2
    ROTATE_ROOTS = 3


class KeyStatement(NamedTuple):
    """The roots' word about keys. `about` is a writer's public key, or the roots that take over."""

    identity: bytes
    number: int
    kind: StatementKind
    about: bytes | Roots
    signatures: Signatures = ()

    def content(self) -> bytes:
        """What is signed."""
        about = _roots(self.about) if isinstance(self.about, Roots) else self.about
        return self.identity + _number(self.number, 8) + _number(self.kind, 1) + about

    def message(self) -> bytes:
        """What the roots sign."""
        return _STATEMENT + self.content()

    def encode(self) -> bytes:
        """What follows the header."""
        return self.content() + _signatures(self.signatures)


class Void(NamedTuple):
    """The roots' word that the records from a number on, up to the head that it is built on, count as nothing.

    `hash` is that of the first such record, `head` that of the last one.
    """

    identity: bytes
    partition: int
    number: int
    hash: bytes
    head: bytes
    reason: str
    signatures: Signatures = ()

    def content(self) -> bytes:
        """What is signed."""
        fixed = self.identity + _number(self.partition, 4) + _number(self.number, 8)
        return fixed + self.hash + self.head + _text(self.reason)

    def message(self) -> bytes:
        """What the roots sign."""
        return _VOID + self.content()

    def encode(self) -> bytes:
        """What follows the header."""
        return self.content() + _signatures(self.signatures)


class Closing(NamedTuple):
    """The roots' word that nothing more is written to one tape of a log, which goes on at another.

    `head` is the hash of the record that it is built on, `tape` and `successor` are the ids of the two tapes, `place`
    says where the successor is, for people.
    """

    identity: bytes
    partition: int
    head: bytes
    tape: str
    successor: str
    place: str
    signatures: Signatures = ()

    def content(self) -> bytes:
        """What is signed."""
        fixed = self.identity + _number(self.partition, 4) + self.head
        return fixed + _text(self.tape) + _text(self.successor) + _text(self.place)

    def message(self) -> bytes:
        """What the roots sign."""
        return _CLOSING + self.content()

    def encode(self) -> bytes:
        """What follows the header."""
        return self.content() + _signatures(self.signatures)


def shortened(text: str) -> str:
    """As much of a text for people as a control record holds."""
    return text.encode()[:_LONGEST_TEXT].decode(errors="ignore")


def sign(message: bytes, roots: Roots, signers: Iterable[Signer]) -> Signatures:
    """The signatures of those signers that are roots, in the order of the roots."""
    by_key = {signer.public: signer for signer in signers}
    return tuple(
        RootSignature(place, by_key[key].sign(message)) for place, key in enumerate(roots.keys) if key in by_key
    )


def is_signed_by_enough(roots: Roots, signatures: Signatures, message: bytes) -> bool:
    """Whether as many roots as must sign have signed a message. Each counts once."""
    valid = {
        found.root
        for found in signatures
        if found.root < len(roots.keys) and is_signed(roots.keys[found.root], found.signature, message)
    }
    return len(valid) >= roots.threshold


def encode_dismissal(orphans: Sequence[Orphan]) -> bytes:
    """What follows the header of a dismissal."""
    return b"".join(
        (_number(len(orphans), 4), *(_number(orphan.offset, 8) + orphan.hash for orphan in orphans)),
    )


def parse_genesis(content: bytes) -> Genesis:
    """Raises MalformedControlRecord."""
    cursor = _Cursor(content)
    app, partitions = cursor.text(), cursor.number(4)
    nonce, continues = cursor.take(_NONCE_LENGTH), cursor.text()
    roots, writers = cursor.roots(), cursor.keys()
    found = Genesis(app, partitions, nonce, continues, roots, writers, cursor.signatures())
    cursor.end()
    return found


def parse_statement(content: bytes) -> KeyStatement:
    """Raises MalformedControlRecord."""
    cursor = _Cursor(content)
    identity, number, kind = cursor.take(HASH_LENGTH), cursor.number(8), cursor.number(1)
    try:
        known = StatementKind(kind)
    except ValueError as error:
        raise MalformedControlRecord(f"no such kind of statement: {kind}") from error
    about = cursor.roots() if known is StatementKind.ROTATE_ROOTS else cursor.key()
    found = KeyStatement(identity, number, known, about, cursor.signatures())
    cursor.end()
    return found


def parse_void(content: bytes) -> Void:
    """Raises MalformedControlRecord."""
    cursor = _Cursor(content)
    identity, partition, number = cursor.take(HASH_LENGTH), cursor.number(4), cursor.number(8)
    first, head, reason = cursor.take(HASH_LENGTH), cursor.take(HASH_LENGTH), cursor.text()
    found = Void(identity, partition, number, first, head, reason, cursor.signatures())
    cursor.end()
    return found


def parse_closing(content: bytes) -> Closing:
    """Raises MalformedControlRecord."""
    cursor = _Cursor(content)
    identity, partition, head = cursor.take(HASH_LENGTH), cursor.number(4), cursor.take(HASH_LENGTH)
    tape, successor, place = cursor.text(), cursor.text(), cursor.text()
    found = Closing(identity, partition, head, tape, successor, place, cursor.signatures())
    cursor.end()
    return found


def parse_dismissal(content: bytes) -> tuple[Orphan, ...]:
    """The orphans that are left behind. Raises MalformedControlRecord."""
    cursor = _Cursor(content)
    count = cursor.number(4)
    if count * (8 + HASH_LENGTH) != cursor.left:
        raise MalformedControlRecord(f"{count} orphans are announced, and {cursor.left} bytes follow")
    return tuple(Orphan(cursor.number(8), cursor.take(HASH_LENGTH)) for _ in range(count))


class _Cursor:
    """Reads a content from its first byte to its last."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that were not read."""
        return len(self._content) - self._at

    def take(self, length: int) -> bytes:
        if self.left < length:
            raise MalformedControlRecord(f"{length} bytes are missing at byte {self._at}")
        self._at += length
        return self._content[self._at - length : self._at]

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def text(self) -> str:
        try:
            return self.take(self.number(1)).decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedControlRecord("a text that is not UTF-8") from error

    def key(self) -> bytes:
        found = self.take(PUBLIC_LENGTH)
        if is_weak(found):
            raise MalformedControlRecord("a key that anybody can sign with")
        return found

    def keys(self) -> tuple[bytes, ...]:
        found = tuple(self.key() for _ in range(self.number(1)))
        if not found or len(set(found)) != len(found):
            raise MalformedControlRecord("no key, or one that is listed twice")
        return found

    def roots(self) -> Roots:
        threshold, keys = self.number(1), self.keys()
        if not 1 <= threshold <= len(keys):
            raise MalformedControlRecord(f"{threshold} of {len(keys)} roots cannot sign")
        return Roots(threshold, keys)

    def signatures(self) -> Signatures:
        found = tuple(RootSignature(self.number(1), self.take(SIGNATURE_LENGTH)) for _ in range(self.number(1)))
        places = [signature.root for signature in found]
        if places != sorted(set(places)):
            raise MalformedControlRecord("the signatures are not in the order of the roots")
        return found

    def end(self) -> None:
        if self.left:
            raise MalformedControlRecord(f"{self.left} bytes follow its end")


def _number(value: int, length: int) -> bytes:
    return value.to_bytes(length, "big")


def _text(value: str) -> bytes:
    raw = value.encode()
    return _number(len(raw), 1) + raw


def _roots(roots: Roots) -> bytes:
    return b"".join((_number(roots.threshold, 1), _number(len(roots.keys), 1), *roots.keys))


def _signatures(signatures: Signatures) -> bytes:
    return b"".join(
        (_number(len(signatures), 1), *(_number(found.root, 1) + found.signature for found in signatures)),
    )
