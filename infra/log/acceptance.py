"""The reader's rule: which records of a partition are the log, decided from their headers alone.

A record is accepted if and only if its previous hash is the head, its number is the next, and its first position
follows. Every reader applies this one function to the same records in the same order, so all agree, whatever they know
of bodies and schemas. What is not accepted is ignored by all, and is of three sorts:

    late      ours, its number not above the head's: it lost a race, or came twice. Normal
    foreign   without a header of ours: a stranger's
    orphan    ours, its number above the head's: an accepted record before it was altered or lost

An orphan stays open until the body of an accepted record dismisses it. While one is open, no reader may serve its
state as whole, and no writer builds. Why readers make the comparison: `compare_and_append.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from hashlib import sha256
from types import MappingProxyType
from typing import Final, NamedTuple

from infra.log.format import FORMAT, Orphan, read_header

_NO_ORPHANS: Final[Mapping[int, bytes]] = MappingProxyType({})


class Verdict(Enum):
    """What a record is to every reader."""

    ACCEPTED = auto()
    LATE = auto()
    FOREIGN = auto()
    ORPHAN = auto()


class ChainState(NamedTuple):
    """All that the rule needs to know, whatever the size of the log.

    `head` is the hash of the last accepted record (32 bytes), `number` its number (0 before the first), `position` the
    position of the next event (from 1), `orphans` the open ones: hash by offset.
    """

    head: bytes
    number: int = 0
    position: int = 1
    orphans: Mapping[int, bytes] = _NO_ORPHANS


class UnknownFormat(Exception):
    """A record on the present head has a format that this release does not know: it must not fork from a newer one."""

    def __init__(self, offset: int, format_: int) -> None:
        super().__init__(f"the record at offset {offset} has the format {format_:#04x}")
        self.offset = offset
        self.format = format_


def accept(state: ChainState, offset: int, value: bytes | None) -> tuple[ChainState, Verdict]:
    """The state after a record, and what the record is. Raises UnknownFormat."""
    header = read_header(value)
    if header is None or value is None:
        return state, Verdict.FOREIGN
    if header.previous == state.head:
        if header.format != FORMAT:
            raise UnknownFormat(offset, header.format)
        if header.number == state.number + 1 and header.position == state.position:
            head = sha256(value).digest()
            return ChainState(head, header.number, header.position + header.events, state.orphans), Verdict.ACCEPTED
    if header.number <= state.number:
        return state, Verdict.LATE
    orphans = {**state.orphans, offset: sha256(value).digest()}
    return state._replace(orphans=orphans), Verdict.ORPHAN


def dismiss(state: ChainState, orphans: Iterable[Orphan]) -> ChainState:
    """The state after the body of an accepted record dismissed orphans, each by its offset and its hash."""
    dismissed = set(orphans)
    left = {offset: found for offset, found in state.orphans.items() if Orphan(offset, found) not in dismissed}
    return state._replace(orphans=left)
