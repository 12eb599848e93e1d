"""The new log that an old one goes on in: a genesis of its own, and every append in the partition of its unit.

What follows from the old log is the same in every run, and so are its records: events with their own bytes, each
command with its id, its digest and its answer, but for partition and position, which an answer names as they are now.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Final

from domain.i18n import Text, pair
from infra.log.acceptance import start
from infra.log.chain import Chain
from infra.log.control_records import Genesis, Roots, parse_genesis, sign
from infra.log.format import HEADER_LENGTH, Format, HandledCommand, Place, encode_append, encode_body, seal
from infra.log.keys import Signer
from infra.log.partition_client import Record
from infra.moving.errors import MoveTargetTaken
from infra.moving.old_log import OldRecord
from infra.moving.target import Target

WRITER: Final = "dossier log move"
_NONCE_LENGTH: Final = 16
_AT_ONCE: Final = 1000
_BYTES_AT_ONCE: Final = 4 << 20
_compact: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def genesis_for(
    target: Target, continues: str, roots: Roots, signers: Sequence[Signer], writers: Sequence[bytes]
) -> Genesis:
    """The genesis of the new log: that of an earlier run, where it has written one.

    Raises MoveTargetTaken where that of another log stands there.
    """
    found = read_genesis(target)
    if found is None:
        made = Genesis(target.app, target.partitions, os.urandom(_NONCE_LENGTH), continues, roots, tuple(writers))
        return made._replace(signatures=sign(made.message(), roots, signers))
    if (found.continues, found.roots) != (continues, roots):
        raise MoveTargetTaken(target=target.name, reason=pair("a log is there"))
    return found


def read_genesis(target: Target) -> Genesis | None:
    """The genesis that stands at the target; None where there is none."""
    chain = Chain(start(Place(target.app, target.partitions, 0)), 0, lambda _number: None)
    with closing(target.client(0)) as client:
        for fetched in client.read(0):
            for record in fetched.records:
                if chain.take(record)[1] is not None and record.value is not None:
                    return parse_genesis(record.value[HEADER_LENGTH:])
    return None


class NewPartition:
    """One partition of the new log: record by record it is compared with what stands there, or else written."""

    def __init__(self, target: Target, partition: int, genesis: Genesis, writer: Signer) -> None:
        self.added = 0
        self._target = target
        self._writer = writer
        self._state = start(Place(target.app, target.partitions, partition), genesis.identity)
        self._chain = Chain(self._state, 0, lambda _number: None)
        self._client = target.client(partition)
        self._there = self._accepted()
        self._missing: list[Record] = []
        self._size = 0

    def close(self) -> None:
        """Let the target go."""
        self._client.close()

    def found(self, genesis: Genesis, moment: int) -> None:
        """The first record."""
        self._put(moment, Format.GENESIS, genesis.encode(), 0)

    def append(self, record: OldRecord) -> None:
        """The next record. Raises MoveTargetTaken where another one stands in its place."""
        encoded, position = [], self._state.position
        for append in record.appends:
            position += len(append.events)
            command = append.command and _answered(append.command, self._state.place.partition, position - 1)
            encoded.append(encode_append(append._replace(source=None, command=command)))
        self._put(record.moment, Format.APPENDS, encode_body(WRITER, encoded), position - self._state.position)

    def flush(self) -> None:
        """Write what is missing there."""
        if self._missing:
            partition = self._state.place.partition
            self.added += self._target.write(partition, iter(self._missing), self._chain.next_offset + self.added)
            self._missing, self._size = [], 0

    def check_end(self) -> None:
        """After the last record. Raises MoveTargetTaken where more stands there."""
        if not self.added and next(self._there, None) is not None:
            raise self._taken(pair("the log there goes on behind record {number}", number=self._state.number))

    def _put(self, moment: int, format_: Format, content: bytes, events: int) -> None:
        state = self._state
        chain = (state.head, state.number + 1, state.position, events)
        value = seal(state.place, self._writer, format_, chain, content)
        self._state = state._replace(
            head=sha256(value).digest(), number=state.number + 1, position=state.position + events
        )
        there = next(self._there, None) if not self._missing and not self.added else None
        if there is None:
            self._missing.append(Record(-1, value, moment))
            self._size += len(value)
            if len(self._missing) >= _AT_ONCE or self._size >= _BYTES_AT_ONCE:
                self.flush()
        elif there.value != value:
            raise self._taken(pair("record {number} there is another one", number=state.number + 1))

    def _accepted(self) -> Iterator[Record]:
        for fetched in self._client.read(0):
            for record in fetched.records:
                if self._chain.take(record)[1] is not None:
                    yield record

    def _taken(self, reason: Text) -> MoveTargetTaken:
        return MoveTargetTaken(target=f"{self._target.name}/{self._state.place.partition}", reason=reason)


def _answered(command: HandledCommand, partition: int, position: int) -> HandledCommand:
    """A command with its answer, which names partition and position of the new log."""
    answer = without_place(command.answer)
    if answer is None:
        return command
    named = {"partition": partition, "position": position}
    return command._replace(answer=_compact({key: named.get(key, value) for key, value in answer.items()}))


def without_place(line: str) -> dict[str, object] | None:
    """An answer, its partition and position left empty; None for a line that names none."""
    try:
        answer = json.loads(line)
    except ValueError:
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("position"), int):
        return None
    return {key: None if key in {"partition", "position"} else value for key, value in answer.items()}
