"""A partition by headers, signatures and control records alone: what is known of it whatever its bodies hold."""

from __future__ import annotations

from array import array
from typing import Final

from infra.log.acceptance import ChainState, History, RecordedAt, Verdict, accept
from infra.log.format import Header, read_header
from infra.log.partition_client import Record

_HASH: Final = 32


class Chain:
    """The rule's state behind a place of the log, record by record. For one thread.

    `history` says what is known of records before that place. What follows it is remembered in 40 bytes a record.
    """

    def __init__(self, state: ChainState, next_offset: int, history: History) -> None:
        self.state = state
        self.next_offset = next_offset
        self._history = history
        self._first = state.number + 1
        self._hashes = bytearray()
        self._positions = array("Q")
        self.unfounded: int | None = None
        """The offset of the first record of a log that stands before any genesis."""

    def recorded(self, number: int) -> RecordedAt | None:
        """What is known of the accepted record of a number."""
        at = number - self._first
        if at < 0:
            return self._history(number)
        if at >= len(self._positions):
            return None
        return RecordedAt(bytes(self._hashes[at * _HASH : (at + 1) * _HASH]), self._positions[at])

    def take(self, record: Record) -> tuple[Verdict, Header | None]:
        """Judge the next record, which has not been judged before; its header where it was accepted."""
        position = self.state.position
        self.state, verdict = accept(self.state, record.offset, record.value, self.recorded)
        self.next_offset = record.offset + 1
        header = read_header(record.value)
        if verdict is not Verdict.ACCEPTED:
            if self.state.keys is None and self.unfounded is None and header is not None:
                self.unfounded = record.offset
            return verdict, None
        self._hashes += self.state.head
        self._positions.append(position)
        return verdict, header
