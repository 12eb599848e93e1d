"""Lines in, answers out: in order, as soon as they are there, and with little in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from threading import Event

import pytest

from consumers.apply import Tally, apply
from consumers.commands.errors import LogIncomplete
from consumers.commands.outcome import Answer
from schemas.command_parser import LARGEST_COMMAND
from tests.support.waiting import GUARD

MOST_UNDER_WAY = 4


class Echo:
    """A gateway whose answer is the line itself, and its outcome the line's first word."""

    def __init__(self) -> None:
        self.batches: list[Sequence[bytes]] = []
        self.under_way = self.most_under_way = 0

    def submit(self, lines: Sequence[bytes]) -> Callable[[], list[Answer]]:
        self.batches.append(lines)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)

        def answers() -> list[Answer]:
            self.under_way -= 1
            return [Answer(line.decode(), line.decode().split()[0]) for line in lines]  # type: ignore[arg-type]

        return answers


class Source:
    """A stream that gives one piece at a time."""

    def __init__(self, *pieces: bytes | Callable[[], bytes]) -> None:
        self._pieces: Iterator[bytes | Callable[[], bytes]] = iter(pieces)

    def read1(self, size: int, /) -> bytes:
        del size
        piece = next(self._pieces, b"")
        return piece if isinstance(piece, bytes) else piece()


class Flushed(io.StringIO):
    """A sink that tells when something was flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Event()

    def flush(self) -> None:
        super().flush()
        if self.getvalue():
            self.told.set()


def test_each_line_is_answered_in_order_and_counted() -> None:
    """Whatever its line ends are, wherever the pieces are cut, and without an end on the last one."""
    sink, progress = io.StringIO(), list[int]()
    source = Source(b"accepted 1\nref", b"used 2\r\nmalformed 3\n", b"accepted 4")
    tally = apply(source, sink, Echo(), lambda so_far: progress.append(so_far.accepted))
    assert sink.getvalue() == "accepted 1\nrefused 2\nmalformed 3\naccepted 4\n"
    assert tally == Tally(accepted=2, refused=1, malformed=1)
    assert progress[-1] == tally.accepted


def test_a_sender_that_waits_gets_its_answer_before_it_sends_more() -> None:
    sink = Flushed()

    def after_the_answer() -> bytes:
        assert sink.told.wait(GUARD)
        return b"accepted " + sink.getvalue().encode()

    apply(Source(b"accepted first\n", after_the_answer), sink, Echo())
    assert sink.getvalue() == "accepted first\naccepted accepted first\n"


def test_few_batches_are_under_way_however_much_arrives() -> None:
    gateway = Echo()
    apply(Source(*[b"accepted\n"] * 50), io.StringIO(), gateway)
    assert len(gateway.batches) == 50
    assert gateway.most_under_way <= MOST_UNDER_WAY


def test_a_line_without_end_is_kept_until_it_is_known_to_be_too_large() -> None:
    gateway = Echo()
    apply(Source(b"malformed ", *[b"x" * LARGEST_COMMAND] * 3), io.StringIO(), gateway)
    ((line,),) = gateway.batches
    assert len(line) == LARGEST_COMMAND + 1


def test_input_that_breaks_off_is_an_error_after_what_came_before_it() -> None:
    """Nobody takes it for the end."""
    sink = Flushed()

    def after_the_answer() -> bytes:
        assert sink.told.wait(GUARD)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        apply(Source(b"accepted 1\n", after_the_answer), sink, Echo())
    assert sink.getvalue() == "accepted 1\n"


def test_a_log_that_fails_ends_it_and_answers_nothing_of_the_batch() -> None:
    class Failing(Echo):
        def submit(self, lines: Sequence[bytes]) -> Callable[[], list[Answer]]:
            del lines
            raise LogIncomplete(partition=0, head=1, reached=0)

    sink = io.StringIO()
    with pytest.raises(LogIncomplete):
        apply(Source(b"accepted 1\n"), sink, Failing())
    assert sink.getvalue() == ""
