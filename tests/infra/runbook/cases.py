"""The cases that pages of the runbook are about, made in a folder with an embedded log, and what shows each."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from infra.log.format import Format, seal
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.source import SQLiteSource
from tests.infra.runbook.backup_cases import BACKUP_CASES
from tests.infra.runbook.case import DOCTOR, LOG, OPEN, RECORD, UNITS, Case, Place, record, three_dossiers
from tests.infra.runbook.file_cases import FILE_CASES
from tests.infra.runbook.machine_cases import MACHINE_CASES
from tests.infra.runbook.publication_cases import PUBLICATION_CASES
from tests.infra.runbook.views_cases import VIEWS_CASES
from tests.support.terminal import Terminal


def _edit(terminal: Terminal, statement: str, file: str = LOG) -> None:
    with closing(sqlite3.connect(terminal.folder / file)) as connection, connection:
        assert connection.execute(statement).rowcount > 0


def _row_differs(terminal: Terminal) -> None:
    with closing(sqlite3.connect(terminal.folder / "dossier-views.sqlite")) as views, views:
        tables = views.execute("SELECT name FROM sqlite_master WHERE name LIKE 'status_dossiers%' AND type = 'table'")
        ((table,),) = tables.fetchall()
        assert views.execute(f"UPDATE {table} SET state = 'announced'").rowcount == len(UNITS)  # noqa: S608
    # The doctor notes it, and then questions are refused.
    terminal.ask(*DOCTOR)


def _unsafe(terminal: Terminal) -> None:
    (terminal.folder / f"{LOG}.keys" / "writer.pem").chmod(0o644)


def _writer_lost(terminal: Terminal) -> None:
    terminal.run("keys", "backup", str(terminal.folder / "keys-backup"))
    (terminal.folder / f"{LOG}.keys" / "writer.pem").unlink()


def _garbage(terminal: Terminal) -> None:
    """A record with a right signature and a body that is none."""
    source = SQLiteSource(terminal.folder / LOG)
    opened = PartitionHandle(source)
    state = opened.partition.state
    opened.close()
    value = seal(
        state.place,
        source.keys.writer(),
        Format.APPENDS,
        (state.head, state.number + 1, state.position, 0),
        b"garbage",
    )
    with closing(sqlite3.connect(terminal.folder / LOG)) as log, log:
        (last,) = log.execute("SELECT MAX(record_offset) FROM records").fetchone()
        log.execute("INSERT INTO records VALUES (?, ?, 0)", (last + 1, value))


def _recorded_too_late(terminal: Terminal) -> None:
    """By a clock that was half an hour fast, which nobody noticed."""
    record(terminal, "04642", lambda: datetime.now(UTC) + timedelta(minutes=30))


def _moved_away(terminal: Terminal) -> None:
    elsewhere = terminal.folder / "elsewhere"
    elsewhere.mkdir()
    for name in (LOG, f"{LOG}.keys"):
        (terminal.folder / name).rename(elsewhere / name)


def _closed(terminal: Terminal) -> None:
    """By a move to another folder, which is at its end."""
    terminal.run("log", "move", "--to", f"sqlite:///{terminal.folder / 'moved' / LOG}")


def _all_moved_away(terminal: Terminal) -> None:
    """The read models too, so that nothing tells that there was a log."""
    _moved_away(terminal)
    for file in terminal.folder.glob("dossier-views.sqlite*"):
        file.rename(terminal.folder / "elsewhere" / file.name)


def _altered(terminal: Terminal) -> None:
    """A record in the middle, of which there is a copy from before."""
    copy = terminal.folder / "copy"
    copy.mkdir()
    shutil.copy(terminal.folder / LOG, copy)
    with closing(sqlite3.connect(terminal.folder / LOG)) as log, log:
        (value,) = log.execute("SELECT value FROM records WHERE record_offset = 2").fetchone()
        altered = value[:200] + bytes([value[200] ^ 1]) + value[201:]
        log.execute("UPDATE records SET value = ? WHERE record_offset = 2", (altered,))


def _views_of_another(terminal: Terminal) -> None:
    other = terminal.folder / "other"
    other.mkdir()
    three_dossiers(Place(other))
    shutil.copy(other / "dossier-views.sqlite", terminal.folder)


def _put_back(terminal: Terminal) -> None:
    """The log is an older copy that went on, further than the read models know."""
    copy = terminal.folder / "copy.sqlite"
    shutil.copy(terminal.folder / LOG, copy)
    terminal.run(*OPEN, "04645")
    terminal.run("status")
    copy.replace(terminal.folder / LOG)
    for unit in ("04648", "04651"):
        record(terminal, unit, lambda: datetime.now(UTC))


CASES: Final[dict[str, Case]] = {
    "CLOCK_WRONG": Case(_recorded_too_late, RECORD),
    "KEYS_UNSAFE": Case(_unsafe, RECORD),
    "KEY_MISSING": Case(_writer_lost),
    "LOG_BROKEN": Case(_altered),
    "LOG_CLOSED": Case(_closed),
    "LOG_LOST": Case(_moved_away),
    "LOG_MISSING": Case(_all_moved_away),
    "MOMENT_WRONG": Case(_recorded_too_late, ("doctor",)),
    "OWN_INDEX_DIFFERS": Case(partial(_edit, statement="DELETE FROM stored_events WHERE rowid = 2")),
    "RECORD_UNREADABLE": Case(_garbage),
    "ROWS_DIFFER": Case(_row_differs, ("status",)),
    "VIEWS_OF_ANOTHER_HISTORY": Case(_put_back, ("status",)),
    "VIEWS_OF_ANOTHER_LOG": Case(_views_of_another, ("status",)),
    "WRITER_NOT_REGISTERED": Case(_writer_lost, RECORD),
    **FILE_CASES,
    **VIEWS_CASES,
    **BACKUP_CASES,
    **PUBLICATION_CASES,
    **MACHINE_CASES,
}
