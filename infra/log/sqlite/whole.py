"""The whole of an embedded log: its index compared, row by row, with what the records lead to, or made anew."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.errors import LogUnusable
from infra.log.errors import LogChanged
from infra.log.full_scan import check_whole
from infra.log.index import Index, file_error
from infra.log.index_comparison import IndexDifference, fill_anew, first_difference
from infra.log.last_rows import mark_of
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.index import forget_tables
from infra.log.sqlite.source import SQLiteSource


def compare_index(source: SQLiteSource) -> tuple[IndexDifference | None, LogUnusable | None]:
    """The first difference between the index of a log and what its records lead to; None where there is none.

    Every record is judged and decoded again, as far as the log is whole. The second value is the error for an accepted
    record that cannot be used. Raises LogUnusable.
    """
    with _made_anew(source) as (made, _, wrong):
        return first_difference(source.file, made), wrong


def reindex(source: SQLiteSource) -> int:
    """Make the index of a log anew from its records; its last position. Others who have it open find that out.

    Raises LogChanged where the index knows records that are gone, for then it may be the last copy; LogBroken,
    RecordsUnsigned, RecordUnreadable, NewerLog, LogUnusable.
    """
    path = source.index_path
    unsigned = check_whole(source)
    if unsigned is not None:
        raise unsigned.error
    with _made_anew(source) as (_, index, wrong):
        if wrong is not None:
            raise wrong
        made = index.head()
        number = made.state.number if made is not None else 0
        try:
            with closing(source.connect()) as connection:
                (known,) = connection.execute("SELECT MAX(number) FROM accepted_records").fetchone()
                if known is not None and known > number:
                    reason = f"its records end at number {number}, and {known} had been read"
                    raise LogChanged(log=str(path), reason=reason, index=str(path))
                forget_tables(connection)
            mark_of(path).unlink(missing_ok=True)
        except sqlite3.Error as error:
            raise file_error(path, error) from error
    opened = PartitionHandle(SQLiteSource(path))
    opened.close()
    return opened.partition.indexed


@contextmanager
def _made_anew(source: SQLiteSource) -> Iterator[tuple[Path, Index, LogUnusable | None]]:
    """An index that is made from the records alone, in a file that is gone afterwards.

    It stands beside the log, where there is room for it, unless nothing can be written there.
    """
    path = source.index_path
    beside = path.parent if os.access(path.parent, os.W_OK | os.X_OK) else None
    with TemporaryDirectory(prefix=f"{path.name}-", dir=beside) as folder:
        made = Path(folder) / "index.sqlite"
        tape, index = SQLiteSource(made).open()
        with closing(tape), closing(index), closing(source.follower()) as client:
            yield made, index, fill_anew(source.address, client, index)
