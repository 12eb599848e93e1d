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


_SQL_TYPES = {Kind.TEXT: "TEXT", Kind.INTEGER: "BIGINT", Kind.TRUTH: "BIGINT", Kind.JSON: "TEXT"}


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

    def create(self, physical: str) -> list[str]:
        """The statements that make the table and its indexes under a physical name."""
        columns = [f"{name} {_SQL_TYPES[kind]}" for name, kind in self.columns.items()]
        made = ", ".join([*columns, f"PRIMARY KEY ({', '.join(self.key)})"])
        return [f"CREATE TABLE IF NOT EXISTS {physical} ({made})"] + [
            f"CREATE INDEX IF NOT EXISTS {physical}_{'_'.join(index)} ON {physical} ({', '.join(index)})"
            for index in self.indexes
        ]

    def upsert(self, physical: str) -> str:
        """The statement that stores one row, new or changed; its parameters are `values_of` the row."""
        columns, marks = ", ".join(self.columns), ", ".join("?" * len(self.columns))
        change = ", ".join(f"{name} = excluded.{name}" for name in self.columns if name not in self.key)
        resolved = f"DO UPDATE SET {change}" if change else "DO NOTHING"
        return f"INSERT INTO {physical} ({columns}) VALUES ({marks}) ON CONFLICT ({', '.join(self.key)}) {resolved}"  # noqa: S608  # our own names

    def by_key(self, physical: str) -> str:
        """The query of one row by its key."""
        matches = " AND ".join(f"{name} = ?" for name in self.key)
        return f"SELECT * FROM {physical} WHERE {matches}"  # noqa: S608  # our own names


def moment(value: datetime) -> str:
    """A moment as text that sorts by time: ISO, UTC, microseconds."""
    return value.isoformat(timespec="microseconds") if value.tzinfo is UTC else moment(value.astimezone(UTC))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


canonical: Callable[[Any], str] = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
    default=_plain,
    # What was just decoded holds no circle, and looking for one costs a third of the time.
    check_circular=False,
).encode
"""JSON that is the same text for the same value; days and moments become ISO text. TypeError for what has no form."""
