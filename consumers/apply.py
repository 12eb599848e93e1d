"""`dossier apply`: JSON Lines in, one JSON line out for each, in order, in flat memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Protocol, Self

from consumers.commands.gateway import CommandGateway
from consumers.commands.outcome import Answer
from schemas.command_parser import LARGEST_COMMAND

_CHUNK = 1 << 20
_BATCH = 1000
_UNDER_WAY = 4
_LOOK = 0.1


class Readable(Protocol):
    """A binary stream that gives what it has: `read1` blocks only when there is nothing."""

    def read1(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty at the end."""
        ...


class Writable(Protocol):
    """Where answers go: a stream of text."""

    def write(self, text: str, /) -> object:
        """Write whole lines."""
        ...

    def flush(self) -> None:
        """Hand on what was written."""
        ...


@dataclass(slots=True)
class Tally:
    """How many lines were accepted, refused by a rule, and malformed."""

    accepted: int = 0
    refused: int = 0
    malformed: int = 0


def apply(
    source: Readable, sink: Writable, desk: CommandGateway, progress: Callable[[Tally], None] | None = None
) -> Tally:
    """Handle every line of `source`.

    1. Take what has arrived, whole lines only: a producer that waits for an answer gets it without sending more.
    2. Hand the lines in as one batch; a few batches may be under way.
    3. Wait for the answers of the oldest batch when nothing more has arrived, or when enough is under way.
    4. Only then write and flush them: each stands for a decision that is durable.
    """
    tally = Tally()
    under_way: deque[Callable[[], list[Answer]]] = deque()
    with _Reader(source) as arriving:
        while True:
            lines = arriving.take(wait=not under_way)  # 1
            if lines:
                under_way.append(desk.submit(lines))  # 2
            if lines and len(under_way) < _UNDER_WAY:
                continue
            if not under_way:
                return tally
            answers = under_way.popleft()()  # 3
            sink.write("".join(answer.line + "\n" for answer in answers))  # 4
            sink.flush()
            for answer in answers:
                setattr(tally, answer.outcome, getattr(tally, answer.outcome) + 1)
            if progress is not None:
                progress(tally)


_NOTHING_YET: list[bytes] = []


class _Reader:
    """Reads batches in a thread of its own, a few ahead, so that answers are written while input is waited for."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._batches: Queue[list[bytes] | BaseException | None] = Queue(maxsize=2)
        self._given_up = Event()
        self._ended = False

    def __enter__(self) -> Self:
        # A daemon: when the program ends on an error, nobody can wake a read of a silent input.
        Thread(target=self._run, name="apply-input", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._given_up.set()

    def take(self, *, wait: bool) -> list[bytes]:
        """The next batch; an empty one at the end, or when there is none yet and nobody waits. Raises as reading."""
        if self._ended:
            return []
        found = self._next(wait=wait)
        if found is _NOTHING_YET:
            return []
        if isinstance(found, BaseException):
            raise found
        self._ended = found is None
        return found or []

    def _next(self, *, wait: bool) -> list[bytes] | BaseException | None:
        while True:
            try:
                # Not without a time-out: an interruption may reach the reading thread, and this one must see it.
                return self._batches.get(block=wait, timeout=_LOOK)
            except Empty:
                if not wait:
                    return _NOTHING_YET

    def _run(self) -> None:
        try:
            for batch in _batches(self._source):
                self._put(batch)
            self._put(None)
        except BaseException as error:  # noqa: BLE001  # whatever it is, it belongs to whoever takes
            self._put(error)

    def _put(self, batch: list[bytes] | BaseException | None) -> None:
        while not self._given_up.is_set():
            try:
                self._batches.put(batch, timeout=_LOOK)
            except Full:
                continue
            return


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
