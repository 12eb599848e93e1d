"""Rows of one projection during one batch: read when needed, changed in memory, stored once at its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from projections.engine.ports import Reader, Writer
from projections.engine.table import Key, Row, Table

DOSSIER_KEY = ("dossier_id",)
"""The key of a table with one row per dossier: such rows are read ahead, a whole batch in one query."""

_UNREAD: Row = {}
"""In place of a row that was never looked up."""


class RowCache:
    """A write-back cache over a snapshot. Nothing is stored before `flush`.

    A row that was read may be changed in place, and must then be upserted. What a handler changed since `begin` can be
    undone by `undo`.
    """

    def __init__(self, reader: Reader, physical: Mapping[Table, str]) -> None:
        self._reader = reader
        self._physical = physical
        self._cached: dict[Table, dict[Key, Row | None]] = {table: {} for table in physical}
        self._changed: dict[Table, dict[Key, Row]] = {table: {} for table in physical}
        self._stored: dict[Table, set[Key]] = {table: set() for table in physical}
        """Keys that were found in the store."""
        self._journal: list[tuple[Table, Key, Row | None, bool]] = []

    def read_ahead(self, dossiers: Sequence[str]) -> None:
        """Read the rows that these dossiers have in tables with one row per dossier."""
        for table, physical in self._physical.items():
            if table.key == DOSSIER_KEY:
                cached = self._cached[table]
                cached.update(dict.fromkeys(dossiers))
                found = {row["dossier_id"]: row for row in self._reader.select_by(physical, "dossier_id", dossiers)}
                cached.update(found)
                self._stored[table].update(found)

    def begin(self) -> None:
        """Start a unit of changes that `undo` takes back."""
        self._journal.clear()

    def undo(self) -> None:
        """Take back every change since `begin`."""
        for table, key, row, changed in reversed(self._journal):
            if row is _UNREAD:
                del self._cached[table][key]
            else:
                self._cached[table][key] = row
            if changed and row is not None:
                self._changed[table][key] = row
            else:
                self._changed[table].pop(key, None)
        self._journal.clear()

    def get(self, table: Table, key: Key) -> Row | None:
        """The row of a key (a value, or a tuple for a key of several columns), or None."""
        row = self._look_up(table, key)
        if row is not None:
            # The handler may change it in place: this copy is what it was.
            self._journal.append((table, key, row.copy(), key in self._changed[table]))
        return row

    def require(self, table: Table, key: Key) -> Row:
        """The row of a key that an earlier event must have made. LookupError if it did not."""
        row = self.get(table, key)
        if row is None:
            raise LookupError(f"{table.name} has no row {key}")
        return row

    def upsert_row(self, table: Table, row: Row) -> None:
        """Insert or replace a row. KeyError unless it holds every column and no other."""
        key = table.key_of(row)
        cached, changed = self._cached[table], self._changed[table]
        before = cached.get(key, _UNREAD)
        # A row that was got had the right columns then: it has too many or too few if it has not as many as they.
        if len(row) != len(table.columns) or (before is not row and row.keys() != table.columns.keys()):
            raise KeyError(f"{table.name}: {sorted(row.keys() ^ table.columns.keys())}")
        if before is not row:
            self._journal.append((table, key, before, key in changed))
        cached[key] = changed[key] = row

    def changes(self) -> Iterator[tuple[Table, Key, Row | None, Row]]:
        """Every row that differs from the stored one: table, key, row before (None: there was none), row now."""
        for table, changed in self._changed.items():
            for key, row in changed.items():
                found = self._reader.select(table.by_key(self._physical[table]), _parameters(key))
                before = found[0] if found else None
                if before != row:
                    yield table, key, before, row

    def flush(self, writer: Writer) -> None:
        """Store every changed row."""
        for table, changed in self._changed.items():
            # In the order of the key: neighbours in the index are then written together.
            ordered = sorted(changed, key=_parameters)
            stored = self._stored[table]
            for new in (True, False):
                rows = [table.values_of(changed[key]) for key in ordered if (key not in stored) is new]
                if rows:
                    writer.upsert(table, self._physical[table], rows, new=new)

    def _look_up(self, table: Table, key: Key) -> Row | None:
        cached = self._cached[table]
        if key in cached:
            return cached[key]
        found = self._reader.select(table.by_key(self._physical[table]), _parameters(key))
        row = cached[key] = found[0] if found else None
        if found:
            self._stored[table].add(key)
        return row


def _parameters(key: Key) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)
