"""From the bytes in a queue to commands, and what stands there that is none.

Whoever may write to a queue can fill it with anything. One thing that is no command is answered by itself: somebody
may have made a mistake. Many in a row, none with a command id, are handled as one, so that what is kept about them does
not grow with their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final, TypeAlias

from consumers.commands.errors import UnreadableRecords
from consumers.commands.ports import QueuedCommand
from domain.commands import NO_DIGEST, Command
from schemas.command_parser import MalformedMessage, parse_message

MANY: Final = 16
"""From so many in a row on they are one."""
SMALLEST: Final = len('"command_id":"01907f3a-0000-7101-8000-000000000002"')
"""Fewer bytes cannot name a command id."""

QueuedItem: TypeAlias = tuple[QueuedCommand, Command | MalformedMessage]
"""What is to be handled, with its place in the queue."""

_Nameless: TypeAlias = tuple[QueuedCommand, MalformedMessage | None]
"""What names no command id; None: it has not been read."""


def read_queued(queued: Sequence[QueuedCommand]) -> list[QueuedItem]:
    """What is to be handled, in the order of the queue."""
    items: list[QueuedItem] = []
    nameless: list[_Nameless] = []
    for each in queued:
        # A hundred thousand of these can be in one batch, and are not looked at more closely.
        item = parse_message(each.value) if each.value and len(each.value) >= SMALLEST else None
        if item is None or (isinstance(item, MalformedMessage) and item.command_id is None):
            nameless.append((each, item))
            continue
        items += _read(nameless)
        items.append((each, item))
        nameless = []
    return [*items, *_read(nameless)]


def _read(nameless: Sequence[_Nameless]) -> list[QueuedItem]:
    """Each as what it is; many as one, at the place of the last."""
    if len(nameless) < MANY:
        return [(each, item or _malformed(each)) for each, item in nameless]
    (begin, item), (end, _) = nameless[0], nameless[-1]
    first = begin.source.offset if begin.first is None else begin.first
    reason = f"{(item or _malformed(begin)).error.code}, and {len(nameless) - 1} more"
    joined = QueuedCommand(end.source, None, first, reason)
    # So the last of them can be told from whatever else could stand there.
    digest = sha256(end.value or b"").digest() if end.first is None else NO_DIGEST
    return [(joined, replace(_malformed(joined), digest=digest))]


def _malformed(queued: QueuedCommand) -> MalformedMessage:
    if queued.first is not None:
        error = UnreadableRecords(first=queued.first, last=queued.source.offset, reason=queued.reason)
        return MalformedMessage(None, error)
    found = parse_message(queued.value or b"")
    if not isinstance(found, MalformedMessage):
        raise TypeError("a command was taken for none")
    return found
