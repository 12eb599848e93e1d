"""What somebody who knows the format, and may write to the disk, can do to the records of a tape.

Each edit takes the records of one partition, with their offsets, and gives those that stand there afterwards. The same
edits are made to the file of an embedded log and to the segment of a stopped broker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

from domain.identity import COUNCIL_ID
from infra.log.format import (
    HEADER_LENGTH,
    Append,
    Body,
    EventRow,
    Format,
    Header,
    Place,
    decode_body,
    encode_append,
    encode_body,
    read_header,
    seal,
)
from infra.log.founding import new_genesis
from infra.log.keys import Signer
from tests.support.second_rule import HEADER
from tests.support.signing import STRANGER

_TOPIC: Final = "CriterionVerified"
_UNSIGNED: Final = HEADER_LENGTH - 64


class TapeRecord(NamedTuple):
    """A record and where it stands."""

    offset: int
    value: bytes

    @property
    def header(self) -> Header:
        """What its header says."""
        found = read_header(self.value)
        assert found is not None
        return found

    @property
    def body(self) -> Body:
        """Its body; an empty one for a control record."""
        return decode_body(self.value) if self.header.format == Format.APPENDS else Body("", [])

    @property
    def events(self) -> list[EventRow]:
        """All its events."""
        return [event for append in self.body.appends for event in append.events]


Tape: TypeAlias = list[TapeRecord]
Edit: TypeAlias = Callable[[Tape], Tape]


def _rewritten(record: TapeRecord, body: Body, *, counted: bool = False) -> TapeRecord:
    """A record with another body under its own header and signature; `counted`: the header's count is made to fit."""
    head = record.value[:HEADER_LENGTH]
    if counted:
        events = sum(len(append.events) for append in body.appends)
        head = HEADER.pack(*HEADER.unpack(head)[:4], events, *HEADER.unpack(head)[5:])
    content = encode_body(body.writer, [encode_append(append) for append in body.appends])
    return record._replace(value=head + content)


def _with_events(record: TapeRecord, change: Callable[[EventRow], EventRow]) -> TapeRecord:
    writer, appends = record.body
    changed = [append._replace(events=[change(event) for event in append.events]) for append in appends]
    return _rewritten(record, Body(writer, changed))


def middle(tape: Tape) -> int:
    """The place of a record in the middle, with events, that is not the last one of anything."""
    found = [at for at, record in enumerate(tape) if any(_TOPIC in topic for _, _, topic, _ in record.events)]
    return found[len(found) // 2]


def at_middle(change: Callable[[TapeRecord], TapeRecord]) -> Edit:
    """An edit of one record in the middle."""

    def edit(tape: Tape) -> Tape:
        at = middle(tape)
        return [*tape[:at], change(tape[at]), *tape[at + 1 :]]

    return edit


def finding(record: TapeRecord) -> TapeRecord:
    """Something else was found."""
    return _with_events(record, lambda event: (*event[:3], event[3][:-1] + bytes([event[3][-1] ^ 2])))


def person(record: TapeRecord) -> TapeRecord:
    """Somebody else did it."""
    return _with_events(record, lambda event: (*event[:3], _with_other_letter(event[3])))


def _with_other_letter(state: bytes) -> bytes:
    """The first letter of a name, which Vietnamese writes in two bytes or more, is another one."""
    at = next(at for at, byte in enumerate(state) if byte >= 0xC3 and at > 10)
    return state[: at + 1] + bytes([state[at + 1] ^ 1]) + state[at + 2 :]


def event_deleted(record: TapeRecord) -> TapeRecord:
    """The last event of a record is gone; its count says otherwise."""
    return _rewritten(record, _without_last_event(record.body))


def event_deleted_and_counted(record: TapeRecord) -> TapeRecord:
    """The last event of a record is gone, and its count fits."""
    return _rewritten(record, _without_last_event(record.body), counted=True)


def _without_last_event(body: Body) -> Body:
    *before, last = body.appends
    return Body(body.writer, [*before, last._replace(events=last.events[:-1])])


def answer_changed(record: TapeRecord) -> TapeRecord:
    """What a command was answered reads otherwise."""
    return _with_commands(record, "{}")


def answer_deleted(record: TapeRecord) -> TapeRecord:
    """Its commands are gone, and the events stay."""
    return _with_commands(record, None)


def _with_commands(record: TapeRecord, answer: str | None) -> TapeRecord:
    def other(append: Append) -> Append:
        command = append.command
        return append._replace(command=command._replace(answer=answer) if command and answer else None)

    return _rewritten(record, Body(record.body.writer, list(map(other, record.body.appends))))


def all_moments(tape: Tape) -> Tape:
    """Every event was recorded at another time."""

    def change(event: EventRow) -> EventRow:
        state = event[3]
        return (*event[:3], state[:12] + bytes([state[12] ^ 2]) + state[13:])

    return [_with_events(record, change) if record.events else record for record in tape]


def record_deleted(tape: Tape) -> Tape:
    """One record is gone."""
    at = middle(tape)
    return [*tape[:at], *tape[at + 1 :]]


def closed_up(tape: Tape) -> Tape:
    """One record is gone, and those behind it stand one offset lower."""
    at = middle(tape)
    return [*tape[:at], *[record._replace(offset=record.offset - 1) for record in tape[at + 1 :]]]


def dossier_gone(tape: Tape) -> Tape:
    """No record has anything of the first dossier."""
    gone = next(event[0] for record in tape for event in record.events if event[0] != COUNCIL_ID.hex)
    return [record for record in tape if all(event[0] != gone for event in record.events)]


def swapped(tape: Tape) -> Tape:
    """Two records that follow each other stand the other way round."""
    at = middle(tape)
    one, other = tape[at], tape[at + 1]
    return [*tape[:at], other._replace(offset=one.offset), one._replace(offset=other.offset), *tape[at + 2 :]]


def tail_cut(tape: Tape) -> Tape:
    """The last three records are gone."""
    return tape[:-3]


def last_altered(tape: Tape) -> Tape:
    """The last record has another finding."""
    return [*tape[:-1], finding(tape[-1])]


def forged(place: Place, signer: Signer | None = None) -> Edit:
    """One record more, well made on the head: as if by its last writer (no signer), or signed with this key."""

    def edit(tape: Tape) -> Tape:
        last = tape[-1]
        header, events = last.header, last.events
        position = header.position + header.events
        dossier, version, topic, state = events[-1]
        append = Append(os.urandom(16), last.body.appends[-1].outcome, [(dossier, version + 1, topic, state)])
        content = encode_body(last.body.writer, [encode_append(append)])
        chain = (sha256(last.value).digest(), header.number + 1, position, 1)
        value = seal(place, signer or STRANGER, Format.APPENDS, chain, content)
        if signer is None:
            # It says that the last writer signed it.
            value = value[: _UNSIGNED - 8] + header.key + value[_UNSIGNED:]
        return [*tape, TapeRecord(last.offset + 1, value)]

    return edit


def written_anew(place: Place, writer: Signer, roots: Sequence[Signer] = ()) -> Edit:
    """Another history, whole from its first record: with another finding, and signed with this writer's key.

    With `roots` it is another log, of which they are the roots; else its genesis stays, and the key was stolen.
    """
    return lambda tape: sealed_anew(at_middle(finding)(tape), place, writer, roots)


def sealed_anew(tape: Tape, place: Place, writer: Signer, roots: Sequence[Signer] = ()) -> Tape:
    """The same bodies as a log at a place, signed by this writer; with `roots`, under a genesis of their own."""
    made: Tape = []
    previous = place.first_hash
    for record in tape:
        header, content = record.header, record.value[HEADER_LENGTH:]
        if header.format == Format.GENESIS and roots:
            content = new_genesis(place.app, place.partitions, list(roots), len(roots), writer).encode()
        chain = (previous, header.number, header.position, header.events)
        value = seal(place, writer, header.format, chain, content)
        made.append(record._replace(value=value))
        previous = sha256(value).digest()
    return made


def first_wrong(before: Tape, after: Tape) -> TapeRecord | None:
    """The first record, as it was, that is not there any more as it was; None where there are only more."""
    there = dict(after)
    return next((record for record in before if there.get(record.offset) != record.value), None)
