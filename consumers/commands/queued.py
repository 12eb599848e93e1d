"""From the bytes in a queue to commands, and what stands there that is none.

Whoever may write to a queue can fill it with anything. One thing that is no command is answered by itself: somebody
may have made a mistake. Many in a row, none with a command id, are handled as one, so that what is kept about them does
not grow with their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from consumers.commands.errors import UnreadableRecords
from consumers.commands.ports import QueuedCommand
from domain.commands import Command
from schemas.command_parser import MalformedMessage, parse_message

_MANY: Final = 16

QueuedItem: TypeAlias = tuple[QueuedCommand, Command | MalformedMessage]
"""What is to be handled, with its place in the queue."""


def read_queued(queued: Sequence[QueuedCommand]) -> list[QueuedItem]:
    """What is to be handled, in the order of the queue."""
    items: list[QueuedItem] = []
    nameless: list[tuple[QueuedCommand, MalformedMessage]] = []
    for each in queued:
        item = _read(each)
        if isinstance(item, MalformedMessage) and item.command_id is None:
            nameless.append((each, item))
            continue
        items += _joined(nameless)
        items.append((each, item))
        nameless = []
    return [*items, *_joined(nameless)]


def _read(queued: QueuedCommand) -> Command | MalformedMessage:
    if queued.first is None:
        return parse_message(queued.value or b"")
    return MalformedMessage(None, _unreadable(queued.first, queued.source.offset, queued.reason))


def _joined(nameless: Sequence[tuple[QueuedCommand, MalformedMessage]]) -> Sequence[QueuedItem]:
    """Many as one, at the place of the last."""
    if len(nameless) < _MANY:
        return nameless
    (begin, item), (end, _) = nameless[0], nameless[-1]
    first = begin.source.offset if begin.first is None else begin.first
    reason = f"{item.error.code} and {len(nameless) - 1} more"
    error = _unreadable(first, end.source.offset, reason)
    return [(QueuedCommand(end.source, None, first, reason), MalformedMessage(None, error))]


def _unreadable(first: int, last: int, reason: str) -> UnreadableRecords:
    return UnreadableRecords(first=first, last=last, reason=reason)
