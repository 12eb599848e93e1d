"""Closing the tape of a log that goes on elsewhere: the last record that is appended there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from infra.log.acceptance import ChainState, MovedTo
from infra.log.chain import Chain
from infra.log.control_append import ControlAppender
from infra.log.control_records import Closing, shortened
from infra.log.errors import LogClosed, LogNotFounded, WriterNotRegistered
from infra.log.format import Format
from infra.log.key_statements import signatures
from infra.log.keys import Signer
from infra.log.partition_knowledge import check_chain
from infra.log.partition_source import PartitionSource
from infra.moving.errors import MoveNotClosed
from infra.retry import Retry
from infra.timeouts import Timeout


class _HeadMoved(Exception):
    """Others have appended since the roots signed."""


def check_can_close(name: str, state: ChainState, roots: Sequence[Signer], writer: Signer) -> None:
    """Raises LogNotFounded, RootsMissing, WriterNotRegistered where a log could not be closed with these keys."""
    if state.keys is None:
        raise LogNotFounded(log=name)
    signatures(state.keys.roots, b"", roots)
    if state.keys.writers.get(writer.key_id) != writer.public:
        raise WriterNotRegistered(log=name, key=writer.public.hex())


def check_not_elsewhere(name: str, state: ChainState, tape: str, successor: str) -> bool:
    """Whether a tape is closed in favour of this successor. Raises LogClosed where it is in favour of another one."""
    moved = state.closed.get(tape)
    if moved is not None and moved.tape != successor:
        raise LogClosed(log=name, place=moved.place, successor=moved.tape)
    return moved is not None


def close_partition(
    source: PartitionSource,
    chain: Chain,
    to: MovedTo,
    roots: Sequence[Signer],
    writer: Signer,
    *,
    instead: bool = False,
) -> None:
    """Append a closing, unless there is one for this successor. `instead`: of one for another.

    `chain` is the partition, as far as it was read.

    The roots sign the head, so they sign again for each record that others append meanwhile.

    Raises MoveNotClosed where those never end, LogClosed, and what appending raises.
    """
    address = source.address
    with closing(source.follower()) as client:
        appender = ControlAppender(address.name, client, chain)
        tape, tries = client.tape, Retry(Timeout.APPEND, pause=0.01)
        while not _is_closed(address.name, appender.state, tape, to, instead=instead):
            if tries.is_over:
                raise MoveNotClosed(log=address.name)
            try:
                _append(address.name, appender, tape, to, roots, writer)
            except _HeadMoved:
                continue


def _is_closed(name: str, state: ChainState, tape: str, to: MovedTo, *, instead: bool) -> bool:
    if instead and state.closed.get(tape) is not None:
        return state.closed[tape].tape == to.tape
    return check_not_elsewhere(name, state, tape, to.tape)


def _append(  # noqa: PLR0917  # one of each, and each of another type
    name: str, appender: ControlAppender, tape: str, to: MovedTo, roots: Sequence[Signer], writer: Signer
) -> None:
    """Raises _HeadMoved where another record came first, LogBroken while an orphan is open."""
    state = appender.state
    if state.keys is None:
        raise AssertionError("a log without a genesis was moved")
    check_chain(name, state, None)
    record = Closing(state.keys.identity, state.place.partition, state.head, tape, to.tape, shortened(to.place))
    record = record._replace(signatures=signatures(state.keys.roots, record.message(), roots))

    def wanted(now: ChainState) -> bool:
        if now.head != state.head:
            raise _HeadMoved
        return True

    appender.append(writer, Format.CLOSING, record.encode(), wanted)
