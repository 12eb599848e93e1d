"""Parked dossiers: what could not be applied and what waits behind it, and how it is tried again.

An event of a newer release stops a projection, and parks nothing. Earlier releases parked its dossier instead; that is
tried again by itself, as soon as a program can read the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from projections.engine.batch import decoded, describe_error
from projections.engine.errors import BrokenChain, NothingParked
from projections.engine.generations import PARKED, CheckpointConflict, Generation, is_set_up, live_builds
from projections.engine.ports import InvalidRow, Reader, SnapshotExpired
from projections.engine.projection import Event
from projections.engine.rows import RowCache
from projections.engine.table import Row

if TYPE_CHECKING:
    from projections.engine.engine import Engine

_TOO_OLD: Final = ("UnknownSchema:", "UnknownEventType:")
"""What the causes begin with for which an earlier release parked the events of a newer one."""


@dataclass(slots=True)
class RetryResult:
    """What trying one parked dossier again does, or would do.

    applied   the events that go into the rows: event, version, partition, position
    left      those that stay parked; the first one has its `cause`, the others None
    changes   the rows that change: table, key, column → (before, now); a new row has None before
    stored    whether it was done; else it is a preview
    """

    projection: str
    dossier: str
    applied: list[dict[str, Any]] = field(default_factory=list)
    left: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    stored: bool = False

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {name: getattr(self, name) for name in self.__slots__}


def parked(reader: Reader, builds: Sequence[Generation], dossier: str | None = None) -> list[Row]:
    """The parked events of builds (of one dossier and what waits with it), by projection, partition and position."""
    found: list[Row] = []
    for build in builds:
        rows = reader.select(
            "SELECT * FROM views_parked WHERE projection = ? AND generation = ? ORDER BY partition, position", build.key
        )
        waits_with = build.projection.parking_scope
        found += [row for row in rows if dossier is None or waits_with(row["dossier_id"]) == waits_with(dossier)]
    return found


def readable_by_now(engine: Engine, reader: Reader, builds: Sequence[Generation]) -> list[tuple[str, str]]:
    """Projection and dossier of what an older program parked because it could not read it, and this one can."""
    found: list[tuple[str, str]] = []
    for row in parked(reader, builds):
        partition, position = row["partition"], row["position"]
        if not (row["cause"] or "").startswith(_TOO_OLD) or (partition, position) in engine.unreadable:
            continue
        events = [event for event in engine.log.read(partition, position - 1, 1) if event.id == position]
        if events and isinstance(decoded(events[0], partition, engine.decode), Event):
            found.append((row["projection"], row["dossier_id"]))
        else:
            engine.unreadable.add((partition, position))
    return found


def retry(engine: Engine, dossier: str, names: Sequence[str], *, store: bool) -> list[RetryResult]:
    """Try the parked events of a dossier again in some live read models; without `store` nothing is changed.

    They are applied in their order, up to the first one that fails again. Raises NothingParked, ViewsOfAnotherHistory.
    """
    with engine.views.reading() as reader:
        builds = live_builds(reader, [engine.projections[name] for name in names]) if is_set_up(reader) else []
        waiting = [build for build in builds if parked(reader, [build], dossier)]
        engine.histories.check(reader, waiting)
    if not waiting:
        raise NothingParked(dossier=dossier)
    return [_retry_build(engine, build, dossier, store=store) for build in waiting]


def _retry_build(engine: Engine, build: Generation, dossier: str, *, store: bool) -> RetryResult:
    refused: tuple[int, str] | None = None
    while True:
        trial = _Trial(engine, build, dossier, refused)
        try:
            trial.run()
            if store:
                trial.store()
        except (CheckpointConflict, SnapshotExpired):
            continue
        except InvalidRow as error:
            # Which row it was is not known: the last event is left, and perhaps those before it go in.
            refused = int(trial.result.applied[-1]["position"]), describe_error(error)
        else:
            return trial.result


class _Trial:
    """One try of the parked events of a dossier in one build. `refused`: an event to leave, by position, and why."""

    def __init__(self, engine: Engine, build: Generation, dossier: str, refused: tuple[int, str] | None) -> None:
        self.result = RetryResult(build.name, dossier)
        self._engine = engine
        self._build = build
        self._refused = refused
        self._waiting: list[Row] = []

    def run(self) -> None:
        """Apply in memory, in order, until one fails. Raises SnapshotExpired."""
        build, result = self._build, self.result
        with self._engine.views.reading() as reader:
            self._waiting = parked(reader, [build], result.dossier)
            if not self._waiting:
                return
            self._partition = self._waiting[0]["partition"]
            self._before = build.checkpoints(reader)[self._partition]
            reader.pin(list(build.physical.values()))
            self._rows = RowCache(reader, build.physical)
            self._fold()
            result.changes = [
                {"table": table.name, "key": key, "columns": _changed(was, now)}
                for table, key, was, now in self._rows.changes()
            ]

    def store(self) -> None:
        """Store what was applied. Raises CheckpointConflict where the build has come further meanwhile, InvalidRow."""
        build, before, done = self._build, self._before, len(self.result.applied)
        with self._engine.views.transaction() as writer:
            after = replace(before, applied=before.applied + done, parked=before.parked - done)
            build.advance(writer, self._partition, before, after)
            self._rows.flush(writer)
            for row in self._waiting[:done]:
                writer.execute(
                    "DELETE FROM views_parked "
                    "WHERE projection = ? AND generation = ? AND partition = ? AND position = ?",
                    (*build.key, self._partition, row["position"]),
                )
            if self.result.left:
                first = {**self._waiting[done], "cause": self.result.left[0]["cause"]}
                writer.upsert(PARKED, PARKED.name, [PARKED.values_of(first)])
        self.result.stored = True

    def _fold(self) -> None:
        result = self.result
        for row in self._waiting:
            cause = None if result.left else self._cause_of(row)
            seen = {name: row[name] for name in ("event", "version", "partition", "position")}
            if cause is None and not result.left:
                result.applied.append(seen)
            else:
                result.left.append({**seen, "cause": cause})

    def _cause_of(self, row: Row) -> str | None:
        """Why an event fails again; None where it was applied."""
        partition, position = row["partition"], row["position"]
        if self._refused is not None and position >= self._refused[0]:
            return self._refused[1]
        found = self._engine.log.read(partition, position - 1, 1)
        if not found or found[0].id != position:
            raise BrokenChain(partition=partition, position=position, found=found[0].id if found else None)
        event = decoded(found[0], partition, self._engine.decode)
        if not isinstance(event, Event):
            return event if isinstance(event, str) else describe_error(event)
        self._rows.begin()
        try:
            self._build.projection.handlers[type(event.fact)](self._rows, event)
        except Exception as error:  # noqa: BLE001  # whatever a handler raises, the dossier stays parked
            self._rows.undo()
            return describe_error(error)
        return None


def _changed(before: Row | None, now: Row) -> dict[str, Any]:
    return {
        column: {"before": before[column] if before else None, "now": value}
        for column, value in now.items()
        if before is None or before[column] != value
    }
