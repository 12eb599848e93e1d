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
from infra.diagnosis.machine import look_at_clock, look_at_disks, look_at_halts
from infra.diagnosis.marks import mark_index
from infra.diagnosis.moments import doubtful
from infra.diagnosis.read_models import look_at_read_models
from infra.diagnosis.report import Report
from infra.errors import LogMissing, LogUnusable
from infra.log.sqlite.source import SQLiteSource
from infra.log.sqlite.whole import compare_index
from schemas.avro.codec import decode_event

if TYPE_CHECKING:
    from infra.bootstrap import Application

_PARTITION: Final = 0
_FIRST_MISSING: Final = (
    "SELECT e.rowid + 1, (SELECT MIN(n.rowid) - 1 FROM stored_events n WHERE n.rowid > e.rowid) "
    "FROM (SELECT 0 AS rowid UNION ALL SELECT rowid FROM stored_events) e "
    "WHERE NOT EXISTS (SELECT 1 FROM stored_events n WHERE n.rowid = e.rowid + 1) "
    "AND NOT EXISTS (SELECT 1 FROM voids v WHERE e.rowid + 1 BETWEEN v.first_position AND v.last_position) "
    "ORDER BY e.rowid LIMIT 1"
)


def diagnose_embedded(application: Application, path: Path, *, whole: bool = False) -> Report:
    """Everything about an embedded log; `whole`: every event and every page of the file is read. Raises LogMissing.

    facts: log; partitions (of its one partition: number and last position); behind (read model → partition → events);
    disks (folder → free megabytes); clock; halted (processes); doubtful_moments (with `whole`).
    """
    report = Report({"log": str(path), "partitions": []})
    heads: dict[int, int] = {}
    try:
        heads[_PARTITION] = head = application.sqlite_log.head(_PARTITION)
    except LogMissing:
        raise
    except InfrastructureError as error:
        report.add(error, partition=_PARTITION)
    else:
        report.facts["partitions"].append({"partition": _PARTITION, "position": head})
        with report.taking(partition=_PARTITION):
            _look_at_file(report, application, path)
        _look_at_last(report, application, head)
    if whole:
        with report.taking(partition=_PARTITION):
            _look_at_whole(report, path)
    projected = False
    if heads:
        if whole:
            with report.taking(partition=_PARTITION):
                look_at_events(report, application, _PARTITION)
        projected = look_at_read_models(report, application, heads, whole=whole)
    look_at_clock(report, application.clock(), None)
    look_at_disks(report, _folders(application, path), application.settings.free_disk)
    with report.taking():
        look_at_halts(report, application, {}, projected=projected)
    return report


def _look_at_file(report: Report, application: Application, path: Path) -> None:
    """Whether the rows of the index are all there."""
    state = application.sqlite_log.state(_PARTITION).state
    empty = sum(void.last_position - void.first_position + 1 for void in state.voids)
    head = state.position - 1
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT COUNT(*) FROM stored_events WHERE rowid <= ?", (head,)).fetchone()
            if count != head - empty:
                first, last = connection.execute(_FIRST_MISSING).fetchone()
                missing = PositionsMissing(first=first, last=head if last is None else last)
                report.add(missing, partition=_PARTITION, position=first)
    except sqlite3.Error as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error


def _look_at_whole(report: Report, path: Path) -> None:
    """Whether the pages of the file fit together, the tape follows its rule, and the index is what it leads to."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
    if damage != "ok":
        raise LogUnusable(log=str(path), reason=damage)
    difference = compare_index(SQLiteSource(path))
    mark_index(path, difference.position if difference is not None else None)
    if difference is not None:
        wrong = OwnIndexDiffers(index=str(path), what=difference.what)
        report.add(wrong, partition=_PARTITION, position=difference.position)


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
