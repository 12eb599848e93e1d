"""What a new log takes over from an old one: its appends, in one order, and the names of its heads.

Each partition keeps its order. Between partitions goes first what was appended first, by the moments of the tapes, and
then by the number of the partition. What is void is left behind, and so is the place in the queue of each command: the
new log has a queue of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Final, NamedTuple

from eventsourcing.persistence import Tracking

from consumers.commands.ports import QueuePosition
from domain.i18n import pair
from domain.identity import partition_of
from infra.log.acceptance import ChainState, RecordedAt, start
from infra.log.chain import Chain
from infra.log.control_records import CONTINUES_MOVED
from infra.log.format import Append, RecordedOutcome, UnreadableBody
from infra.log.partition_source import PartitionSource
from infra.log.usable import UnknownFormat, stopped_at, usable_body
from infra.moving.errors import MoveNotPossible

_COMMIT_ID_LENGTH: Final = 16
_HEAD: Final = "dossier-log/"


class OldRecord(NamedTuple):
    """The appends of one record of the old log that count, and when it was appended (milliseconds since 1970)."""

    moment: int
    appends: Sequence[Append]


def old_records(sources: Sequence[PartitionSource], states: Sequence[ChainState]) -> Iterator[OldRecord]:
    """The whole old log in one order, up to these states. Raises NewerLog, RecordUnreadable, MoveNotPossible."""
    partitions = [_in_order(at, source, states[at]) for at, source in enumerate(sources)]
    for _, _, _, record in heapq.merge(*partitions):
        yield record


def _in_order(partition: int, source: PartitionSource, state: ChainState) -> Iterator[tuple[int, int, int, OldRecord]]:
    """Records of a partition, each behind what it is ordered by: the last moment so far, the partition, its number."""
    address, handled, latest = source.address, None, 0
    chain = Chain(start(address.place, address.identity), 0, _nothing, strangers=address.strangers)
    with closing(source.follower()) as client:
        for fetched in client.read(0):
            for record in fetched.records:
                if chain.state.number == state.number:
                    return
                _, header = chain.take(record)
                if header is None or record.value is None:
                    continue
                if any(void.first <= header.number <= void.last for void in state.voids):
                    continue
                try:
                    body = usable_body(header, record.value, handled)
                except (UnreadableBody, UnknownFormat) as error:
                    newer = isinstance(error, UnknownFormat)
                    raise stopped_at(header, record.offset, str(error), newer=newer).error(address.name) from error
                handled = _last_handled(body.appends, handled)
                latest = max(latest, record.appended_at)
                appends = [append for append in body.appends if not _names_a_head(append)]
                if appends:
                    yield latest, partition, header.number, OldRecord(record.appended_at, appends)


def _last_handled(appends: Sequence[Append], before: QueuePosition | None) -> QueuePosition | None:
    return next((append.source for append in reversed(appends) if append.source is not None), before)


def place_of(append: Append, partitions: int) -> int:
    """The partition of the new log that an append belongs to: that of its unit. Raises MoveNotPossible."""
    if append.tracking is not None:
        name = append.tracking.application_name
        raise MoveNotPossible(reason=pair("it tracks {name}, whose positions are of no use elsewhere", name=name))
    if not append.events:
        scope = append.command.key.scope if append.command is not None else b""
        return int.from_bytes(scope) % partitions
    try:
        found = {partition_of(originator, partitions) for originator, _, _, _ in append.events}
    except ValueError:
        found = set() if partitions > 1 else {0}
    if len(found) != 1:
        originator, version, _, _ = append.events[0]
        reason = pair(
            "what was appended together with event {version} of {dossier} belongs to several partitions there",
            version=version,
            dossier=originator,
        )
        raise MoveNotPossible(reason=reason)
    return found.pop()


def heads_of(sources: Sequence[PartitionSource], states: Sequence[ChainState]) -> list[Append]:
    """The heads of the old log as a new one names them in its second record: what it has taken over, and up to where.

    An append of tracking for each partition: `dossier-log/<app>/<P>/<p>`, a space, the last record's number, a space
    and its hash in hexadecimal digits; the position is that of the last event.
    """
    appends = []
    for source, state in zip(sources, states, strict=True):
        app, partitions, partition = source.address.place
        name = f"{_HEAD}{app}/{partitions}/{partition} {state.number} {state.head.hex()}"
        commit_id = sha256(name.encode()).digest()[:_COMMIT_ID_LENGTH]
        appends.append(
            Append(commit_id, RecordedOutcome.TRACKED, tracking=Tracking(name, state.last_position)),
        )
    return appends


def continues_of(identity: bytes, heads: Sequence[Append]) -> str:
    """What the genesis of the new log says: the old one's identity, and SHA-256 over its heads, a line for each."""
    lines = [f"{each.tracking.application_name} {each.tracking.notification_id}\n" for each in heads if each.tracking]
    return f"{CONTINUES_MOVED}{identity.hex()}/{sha256(''.join(lines).encode()).hexdigest()}"


def _names_a_head(append: Append) -> bool:
    """Whether it says what that log had itself taken over."""
    return append.tracking is not None and append.tracking.application_name.startswith(_HEAD) and not append.events


def _nothing(_number: int) -> RecordedAt | None:
    """Before the first record there is none."""
    return None
