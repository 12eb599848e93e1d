"""Standard output and standard error as a program among others has them: UTF-8, and quiet when nobody reads on.

`dossier … | head` ends with exit code 141, as a shell says of a program that SIGPIPE ended. The signal itself would
also end a process when a broker goes away, so the end of the reader is told by what a write raises.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Final, TextIO, cast

from infra.cli.support.errors import OutputUnwritable
from infra.terminal.escapes import visible_lines

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CLOSED: Final = 128 + 13


class OutputClosed(SystemExit):
    """Whoever read standard output has gone."""

    def __init__(self) -> None:
        super().__init__(_CLOSED)


class _Stdout(io.FileIO):
    """Raises OutputClosed, OutputUnwritable."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            self._give_up()
            raise OutputClosed from None
        except OSError as error:
            self._give_up()
            raise OutputUnwritable(reason=error.strerror or str(error)) from error

    def _give_up(self) -> None:
        """What is still buffered goes nowhere, so that the end of the program does not fail on it once more."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


class _LossyStderr(io.FileIO):
    """What nobody reads, or what there is no room for, is dropped: a process that logs there goes on."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class TerminalStream(io.TextIOWrapper):
    """A standard stream: whatever is written is escaped, but for its newlines."""

    def write(self, text: str, /) -> int:
        super().write(visible_lines(text))
        return len(text)

    def write_with_colours(self, text: str, /) -> int:
        """Write what holds colours of ours, and nothing else that was not escaped before."""
        return super().write(text)


class ColouredStream(io.TextIOBase):
    """A standard stream for those who write colours: Rich, for texts that were escaped before."""

    encoding = "utf-8"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        stream = self._stream
        return stream.write_with_colours(text) if isinstance(stream, TerminalStream) else stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def standard_output() -> TextIO:
    """For whoever writes many lines at once."""
    return sys.stdout


@contextmanager
def own_texts() -> Iterator[None]:
    """While Typer writes help: its texts are all ours, and have colours."""
    with redirect_stdout(cast("TextIO", ColouredStream(sys.stdout))):
        yield


def take_over_standard_streams() -> None:
    """Once, at the start of a program. Texts are Vietnamese and JSON is UTF-8, whatever the terminal's locale says."""
    _open_what_is_closed()
    for name, number, kind in (("stdout", 1, _Stdout), ("stderr", 2, _LossyStderr)):
        raw = io.BufferedWriter(kind(number, "w", closefd=False))
        by_line = kind is _LossyStderr or os.isatty(number)
        made = TerminalStream(raw, "utf-8", errors="backslashreplace", line_buffering=by_line)
        setattr(sys, name, made)


def _open_what_is_closed() -> None:
    """Lead a stream that was closed before the program began nowhere: the next file to be opened would take its place.

    That may be the log, and what is printed would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is taken.
            os.open(os.devnull, os.O_RDWR)
