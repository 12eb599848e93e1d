"""Where the store keeps which rows: the log's identity, the generations of each read model, and how far each has come.

Each build of a read model is a generation: tables of its own, positions of its own. One generation of a read model is
live; queries find its tables through the snapshot that they read in, so a swap is one changed row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from projections.engine.errors import ViewsOfAnotherLog
from projections.engine.ports import Reader, Writer
from projections.engine.projection import Projection
from projections.engine.table import Kind, Row, Table


class GenerationState(StrEnum):
    """What a generation is for. Numbers are never used again, so that a name never means two tables."""

    BUILDING = "building"
    LIVE = "live"
    OLD = "old"
    DROPPING = "dropping"
    DROPPED = "dropped"


LOG = Table("views_log", {"log_id": Kind.TEXT}, ("log_id",))
GENERATIONS = Table(
    "views_generations",
    {
        "projection": Kind.TEXT,
        "generation": Kind.INTEGER,
        "version": Kind.INTEGER,
        "revision": Kind.TEXT,
        "state": Kind.TEXT,
        "tables": Kind.JSON,
    },
    ("projection", "generation"),
)
_PLACE = {"projection": Kind.TEXT, "generation": Kind.INTEGER, "partition": Kind.INTEGER, "position": Kind.INTEGER}
_COUNTS = {"applied": Kind.INTEGER, "parked": Kind.INTEGER, "ignored": Kind.INTEGER}
POSITIONS = Table(
    "views_positions", {**_PLACE, **_COUNTS, "digest": Kind.TEXT}, ("projection", "generation", "partition")
)
"""`digest` is the running hash over every event up to the position (projections.engine.hashchain)."""

MARKS = Table("views_marks", {**_PLACE, "digest": Kind.TEXT}, ("projection", "generation", "partition", "position"))
"""The running hash as it stood at every thousandth position: where two differ, the fault is between two marks."""

PARKED = Table(
    "views_parked",
    {
        **_PLACE,
        "dossier_id": Kind.TEXT,
        "version": Kind.INTEGER,
        "event": Kind.TEXT,
        "cause": Kind.TEXT,
    },
    ("projection", "generation", "partition", "position"),
    (("dossier_id",),),
)
"""Events that are not in the rows. `cause` is the error of the event that parked the dossier; None: waits behind it."""

HISTORIES = Table(
    "views_histories",
    {**_PLACE, "digest": Kind.TEXT, "history": Kind.TEXT},
    ("projection", "generation", "partition"),
)
"""What the log says of itself up to the position (`LogReader.history`), and the running hash there.

Without a row, or where the row is of an earlier position, it is not known of the present one: a release before this
table moved that.
"""

METADATA_TABLES = (LOG, GENERATIONS, POSITIONS, HISTORIES, MARKS, PARKED)
_PER_GENERATION = (POSITIONS, HISTORIES, MARKS, PARKED)
_ADVANCE = (
    "UPDATE views_positions SET position = ?, applied = ?, parked = ?, ignored = ?, digest = ? WHERE projection = ? "
    "AND generation = ? AND partition = ? AND position = ? AND parked = ?"
)


class CheckpointConflict(Exception):  # handled within the engine, which reads anew
    """Another engine moved a position after it was read."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a build has come in one partition: every event up to `position` is in exactly one of the three counts."""

    position: int
    applied: int
    parked: int
    ignored: int
    digest: bytes


class KeptHistory(NamedTuple):
    """A position in one partition: the running hash there, and what the log said of itself up to it (32 bytes each)."""

    position: int
    digest: bytes
    history: bytes


@dataclass(frozen=True)
class Generation:
    """One generation of a projection's tables."""

    projection: Projection
    generation: int

    @property
    def name(self) -> str:
        """The projection's name."""
        return self.projection.name

    @property
    def key(self) -> tuple[str, int]:
        """Projection and generation."""
        return self.projection.name, self.generation

    @cached_property
    def physical(self) -> Mapping[Table, str]:
        """The name in the store of each of the projection's tables."""
        return {table: f"{table.name}_g{self.generation}" for table in self.projection.tables}

    def checkpoints(self, reader: Reader) -> dict[int, Checkpoint]:
        """Partition → how far it has come."""
        found = reader.select("SELECT * FROM views_positions WHERE projection = ? AND generation = ?", self.key)
        return {
            row["partition"]: Checkpoint(
                row["position"], row["applied"], row["parked"], row["ignored"], bytes.fromhex(row["digest"])
            )
            for row in found
        }

    def positions(self, reader: Reader) -> dict[int, int]:
        """Partition → the last position whose event was folded."""
        return {partition: at.position for partition, at in self.checkpoints(reader).items()}

    def advance(self, writer: Writer, partition: int, before: Checkpoint, after: Checkpoint) -> None:
        """Store how far it has come, if it still is where it was when it was read. Raises CheckpointConflict."""
        changed = writer.execute(
            _ADVANCE,
            (
                *(after.position, after.applied, after.parked, after.ignored, after.digest.hex()),
                *(*self.key, partition, before.position, before.parked),
            ),
        )
        if changed != 1:
            raise CheckpointConflict

    def keep_history(self, writer: Writer, partition: int, kept: KeptHistory) -> None:
        """Store what the log says of itself up to the position that was reached."""
        row = (*self.key, partition, kept.position, kept.digest.hex(), kept.history.hex())
        writer.upsert(HISTORIES, HISTORIES.name, [row])

    def row(self, reader: Reader) -> Row:
        """What the store notes of it. LookupError where it has never had it."""
        found = reader.select("SELECT * FROM views_generations WHERE projection = ? AND generation = ?", self.key)
        return found[0]

    def state(self, reader: Reader) -> str:
        """What it is for now. LookupError where the store has never had it."""
        return str(self.row(reader)["state"])

    def create(self, writer: Writer, state: GenerationState, partitions: Mapping[int, bytes]) -> None:
        """Make its empty tables. `partitions`: each partition, with the running hash of no event."""
        for table, physical in self.physical.items():
            writer.create(table, physical)
        self._record_state(writer, state)
        writer.upsert(
            POSITIONS,
            POSITIONS.name,
            [(*self.key, partition, 0, 0, 0, 0, digest.hex()) for partition, digest in partitions.items()],
        )

    def index(self, writer: Writer) -> None:
        """Make the indexes of its tables."""
        for table, physical in self.physical.items():
            writer.index(table, physical)

    def go_live(self, writer: Writer) -> None:
        """Serve this generation from now on; what was live is kept as the old one, and what was old before it goes."""
        stand_down(writer, self.name, but=self.generation)
        self._record_state(writer, GenerationState.LIVE)

    def _record_state(self, writer: Writer, state: GenerationState) -> None:
        names = json.dumps(list(self.physical.values()))
        row = (*self.key, self.projection.version, self.projection.revision, state.value, names)
        writer.upsert(GENERATIONS, GENERATIONS.name, [row])


def _set_state(writer: Writer, row: Row, state: GenerationState) -> None:
    writer.execute(
        "UPDATE views_generations SET state = ? WHERE projection = ? AND generation = ?",
        (state.value, row["projection"], row["generation"]),
    )


def stand_down(writer: Writer, name: str, *, but: int | None = None) -> None:
    """Serve no generation of a projection: what is live is kept as the old one, in the place of the one before it.

    `but`: a generation that is left as it is, for it is about to be served.
    """
    rows = [row for row in generations_of(writer, name) if row["generation"] != but]
    if all(row["state"] != GenerationState.LIVE for row in rows):
        return
    for row in rows:
        if row["state"] == GenerationState.OLD:
            retire(writer, row)
        elif row["state"] == GenerationState.LIVE:
            _set_state(writer, row, GenerationState.OLD)


def retire(writer: Writer, row: Row) -> None:
    """Let nobody begin to read or build a generation any more; its tables go when nobody reads them (`tables_of`)."""
    _set_state(writer, row, GenerationState.DROPPING)
    for table in _PER_GENERATION:
        writer.execute(
            f"DELETE FROM {table.name} WHERE projection = ? AND generation = ?",  # noqa: S608  # our own names
            (row["projection"], row["generation"]),
        )


def retired(reader: Reader) -> list[Row]:
    """The generations whose tables are still to be dropped."""
    return reader.select("SELECT * FROM views_generations WHERE state = ?", (GenerationState.DROPPING.value,))


def mark_dropped(writer: Writer, row: Row) -> None:
    """The tables of a retired generation are gone."""
    _set_state(writer, row, GenerationState.DROPPED)


def tables_of(row: Row) -> list[str]:
    """The names in the store of a generation's tables."""
    return list(json.loads(row["tables"]))


def generations_of(reader: Reader, name: str) -> list[Row]:
    """All generations that a projection ever had, the first one first."""
    return reader.select("SELECT * FROM views_generations WHERE projection = ? ORDER BY generation", (name,))


def generation_in(reader: Reader, name: str, state: GenerationState) -> Row | None:
    """A projection's generation in a state; None where it has none. There is at most one live, building or old."""
    found = [row for row in generations_of(reader, name) if row["state"] == state]
    return found[-1] if found else None


def set_up(writer: Writer, log_id: str) -> None:
    """Make the tables of this module where they are missing, and remember the log. Raises ViewsOfAnotherLog."""
    for table in METADATA_TABLES:
        writer.create(table, table.name)
        writer.index(table, table.name)
    if not writer.select("SELECT log_id FROM views_log"):
        writer.upsert(LOG, LOG.name, [(log_id,)])
    check_log(writer, log_id)


def check_log(reader: Reader, log_id: str) -> None:
    """Raises ViewsOfAnotherLog."""
    for row in reader.select("SELECT log_id FROM views_log"):
        if row["log_id"] != log_id:
            raise ViewsOfAnotherLog(theirs=row["log_id"], log=log_id)


def is_set_up(reader: Reader) -> bool:
    """Whether `set_up` has run on this store."""
    return reader.has_table(PARKED.name)


def histories(reader: Reader) -> dict[tuple[str, int, int], KeptHistory]:
    """Projection, generation and partition → what is kept of its history. Empty where an earlier release made all."""
    if not reader.has_table(HISTORIES.name):
        return {}
    return {
        (row["projection"], row["generation"], row["partition"]): KeptHistory(
            row["position"], bytes.fromhex(row["digest"]), bytes.fromhex(row["history"])
        )
        for row in reader.select("SELECT * FROM views_histories")
    }


def live_rows(reader: Reader) -> dict[str, Row]:
    """Projection → its live generation, of whatever revision."""
    found = reader.select("SELECT * FROM views_generations WHERE state = ?", (GenerationState.LIVE.value,))
    return {row["projection"]: row for row in found}


def live_builds(reader: Reader, projections: Iterable[Projection]) -> list[Generation]:
    """The live generation of each projection that has one of the present revision."""
    rows = live_rows(reader)
    return [
        Generation(projection, rows[projection.name]["generation"])
        for projection in projections
        if projection.name in rows and rows[projection.name]["revision"] == projection.revision
    ]


def next_build(reader: Reader, projection: Projection) -> Generation:
    """A generation after all that the projection has had."""
    numbers = [row["generation"] for row in generations_of(reader, projection.name)]
    return Generation(projection, max(numbers, default=0) + 1)
