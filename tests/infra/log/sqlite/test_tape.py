"""The tape in an SQLite file: what is acknowledged is there with its index rows, and nobody overtakes anybody."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent

from infra.errors import LogUnusable
from infra.log.acceptance import start
from infra.log.chain import Chain
from infra.log.control_append import ControlAppender
from infra.log.control_records import Orphan, Void, encode_dismissal, sign
from infra.log.errors import LogBroken, LogChanged, NewerLog, RecordsVoided, RecordUnreadable
from infra.log.format import Format, encode_body, seal
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import insert
from tests.infra.log.sqlite.rows import appends_in, index, rows

ANOTHER_HASH = bytes(range(32))

Open = Callable[[], PartitionHandle]


def happen(opened: PartitionHandle, dossier: UUID | None = None, version: int = 1) -> int:
    (position,) = insert(opened, [StoredEvent(dossier or uuid4(), version, "Happened", b"state")], None) or ()
    return int(position)


def signed_record(
    opened: PartitionHandle,
    number: int,
    position: int,
    *,
    previous: bytes = ANOTHER_HASH,
    events: int = 0,
    format_: int = Format.APPENDS,
    content: bytes | None = None,
) -> bytes:
    """A record that a writer of the log signed."""
    body = encode_body("writer", []) if content is None else content
    chain = (previous, number, position, events)
    return seal(opened.source.address.place, opened.source.keys.writer(), format_, chain, body)


def on_head(opened: PartitionHandle, content: bytes, *, format_: int = Format.APPENDS) -> bytes:
    """The same, built on the head."""
    state = opened.partition.state
    return signed_record(
        opened, state.number + 1, state.position, previous=state.head, format_=format_, content=content
    )


def append_control(opened: PartitionHandle, format_: Format, content: bytes) -> None:
    """As an operator's tool does, by headers alone."""
    source = opened.source
    client = source.follower()
    appender = ControlAppender(source.address.name, client, Chain(start(source.address.place), 0, lambda _number: None))
    tries = iter([True])
    appender.append(source.keys.writer(), format_, content, lambda _state: next(tries, False))
    client.close()


def write(path: Path, value: object, offset: int | None = None) -> int:
    """As a stranger does who may write the file; the offset."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return int(connection.execute("INSERT INTO records VALUES (?,?,0)", (offset, value)).lastrowid or 0)


def test_what_was_acknowledged_is_there_for_whoever_opens_it_next(open_log: Open, path: Path) -> None:
    """As a record and as rows of the index, after a commit that is on the disk."""
    opened, dossier = open_log(), uuid4()
    connection = opened.partition.client._connection  # type: ignore[attr-defined]
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert [happen(opened, dossier, version) for version in (1, 2)] == [1, 2]
    another = open_log()
    assert another.partition.indexed == 2
    assert another.partition.last_version(dossier.hex) == 2
    assert [position for position, _ in appends_in(path)] == [1, 2]
    assert [row[:3] for row in index(path)["stored_events"]] == [(1, dossier.hex, 1), (2, dossier.hex, 2)]


def test_a_lost_race_is_judged_anew_on_the_other_s_head(open_log: Open, path: Path) -> None:
    """Both know the head of before: the second one's append is not taken for what it was decided on."""
    one, two = open_log(), open_log()
    dossier = uuid4()
    assert happen(one, dossier) == 1
    assert happen(two, dossier, 2) == 2
    with pytest.raises(IntegrityError):
        happen(one, dossier, 2)
    assert happen(one, dossier, 3) == 3
    assert two.partition.indexed == 2
    two.refresh()
    assert two.partition.indexed == 3
    assert len(appends_in(path)) == len(rows(path, "SELECT 1 FROM records")) - 1 == 3


def test_who_looked_at_the_last_record_has_not_read_what_others_appended_behind_it(open_log: Open) -> None:
    """As every process looks when it begins: what it appends then is built on their records."""
    one, two = open_log(), open_log()
    happen(one)
    two.refresh()
    for _ in range(2):
        happen(one)
    with two.leading() as partition:
        last = partition.last_accepted()
    assert last is not None
    assert last.position == 1
    assert happen(two) == 4


def test_a_record_is_compared_and_inserted_at_once(open_log: Open, path: Path) -> None:
    """Once it is sent nobody else writes until it is committed or given up."""
    one, two = open_log(), open_log()
    client = one.partition.client
    pending = client.send(b"value")
    assert pending is not None
    with pytest.raises(LogUnusable, match="locked"):
        happen(two)
    assert rows(path, "SELECT value FROM records WHERE record_offset > 0") == []
    assert pending.result() == 1
    assert rows(path, "SELECT value FROM records WHERE record_offset > 0") == [(b"value",)]
    assert two.partition.client.send(b"another") is None
    assert rows(path, "SELECT value FROM records WHERE record_offset > 0") == [(b"value",)]


def test_an_append_that_fails_leaves_nothing(open_log: Open, path: Path) -> None:
    """On a full disk neither the record nor a row of the index is there, and it goes on once there is room."""
    opened = open_log()
    happen(opened)
    before = index(path)
    connection = opened.partition.client._connection  # type: ignore[attr-defined]
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(LogUnusable, match="full"):
        insert(opened, [StoredEvent(uuid4(), 1, "Happened", bytes(1 << 18))], None)
    assert not connection.in_transaction
    assert (index(path), len(appends_in(path))) == (before, 1)
    connection.execute("PRAGMA max_page_count = 1000000")
    assert happen(opened) == 2


def test_a_caller_that_is_interrupted_leaves_nothing_locked(open_log: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the insertion and its commit: what was begun is given up, and everybody goes on."""
    one, two = open_log(), open_log()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(one.partition, "prepare", interrupted)
        with pytest.raises(KeyboardInterrupt):
            happen(one)
    assert happen(two) == 1
    assert happen(one) == 2


def test_strangers_are_ignored_and_counted(open_log: Open, path: Path) -> None:
    """Whatever its type: a text, a number, bytes without a header of ours or not signed, a record that comes late."""
    opened = open_log()
    assert happen(opened) == 1
    late = signed_record(opened, 1, 1)
    for value in ("text", 7, b"", bytes(200), late[:-1] + b"!", late):
        write(path, value)
    assert happen(opened) == 2
    assert opened.partition.head.ignored == (1, 5, 0)
    assert open_log().partition.head == opened.partition.head


def test_an_orphan_stops_everybody_until_it_is_dismissed(open_log: Open, path: Path) -> None:
    one, two = open_log(), open_log()
    assert happen(one) == 1
    orphan = signed_record(one, 9, 9)
    offset = write(path, orphan)
    for opened in (one, two, open_log()):
        with pytest.raises(LogBroken, match=f"offset {offset} "):
            happen(opened)
    append_control(one, Format.DISMISSAL, encode_dismissal([Orphan(offset, sha256(orphan).digest())]))
    assert happen(two) == 2
    assert open_log().partition.state.orphans == {}


def test_a_newer_format_on_the_head_halts(open_log: Open, path: Path) -> None:
    opened = open_log()
    happen(opened)
    write(path, on_head(opened, b"newer", format_=0xFE))
    with pytest.raises(NewerLog):
        happen(opened)


def test_a_record_that_none_can_use_stops_all_until_it_is_void(open_log: Open, path: Path) -> None:
    """Those that run, and those that begin; the void is appended behind it, and everybody goes on, positions too."""
    one, two = open_log(), open_log()
    assert happen(one) == 1
    head = one.partition.state
    garbage = on_head(one, b"garbage")
    write(path, garbage)
    for opened in (one, two):
        with pytest.raises(RecordUnreadable):
            happen(opened)
    with pytest.raises(RecordUnreadable):
        open_log()
    keys = head.keys
    assert keys is not None
    digest = sha256(garbage).digest()
    void = Void(keys.identity, 0, head.number + 1, digest, digest, "garbage")
    void = void._replace(signatures=sign(void.message(), keys.roots, one.source.keys.folder.roots()))
    append_control(one, Format.VOID, void.encode())
    assert [happen(opened) for opened in (two, open_log(), one)] == [2, 3, 4]
    assert [position for position, _ in appends_in(path)] == [1, 2, 3, 4]


def test_a_void_over_what_was_taken_in_makes_the_index_anew(open_log: Open, path: Path) -> None:
    """Of the processes that have it open, too; the positions of what is void stay empty."""
    one, two = open_log(), open_log()
    dossier = uuid4()
    first = one.partition.state
    happen(one, dossier)
    record = one.partition.state
    happen(one, dossier, 2)
    two.refresh()
    keys, state = one.partition.state.keys, one.partition.state
    assert keys is not None
    void = Void(keys.identity, 0, record.number, record.head, state.head, "wrong")
    void = void._replace(signatures=sign(void.message(), keys.roots, one.source.keys.folder.roots()))
    append_control(one, Format.VOID, void.encode())
    assert first.number + 1 == record.number
    for opened in (two, one):
        # Whoever built on it is told, once.
        with pytest.raises(RecordsVoided):
            opened.refresh()
    assert happen(two, dossier) == 3
    one.refresh()
    assert happen(one, dossier, 2) == 4
    fresh = open_log()
    assert fresh.partition.head == one.partition.head._replace(state=fresh.partition.state)
    assert [row[:3] for row in index(path)["stored_events"]] == [(3, dossier.hex, 1), (4, dossier.hex, 2)]


def test_an_altered_record_is_found_by_what_was_built_on_it(open_log: Open, path: Path) -> None:
    """And the last one by whoever opens the log; one that was taken away, by everybody."""
    opened = open_log()
    for _ in range(3):
        happen(opened)
    opened.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE records SET value = CAST(value || x'00' AS BLOB) WHERE record_offset = 3")
    with pytest.raises(LogChanged, match="offset 3 is not the one"):
        open_log()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM records WHERE record_offset = 3")
    with pytest.raises(LogChanged, match="offset 3 is gone"):
        open_log()


def test_a_running_process_sees_that_the_end_was_cut(open_log: Open, path: Path) -> None:
    opened = open_log()
    for _ in range(2):
        happen(opened)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM records WHERE record_offset = 2")
    with pytest.raises(LogChanged, match="ends at offset 2"):
        happen(opened)


def test_processes_that_append_at_once_lose_nothing(path: Path, tmp_path: Path) -> None:
    """To one dossier, so that they race for each version; every acknowledged position holds what it was told."""
    shared = uuid4()
    processes = [_appender(path, tmp_path / f"acknowledged-{number}", 60, shared.hex) for number in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    acknowledged = sorted(line for number in range(3) for line in _acknowledged(tmp_path / f"acknowledged-{number}"))
    assert acknowledged == [(number, shared.hex, number) for number in range(1, 181)]
    assert _events(path) == acknowledged


def test_a_process_that_is_killed_takes_nothing_with_it(path: Path, tmp_path: Path) -> None:
    """At any moment, many times: what was acknowledged is there once, and the next one goes on at once."""
    for number in range(4):
        process = _appender(path, tmp_path / f"acknowledged-{number}", 100_000, "")
        file = tmp_path / f"acknowledged-{number}"
        while not file.exists() or file.stat().st_size < 2000:
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    events = _events(path)
    assert [position for position, _, _ in events] == list(range(1, len(events) + 1))
    acknowledged = [line for number in range(4) for line in _acknowledged(tmp_path / f"acknowledged-{number}")]
    assert set(acknowledged) <= set(events)
    assert len(events) - len(acknowledged) <= 4


def _appender(path: Path, acknowledged: Path, count: int, shared: str) -> subprocess.Popen[bytes]:
    words = [str(path), str(acknowledged), str(count), shared]
    return subprocess.Popen([sys.executable, "-m", "tests.infra.log.sqlite.appending", *words])


def _acknowledged(file: Path) -> list[tuple[int, str, int]]:
    return [
        (int(position), dossier, int(version))
        for position, dossier, version in map(str.split, file.read_text().splitlines())
    ]


def _events(path: Path) -> list[tuple[int, str, int]]:
    """Position, dossier and version of every event, by the records; the index must say the same."""
    found = [
        (position + place, event[0], event[1])
        for position, append in appends_in(path)
        for place, event in enumerate(append.events)
    ]
    assert [row[:3] for row in index(path)["stored_events"]] == found
    return found
