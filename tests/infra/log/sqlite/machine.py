"""The adversaries of the log, on a tape in an SQLite file that all processes share, as they share its index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from infra.errors import LogUnusable
from infra.log.committer import Committer
from infra.log.partition import Partition
from infra.log.sqlite.source import SQLiteSource
from infra.log.sqlite.tape import SQLiteTape
from infra.opened_files import OpenedFiles
from tests.infra.log.adversary import Adversary
from tests.infra.log.machine import ADDRESS, Machine
from tests.infra.log.oracle import Writer
from tests.support.memory_log import Fate, Killed, MemoryLog
from tests.support.second_rule import SecondReader
from tests.support.signing import WRITERS

_INSERT = "INSERT INTO records SELECT COALESCE(MAX(record_offset) + 1, 0), ?, 0 FROM records"
_COPIED = (Fate.DOUBLED, Fate.DOUBLED_LATE, Fate.DELAYED)
_KILLED_BETWEEN = (Fate.LOST, Fate.UNPLACED)
_KILLED_AFTER = (Fate.UNANSWERED, Fate.KILLED_AFTER)


class TapeLog(MemoryLog):
    """The table, as strangers and the operator's tools write it: with connections of their own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.on_the_way = []

    @property
    def records(self) -> list[bytes | None]:  # type: ignore[override]
        """All values; None for what is no bytes."""
        with closing(sqlite3.connect(self.path)) as connection:
            found = connection.execute("SELECT value FROM records ORDER BY record_offset").fetchall()
        return [value if isinstance(value, bytes) else None for (value,) in found]

    def append(self, value: bytes | None) -> int:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return int(connection.execute(_INSERT, ("no bytes" if value is None else value,)).lastrowid or 0)


class DyingTape(SQLiteTape):
    """A tape whose process dies before, between and after the insertion and its commit; copies come later."""

    def __init__(self, path: Path, connection: sqlite3.Connection, log: MemoryLog) -> None:
        super().__init__(path, connection, OpenedFiles(path))
        self.log = log
        self.fates: list[tuple[Fate, Callable[[], None] | None]] = []
        self.dies_after = False

    def send(self, value: bytes):  # type: ignore[no-untyped-def]
        fate, before = self.fates.pop(0) if self.fates else (Fate.DELIVERED, None)
        if before is not None:
            before()
        if fate is Fate.KILLED_BEFORE:
            raise Killed
        pending = super().send(value)
        if pending is None:
            return None
        if fate in _KILLED_BETWEEN:
            raise Killed
        if fate in _COPIED:
            self.log.on_the_way.append(value)
        self.dies_after = fate in _KILLED_AFTER
        return pending

    def commit(self, offset: int) -> int:
        committed = super().commit(offset)
        if self.dies_after:
            raise Killed
        return committed


class OnSQLite(Machine):
    """What differs where the processes share a file."""

    def __init__(self) -> None:
        super().__init__()
        self.path = self.folder / "log.sqlite"
        self.source = SQLiteSource(self.path)
        self.source.address = ADDRESS
        for opened in self.source.open():
            opened.close()
        self.log: MemoryLog = TapeLog(self.path)
        self._was_emptied = False

    def _start(self, number: int, path: Path) -> Writer | None:
        del path
        tape, index = self.source.open()
        client = DyingTape(self.path, tape._connection, self.log)
        try:
            partition = Partition(ADDRESS, client, index)
        except LogUnusable:
            index.close()
            return None
        committer = Committer(partition, f"w{number}", lambda: WRITERS[number])
        return Writer(number, self.path, client, index, partition, committer)  # type: ignore[arg-type]

    def copy_index(self, number: int) -> None:
        """There is none apart from the log."""

    def _restart(self, writer: Writer, index: str) -> None:
        """On the index as it is, or with its tables gone."""
        writer.index.close()
        if index != "own":
            self._was_emptied = True
            with closing(sqlite3.connect(self.path)) as connection, connection:
                connection.execute("DELETE FROM head" if index == "stale" else "DROP TABLE accepted_records")
        self.writers[writer.number] = self._start(writer.number, self.path)

    def _check_halt(self, halt: LogUnusable) -> None:
        """Tables that somebody has emptied are noticed, and never filled further than the tape that was read."""
        found = re.search(r"were filled to offset (\d+), and go to (\d+)", str(halt))
        assert found is None or (self._was_emptied and int(found[1]) > int(found[2])), halt

    def _check_prefix(self, writer: Writer, second: SecondReader) -> None:
        """What a process knows, and what the file's index holds, are parts of the log from its beginning on."""
        head = writer.index.head()
        assert head is not None
        for state in (writer.partition.state, head.state):
            last = second.accepted[state.number - 1]
            assert state.head == sha256(last.value).digest()
            assert state.position == last.position + last.counted


class MachineOnSQLite(OnSQLite):
    """See `Machine`."""


class AdversaryOnSQLite(OnSQLite, Adversary):
    """See `Adversary`."""
