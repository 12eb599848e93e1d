"""The whole of an embedded log: its index compared, row by row, with what the records lead to, or made anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.errors import LogUnusable
from infra.log.errors import LogChanged
from infra.log.index_comparison import IndexDifference, first_difference
from infra.log.partition import Partition
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.index import forget_tables
from infra.log.sqlite.source import SQLiteSource


def compare_index(source: SQLiteSource) -> IndexDifference | None:
    """The first difference between the index of a log and what its records lead to; None where there is none.

    Every record is judged and decoded again. Raises LogBroken, RecordUnreadable, NewerLog, LogUnusable.
    """
    with _made_anew(source) as (made, _):
        return first_difference(source.index_path, made)


def reindex(source: SQLiteSource) -> int:
    """Make the index of a log anew from its records; its last position. Others who have it open find that out.

    Raises LogChanged where the index knows records that are gone, for then it may be the last copy; LogBroken,
    RecordUnreadable, NewerLog, LogUnusable.
    """
    path = source.index_path
    with _made_anew(source) as (_, partition):
        try:
            with closing(source.connect()) as connection:
                (known,) = connection.execute("SELECT MAX(number) FROM accepted_records").fetchone()
                if known is not None and known > partition.state.number:
                    reason = f"its records end at number {partition.state.number}, and {known} had been read"
                    raise LogChanged(log=str(path), reason=reason, index=str(path))
                forget_tables(connection)
        except sqlite3.Error as error:
            raise LogUnusable(log=str(path), reason=str(error)) from error
    opened = PartitionHandle(SQLiteSource(path))
    opened.close()
    return opened.partition.indexed


@contextmanager
def _made_anew(source: SQLiteSource) -> Iterator[tuple[Path, Partition]]:
    """An index that is made from the records alone, in a file beside the log that is gone afterwards."""
    path = source.index_path
    with TemporaryDirectory(prefix=f"{path.name}-", dir=path.parent) as folder, ExitStack() as stack:
        made = Path(folder) / "index.sqlite"
        tape, index = SQLiteSource(made).open()
        stack.callback(tape.close)
        stack.callback(index.close)
        client = source.follower()
        stack.callback(client.close)
        partition = Partition(source.address, client, index)
        partition.check_whole()
        yield made, partition
