"""Whether a reader can use an accepted record, and how one that cannot looks for a void that covers it."""

from __future__ import annotations

from consumers.commands.ports import QueuePosition
from infra.log.acceptance import Verdict, VoidRange
from infra.log.chain import Chain
from infra.log.format import CONTROL, Body, Format, Header, UnreadableBody, decode_body
from infra.log.index import Applied
from infra.log.index_head import Ignored, StoppedAt
from infra.log.partition_client import Record

_NOTHING = Body("", [])


class UnknownFormat(Exception):
    """An accepted record of a format that this release does not know: a newer one wrote it."""


def usable_body(header: Header, value: bytes, handled: QueuePosition | None) -> Body:
    """The body of an accepted record, empty for a control record; `handled` is the last command before it.

    Raises UnreadableBody, UnknownFormat.
    """
    if header.format in CONTROL:
        if header.events:
            raise UnreadableBody(f"a control record says that it has {header.events} events")
        return _NOTHING
    if header.format != Format.APPENDS:
        raise UnknownFormat(f"its format is {header.format:#04x}")
    body = decode_body(value)
    events = sum(len(append.events) for append in body.appends)
    if events != header.events:
        raise UnreadableBody(f"its header says {header.events} events, and its body has {events}")
    for append in body.appends:
        source = append.source
        if source is None:
            continue
        if handled is not None and handled.topic_id == source.topic_id and source.offset <= handled.offset:
            raise UnreadableBody(f"it handles the command at offset {source.offset} after {handled.offset}")
        handled = source
    return body


def stopped_at(header: Header, offset: int, reason: str, *, writer: str = "", newer: bool = False) -> StoppedAt:
    """An accepted record that cannot be used: which one, whose, and why. `newer`: a newer release wrote it."""
    key = header.key.hex()
    by = f"{key} ({writer})" if writer else key
    whole = f"record {header.number} at offset {offset}, signed by the key {by}: {reason}"
    return StoppedAt(offset, header.number, offset, header.position, key, whole, newer)


def counted(ignored: Ignored, verdict: Verdict) -> Ignored:
    """The counts with one record more."""
    return Ignored(
        late=ignored.late + (verdict is Verdict.LATE),
        foreign=ignored.foreign + (verdict is Verdict.FOREIGN),
        orphans=ignored.orphans + (verdict is Verdict.ORPHAN),
    )


class Stop:
    """A reader that cannot use an accepted record, and what it knows of those behind: headers and control records.

    `number` is that record's, `error` says what is wrong with it, `skipped` has it and the accepted ones behind it.
    """

    def __init__(self, at: StoppedAt, log: str, chain: Chain, ignored: Ignored) -> None:
        self.number = at.number
        self.error = at.error(log)
        self._at = at
        self.chain = chain
        self.ignored = ignored
        self.skipped: list[Applied] = []

    @property
    def at(self) -> StoppedAt:
        """Where, and how far it has looked on."""
        return self._at._replace(next_offset=self.chain.next_offset)

    def take(self, record: Record) -> VoidRange | None:
        """Judge the next record, the unusable one first; the void in it that covers the unusable one."""
        before = self.chain.state
        verdict, header = self.chain.take(record)
        if header is None:
            self.ignored = counted(self.ignored, verdict)
            return None
        state = self.chain.state
        self.skipped.append(
            Applied(record.offset, "", before.position, (), header.number, state.head, header.format),
        )
        if state.voids is before.voids or state.voids[-1].first > self.number:
            return None
        return state.voids[-1]
