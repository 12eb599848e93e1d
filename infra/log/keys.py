"""Keys of the log: Ed25519 (RFC 8032), private halves in files that nobody else can read.

A folder of keys has the mode 0700, its files 0600. It holds what this host needs and no more:

    writer.pem     the private key that signs this host's records (PKCS #8)
    root-1.pem …   private root keys, which sign statements about keys and voids; they may be kept offline
    identity       the identity of the embedded log whose keys these are: another log's file is not taken for it

A key is known by its id: the first eight bytes of SHA-256 of the raw public key (32 bytes).
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from infra.log.errors import KeyMissing, KeysUnsafe, KeyUnusable

PUBLIC_LENGTH: Final = 32
SIGNATURE_LENGTH: Final = 64
KEY_ID_LENGTH: Final = 8
_SMALL_ORDER: Final = frozenset(
    map(
        bytes.fromhex,
        (
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ),
    )
)
"""All encodings of the eight points of small order, the sign left out: y is 0, 1, -1 or one of two more, modulo p."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LARGEST: Final = 1 << 20
_WRITER: Final = "writer.pem"
_ROOT: Final = "root-{}.pem"
_IDENTITY: Final = "identity"
_LOCK: Final = "lock"


def key_id(public: bytes) -> bytes:
    """What a public key (32 bytes) is known by: 8 bytes."""
    return sha256(public).digest()[:KEY_ID_LENGTH]


def is_weak(public: bytes) -> bool:
    """Whether a public key (32 bytes) is a point of small order: anybody can sign with it."""
    return public[:-1] + bytes([public[-1] & 0x7F]) in _SMALL_ORDER


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the owner of a public key (32 bytes) signed a message; `signature` has 64 bytes."""
    try:
        _public_key(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=1024)
def _public_key(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


class Signer:
    """A private key. `public` has 32 bytes, `key_id` 8. Its text never shows the private half."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public: Final = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id: Final = key_id(self.public)

    @classmethod
    def generate(cls) -> Signer:
        """A new key, from the system's source of randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes, name: str) -> Signer:
        """The key in a PEM text; `name` is for the message. Raises KeyUnusable."""
        try:
            private = load_pem_private_key(pem, None)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            # The error's own text may quote what it could not read.
            raise KeyUnusable(file=name) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyUnusable(file=name)
        return cls(private)

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, 64 bytes."""
        return self._private.sign(message)

    def pem(self) -> bytes:
        """The private key as it is kept in a file."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"Signer({self.key_id.hex()})"


class KeyFolder:
    """A folder of keys. What others may read or write in it is refused, with KeysUnsafe."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_own(self) -> bool:
        """Whether the folder is there, and belongs to this user."""
        return self.path.exists() and self.path.stat().st_uid == os.geteuid()

    def has_writer(self) -> bool:
        """Whether there is a writer's key."""
        return (self.path / _WRITER).exists()

    def writer(self) -> Signer:
        """The key that signs this host's records. Raises KeyMissing, KeysUnsafe, KeyUnusable."""
        return self._signer(_WRITER)

    def make_writer(self) -> Signer:
        """The writer's key, made when there is none. Raises KeysUnsafe, KeyUnusable."""
        with self._writing():
            if not self.has_writer():
                self._write(_WRITER, Signer.generate().pem())
        return self.writer()

    def roots(self) -> list[Signer]:
        """The root keys that are here, perhaps none. Raises KeysUnsafe, KeyUnusable."""
        if not self.path.is_dir():
            return []
        return [self._signer(file.name) for file in sorted(self.path.glob(_ROOT.format("*")))]

    def add_root(self) -> Signer:
        """Make one more root key. Raises KeysUnsafe."""
        with self._writing():
            number = 1
            while (self.path / _ROOT.format(number)).exists():
                number += 1
            signer = Signer.generate()
            self._write(_ROOT.format(number), signer.pem())
        return signer

    def identity(self) -> bytes | None:
        """The identity of the log whose keys these are (32 bytes); None: nobody noted it. Raises KeysUnsafe."""
        try:
            return bytes.fromhex(self._read(_IDENTITY).decode())
        except KeyMissing:
            return None
        except ValueError as error:
            raise KeysUnsafe(file=str(self.path / _IDENTITY), reason="it is no identity of a log") from error

    def note_identity(self, identity: bytes) -> None:
        """Remember whose keys these are. Raises KeysUnsafe."""
        with self._writing():
            self._write(_IDENTITY, identity.hex().encode())

    def copy_to(self, other: KeyFolder) -> list[str]:
        """Copy every file that `other` does not have; their names. Raises KeysUnsafe."""
        names = [file.name for file in sorted(self.path.iterdir()) if file.name != _LOCK and file.is_file()]
        copied = []
        with other._writing():
            for name in names:
                if not (other.path / name).exists():
                    other._write(name, self._read(name))
                    copied.append(name)
        return copied

    def _signer(self, name: str) -> Signer:
        return Signer.from_pem(self._read(name), str(self.path / name))

    def _read(self, name: str) -> bytes:
        path = self.path / name
        self._check_folder()
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise KeyMissing(file=str(path)) from error
        except OSError as error:
            raise KeysUnsafe(file=str(path), reason=error.strerror) from error
        with os.fdopen(descriptor, "rb") as file:
            _check(path, os.fstat(file.fileno()))
            return file.read(_LARGEST)

    def _check_folder(self) -> None:
        if self.path.exists():
            _check(self.path, self.path.stat())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The folder, made when it is missing, for this process alone."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
            self._check_folder()
            lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise KeysUnsafe(file=str(self.path), reason=error.strerror) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        draft = self.path / f".{name}.new"
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.path / name)
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@dataclass(frozen=True)
class LogKeys:
    """The keys of this host. `makes_own`: nobody named a folder, so what is missing is made, and a new log founded."""

    folder: KeyFolder
    makes_own: bool

    def writer(self) -> Signer:
        """The key that signs this host's records, read once. Raises KeyMissing, KeysUnsafe, KeyUnusable."""
        return self._writer

    def identity(self) -> bytes | None:
        """The identity of the log whose keys were made here, once it is noted. Raises KeysUnsafe."""
        return self.folder.identity() if self._has_own else None

    def note_identity(self, identity: bytes) -> None:
        """Remember the log's identity with the keys that were made for it. Raises KeysUnsafe."""
        if self._has_own:
            self.folder.note_identity(identity)

    @property
    def _has_own(self) -> bool:
        # Of another user, who only reads the log, nothing is asked.
        return self.makes_own and self.folder.is_own() and self.folder.has_writer()

    @cached_property
    def _writer(self) -> Signer:
        return self.folder.make_writer() if self.makes_own else self.folder.writer()


def _check(path: Path, found: os.stat_result) -> None:
    """Raises KeysUnsafe where somebody else owns it, or may read or write it."""
    if found.st_uid != os.geteuid():
        raise KeysUnsafe(file=str(path), reason="it belongs to another user")
    if found.st_mode & _OTHERS:
        raise KeysUnsafe(file=str(path), reason=f"its mode is {stat.S_IMODE(found.st_mode):04o}")
