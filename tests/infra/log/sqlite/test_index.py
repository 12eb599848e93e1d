"""The index of an embedded log is a function of its tape, whoever fills it, and is made anew when it is gone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent, Tracking

from consumers.commands.ports import CommandKey
from infra.errors import LogUnusable
from infra.log.append_requests import EventsRequest, OutcomesRequest
from infra.log.errors import NewerLog
from infra.log.format import Append, HandledCommand, RecordedOutcome
from infra.log.index import ErrorsAs, find_answers
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import insert
from infra.log.sqlite.source import SQLiteSource
from tests.infra.log.sqlite.rows import index

Open = Callable[[], PartitionHandle]


@pytest.fixture
def filled(open_log: Open, path: Path) -> Path:
    """A log with events, answers, tracking and a stranger's record."""
    opened = open_log()
    for number in range(1, 6):
        key = CommandKey(bytes(6), UUID(int=number))
        command = HandledCommand(key, bytes(32), f'{{"number":{number}}}')
        event = (UUID(int=7).hex, number, "Happened", os.urandom(20))
        append = Append(os.urandom(16), RecordedOutcome.EVENTS, [event], command)
        opened.committer.submit(OutcomesRequest([append], number - 1))
        insert(opened, (), Tracking("upstream", number))
        command = HandledCommand(CommandKey(b"other.", UUID(int=number)), bytes(32), "refused")
        refused = Append(os.urandom(16), RecordedOutcome.REFUSED, command=command)
        opened.committer.submit(EventsRequest([refused]))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO records VALUES (NULL, x'00', 0)")
    opened.refresh()
    opened.close()
    return path


def alter(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("DROP TABLE stored_events", id="events"),
        pytest.param("DROP TABLE answers; DROP TABLE tracking", id="answers and tracking"),
        pytest.param("DROP TABLE orphans", id="an empty one"),
        pytest.param("PRAGMA user_version = 1", id="an older release's"),
        pytest.param("DELETE FROM head", id="how far it went"),
        pytest.param(
            "DROP TABLE stored_events; DROP TABLE answers; DROP TABLE tracking; DROP TABLE orphans; DROP TABLE head",
            id="all",
        ),
    ],
)
def test_tables_that_are_gone_are_made_anew_from_the_tape(filled: Path, open_log: Open, script: str) -> None:
    """The others with them: they say the same as before, and it goes on."""
    before = index(filled)
    alter(filled, script)
    opened = open_log()
    assert index(filled) == before
    assert insert(opened, [StoredEvent(UUID(int=7), 6, "Happened", b"")], None) == [6]


def test_tables_of_a_newer_release_are_left_alone(filled: Path, open_log: Open) -> None:
    """It may know records that this one does not."""
    before = index(filled)
    alter(filled, "PRAGMA user_version = 99")
    with pytest.raises(NewerLog, match="newer release made its tables"):
        open_log()
    assert index(filled) == before


def test_two_that_open_a_log_without_index_fill_it_once(filled: Path) -> None:
    """Whoever comes second finds the rows of the first, and waits for them."""
    before = index(filled)
    alter(filled, "DROP TABLE head")
    barrier, failed = Barrier(4), []

    def fill() -> None:
        barrier.wait()
        try:
            PartitionHandle(SQLiteSource(filled)).close()
        except LogUnusable as error:
            failed.append(error)

    threads = [Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert index(filled) == before


def test_what_others_append_is_known_once_it_was_read(open_log: Open, path: Path) -> None:
    """Their answers, their tracking, and to whoever watches the log their appends as they are."""
    one, two = open_log(), open_log()
    seen: list[str] = []
    two.partition.observe(lambda record: seen.extend(event[2] for append in record.appends for event in append.events))
    insert(one, [StoredEvent(uuid4(), 1, "Happened", b"")], Tracking("upstream", 4))
    assert two.partition.last_tracked("upstream") is None
    two.refresh()
    assert (two.partition.last_tracked("upstream"), seen) == (4, ["Happened"])
    assert one.partition.head == two.partition.head
    assert len(index(path)["stored_events"]) == 1


@pytest.mark.parametrize("appends", [True, False])
def test_an_index_that_is_emptied_under_a_running_process_is_told(
    filled: Path, open_log: Open, *, appends: bool
) -> None:
    """It must not go on with rows that lack all before: opened anew, it is made anew."""
    opened, other = open_log(), open_log()
    before = index(filled)
    alter(filled, "DELETE FROM stored_events; DELETE FROM answers; DELETE FROM tracking; DELETE FROM head")
    if not appends:
        alter(filled, "INSERT INTO records VALUES (NULL, x'00', 0)")
    with pytest.raises(LogUnusable, match="somebody else has changed them"):
        insert(opened, [StoredEvent(uuid4(), 1, "Happened", b"")], None)
    other.close()
    again = open_log()
    assert index(filled)["stored_events"] == before["stored_events"]
    assert index(filled)["answers"] == before["answers"]
    assert insert(again, [StoredEvent(uuid4(), 1, "Happened", b"")], None) == [6]


def test_answers_are_looked_up_by_key_however_many_are_asked_for(open_log: Open, filled: Path) -> None:
    """An append costs as much in a long log as in a short one: SQLite goes through no table for it."""
    opened = open_log()
    keys = [CommandKey(bytes(6), UUID(int=number)) for number in range(1, 400)]
    with closing(sqlite3.connect(filled)) as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        found = find_answers(connection, keys)
        connection.set_trace_callback(None)
        plans = [detail for asked in statements for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {asked}")]
    assert found == {key: (bytes(32), f'{{"number":{key.command_id.int}}}') for key in keys[:5]}
    assert opened.index.bound_of(keys) == set(keys[:5])
    assert len(statements) == 2
    assert [plan for plan in plans if "answers" in plan] == [
        "SEARCH answers USING PRIMARY KEY (scope=? AND command_id=?)"
    ] * 2


@pytest.mark.parametrize(
    ("statement", "value"), [("SELECT * FROM nothing", None), ("SELECT ?", 2**70)], ids=["of SQLite", "too large"]
)
def test_an_error_becomes_ours_and_names_the_file(tmp_path: Path, statement: str, value: int | None) -> None:
    """However deep it is entered; another error stays what it was."""
    path = tmp_path / "log.sqlite"
    mapped = ErrorsAs(LogUnusable, path)
    with closing(sqlite3.connect(path)) as connection:
        with pytest.raises(LogUnusable, match=str(path)), mapped, mapped:
            connection.execute(statement, () if value is None else (value,))
        with pytest.raises(KeyError), mapped:
            raise KeyError
