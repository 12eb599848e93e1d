"""What is written on standard output and standard error, line by line."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, Literal, TextIO

from infra.terminal.escapes import visible
from infra.terminal.streams import ColouredStream

Style = Literal["bold", "red", "bold red"]
_CODES: Final[Mapping[Style, str]] = MappingProxyType({"bold": "1", "red": "31", "bold red": "1;31"})


def write_line(text: object = "", *, label: str = "", style: Style | None = None, err: bool = False) -> None:
    """One line, written at once; a newline in it is escaped like all that does not show.

    A label stands before it with a colon. `style` is the label's, or the line's where there is no label, on a terminal.
    """
    stream = sys.stderr if err else sys.stdout
    shown = visible(str(text))
    shown = f"{_styled(visible(label), style, stream)}: {shown}" if label else _styled(shown, style, stream)
    ColouredStream(stream).write(f"{shown}\n")
    stream.flush()


class LogStream(io.TextIOBase):
    """Standard error that never fails: when its disk is full, whoever logs goes on with what he was about."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def _styled(text: str, style: Style | None, stream: TextIO) -> str:
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and stream.isatty() else text
