"""`dossier apply`: JSON Lines in, one JSON line out for each, in order, in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from consumers.handler import CommandHandler, Unreadable
from domain.command import Command
from schemas.malformed import MalformedCommand
from schemas.reading import LARGEST_COMMAND, read_command

_CHUNK = 1 << 20
_BATCH = 1000


class Readable(Protocol):
    """A binary stream that gives what it has: `read1` blocks only when there is nothing."""

    def read1(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty at the end."""
        ...


@dataclass(slots=True)
class Tally:
    """How many lines were accepted, refused by a rule, and malformed."""

    accepted: int = 0
    refused: int = 0
    malformed: int = 0


def apply(
    source: Readable, sink: BinaryIO, handler: CommandHandler, progress: Callable[[Tally], None] | None = None
) -> Tally:
    """Handle every line of `source`.

    1. Take what has arrived, whole lines only: a producer that waits for an answer gets it without sending more.
    2. Read each line strictly; a line that is no command is answered in its place.
    3. Handle the lines as one batch, durably.
    4. Only then write and flush the answers.
    """
    tally = Tally()
    for lines in _batches(source):
        answers = handler.handle([_read(line) for line in lines])
        sink.write("".join(answer.line + "\n" for answer in answers).encode())
        sink.flush()
        for answer in answers:
            setattr(tally, answer.outcome, getattr(tally, answer.outcome) + 1)
        if progress is not None:
            progress(tally)
    return tally


def _read(line: bytes) -> Command | Unreadable:
    try:
        return read_command(line)
    except MalformedCommand as error:
        return Unreadable(error.command_id, error)


def _batches(source: Readable) -> Iterator[list[bytes]]:
    """The lines that have arrived, at most _BATCH at a time, without their ends."""
    rest = b""
    while chunk := source.read1(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        # A line without end is kept only until it is known to be too large.
        rest = rest[: LARGEST_COMMAND + 1]
        for start in range(0, len(lines), _BATCH):
            yield [line.removesuffix(b"\r") for line in lines[start : start + _BATCH]]
    if rest:
        yield [rest]
