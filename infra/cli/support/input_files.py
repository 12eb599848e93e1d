"""Files and the standard input, looked at before anything is made of them: a file of another type is named as such."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final, cast

from domain.i18n import pair, translatable
from infra.cli.support.errors import EmptyFile, JsonArray, UnreadableFile, WrongFileType
from infra.cli.support.reporting import note
from infra.cli.support.session import Session
from infra.private_files import is_open_to_others
from schemas.command_errors import ByteOrderMark

STANDARD_INPUT: Final = "-"

_MAGIC: Final = (
    (b"PK\x03\x04", translatable("an Office document or another ZIP file")),
    (b"\xd0\xcf\x11\xe0", translatable("an old Office document (xls, doc)")),
    (b"%PDF-", translatable("a PDF")),
    (b"\x89PNG", translatable("an image (PNG)")),
    (b"\xff\xd8\xff", translatable("an image (JPEG)")),
    (b"GIF8", translatable("an image (GIF)")),
    (b"II*\0", translatable("an image (TIFF)")),
    (b"MM\0*", translatable("an image (TIFF)")),
    (b"\x1f\x8b", translatable("a compressed file (gzip)")),
    (b"BZh", translatable("a compressed file (bzip2)")),
    (b"\xfd7zXZ", translatable("a compressed file (xz)")),
    (b"(\xb5/\xfd", translatable("a compressed file (zstd)")),
    (b"7z\xbc\xaf", translatable("a compressed file (7z)")),
    (b"Rar!", translatable("a compressed file (rar)")),
    (b"SQLite format 3\0", translatable("an SQLite database")),
    (b"\xff\xfe", translatable("text in UTF-16, not UTF-8")),
    (b"\xfe\xff", translatable("text in UTF-16, not UTF-8")),
)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class SniffedStream:
    """A stream of JSON Lines whose first bytes are looked at when they arrive, before anybody acts on them."""

    def __init__(self, stream: BufferedReader, path: str) -> None:
        # Past the buffer, if there is one: a program cannot end in order while a thread waits inside it.
        raw = getattr(stream, "raw", None)
        self._read: Callable[[int], bytes] = stream.read1 if raw is None else raw.read
        self._path = path
        self._begun = False

    def read1(self, size: int, /) -> bytes:
        """What has arrived. Raises WrongFileType, JsonArray, ByteOrderMark, EmptyFile, UnreadableFile."""
        try:
            found = self._read(size)
        except OSError as error:
            raise UnreadableFile(path=self._path, reason=error.strerror) from error
        if not self._begun:
            self._begun = True
            if not found and self._path != STANDARD_INPUT:
                raise EmptyFile(path=self._path)
            refuse_other_types(found, self._path)
            if found.lstrip()[:1] == b"[":
                raise JsonArray(path=self._path)
        return found


@contextmanager
def opened(path: str) -> Iterator[BufferedReader]:
    """A file by its path, or the standard input. Raises UnreadableFile."""
    if path == STANDARD_INPUT:
        yield cast(BufferedReader, sys.stdin.buffer)
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115  # closed below: only opening may fail as this says
    except OSError as error:
        raise UnreadableFile(path=path, reason=error.strerror) from error
    with stream:
        yield stream


def contents(path: str) -> bytes:
    """All of a file of JSON. Raises UnreadableFile, EmptyFile, WrongFileType, ByteOrderMark."""
    with opened(path) as stream:
        try:
            found = stream.read()
        except OSError as error:
            raise UnreadableFile(path=path, reason=error.strerror) from error
    if not found.strip():
        raise EmptyFile(path=path)
    refuse_other_types(found, path)
    return found


def secret_of(session: Session, path: str) -> str:
    """The secret in a file, or on standard input; an editor may have ended its line. Says when others may read it.

    Raises UnreadableFile, EmptyFile, WrongFileType, ByteOrderMark.
    """
    try:
        found = contents(path).decode().strip()
    except UnicodeDecodeError:
        raise WrongFileType(path=path, kind=pair("no text in UTF-8")) from None
    if path != STANDARD_INPUT and is_open_to_others(Path(path)):
        note(session.text("{path} can be read by others: chmod 600", path=path))
    return found


def refuse_other_types(beginning: bytes, path: str) -> None:
    """Raises WrongFileType or ByteOrderMark for what cannot be JSON in UTF-8, by its first bytes."""
    for magic, kind in _MAGIC:
        if beginning.startswith(magic):
            raise WrongFileType(path=path, kind=pair(kind))
    if b"\0" in beginning:
        raise WrongFileType(path=path, kind=pair("binary, it has NUL bytes"))
    if beginning.startswith(_BYTE_ORDER_MARK):
        raise ByteOrderMark
