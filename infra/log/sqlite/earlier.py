"""An embedded log of the earlier form, as it is read to be taken over: events without records.

Its events stand in `stored_events`, their positions are the row ids. `answers` binds each command's id to its answer, a
line of JSON that says at which position the command was decided and which events it led to.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import Tracking

from consumers.commands.ports import CommandKey
from infra.errors import LogUnusable
from infra.log.format import Append, EventRow, HandledCommand, RecordedOutcome
from infra.log.sqlite.index import tables_of

SELECT_EVENTS: Final = "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events ORDER BY rowid"
SELECT_ANSWERS: Final = "SELECT scope, command_id, digest, answer FROM answers ORDER BY scope, command_id"
# A refusal comes after the events that it was decided on.
_SELECT_IN_ORDER: Final = (
    "SELECT scope, command_id, digest, answer FROM answers "
    "ORDER BY json_extract(answer, '$.position'), json_extract(answer, '$.ok') DESC"
)
_SELECT_TRACKING: Final = "SELECT application_name, notification_id FROM tracking"
_OWN_TRACKING: Final = "__migration__"
"""A row that the library's schema has, and no log."""
_FORBID: Final = (
    "CREATE TRIGGER IF NOT EXISTS taken_over_{table} BEFORE INSERT ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'this log was taken over by a newer release'); END"
)


class EarlierFile:
    """The file, open for this process alone until it is closed. Raises LogUnusable, sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as opening:
            connection = opening.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            # From here on the one file is all of it, and nobody else can read or write it.
            (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            if mode != "delete":
                raise LogUnusable(log=str(path), reason="another process has it open")
            connection.execute("BEGIN EXCLUSIVE")
            self._tables = tables_of(connection)
            if "stored_events" not in self._tables:
                raise LogUnusable(log=str(path), reason="it has no table of events")
            self._connection = connection
            opening.pop_all()

    @property
    def log_id(self) -> str:
        """The name of the log; empty where it was never given one."""
        if "log" not in self._tables:
            return ""
        (found,) = self._connection.execute("SELECT log_id FROM log").fetchone() or ("",)
        return str(found)

    def events(self) -> Iterator[tuple[Any, ...]]:
        """All rows of events: position, dossier, version, topic, state; in order."""
        return self._connection.execute(SELECT_EVENTS)

    def answers(self) -> Iterator[tuple[Any, ...]]:
        """All rows of answers: scope, command id, digest, answer; in the order of scope and id."""
        return self._connection.execute(SELECT_ANSWERS) if "answers" in self._tables else iter(())

    def appends(self) -> Iterator[Append]:
        """The whole log as appends, in the order in which it was decided.

        Raises LogUnusable where a position is missing, or an answer names events that are not there.
        """
        events = self._dense_events()
        position = 0
        in_order = self._connection.execute(_SELECT_IN_ORDER) if "answers" in self._tables else ()
        for scope, command_id, digest, answer in in_order:
            command = HandledCommand(CommandKey(scope, UUID(bytes=command_id)), digest, answer)
            said = json.loads(answer)
            last, topics = said["position"] or 0, said.get("events", [])
            before = last - len(topics) - position
            own = [*islice(events, max(before, 0) + len(topics))]
            if before < 0 or [topic for _, _, topic, _ in own[before:]] != topics:
                reason = f"the answer to the command {command.key.command_id} names events that are not there"
                raise LogUnusable(log=str(self.path), reason=reason)
            # Those before it, no command led to.
            yield from map(_uncommanded, own[:before])
            outcome = RecordedOutcome.EVENTS if topics else RecordedOutcome.REFUSED
            yield Append(os.urandom(16), outcome, own[before:], command)
            position = last
        yield from map(_uncommanded, events)
        if "tracking" in self._tables:
            for name, tracked in self._connection.execute(_SELECT_TRACKING):
                if name != _OWN_TRACKING:
                    yield Append(os.urandom(16), RecordedOutcome.TRACKED, tracking=Tracking(name, tracked))

    def forbid_writing(self) -> None:
        """Let programs of then read the file, and write nothing more to it, whatever they have waited for."""
        for table in {"stored_events", "answers"} & self._tables:
            self._connection.execute(_FORBID.format(table=table))
        self._connection.execute("COMMIT")
        # Kept open, SQLite leaves the emptied journal, which would bear the name of whatever stands at the path next.
        self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)

    def close(self) -> None:
        """Let others have it."""
        self._connection.close()

    def _dense_events(self) -> Iterator[EventRow]:
        for expected, (position, dossier, version, topic, state) in enumerate(self.events(), start=1):
            if position != expected:
                raise LogUnusable(log=str(self.path), reason=f"the event at position {expected} is missing")
            yield dossier, version, topic, state


def _uncommanded(event: EventRow) -> Append:
    return Append(os.urandom(16), RecordedOutcome.EVENTS, [event])
