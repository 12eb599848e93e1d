"""The rule of the log by a second hand, written from `infra/log/formats.md` alone: nothing of the project is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from struct import Struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEADER = Struct(">B32sQQI8s64s")
APPENDS, GENESIS, STATEMENT, VOID, DISMISSAL, CLOSING = 0xF9, 0xFA, 0xFB, 0xFC, 0xFD, 0xFF
CONTROL = (GENESIS, STATEMENT, VOID, DISMISSAL, CLOSING)
_ADD, _RETIRE, _ROTATE = 1, 2, 3
_P = 2**255 - 19
_SMALL_ORDER = {
    0,
    1,
    _P - 1,
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
}


@dataclass(slots=True)
class AcceptedRecord:
    """An accepted record: where it stands, and what its header says."""

    offset: int
    format: int
    number: int
    position: int
    counted: int
    key: bytes
    value: bytes
    void: bool = False

    @property
    def content(self) -> bytes:
        """What follows the header."""
        return self.value[HEADER.size :]


@dataclass
class SecondReader:
    """One partition, record by record."""

    app: str
    partitions: int
    partition: int
    accepted: list[AcceptedRecord] = field(default_factory=list)
    orphans: dict[int, bytes] = field(default_factory=dict)
    writers: dict[bytes, bytes] = field(default_factory=dict)
    roots: list[bytes] = field(default_factory=list)
    threshold: int = 0
    identity: bytes = b""
    statements: int = 0
    position: int = 1
    closed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Tapes that nobody writes to any more: the successor's id, and where it is."""

    def __post_init__(self) -> None:
        self.head = sha256(f"dossier-log/{self._place}".encode()).digest()

    @property
    def _place(self) -> str:
        return f"{self.app}/{self.partitions}/{self.partition}"

    def take(self, offset: int, value: bytes | None) -> None:
        """The next record of the partition."""
        if value is None or len(value) < HEADER.size or value[0] < 0xF8:
            return
        format_, previous, number, position, counted, key, signature = HEADER.unpack_from(value)
        message = f"dossier-record/{self._place}".encode() + value[:61] + sha256(value[HEADER.size :]).digest()
        writers = self.writers if self.accepted else self._first_writers(format_, counted, value)
        if key not in writers or not _signed(writers[key], signature, message):
            return
        if (previous, number, position) == (self.head, len(self.accepted) + 1, self.position):
            self._accept(AcceptedRecord(offset, format_, number, position, counted, key, value))
        elif self.accepted and number > len(self.accepted):
            self.orphans[offset] = sha256(value).digest()

    def _accept(self, record: AcceptedRecord) -> None:
        content = record.content
        # A control record with events, or that is not well-formed, does nothing.
        if not record.counted and self.accepted:
            try:
                if record.format == STATEMENT:
                    self._state(content)
                elif record.format == VOID:
                    self._void(content)
                elif record.format == DISMISSAL:
                    self._dismiss(content)
                elif record.format == CLOSING:
                    self._close(content)
            except (IndexError, ValueError):
                pass
        elif not self.accepted:
            self._begin(content)
        self.head = sha256(record.value).digest()
        self.position = record.position + record.counted
        self.accepted.append(record)

    def _first_writers(self, format_: int, counted: int, value: bytes) -> dict[bytes, bytes]:
        """Those of a genesis; of any other record, none."""
        if format_ != GENESIS or counted or HEADER.unpack_from(value)[1:4] != (self.head, 1, 1):
            return {}
        found = SecondReader(self.app, self.partitions, self.partition)
        try:
            found._begin(value[HEADER.size :])
        except (IndexError, ValueError):
            return {}
        return found.writers

    def _begin(self, content: bytes) -> None:
        """Raises ValueError, IndexError for what is no genesis of this log."""
        at = 1 + content[0]
        app, partitions = content[1:at].decode(), int.from_bytes(content[at : at + 4], "big")
        at += 20
        at += 1 + content[at]
        threshold, count = content[at], content[at + 1]
        roots = _keys(content, at + 2, count)
        at += 2 + 32 * count
        writers = _keys(content, at + 1, content[at])
        at += 1 + 32 * content[at]
        identity = sha256(content[:at]).digest()
        message = b"dossier-statement/" + identity + bytes(8) + content[:at]
        if (app, partitions) != (self.app, self.partitions):
            raise ValueError("of another log")
        self.roots, self.threshold = roots, threshold
        if not self._enough(content, at, message):
            raise ValueError("not signed")
        self.identity = identity
        self.writers = {sha256(key).digest()[:8]: key for key in writers}

    def _state(self, content: bytes) -> None:
        kind = content[40]
        end = 41 + 32 if kind in (_ADD, _RETIRE) else 43 + 32 * content[42]
        about = content[41:end]
        number = int.from_bytes(content[32:40], "big")
        if kind not in (_ADD, _RETIRE, _ROTATE) or content[:32] != self.identity or number != self.statements + 1:
            return
        roots = _keys(about, 2, about[1]) if kind == _ROTATE else _keys(about, 0, 1)
        if kind == _ROTATE and not 1 <= about[0] <= len(roots):
            return
        if not self._enough(content, end, b"dossier-statement/" + content[:end]):
            return
        self.statements = number
        key_id = sha256(about).digest()[:8]
        if kind == _ROTATE:
            self.threshold, self.roots = about[0], roots
        elif kind == _ADD:
            self.writers.setdefault(key_id, about)
        elif self.writers.get(key_id) == about:
            del self.writers[key_id]

    def _void(self, content: bytes) -> None:
        partition, number = int.from_bytes(content[32:36], "big"), int.from_bytes(content[36:44], "big")
        first, head = content[44:76], content[76:108]
        end = 109 + content[108]
        content[109:end].decode()
        if (content[:32], partition, head) != (self.identity, self.partition, self.head):
            return
        if not 1 <= number <= len(self.accepted) or sha256(self.accepted[number - 1].value).digest() != first:
            return
        if self._enough(content, end, b"dossier-void/" + content[:end]):
            for record in self.accepted[number - 1 :]:
                record.void = True

    def _dismiss(self, content: bytes) -> None:
        count = int.from_bytes(content[:4], "big")
        if len(content) != 4 + 40 * count:
            return
        for at in range(4, len(content), 40):
            offset = int.from_bytes(content[at : at + 8], "big")
            if self.orphans.get(offset) == content[at + 8 : at + 40]:
                del self.orphans[offset]

    def _close(self, content: bytes) -> None:
        texts, end = [], 68
        for _ in range(3):
            begin, end = end + 1, end + 1 + content[end]
            texts.append(content[begin:end].decode())
        if (content[:32], int.from_bytes(content[32:36], "big"), content[36:68]) != (
            self.identity,
            self.partition,
            self.head,
        ):
            return
        if self._enough(content, end, b"dossier-closing/" + content[:end]):
            tape, successor, place = texts
            self.closed.pop(successor, None)
            self.closed[tape] = successor, place

    def _enough(self, content: bytes, at: int, message: bytes) -> bool:
        """Whether as many roots signed as must. Raises ValueError where the list is not in order, or not the end."""
        count = content[at]
        places = [content[at + 1 + 65 * each] for each in range(count)]
        if at + 1 + 65 * count != len(content) or places != sorted(set(places)):
            raise ValueError("the signatures")
        signed = 0
        for each, place in enumerate(places):
            signature = content[at + 2 + 65 * each : at + 66 + 65 * each]
            signed += place < len(self.roots) and _signed(self.roots[place], signature, message)
        return signed >= self.threshold


def _keys(content: bytes, at: int, count: int) -> list[bytes]:
    found = [content[at + 32 * each : at + 32 * (each + 1)] for each in range(count)]
    if any((int.from_bytes(key, "little") & (1 << 255) - 1) % _P in _SMALL_ORDER for key in found):
        raise ValueError("anybody can sign with a key")
    if not found or len(found[-1]) != 32 or len(set(found)) != len(found):
        raise ValueError("the keys")
    return found


def _signed(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def read_all(app: str, partitions: int, partition: int, records: Sequence[tuple[int, bytes | None]]) -> SecondReader:
    """A partition's records, each with its offset."""
    reader = SecondReader(app, partitions, partition)
    for offset, value in records:
        reader.take(offset, value)
    return reader
