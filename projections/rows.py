"""Rows of one projection during one batch: read when needed, changed in memory, stored once at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projections.ports import Writer
from projections.table import Key, Row, Table, Value


class Rows:
    """A write-back cache over a transaction. Nothing is stored before `flush`.

    A row that was got may be changed in place, and must then be put.
    """

    def __init__(self, store: Writer, physical: Mapping[Table, str]) -> None:
        self._store = store
        self._physical = physical
        self._cached: dict[Table, dict[Key, Row | None]] = {table: {} for table in physical}
        self._changed: dict[Table, set[Key]] = {table: set() for table in physical}

    def get(self, table: Table, key: Key) -> Row | None:
        """The row of a key (a value, or a tuple for a key of several columns), or None."""
        cached = self._cached[table]
        if key in cached:
            return cached[key]
        found = self._store.select(table.by_key(self._physical[table]), _parameters(key))
        row = cached[key] = found[0] if found else None
        return row

    def need(self, table: Table, key: Key) -> Row:
        """The row of a key that an earlier event must have made. LookupError if it did not."""
        row = self.get(table, key)
        if row is None:
            raise LookupError(f"{table.name} has no row {key}")
        return row

    def put(self, table: Table, row: Row) -> None:
        """Make or replace a row. It must hold every column."""
        key = table.key_of(row)
        self._cached[table][key] = row
        self._changed[table].add(key)

    def delete(self, table: Table, key: Key) -> None:
        """Delete the row of a key, if there is one."""
        self._cached[table][key] = None
        self._changed[table].add(key)

    def scan(self, table: Table, **values: Value) -> list[Row]:
        """The rows that have these values in these columns, with what this batch changed; in the order of the key."""
        stored = self._store.select(table.by(self._physical[table], tuple(values)), tuple(values.values()))
        cached = self._cached[table]
        for row in stored:
            cached.setdefault(table.key_of(row), row)
        kept = [row for row in cached.values() if row and all(row[name] == values[name] for name in values)]
        return sorted(kept, key=lambda row: [row[name] for name in table.key])

    def flush(self) -> None:
        """Store every changed row. TypeError or KeyError for a row that does not fit its table."""
        for table, changed in self._changed.items():
            cached = self._cached[table]
            kept, gone = [], []
            # In the order of the key: neighbours in the index are then written together.
            for key in sorted(changed, key=_parameters):
                row = cached[key]
                if row is None:
                    gone.append(_parameters(key))
                else:
                    kept.append(table.values_of(row))
            self._store.executemany(table.upsert(self._physical[table]), kept)
            self._store.executemany(table.remove(self._physical[table]), gone)
            changed.clear()


def _parameters(key: Key) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)
