from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

import pytest

from consumers.commands.errors import UnreadableRecords
from consumers.commands.ports import QueuedCommand, QueuePosition
from consumers.commands.queued import MANY, read_queued
from domain.commands import Command
from schemas.command_parser import MalformedMessage, example

TOPIC = UUID(int=7)
COMMAND = json.dumps(example("OpenDossier")).encode()
WITH_ID = b'{"command_id":"01907f3a-0000-7101-8000-000000000002"}'


def queued(values: Sequence[bytes | None]) -> list[QueuedCommand]:
    return [QueuedCommand(QueuePosition(TOPIC, offset), value) for offset, value in enumerate(values)]


def found(values: Sequence[bytes | None]) -> list[tuple[int, str]]:
    """Offset and name, or code, of each item."""
    return [
        (each.source.offset, item.name if isinstance(item, Command) else item.error.code)
        for each, item in read_queued(queued(values))
    ]


@pytest.mark.parametrize("junk", [b"", None, b"x", b"{}", b"{" * 5_000, b"\xff" * 60])
def test_many_in_a_row_that_are_no_commands_are_one(junk: bytes | None) -> None:
    """At the place of the last; what is beside them stays what it is."""
    values = [COMMAND, *[junk] * 1_000, COMMAND]
    items = read_queued(queued(values))
    assert [each.source.offset for each, _ in items] == [0, 1_000, 1_001]
    _, joined = items[1]
    assert isinstance(joined, MalformedMessage)
    assert isinstance(joined.error, UnreadableRecords)
    assert (joined.command_id, joined.error.details["first"], joined.error.details["last"]) == (None, 1, 1_000)


def test_a_few_are_told_one_by_one() -> None:
    """Somebody may have made a mistake."""
    junk = [b"x"] * (MANY - 1)
    assert found([*junk, COMMAND, *junk]) == [
        *((offset, "NOT_JSON") for offset in range(MANY - 1)),
        (MANY - 1, "OpenDossier"),
        *((offset, "NOT_JSON") for offset in range(MANY, 2 * MANY - 1)),
    ]


def test_whoever_gave_an_id_is_answered() -> None:
    """However many there are in a row."""
    assert found([WITH_ID] * 100) == [(offset, "INVALID_COMMAND") for offset in range(100)]
    assert len(found([b"x", WITH_ID] * 100)) == 200


def test_records_that_cannot_be_read_have_their_offsets() -> None:
    unreadable = QueuedCommand(QueuePosition(TOPIC, 9), None, 3, "it is compressed: zstd")
    ((each, item),) = read_queued([unreadable])
    assert (each.source.offset, each.value) == (9, None)
    assert isinstance(item, MalformedMessage)
    assert item.error.details == {"first": 3, "last": 9, "reason": "it is compressed: zstd"}
