"""The shape of a read model's table, and the SQL that SQLite and PostgreSQL understand alike.

Rows are plain dicts of what the database holds: text, whole numbers and None. Days are ISO text, moments ISO text
in UTC to the microsecond, JSON is canonical text, truth is 0 or 1. So two databases, and two builds, can be
compared as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from operator import itemgetter
from typing import Any

import orjson

Value = str | int | None
Row = dict[str, Any]
Key = Value | tuple[Value, ...]
"""The value of a key of one column, or the tuple of the values of several."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    TRUTH = "truth"
    JSON = "json"


_SQL_TYPES = {Kind.INTEGER: "BIGINT", Kind.TRUTH: "BIGINT"}
"""Everything else is text."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table by its logical name. `key` names the columns of the primary key; each index is a tuple of columns."""

    name: str
    columns: Mapping[str, Kind]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def key_of(self) -> Callable[[Row], Key]:
        """The key of a row: a value where one column makes the key, else a tuple."""
        return itemgetter(*self.key)

    @cached_property
    def values_of(self) -> Callable[[Row], tuple[Value, ...]]:
        """A row's values in the order of the columns. KeyError where the row lacks a column."""
        if len(self.columns) == 1:
            (only,) = self.columns
            return lambda row: (row[only],)
        return itemgetter(*self.columns)

    def blank(self, **values: Value) -> Row:
        """A row with these values and None in every other column."""
        return dict.fromkeys(self.columns) | values

    def readable(self, row: Row) -> Row:
        """A row as a query answers it: JSON parsed, 0 and 1 as False and True."""
        answer = dict(row)
        for column, kind in self.columns.items():
            if answer[column] is not None:
                if kind is Kind.JSON:
                    answer[column] = json.loads(answer[column])
                elif kind is Kind.TRUTH:
                    answer[column] = bool(answer[column])
        return answer

    def create(self, physical: str, *, text: str = "TEXT") -> str:
        """The statement that makes the table under a physical name; `text` is the store's type of texts."""
        columns = [f"{name} {_SQL_TYPES.get(kind, text)}" for name, kind in self.columns.items()]
        body = ", ".join([*columns, f"PRIMARY KEY ({', '.join(self.key)})"])
        return f"CREATE TABLE IF NOT EXISTS {physical} ({body})"

    def index(self, physical: str) -> list[str]:
        """The statements that make its indexes."""
        return [
            f"CREATE INDEX IF NOT EXISTS {physical}_{'_'.join(index)} ON {physical} ({', '.join(index)})"
            for index in self.indexes
        ]

    def upsert(self, physical: str, source: str | None = None) -> str:
        """The statement that stores rows, new or changed: one, its parameters `values_of` it, or those of a query."""
        columns = ", ".join(self.columns)
        source = source or f"VALUES ({', '.join('?' * len(self.columns))})"
        change = ", ".join(f"{name} = excluded.{name}" for name in self.columns if name not in self.key)
        resolved = f"DO UPDATE SET {change}" if change else "DO NOTHING"
        return f"INSERT INTO {physical} ({columns}) {source} ON CONFLICT ({', '.join(self.key)}) {resolved}"

    def by_key(self, physical: str) -> str:
        """The query of one row by its key."""
        matches = " AND ".join(f"{name} = ?" for name in self.key)
        return f"SELECT * FROM {physical} WHERE {matches}"  # noqa: S608  # our own names

    def in_order(self, physical: str) -> str:
        """The query of all rows in the order of the key, values in the order of the columns."""
        return f"SELECT {', '.join(self.columns)} FROM {physical} ORDER BY {', '.join(self.key)}"  # noqa: S608  # our own names


def moment(value: datetime) -> str:
    """A moment as text that sorts by time: ISO, UTC, microseconds."""
    if value.tzinfo is not UTC:
        return moment(value.astimezone(UTC))
    if not value.microsecond:
        return value.isoformat(timespec="microseconds")
    # The same text at a fifth of the time; it leaves out microseconds that are zero.
    return orjson.dumps(value)[1:-1].decode()


def _plain(value: object) -> str:
    if type(value) is date:
        return value.isoformat()
    if isinstance(value, datetime):
        return moment(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
_any_json: Callable[[Any], str] = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=_plain
).encode


def canonical(value: Any) -> str:
    """JSON that is the same text for the same value; days and moments become ISO text.

    TypeError or ValueError for what has no form.
    """
    try:
        return orjson.dumps(value, _plain, _SORTED).decode()
    except TypeError:
        # It takes no whole number of more than 64 bits, which a corrected fact may hold.
        return _any_json(value)
