"""A store that fails in the middle of a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from projections.engine.ports import Views, Writer
from projections.engine.table import Table, Value


class BrokenViews:
    """A store whose transaction fails at the n-th write of rows, as a killed process leaves it."""

    def __init__(self, views: Views, fails_at: int) -> None:
        self.views, self.left = views, fails_at
        self.reading, self.exclusive_transaction, self.drop = views.reading, views.exclusive_transaction, views.drop

    @contextmanager
    def transaction(self) -> Iterator[Writer]:
        with self.views.transaction() as writer:
            yield _BrokenWriter(self, writer)


class _BrokenWriter:
    def __init__(self, owner: BrokenViews, writer: Writer) -> None:
        self.owner, self.writer = owner, writer
        self.select, self.select_by, self.stream = writer.select, writer.select_by, writer.stream
        self.has_table, self.pin, self.execute = writer.has_table, writer.pin, writer.execute
        self.create, self.index = writer.create, writer.index

    def upsert(self, table: Table, physical: str, rows: Sequence[tuple[Value, ...]], *, new: bool = False) -> None:
        self.owner.left -= 1
        if self.owner.left < 0:
            raise KeyboardInterrupt
        self.writer.upsert(table, physical, rows, new=new)
