"""The reader's rule: which records of a partition are the log, decided from headers, signatures and control records.

A record is accepted if and only if its previous hash is the head, its number is the next, its first position follows,
and a writer's key that is active at this place signed it. Every reader applies this one function to the same records
in the same order, so all agree, whatever they know of bodies and schemas. What is not accepted is ignored by all, and
is of three sorts:

    late      signed by an active writer, its number not above the head's: it lost a race, or came twice. Normal
    foreign   no header of ours, or not signed by an active writer: a stranger's
    orphan    signed by an active writer, its number above the head's: an accepted record before it was altered or lost

An orphan stays open until an accepted record dismisses it. While one is open, no reader may serve its state as whole,
and no writer builds. Why readers make the comparison: `compare_and_append.md`.

Before the genesis nothing is signed by an active writer but the genesis itself. Which keys are active follows from the
accepted control records alone: each holds from the next record on. One that is not well-formed, not the next, or not
signed by enough roots is accepted as a record and does nothing.

A closing changes nothing in which records are accepted: it names a tape that no writer builds on any more. On every
other tape of the same log, such as the one that it was moved to, it is a record like others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from hashlib import sha256
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from infra.log.control_records import (
    Closing,
    Genesis,
    KeyStatement,
    MalformedControlRecord,
    Orphan,
    Roots,
    StatementKind,
    Void,
    is_signed_by_enough,
    parse_closing,
    parse_dismissal,
    parse_genesis,
    parse_statement,
    parse_void,
)
from infra.log.format import CONTROL, HEADER_LENGTH, Format, Header, Place, is_signed_by, read_header
from infra.log.keys import key_id

_NO_ORPHANS: Final[Mapping[int, bytes]] = MappingProxyType({})


class Verdict(Enum):
    """What a record is to every reader."""

    ACCEPTED = auto()
    LATE = auto()
    FOREIGN = auto()
    ORPHAN = auto()


class ActiveKeys(NamedTuple):
    """Whose word counts at a place of the log.

    `identity` is the log's (32 bytes), `writers` the public key of each active writer by its id, `statements` the
    number of the last statement that was taken.
    """

    identity: bytes
    roots: Roots
    writers: Mapping[bytes, bytes]
    statements: int = 0


class VoidRange(NamedTuple):
    """Records that count as nothing, by number, and the positions that are empty for it; all bounds belong to it.

    `last_position` is below `first_position` where the records had no events.
    """

    first: int
    last: int
    first_position: int
    last_position: int

    def has(self, position: int) -> bool:
        """Whether a position is empty for it."""
        return self.first_position <= position <= self.last_position


class MovedTo(NamedTuple):
    """Where a log goes on: the id of that tape, and where it is, for people."""

    tape: str
    place: str


_NONE_CLOSED: Final[Mapping[str, MovedTo]] = MappingProxyType({})


class ChainState(NamedTuple):
    """All that the rule needs to know, whatever the size of the log.

    `head` is the hash of the last accepted record (32 bytes), `number` its number (0 before the first), `position` the
    position of the next event (from 1), `orphans` the open ones: hash by offset. `expected` is the only identity that a
    genesis may have, None where any may; `keys` is None before the genesis. `closed` are the tapes that nobody builds
    on any more, by their ids.
    """

    place: Place
    head: bytes
    number: int = 0
    position: int = 1
    orphans: Mapping[int, bytes] = _NO_ORPHANS
    keys: ActiveKeys | None = None
    voids: tuple[VoidRange, ...] = ()
    expected: bytes | None = None
    closed: Mapping[str, MovedTo] = _NONE_CLOSED

    @property
    def last_position(self) -> int:
        """The last position that has an event; 0 where there is none."""
        last = self.position - 1
        while (void := next((found for found in self.voids if found.has(last)), None)) is not None:
            last = void.first_position - 1
        return last


class RecordedAt(NamedTuple):
    """Where an accepted record stands: its hash (32 bytes), and the position of its first event."""

    hash: bytes
    position: int


History: TypeAlias = Callable[[int], RecordedAt | None]
"""What a reader remembers of the accepted record of a number; None where there is none."""


def start(place: Place, expected: bytes | None = None) -> ChainState:
    """The state before the first record; `expected` is the identity of the log, None: whatever it says."""
    return ChainState(place, place.first_hash, expected=expected)


def accept(
    state: ChainState, offset: int, value: bytes | None, history: History, *, own: bool = False
) -> tuple[ChainState, Verdict]:
    """The state after a record, and what the record is.

    `own`: this process signed these very bytes a moment ago, with the key that they name; that is not verified again.
    """
    header = read_header(value)
    if header is None or value is None:
        return state, Verdict.FOREIGN
    if state.keys is None:
        return _founded(state, header, value)
    writer = state.keys.writers.get(header.key)
    if writer is None or not (own or is_signed_by(state.place, writer, value)):
        return state, Verdict.FOREIGN
    if (header.previous, header.number, header.position) == (state.head, state.number + 1, state.position):
        after = _effect(state, state.keys, header, value, history)
        position = state.position + header.events
        return after._replace(head=sha256(value).digest(), number=header.number, position=position), Verdict.ACCEPTED
    if header.number <= state.number:
        return state, Verdict.LATE
    orphans = {**state.orphans, offset: sha256(value).digest()}
    return state._replace(orphans=orphans), Verdict.ORPHAN


def _founded(state: ChainState, header: Header, value: bytes) -> tuple[ChainState, Verdict]:
    """The state after the genesis; any other record is foreign before it."""
    fixed = (header.format, header.previous, header.number, header.position, header.events)
    if fixed != (Format.GENESIS, state.head, 1, 1, 0):
        return state, Verdict.FOREIGN
    try:
        genesis = parse_genesis(value[HEADER_LENGTH:])
    except MalformedControlRecord:
        return state, Verdict.FOREIGN
    writers = {key_id(writer): writer for writer in genesis.writers}
    writer = writers.get(header.key)
    if not _is_of(genesis, state) or writer is None or not is_signed_by(state.place, writer, value):
        return state, Verdict.FOREIGN
    keys = ActiveKeys(genesis.identity, genesis.roots, MappingProxyType(writers))
    return state._replace(head=sha256(value).digest(), number=1, keys=keys), Verdict.ACCEPTED


def _is_of(genesis: Genesis, state: ChainState) -> bool:
    place = state.place
    return (
        (genesis.app, genesis.partitions) == (place.app, place.partitions)
        and state.expected in (None, genesis.identity)
        and is_signed_by_enough(genesis.roots, genesis.signatures, genesis.message())
    )


def _effect(state: ChainState, keys: ActiveKeys, header: Header, value: bytes, history: History) -> ChainState:
    """The state with what an accepted control record says; its own head, number and position are not in it yet."""
    if header.format not in CONTROL or header.events:
        return state
    content = value[HEADER_LENGTH:]
    after = state
    try:
        if header.format == Format.STATEMENT:
            after = state._replace(keys=_stated(keys, parse_statement(content)))
        elif header.format == Format.VOID:
            after = _voided(state, keys, parse_void(content), history)
        elif header.format == Format.DISMISSAL:
            after = _dismissed(state, parse_dismissal(content))
        elif header.format == Format.CLOSING:
            after = _closed(state, keys, parse_closing(content))
    except MalformedControlRecord:
        return state
    # A genesis behind the first one has none.
    return after


def _stated(keys: ActiveKeys, statement: KeyStatement) -> ActiveKeys:
    if (statement.identity, statement.number) != (keys.identity, keys.statements + 1):
        return keys
    if not is_signed_by_enough(keys.roots, statement.signatures, statement.message()):
        return keys
    taken = keys._replace(statements=statement.number)
    about = statement.about
    if isinstance(about, Roots):
        return taken._replace(roots=about)
    writers = dict(keys.writers)
    if statement.kind is StatementKind.ADD_WRITER:
        writers.setdefault(key_id(about), about)
    elif writers.get(key_id(about)) == about:
        del writers[key_id(about)]
    return taken._replace(writers=MappingProxyType(writers))


def _voided(state: ChainState, keys: ActiveKeys, void: Void, history: History) -> ChainState:
    if (void.identity, void.partition, void.head) != (keys.identity, state.place.partition, state.head):
        return state
    first = history(void.number) if 1 <= void.number <= state.number else None
    if first is None or first.hash != void.hash:
        return state
    if not is_signed_by_enough(keys.roots, void.signatures, void.message()):
        return state
    return state._replace(
        voids=(*state.voids, VoidRange(void.number, state.number, first.position, state.position - 1))
    )


def _closed(state: ChainState, keys: ActiveKeys, closing: Closing) -> ChainState:
    """A log that comes back to a tape is open there again."""
    if (closing.identity, closing.partition, closing.head) != (keys.identity, state.place.partition, state.head):
        return state
    if not is_signed_by_enough(keys.roots, closing.signatures, closing.message()):
        return state
    closed = {tape: moved for tape, moved in state.closed.items() if tape != closing.successor}
    closed[closing.tape] = MovedTo(closing.successor, closing.place)
    return state._replace(closed=MappingProxyType(closed))


def _dismissed(state: ChainState, orphans: tuple[Orphan, ...]) -> ChainState:
    """Each is dismissed by its offset and its hash: neither alone is enough."""
    dismissed = {orphan.offset: orphan.hash for orphan in orphans}
    left = {offset: found for offset, found in state.orphans.items() if dismissed.get(offset) != found}
    return state._replace(orphans=MappingProxyType(left))
