"""Rows of one projection during one batch: read when needed, changed in memory, stored once at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projections.ports import Writer
from projections.table import Key, Row, Table


class Rows:
    """A write-back cache over a transaction. Nothing is stored before `flush`.

    A row that was got may be changed in place, and must then be put.
    """

    def __init__(self, store: Writer, physical: Mapping[Table, str]) -> None:
        self._store = store
        self._physical = physical
        self._cached: dict[Table, dict[Key, Row | None]] = {table: {} for table in physical}
        self._changed: dict[Table, dict[Key, Row]] = {table: {} for table in physical}

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
        self._cached[table][key] = self._changed[table][key] = row

    def flush(self) -> None:
        """Store every changed row. KeyError for a row that lacks a column."""
        for table, changed in self._changed.items():
            if changed:
                # In the order of the key: neighbours in the index are then written together.
                rows = [table.values_of(changed[key]) for key in sorted(changed, key=_parameters)]
                self._store.executemany(table.upsert(self._physical[table]), rows)
                changed.clear()


def _parameters(key: Key) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)
