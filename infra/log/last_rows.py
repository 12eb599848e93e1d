"""A look at an index before it is served: whether its last rows are those that the log's last record led to.

It costs one record, whatever the size of the log. `dossier doctor --whole` compares all the others.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from infra.log.errors import IndexAltered, IndexUnusable
from infra.log.index import Applied, file_error
from infra.sqlite_file import open_read_only

_SELECT_ROWS: Final = (
    "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events "
    "WHERE rowid BETWEEN ? AND ? ORDER BY rowid"
)
_SELECT_END: Final = (
    "SELECT MAX(rowid), (SELECT position - 1 FROM head), (SELECT MAX(last_position) FROM voids) FROM stored_events"
)


def mark_of(path: Path) -> Path:
    """The file that stands beside an index once it was found to differ from the log."""
    return path.with_name(path.name + ".altered")


def check_mark(path: Path) -> None:
    """Raises IndexAltered for an index that `dossier doctor` has found to differ from the log, IndexUnusable."""
    try:
        found = json.loads(mark_of(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise IndexUnusable(log=str(path), reason=str(error)) from error
    raise IndexAltered(log=str(path), position=found["position"])


def check_last_rows(path: Path, last: Applied | None) -> None:
    """Compare the rows of the last record of appends, and where the rows end, with what they should be.

    Raises IndexAltered, also for an index that `dossier doctor` has named; IndexUnusable.
    """
    check_mark(path)
    try:
        with closing(open_read_only(path)) as connection:
            end, position, void = connection.execute(_SELECT_END).fetchone()
            # A void at the end leaves its positions empty.
            if position is not None and (end or 0) != position and (void or 0) < position:
                raise IndexAltered(log=str(path), position=min(end or 0, position) + 1)
            events = [event for append in last.appends for event in append.events] if last is not None else []
            if last is None or not events:
                return
            expected = [(at, *event) for at, event in enumerate(events, start=last.position)]
            found = connection.execute(_SELECT_ROWS, (expected[0][0], expected[-1][0])).fetchall()
    except sqlite3.Error as error:
        raise file_error(path, error, IndexUnusable) from error
    if found != expected:
        first = next((row[0] for row, other in zip(expected, found, strict=False) if row != other), None)
        raise IndexAltered(log=str(path), position=first or expected[len(found)][0])
