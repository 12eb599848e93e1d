"""Two generations of a read model, row by row at one and the same position: the proof that live equals replay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, zip_longest
from typing import Any

from projections.engine.generations import Generation
from projections.engine.ports import Reader
from projections.engine.table import Table, Value

SHOWN = 20
"""So many differences of a table are listed; all are counted."""

_Values = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not the same on both sides. `columns`: column → (live, rebuilt); a missing row has None for all."""

    table: str
    key: tuple[Value, ...]
    kind: str
    columns: dict[str, tuple[Value, Value]]

    @property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """Each field that differs → (live, rebuilt): a column, or the path to it within a column that holds JSON."""
        found: dict[str, tuple[Any, Any]] = {}
        for name, (live, rebuilt) in self.columns.items():
            # The same in JSON, and written otherwise: then it is the column that differs.
            found |= dict(_fields(name, _parsed(live), _parsed(rebuilt))) or {name: (live, rebuilt)}
        return found

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        changed = {name: {"live": live, "rebuilt": rebuilt} for name, (live, rebuilt) in self.columns.items()}
        fields = [*self.fields]
        return {"table": self.table, "key": list(self.key), "kind": self.kind, "columns": changed, "fields": fields}


def _parsed(value: Value) -> Any:
    """What a column holds: an object or a list where it is one in JSON."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        with suppress(ValueError):
            return json.loads(value)
    return value


def _fields(path: str, live: Any, rebuilt: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(live, dict) and isinstance(rebuilt, dict):
        for name in dict.fromkeys([*live, *rebuilt]):
            yield from _fields(f"{path}.{name}", live.get(name), rebuilt.get(name))
    elif isinstance(live, list) and isinstance(rebuilt, list):
        for at, (one, other) in enumerate(zip_longest(live, rebuilt)):
            yield from _fields(f"{path}[{at}]", one, other)
    elif live != rebuilt:
        yield path, (live, rebuilt)


@dataclass(slots=True)
class Side:
    """What one side of a table holds: rows, and the SHA-256 over their values in the order of the key."""

    rows: int = 0
    content: Any = field(default_factory=sha256)

    def add(self, rows: Sequence[_Values]) -> None:
        """More rows."""
        self.rows += len(rows)
        if rows:
            # One row a line, so that it does not show in which chunks they came.
            self.content.update(("\n".join(map(repr, rows)) + "\n").encode())

    @property
    def hash(self) -> str:
        """In hexadecimal digits."""
        return str(self.content.hexdigest())


@dataclass(slots=True)
class Comparison:
    """What a comparison found: `different` counts all differences, `listed` shows the first ones of each table."""

    positions: dict[int, int]
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    hashes: dict[str, tuple[str, str]] = field(default_factory=dict)
    different: int = 0
    listed: list[Difference] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether every row of every table, and what was folded, is the same."""
        return self.different == 0

    def as_json(self) -> dict[str, Any]:
        """For programs: per table rows and hash of both sides."""
        tables = {
            name: {
                "rows": {"live": self.rows[name][0], "rebuilt": self.rows[name][1]},
                "hash": {"live": self.hashes[name][0], "rebuilt": self.hashes[name][1]},
            }
            for name in self.rows
        }
        return {
            "positions": {str(partition): position for partition, position in self.positions.items()},
            "equal": self.equal,
            "tables": tables,
            "different": self.different,
            "differences": [each.as_json() for each in self.listed],
        }


def compare(reader: Reader, live: Generation, rebuilt: Generation) -> Comparison:
    """Compare what two builds of one projection hold in this snapshot; both must stand at the same positions."""
    found = Comparison(live.positions(reader))
    _compare_checkpoints(reader, live, rebuilt, found)
    for table in live.projection.tables:
        here, there = Side(), Side()
        before = found.different
        rows = _rows(reader, table, live), _rows(reader, table, rebuilt)
        for difference in _differences(table, *rows, here, there):
            found.different += 1
            if found.different - before <= SHOWN:
                found.listed.append(difference)
        found.rows[table.name] = here.rows, there.rows
        found.hashes[table.name] = here.hash, there.hash
    return found


def content(reader: Reader, build: Generation) -> dict[str, Side]:
    """Table → rows and hash of one build."""
    sides = {}
    for table in build.projection.tables:
        side = sides[table.name] = Side()
        for chunk in _rows(reader, table, build):
            side.add(chunk)
    return sides


def _compare_checkpoints(reader: Reader, live: Generation, rebuilt: Generation, found: Comparison) -> None:
    """Whether both folded the same events, and parked the same."""
    here, there = live.checkpoints(reader), rebuilt.checkpoints(reader)
    for partition, ours in here.items():
        theirs = there[partition]
        columns: dict[str, tuple[Value, Value]] = {
            name: (getattr(ours, name), getattr(theirs, name))
            for name in ("position", "applied", "parked", "ignored")
            if getattr(ours, name) != getattr(theirs, name)
        }
        if ours.digest != theirs.digest:
            columns["digest"] = ours.digest.hex(), theirs.digest.hex()
        if columns:
            found.different += 1
            found.listed.append(Difference("views_positions", (partition,), "changed", columns))


def _rows(reader: Reader, table: Table, build: Generation) -> Iterator[list[_Values]]:
    return reader.stream(table.in_order(build.physical[table]))


def _differences(
    table: Table, ours: Iterator[list[_Values]], theirs: Iterator[list[_Values]], here: Side, there: Side
) -> Iterator[Difference]:
    """Walk both sides in the order of the key. As long as whole chunks are equal, both are hashed as one."""
    left, right = next(ours, []), next(theirs, [])
    while left and left == right:
        here.add(left)
        left, right = next(ours, []), next(theirs, [])
    there.rows, there.content = here.rows, here.content.copy()
    yield from _row_by_row(table, chain(left, _flat(ours)), chain(right, _flat(theirs)), here, there)


def _flat(chunks: Iterator[list[_Values]]) -> Iterator[_Values]:
    for chunk in chunks:
        yield from chunk


def _row_by_row(
    table: Table, ours: Iterator[_Values], theirs: Iterator[_Values], here: Side, there: Side
) -> Iterator[Difference]:
    columns = list(table.columns)
    key_columns = [columns.index(name) for name in table.key]

    def key(row: _Values) -> _Values:
        return tuple(row[column] for column in key_columns)

    left, right = next(ours, None), next(theirs, None)
    while left is not None or right is not None:
        if left is not None and right is not None and key(left) == key(right):
            here.add([left])
            there.add([right])
            if left != right:
                pairs = zip(columns, left, right, strict=True)
                changed = {name: (mine, other) for name, mine, other in pairs if mine != other}
                yield Difference(table.name, key(left), "changed", changed)
            left, right = next(ours, None), next(theirs, None)
        elif right is None or (left is not None and _before(key(left), key(right))):
            assert left is not None  # noqa: S101  # one of the two is there
            here.add([left])
            yield Difference(table.name, key(left), "only_live", {})
            left = next(ours, None)
        else:
            there.add([right])
            yield Difference(table.name, key(right), "only_rebuilt", {})
            right = next(theirs, None)


def _before(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether a key comes first: keys hold no None, and one column holds one type."""
    return one < other
