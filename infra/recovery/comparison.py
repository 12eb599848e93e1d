"""An index compared with the log that stands: from which record both part, and what the index holds from there on.

Each record names the hash of the one before it. So the first number at which both know another hash, or one of them
none, is where they part, and all before it is the same in both.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from consumers.commands.ports import CommandKey, QueuePosition
from domain.recorded_event import RecordedEvent
from infra.log.errors import IndexUnusable, LogNotFounded
from infra.log.index import file_error
from infra.recovery.errors import HolderOfAnotherLog
from infra.recovery.holders import Holder
from infra.sqlite_file import open_read_only, read_only_uri
from schemas.avro.codec import decode_event

_IDENTITY: Final = "SELECT identity FROM {}.keys"
_LAST: Final = "SELECT COALESCE(MAX(number), 0) FROM {}.accepted_records"
_PARTING: Final = (
    "SELECT h.number, h.position, l.number FROM main.accepted_records h "
    "LEFT JOIN standing.accepted_records l USING (number) "
    "WHERE h.number <= ? AND l.hash IS NOT h.hash ORDER BY h.number LIMIT 1"
)
_PASSED_OVER: Final = (
    "SELECT 1 FROM standing.head WHERE next_offset < :read_to UNION "
    "SELECT 1 FROM standing.accepted_records WHERE number > :last AND record_offset < :read_to LIMIT 1"
)
_EVENTS: Final = (
    "SELECT rowid, originator_id, originator_version, topic, state FROM {}.stored_events WHERE {} ORDER BY rowid"
)
_ANSWER: Final = "SELECT digest, answer FROM {}.answers WHERE scope = ? AND command_id = ?"
_REFUSALS: Final = (
    "SELECT h.scope, h.command_id, h.digest, h.answer FROM main.answers h "
    "LEFT JOIN standing.answers l ON l.scope = h.scope AND l.command_id = h.command_id "
    "WHERE l.digest IS NULL AND instr(h.answer, '\"ok\":false') > 0"
)
_HANDLED: Final = "SELECT commands_topic_id, commands_offset FROM {}.head WHERE commands_topic_id IS NOT NULL"


class HeldFact(NamedTuple):
    """A fact as an index has it, at its position."""

    position: int
    dossier: str
    version: int
    event: RecordedEvent

    @property
    def key(self) -> CommandKey:
        """The command that led to it."""
        return CommandKey(UUID(self.dossier).bytes[:6], UUID(self.event.command_id))


class HeldAnswer(NamedTuple):
    """Digest (32 bytes) and answer that a command id is bound to."""

    digest: bytes
    line: str

    @property
    def content(self) -> dict[str, Any]:
        """The answer."""
        found: dict[str, Any] = json.loads(self.line)
        return found


@dataclass(slots=True)
class Beyond:
    """What a holder has beyond the log that stands, in one partition.

    how        "cut": the log ends before it; "other history": the log went on with other records; "nothing"
    number     of the first record that is not in the log; None where there is none
    position   of the first event from there on
    standing   the number of the log's last record, `held` that of the holder's
    facts      the events from there on, in their order
    answers    what the holder bound the ids of their commands to, `bound` what the log has bound them to by now
    refusals   answers without events that the log does not have
    beginnings dossier → its first fact, of every dossier of `facts`
    since      dossier → the command ids that the log has recorded in the place of those facts
    handled    the last command of the queue that the log has handled
    """

    holder: Holder
    how: Literal["cut", "other history", "nothing"]
    number: int | None
    position: int
    standing: int
    held: int
    facts: list[HeldFact] = field(default_factory=list)
    answers: dict[CommandKey, HeldAnswer] = field(default_factory=dict)
    bound: dict[CommandKey, HeldAnswer] = field(default_factory=dict)
    refusals: dict[CommandKey, HeldAnswer] = field(default_factory=dict)
    beginnings: dict[str, RecordedEvent] = field(default_factory=dict)
    since: dict[str, list[str]] = field(default_factory=dict)
    handled: QueuePosition | None = None


def compare(holder: Holder, standing: Holder) -> Beyond:
    """What `holder` has beyond the log, of which `standing` was made. Nothing is written.

    Raises HolderOfAnotherLog, LogNotFounded where there is no log to compare with, IndexUnusable, and ProgramTooOld or
    UnreadableEvent for an event that this release cannot read.
    """
    with _both(holder, standing) as connection:
        _check_identity(connection, holder, standing)
        counts = [connection.execute(_LAST.format(each)).fetchone()[0] for each in ("standing", "main")]
        row = connection.execute(_PARTING, (holder.last,)).fetchone()
        if row is None:
            return Beyond(holder, "nothing", None, 0, *counts)
        number, position, other = row
        found = Beyond(holder, "cut" if other is None else "other history", number, position, *counts)
        _read(connection, found)
        return found


def has_read_past(index: Holder, standing: Holder) -> bool:
    """Whether an index of the log's own tape was read further than the log goes, or over records that count by now.

    So it is where the log lost nothing but what strangers had put there. Nobody can go on with that index. Raises
    IndexUnusable.
    """
    with _both(index, standing) as connection:
        bounds = {"last": index.last, "read_to": index.read_to}
        return connection.execute(_PASSED_OVER, bounds).fetchone() is not None


@contextmanager
def _both(holder: Holder, standing: Holder) -> Iterator[sqlite3.Connection]:
    try:
        with closing(open_read_only(holder.file)) as connection:
            connection.execute("ATTACH ? AS standing", (read_only_uri(standing.file),))
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise file_error(holder.file, error, IndexUnusable) from error


def _check_identity(connection: sqlite3.Connection, holder: Holder, standing: Holder) -> None:
    held, ours = (connection.execute(_IDENTITY.format(each)).fetchone() for each in ("main", "standing"))
    if ours is None:
        raise LogNotFounded(log=standing.name)
    if held is not None and held != ours:
        raise HolderOfAnotherLog(holder=holder.name, held=held[0].hex(), log=standing.name, identity=ours[0].hex())


def _read(connection: sqlite3.Connection, found: Beyond) -> None:
    found.facts = [*_facts(connection, "main", "rowid >= ?", [found.position])]
    for fact in found.facts:
        if fact.key in found.answers or fact.key in found.bound:
            continue
        for answers, schema in ((found.answers, "main"), (found.bound, "standing")):
            row = connection.execute(_ANSWER.format(schema), (fact.key.scope, fact.key.command_id.bytes)).fetchone()
            if row is not None:
                answers[fact.key] = HeldAnswer(*row)
    for scope, command_id, digest, line in connection.execute(_REFUSALS):
        found.refusals[CommandKey(scope, UUID(bytes=command_id))] = HeldAnswer(digest, line)
    for dossier, version in _first_versions(found.facts).items():
        for fact in _facts(connection, "main", "originator_id = ? AND originator_version = 1", [dossier]):
            found.beginnings[dossier] = fact.event
        later = "originator_id = ? AND originator_version >= ?"
        facts = [*_facts(connection, "standing", later, [dossier, version])]
        found.since[dossier] = [*dict.fromkeys(fact.event.command_id for fact in facts)]
    found.handled = handled_in(connection, "standing")


def handled_in(connection: sqlite3.Connection, schema: str = "main") -> QueuePosition | None:
    """The last command of the queue that an index has seen handled. Raises sqlite3.Error."""
    row = connection.execute(_HANDLED.format(schema)).fetchone()
    return QueuePosition(UUID(bytes=row[0]), row[1]) if row is not None else None


def _facts(
    connection: sqlite3.Connection, schema: str, which: str, parameters: Sequence[str | int]
) -> Iterator[HeldFact]:
    for position, dossier, version, topic, state in connection.execute(_EVENTS.format(schema, which), parameters):
        event = decode_event(StoredEvent(UUID(dossier), version, topic, state))
        yield HeldFact(position, str(UUID(dossier)), version, event)


def _first_versions(facts: Sequence[HeldFact]) -> Mapping[str, int]:
    """Dossier, as the index names it → the version of its first fact."""
    found: dict[str, int] = {}
    for fact in facts:
        found.setdefault(UUID(fact.dossier).hex, fact.version)
    return found
