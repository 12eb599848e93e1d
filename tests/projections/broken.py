"""A store that fails in the middle of a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from infra.views.sqlite import SQLiteViews
from projections.ports import Writer
from projections.table import Value


class BrokenViews:
    """A store whose transaction fails at the n-th write of rows, as a killed process leaves it."""

    def __init__(self, views: SQLiteViews, fails_at: int) -> None:
        self.views, self.left = views, fails_at
        self.reading = views.reading

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        with self.views.writing() as writer:
            yield _BrokenWriter(self, writer)


class _BrokenWriter:
    def __init__(self, owner: BrokenViews, writer: Writer) -> None:
        self.owner, self.writer = owner, writer
        self.select, self.has_table, self.execute = writer.select, writer.has_table, writer.execute

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self.owner.left -= 1
        if self.owner.left < 0:
            raise KeyboardInterrupt
        self.writer.executemany(sql, rows)
