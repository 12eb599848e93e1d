"""The doctor on an embedded log: its file, its events, its read models, its disk and its clock."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.diagnosis.events import look_at_events
from infra.diagnosis.findings import MomentWrong, OwnIndexDiffers, PositionsMissing
from infra.diagnosis.machine import look_at_clock, look_at_disks, look_at_halts
from infra.diagnosis.moments import doubtful
from infra.diagnosis.read_models import look_at_read_models
from infra.diagnosis.report import Report
from infra.errors import LogUnusable
from infra.log.sqlite.whole import compare_index
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
    disks (folder → free megabytes); clock; halted (processes); doubtful_moments (with `whole`).
    """
    report = Report({"log": str(path)})
    log = application.sqlite_log
    head = log.head(_PARTITION)
    report.facts["partitions"] = [{"partition": _PARTITION, "position": head}]
    with report.taking():
        _look_at_file(report, path, head, log.empty_positions(_PARTITION), whole=whole)
    _look_at_last(report, application, head)
    if whole:
        with report.taking(partition=_PARTITION):
            _look_at_index(report, application, path)
        with report.taking(partition=_PARTITION):
            look_at_events(report, application, _PARTITION)
    projected = look_at_read_models(report, application, {_PARTITION: head}, whole=whole)
    look_at_disks(report, _folders(application, path), application.settings.free_disk)
    with report.taking():
        look_at_halts(report, application, {}, projected=projected)
    return report


def _look_at_file(report: Report, path: Path, head: int, empty: EmptyPositions, *, whole: bool) -> None:
    """Whether positions are dense but for empty ones, and with `whole` whether the pages of the file fit together."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            missing = _missing(connection, head, empty)
            if missing is not None:
                first, last = missing
                report.add(PositionsMissing(first=first, last=last), partition=_PARTITION, position=first)
            (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone() if whole else ("ok",)
    except sqlite3.Error as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
    if damage != "ok":
        raise LogUnusable(log=str(path), reason=damage)


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


def _look_at_index(report: Report, application: Application, path: Path) -> None:
    """Read every record by the rule, and compare the index with what they lead to."""
    difference = compare_index(application.sqlite_log.source(_PARTITION))
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
        report.add(MomentWrong(recorded=last.isoformat(), known=now.isoformat()), partition=_PARTITION, position=head)
    look_at_clock(report, now, None)


def _folders(application: Application, path: Path) -> list[Path]:
    views = application.settings.views
    return [path.parent, *([views.parent] if isinstance(views, Path) else [])]
