"""Parked dossiers: what could not be applied and what waits behind it, and how it is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from projections.batch import decoded, told
from projections.errors import BrokenChain, NothingParked
from projections.generations import PARKED, At, Build, Moved, is_set_up, live_builds
from projections.ports import Reader, RowRefused, TablesGone, Writer
from projections.projection import Event
from projections.rows import Rows
from projections.table import Row

if TYPE_CHECKING:
    from projections.engine import Engine


@dataclass(slots=True)
class Retry:
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


def parked(reader: Reader, builds: Sequence[Build], dossier: str | None = None) -> list[Row]:
    """The parked events of builds (of one dossier), by projection, partition and position."""
    found: list[Row] = []
    for build in builds:
        rows = reader.select(
            "SELECT * FROM views_parked WHERE projection = ? AND generation = ? ORDER BY partition, position", build.key
        )
        found += [row for row in rows if dossier is None or row["dossier_id"] == dossier]
    return found


def retry(engine: Engine, dossier: str, names: Sequence[str], *, store: bool) -> list[Retry]:
    """Try the parked events of a dossier again in some live read models; without `store` nothing is changed.

    They are applied in their order, up to the first one that fails again. Raises NothingParked.
    """
    done = []
    with engine.views.reading() as reader:
        builds = live_builds(reader, [engine.projections[name] for name in names]) if is_set_up(reader) else []
        waiting = [build for build in builds if parked(reader, [build], dossier)]
    if not waiting:
        raise NothingParked(dossier=dossier)
    for build in waiting:
        done.append(_retried(engine, build, dossier, store=store))
    return done


def _retried(engine: Engine, build: Build, dossier: str, *, store: bool) -> Retry:
    refused: tuple[int, str] | None = None
    while True:
        try:
            return _tried(engine, build, dossier, refused, store=store)
        except (Moved, TablesGone):
            continue
        except RowRefused as error:
            # It is not known which row: the last event that changed one is left, and with luck the rest goes in.
            refused = (_last_applied(engine, build, dossier, refused), told(error))


def _last_applied(engine: Engine, build: Build, dossier: str, refused: tuple[int, str] | None) -> int:
    tried = _tried(engine, build, dossier, refused, store=False)
    return int(tried.applied[-1]["position"])


def _tried(engine: Engine, build: Build, dossier: str, refused: tuple[int, str] | None, *, store: bool) -> Retry:
    made = Retry(build.name, dossier)
    with engine.views.reading() as reader:
        waiting = parked(reader, [build], dossier)
        if not waiting:
            return made
        partition = waiting[0]["partition"]
        before = build.at(reader)[partition]
        reader.hold(list(build.physical.values()))
        rows = Rows(reader, build.physical)
        cause = _fold(engine, build, waiting, rows, made, refused)
        made.changes = [
            {"table": table.name, "key": key, "columns": _changed(was, now)} for table, key, was, now in rows.changes()
        ]
    if store:
        with engine.views.storing() as writer:
            _store(writer, build, partition, before, rows, made, waiting, cause)
        made.stored = True
    return made


def _fold(
    engine: Engine, build: Build, waiting: Sequence[Row], rows: Rows, made: Retry, refused: tuple[int, str] | None
) -> str | None:
    """Apply in order until one fails; returns why it did."""
    cause: str | None = None
    for row in waiting:
        if cause is None:
            cause = _cause(engine, build, row, rows, refused)
        seen = {name: row[name] for name in ("event", "version", "partition", "position")}
        if cause is None:
            made.applied.append(seen)
        else:
            made.left.append({**seen, "cause": None if made.left else cause})
    return cause


def _cause(engine: Engine, build: Build, row: Row, rows: Rows, refused: tuple[int, str] | None) -> str | None:
    """Why an event fails again; None where it was applied."""
    if refused is not None and row["position"] >= refused[0]:
        return refused[1]
    found = engine.log.read(row["partition"], row["position"] - 1, 1)
    if not found or found[0].id != row["position"]:
        raise BrokenChain(partition=row["partition"], position=row["position"], found=found[0].id if found else None)
    event = decoded(found[0], row["partition"], engine.decode)
    if not isinstance(event, Event):
        return event
    handler = build.projection.handlers.get(event.name)
    if handler is None:
        return None
    rows.begin()
    try:
        handler(rows, event)
    except Exception as error:  # noqa: BLE001  # whatever a handler raises, the dossier stays parked
        rows.undo()
        return told(error)
    return None


def _store(
    writer: Writer,
    build: Build,
    partition: int,
    before: At,
    rows: Rows,
    made: Retry,
    waiting: Sequence[Row],
    cause: str | None,
) -> None:
    done = len(made.applied)
    build.move(writer, partition, before, replace(before, applied=before.applied + done, parked=before.parked - done))
    rows.flush(writer)
    for row in waiting[:done]:
        writer.execute(
            "DELETE FROM views_parked WHERE projection = ? AND generation = ? AND partition = ? AND position = ?",
            (*build.key, partition, row["position"]),
        )
    if cause is not None:
        first = {**waiting[done], "cause": cause}
        writer.upsert(PARKED, PARKED.name, [PARKED.values_of(first)])


def _changed(before: Row | None, now: Row) -> dict[str, Any]:
    return {
        column: {"before": before[column] if before else None, "now": value}
        for column, value in now.items()
        if before is None or before[column] != value
    }
