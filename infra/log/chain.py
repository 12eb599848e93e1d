"""A partition by headers, signatures and control records alone: what is known of it whatever its bodies hold."""

from __future__ import annotations

from array import array
from hashlib import sha256
from typing import Final

from infra.log.acceptance import ChainState, History, RecordedAt, Verdict, accept
from infra.log.format import Header, read_header
from infra.log.partition_client import Record

_HASH: Final = 32


class Chain:
    """The rule's state behind a place of the log, record by record. For one thread.

    `history` says what is known of records before that place. What follows it is remembered in 40 bytes a record.
    `strangers`: whether they can append to the tape, so that what has no header of ours means nothing.
    """

    def __init__(self, state: ChainState, next_offset: int, history: History, *, strangers: bool = True) -> None:
        self.state = state
        self.next_offset = next_offset
        self._strangers = strangers
        self._history = history
        self._first = state.number + 1
        self._hashes = bytearray()
        self._positions = array("Q")
        self.unfounded: int | None = None
        """The offset of the first record of a log that stands before any genesis."""
        self.unsigned: dict[int, bytes] = {}
        """What stands behind the last accepted record, looks like one, and was signed by no writer: hash by offset.

        A record that comes where nothing was built on it yet may have been altered; once one is accepted behind it, it
        is known that it was a stranger's.
        """

    def recorded(self, number: int) -> RecordedAt | None:
        """What is known of the accepted record of a number."""
        at = number - self._first
        if at < 0:
            return self._history(number)
        if at >= len(self._positions):
            return None
        return RecordedAt(bytes(self._hashes[at * _HASH : (at + 1) * _HASH]), self._positions[at])

    def take(self, record: Record, *, known: bool = False) -> tuple[Verdict, Header | None]:
        """Judge the next record, which has not been judged before; its header where it was accepted.

        `known`: these very bytes were accepted behind this place before: their signature is not verified again.
        """
        position = self.state.position
        self.state, verdict = accept(self.state, record.offset, record.value, self.recorded, own=known)
        self.next_offset = record.offset + 1
        header = read_header(record.value)
        if verdict is not Verdict.ACCEPTED:
            if self.state.keys is None and self.unfounded is None and header is not None:
                self.unfounded = record.offset
            if verdict is Verdict.FOREIGN and (header is not None or not self._strangers):
                self.unsigned[record.offset] = sha256(record.value or b"").digest()
            return verdict, None
        self.unsigned.clear()
        self._hashes += self.state.head
        self._positions.append(position)
        return verdict, header
