"""Files and the standard input, looked at before anything is made of them: a file of another type is named as such."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final, cast

from infra.cli.support.errors import EmptyFile, JsonArray, UnreadableFile, WrongFileType
from schemas.command_errors import ByteOrderMark

STANDARD_INPUT: Final = "-"

_MAGIC: Final = (
    (b"PK\x03\x04", "an Office document or another ZIP file", "tài liệu Office hoặc tệp ZIP"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (xls, doc)", "tài liệu Office cũ (xls, doc)"),
    (b"%PDF-", "a PDF", "tệp PDF"),
    (b"\x89PNG", "an image (PNG)", "ảnh (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)", "ảnh (JPEG)"),
    (b"GIF8", "an image (GIF)", "ảnh (GIF)"),
    (b"II*\0", "an image (TIFF)", "ảnh (TIFF)"),
    (b"MM\0*", "an image (TIFF)", "ảnh (TIFF)"),
    (b"\x1f\x8b", "a compressed file (gzip)", "tệp nén (gzip)"),
    (b"BZh", "a compressed file (bzip2)", "tệp nén (bzip2)"),
    (b"\xfd7zXZ", "a compressed file (xz)", "tệp nén (xz)"),
    (b"(\xb5/\xfd", "a compressed file (zstd)", "tệp nén (zstd)"),
    (b"7z\xbc\xaf", "a compressed file (7z)", "tệp nén (7z)"),
    (b"Rar!", "a compressed file (rar)", "tệp nén (rar)"),
    (b"SQLite format 3\0", "an SQLite database", "cơ sở dữ liệu SQLite"),
    (b"\xff\xfe", "text in UTF-16, not UTF-8", "văn bản mã UTF-16, không phải UTF-8"),
    (b"\xfe\xff", "text in UTF-16, not UTF-8", "văn bản mã UTF-16, không phải UTF-8"),
)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class LookedAt:
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


def refuse_other_types(beginning: bytes, path: str) -> None:
    """Raises WrongFileType or ByteOrderMark for what cannot be JSON in UTF-8, by its first bytes."""
    for magic, en, vi in _MAGIC:
        if beginning.startswith(magic):
            raise WrongFileType(path=path, kind_en=en, kind_vi=vi)
    if b"\0" in beginning:
        raise WrongFileType(path=path, kind_en="binary, it has NUL bytes", kind_vi="tệp nhị phân, có byte NUL")
    if beginning.startswith(_BYTE_ORDER_MARK):
        raise ByteOrderMark
