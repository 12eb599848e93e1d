"""What a log says of itself up to a position: one answer for ever, another one for every other log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from consumers.commands.ports import CommandKey, CommandOutcome
from infra.log.acceptance import VoidRange
from infra.log.events import IndexedEvents
from infra.log.indexed_log import history_of
from infra.log.sqlite.log import SQLiteLog
from infra.log.sqlite.source import SQLiteSource


def happen(log: SQLiteLog, events: int) -> None:
    """One record with so many events; one of a refusal where there are none."""
    dossier = uuid4()
    stored = [StoredEvent(dossier, version, "Happened", b"state") for version in range(1, events + 1)]
    log.append(0, log.head(0), [CommandOutcome(CommandKey(dossier.bytes[:6], uuid4()), bytes(32), "{}", stored)])


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SQLiteLog]:
    made = SQLiteLog(SQLiteSource(tmp_path / "log.sqlite"))
    yield made
    made.close()


def hashes(log: SQLiteLog) -> list[bytes]:
    """The hash of each accepted record, by a second hand."""
    with closing(sqlite3.connect(log.source(0).index_path)) as connection:
        return [found for (found,) in connection.execute("SELECT hash FROM accepted_records ORDER BY number")]


def test_it_is_the_hash_of_the_record_that_holds_the_event_while_the_log_grows(log: SQLiteLog) -> None:
    """Refusals and other records without events stand between: they are covered by what comes behind them."""
    said: dict[int, bytes | None] = {}
    for events in (3, 0, 1, 0, 0, 2, 1, 0):
        happen(log, events)
        for position in range(1, log.head(0) + 1):
            assert said.setdefault(position, log.history(0, position)) == log.history(0, position)
    genesis, first, _, second, _, _, third, fourth, _ = hashes(log)
    assert genesis not in said.values()
    assert [said[position] for position in sorted(said)] == [first, first, first, second, third, third, fourth]


def test_there_is_none_beyond_the_end(log: SQLiteLog) -> None:
    assert log.history(0, 1) is None
    happen(log, 2)
    assert log.history(0, 2) is not None
    assert log.history(0, 3) is None


def test_what_another_process_has_appended_is_seen(log: SQLiteLog) -> None:
    happen(log, 1)
    with closing(SQLiteLog(SQLiteSource(log.source(0).index_path))) as other:
        happen(other, 1)
        assert log.history(0, 2) == other.history(0, 2) is not None


def test_its_cost_grows_with_the_logarithm_of_the_log(log: SQLiteLog) -> None:
    for _ in range(130):
        happen(log, 1)
    asked: list[str] = []
    datastore = log.opened(0).datastore
    with datastore.transaction(commit=False) as cursor:
        cursor.sqlite_cursor.connection.set_trace_callback(asked.append)
    log.history(0, 77)
    lookups = [statement for statement in asked if "FROM accepted_records WHERE number" in statement]
    assert 0 < len(lookups) <= 8


def test_voids_up_to_there_are_part_of_it_however_often_they_are_said(log: SQLiteLog) -> None:
    """A void comes behind the records that it empties, which keep their hashes."""
    for _ in range(6):
        happen(log, 1)
    events, state = IndexedEvents(log.opened(0).datastore), log.state(0).state
    whole = history_of(events, state, 5)

    def said(position: int, *voids: tuple[int, int]) -> bytes | None:
        ranges = tuple(VoidRange(first, last, first, last) for first, last in voids)
        return history_of(events, state._replace(voids=ranges), position)

    assert said(5) == said(5, (6, 6)) == said(5, (3, 2)) == whole
    assert said(5, (2, 3)) != whole
    assert said(5, (2, 3)) == said(5, (2, 2), (3, 3)) == said(5, (3, 3), (2, 3), (6, 6))
    assert said(5, (2, 3)) != said(5, (2, 4))
    assert said(1, (2, 3)) == history_of(events, state, 1)
    assert said(6, (6, 6)) is None
