"""The doctor on an embedded log: its file, its events, its read models, its disk and its clock."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from consumers.commands.recording_clock import shown
from domain.errors import InfrastructureError
from infra.diagnosis.events import look_at_events
from infra.diagnosis.findings import MomentWrong, OwnIndexDiffers, PositionsMissing
from infra.diagnosis.machine import WorkDone, look_at_clock, look_at_disks, look_at_halts
from infra.diagnosis.marks import mark_index
from infra.diagnosis.moments import doubtful
from infra.diagnosis.read_models import look_at_read_models
from infra.diagnosis.report import Report
from infra.diagnosis.stream import look_at_stream
from infra.diagnosis.writer_key import look_at_writer_key
from infra.errors import LogMissing, LogUnusable
from infra.log.full_scan import check_whole
from infra.log.index import file_error
from infra.log.sqlite.index import tables_of
from infra.log.sqlite.reading import ReadOnlySource
from infra.log.sqlite.whole import compare_index
from infra.sqlite_file import open_read_only
from projections.engine.empty_positions import EmptyPositions, next_position
from schemas.avro.codec import decode_event

if TYPE_CHECKING:
    from infra.bootstrap import Application

_PARTITION: Final = 0
_COUNT: Final = "SELECT COUNT(*) FROM stored_events WHERE rowid <= ?"
_POSITIONS: Final = "SELECT rowid FROM stored_events WHERE rowid <= ? ORDER BY rowid"


def diagnose_embedded(application: Application, path: Path, *, whole: bool = False) -> Report:
    """Everything about an embedded log; `whole`: every event and every page of the file is read. Raises LogMissing.

    facts: log; partitions (of its one partition: number and last position); behind (read model → partition → events);
    stream (open transactions in the topic of the public decisions, where that is known); disks (folder → free
    megabytes); clock; halted (processes); doubtful_moments (with `whole`).
    """
    report = Report({"log": str(path), "partitions": []})
    bad = _look_at_whole(report, application, path) if whole and path.exists() else None
    try:
        _look_at_what_is_made(report, application, path, whole=whole, keep=bad is None)
    finally:
        # Only now: until here the doctor reads on.
        if bad is not None:
            with report.taking(partition=_PARTITION):
                mark_index(path, bad)
    look_at_stream(report, application)
    look_at_clock(report, application.clock(), None)
    look_at_disks(report, _folders(application, path), application.settings.free_disk)
    return report


def _look_at_what_is_made(report: Report, application: Application, path: Path, *, whole: bool, keep: bool) -> None:
    """Index, events and read models; `keep`: see `look_at_read_models`. Raises LogMissing."""
    heads: dict[int, int] = {}
    try:
        heads[_PARTITION] = head = application.sqlite_reader.head(_PARTITION)
    except LogMissing:
        raise
    except InfrastructureError as error:
        report.add(error, partition=_PARTITION)
    else:
        report.facts["partitions"].append({"partition": _PARTITION, "position": head})
        with report.taking(partition=_PARTITION):
            _look_at_file(report, application, path)
        _look_at_last(report, application, head)
        look_at_writer_key(report, application.read_only_source, application.sqlite_reader.state(_PARTITION).state)
    projected = False
    if heads:
        if whole:
            with report.taking(partition=_PARTITION):
                look_at_events(report, application, _PARTITION)
        projected = look_at_read_models(report, application, heads, whole=whole, keep=keep)
    with report.taking():
        look_at_halts(report, application, WorkDone(projected=projected))


def _look_at_file(report: Report, application: Application, path: Path) -> None:
    """Whether the rows of the index are all there."""
    log = application.sqlite_reader
    head, empty = log.head(_PARTITION), log.empty_positions(_PARTITION)
    try:
        with closing(open_read_only(log.opened(_PARTITION).index.path)) as connection:
            missing = _missing(connection, head, empty)
    except sqlite3.Error as error:
        raise file_error(path, error) from error
    if missing is not None:
        first, last = missing
        report.add(PositionsMissing(first=first, last=last), partition=_PARTITION, position=first)


def _missing(connection: sqlite3.Connection, head: int, empty: EmptyPositions) -> tuple[int, int] | None:
    """The first and the last of the first positions that lack their events; None where all have theirs."""
    (count,) = connection.execute(_COUNT, (head,)).fetchone()
    if not empty and count == head:
        return None
    expected = next_position(0, empty)
    for (position,) in connection.execute(_POSITIONS, (head,)):
        if position != expected:
            return expected, position - 1
        expected = next_position(position, empty)
    return (expected, head) if expected <= head else None


def _look_at_whole(report: Report, application: Application, path: Path) -> int | None:
    """Whether the pages of the file fit together, the tape follows its rule, and the index is what it leads to.

    Returns the first position from which on log and index do not agree; where they do, no mark is left.
    """
    bad: list[int] = []
    with report.taking(partition=_PARTITION):
        source = application.read_only_source
        if not _has_records(source):
            # Who opens it says why.
            return None
        with report.taking(partition=_PARTITION):
            unsigned = check_whole(source)
            if unsigned is not None:
                report.add(unsigned.error, partition=_PARTITION)
                bad.append(unsigned.position)
        difference, unusable = compare_index(source)
        if unusable is not None:
            report.add(unusable, partition=_PARTITION)
        if difference is not None:
            wrong = OwnIndexDiffers(index=str(path), what=difference.what)
            report.add(wrong, partition=_PARTITION, position=difference.position)
            bad.append(difference.position)
        if not bad:
            mark_index(path, None)
    return min(bad, default=None)


def _has_records(source: ReadOnlySource) -> bool:
    """Whether the file has a tape. Raises LogUnusable where its pages do not fit together."""
    path = source.index_path
    try:
        source.check_beside()
        with closing(open_read_only(source.readable(), timeout=source.lock_seconds)) as connection:
            (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            has_records = "records" in tables_of(connection)
    except sqlite3.Error as error:
        raise file_error(path, error) from error
    if damage != "ok":
        raise LogUnusable(log=str(path), reason=damage)
    return has_records


def _look_at_last(report: Report, application: Application, head: int) -> None:
    """The last recorded moment, by which the next fact's is judged."""
    now, last = application.clock(), None
    with report.taking(partition=_PARTITION, position=head):
        for event in application.log.read(_PARTITION, head - 1, 1) if head else ():
            last = decode_event(event).timestamp
    if last is not None and doubtful([last], now):
        report.add(MomentWrong(recorded=shown(last), known=shown(now)), partition=_PARTITION, position=head)


def _folders(application: Application, path: Path) -> list[Path]:
    views = application.settings.views
    return [path.parent, *([views.parent] if isinstance(views, Path) else [])]
