"""Where the store keeps which rows: the log's identity, the generations of each read model, and their positions.

Each build of a read model is a generation: tables of its own, positions of its own. One generation of a read model is
live; queries find its tables through the snapshot that they read in, so a swap is one changed row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from projections.errors import ViewsNotBuilt, ViewsOfAnotherLog
from projections.ports import Reader, Writer
from projections.projection import Projection
from projections.table import Kind, Row, Table, Value

LOG = Table("views_log", {"log_id": Kind.TEXT}, ("log_id",))
GENERATIONS = Table(
    "views_generations",
    {"projection": Kind.TEXT, "generation": Kind.INTEGER, "revision": Kind.TEXT, "live": Kind.TRUTH},
    ("projection", "generation"),
)
POSITIONS = Table(
    "views_positions",
    {
        "projection": Kind.TEXT,
        "generation": Kind.INTEGER,
        "partition": Kind.INTEGER,
        "position": Kind.INTEGER,
    },
    ("projection", "generation", "partition"),
)
_UPSERT_GENERATION = GENERATIONS.upsert(GENERATIONS.name)
_UPSERT_POSITION = POSITIONS.upsert(POSITIONS.name)


@dataclass(frozen=True, eq=False)
class Build:
    """One generation of a projection's tables."""

    projection: Projection
    generation: int

    @property
    def name(self) -> str:
        """The projection's name."""
        return self.projection.name

    @cached_property
    def physical(self) -> Mapping[Table, str]:
        """The name in the store of each of the projection's tables."""
        return {table: f"{table.name}_g{self.generation}" for table in self.projection.tables}

    def positions(self, reader: Reader) -> dict[int, int]:
        """Partition → the last position whose event is in the rows; a partition that was never read is missing."""
        found = reader.select(
            "SELECT partition, position FROM views_positions WHERE projection = ? AND generation = ?",
            (self.name, self.generation),
        )
        return {row["partition"]: row["position"] for row in found}

    def reach(self, writer: Writer, partition: int, position: int) -> None:
        """Store a position that is higher than the last one."""
        writer.execute(_UPSERT_POSITION, (self.name, self.generation, partition, position))

    def exists(self, reader: Reader) -> bool:
        """Whether the generation is still in the store."""
        return any(row["generation"] == self.generation for row in _rows_of(reader, self.name))

    def create(self, writer: Writer, *, live: bool) -> None:
        """Make its empty tables."""
        for table, physical in self.physical.items():
            for statement in table.create(physical):
                writer.execute(statement)
        writer.execute(_UPSERT_GENERATION, (self.name, self.generation, self.projection.revision, int(live)))

    def go_live(self, writer: Writer) -> None:
        """Serve this generation from now on, and drop every other of the projection."""
        for row in _rows_of(writer, self.name):
            if row["generation"] != self.generation:
                _drop(writer, self.projection, row["generation"])
        writer.execute(_UPSERT_GENERATION, (self.name, self.generation, self.projection.revision, 1))

    def drop(self, writer: Writer) -> None:
        """Remove its tables and its positions."""
        _drop(writer, self.projection, self.generation)


def _drop(writer: Writer, projection: Projection, generation: int) -> None:
    for physical in Build(projection, generation).physical.values():
        writer.execute(f"DROP TABLE IF EXISTS {physical}")
    mine = (projection.name, generation)
    writer.execute("DELETE FROM views_positions WHERE projection = ? AND generation = ?", mine)
    writer.execute("DELETE FROM views_generations WHERE projection = ? AND generation = ?", mine)


def _rows_of(reader: Reader, name: str) -> list[Row]:
    return reader.select("SELECT * FROM views_generations WHERE projection = ? ORDER BY generation", (name,))


def set_up(writer: Writer, log_id: str) -> None:
    """Make the tables of this module where they are missing, and remember the log. Raises ViewsOfAnotherLog."""
    for table in (LOG, GENERATIONS, POSITIONS):
        for statement in table.create(table.name):
            writer.execute(statement)
    if not writer.select("SELECT log_id FROM views_log"):
        writer.execute(LOG.upsert(LOG.name), (log_id,))
    check_log(writer, log_id)


def check_log(reader: Reader, log_id: str) -> None:
    """Raises ViewsOfAnotherLog."""
    for row in reader.select("SELECT log_id FROM views_log"):
        if row["log_id"] != log_id:
            raise ViewsOfAnotherLog(theirs=row["log_id"], log=log_id)


def is_set_up(reader: Reader) -> bool:
    """Whether `set_up` has run on this store."""
    return reader.has_table(LOG.name)


def live_rows(reader: Reader) -> dict[str, Row]:
    """Projection → its live generation, of whatever revision."""
    found = reader.select("SELECT * FROM views_generations WHERE live = 1")
    return {row["projection"]: row for row in found}


def live_builds(reader: Reader, projections: Iterable[Projection]) -> list[Build]:
    """The live generation of each projection that has one of the present revision."""
    rows = live_rows(reader)
    return [
        Build(projection, rows[projection.name]["generation"])
        for projection in projections
        if projection.name in rows and rows[projection.name]["revision"] == projection.revision
    ]


def next_build(reader: Reader, projection: Projection) -> Build:
    """A generation after all that the projection has."""
    found = _rows_of(reader, projection.name)
    return Build(projection, max((row["generation"] for row in found), default=0) + 1)


class Snapshot:
    """The live read models as they stood at one moment: what queries read.

    `positions` holds projection → partition → the position that its rows reflect.
    """

    def __init__(self, reader: Reader, projections: Sequence[Projection]) -> None:
        self._reader = reader
        self._projections = projections
        self._physical: dict[str, str] = {}
        self.positions: dict[str, dict[int, int]] = {}
        for build in live_builds(reader, projections) if is_set_up(reader) else ():
            self.positions[build.name] = build.positions(reader)
            self._physical.update({table.name: physical for table, physical in build.physical.items()})

    def select(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """The rows of a query in which `{name}` stands for a table. Raises ViewsNotBuilt."""
        try:
            named = sql.format_map(self._physical)
        except KeyError as missing:
            raise ViewsNotBuilt(projection=self._owner(missing.args[0])) from None
        return self._reader.select(named, parameters)

    def _owner(self, table: str) -> str:
        owners = (p.name for p in self._projections if table in (kept.name for kept in p.tables))
        return next(owners, table)
