"""What queries read: the live read models as they stood at one moment, and how fresh they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from eventsourcing.persistence import Notification

from projections.engine.errors import DossierParked, ViewsNotBuilt
from projections.engine.generations import Checkpoint, Generation, is_set_up, live_builds
from projections.engine.ports import Decode, LogReader, Reader
from projections.engine.projection import Projection
from projections.engine.table import Row, Value


@dataclass(frozen=True, slots=True)
class Stale:
    """A dossier that is not shown as it stands: `cause` is the error at `position`, `waiting` events wait behind it."""

    projection: str
    dossier: str
    event: str
    version: int
    partition: int
    position: int
    cause: str
    waiting: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Freshness:
    """What an answer reflects.

    projection   the read model that was asked, or "log" where the log itself was
    version      its version, `revision` also tells its shape; None for the log
    positions    partition → the last position whose event was folded
    heads        partition → the last position of the log when it was asked
    events       how many events of the log are not in the answer yet
    seconds      how long ago the oldest of those was recorded; 0 when there is none
    stale        parked dossiers that the answer is about
    """

    projection: str
    version: int | None
    revision: str | None
    positions: dict[int, int]
    heads: dict[int, int]
    events: int
    seconds: float
    stale: tuple[Stale, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs: `behind` holds events and seconds."""
        return {
            "projection": self.projection,
            "version": self.version,
            "revision": self.revision,
            "positions": {str(partition): position for partition, position in self.positions.items()},
            "log": {str(partition): head for partition, head in self.heads.items()},
            "behind": {"events": self.events, "seconds": self.seconds},
            "stale": [each.as_json() for each in self.stale],
        }


class Snapshot:
    """The live read models as they stood at one moment. Raises SnapshotExpired when one was dropped just now.

    `positions` holds projection → partition → the position that its rows reflect.
    """

    def __init__(self, reader: Reader, projections: Sequence[Projection]) -> None:
        self._reader = reader
        self._projections = {projection.name: projection for projection in projections}
        self._physical: dict[str, str] = {}
        self._builds: dict[str, Generation] = {}
        self._checkpoints: dict[str, dict[int, Checkpoint]] = {}
        if is_set_up(reader):
            for build in live_builds(reader, projections):
                self._builds[build.name] = build
                self._checkpoints[build.name] = build.checkpoints(reader)
                self._physical.update({table.name: physical for table, physical in build.physical.items()})
            reader.pin(list(self._physical.values()))

    @cached_property
    def positions(self) -> dict[str, dict[int, int]]:
        """Projection → partition → position."""
        return {name: {at: found.position for at, found in each.items()} for name, each in self._checkpoints.items()}

    @property
    def builds(self) -> dict[str, Generation]:
        """Projection → the generation that is live."""
        return self._builds

    @property
    def reader(self) -> Reader:
        """The store as it stood."""
        return self._reader

    def checkpoints(self, name: str) -> dict[int, Checkpoint]:
        """Partition → how far a read model has come. Raises ViewsNotBuilt."""
        if name not in self._checkpoints:
            raise ViewsNotBuilt(projection=name)
        return self._checkpoints[name]

    def select(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """The rows of a query in which `{name}` stands for a table. Raises ViewsNotBuilt."""
        try:
            named = sql.format_map(self._physical)
        except KeyError as missing:
            raise ViewsNotBuilt(projection=self._owner(missing.args[0])) from None
        return self._reader.select(named, parameters)

    def stale(self, names: Iterable[str] | None = None, about: Callable[[str], bool] | None = None) -> list[Stale]:
        """The parked dossiers of read models (default: all), of those that `about` (of a dossier id) is true of."""
        asked = self._builds if names is None else {name: self._builds[name] for name in names if name in self._builds}
        found: list[Stale] = []
        for build in asked.values():
            rows = self._reader.select(
                "SELECT * FROM views_parked WHERE projection = ? AND generation = ? ORDER BY partition, position",
                build.key,
            )
            heads = {row["dossier_id"]: row for row in reversed(rows)}
            for dossier, count in Counter(row["dossier_id"] for row in rows).items():
                if about is None or about(dossier):
                    head = heads[dossier]
                    found.append(
                        Stale(
                            build.name,
                            dossier,
                            head["event"],
                            head["version"],
                            head["partition"],
                            head["position"],
                            head["cause"],
                            count - 1,
                        )
                    )
        return found

    def refuse_parked(self, name: str, dossier: str) -> None:
        """Raises DossierParked where a dossier has no row because its first event could not be applied."""
        for stale in self.stale([name], lambda parked: parked == dossier):
            raise DossierParked(**{key: value for key, value in stale.as_json().items() if key != "waiting"})

    def _owner(self, table: str) -> str:
        owners = (p.name for p in self._projections.values() if table in (each.name for each in p.tables))
        return next(owners, table)


def freshness(
    snapshot: Snapshot,
    log: LogReader,
    decode: Decode,
    now: datetime,
    name: str,
    *,
    about: Callable[[str], bool] | None = None,
) -> Freshness:
    """How fresh an answer of one read model is, measured against the log as it is now. Raises ViewsNotBuilt."""
    positions = {partition: at.position for partition, at in snapshot.checkpoints(name).items()}
    heads = {partition: log.head(partition) for partition in log.partitions}
    seconds = 0.0
    for partition, head in heads.items():
        after = positions.get(partition, 0)
        if head > after:
            for event in log.read(partition, after, 1):
                waited = (now - _recorded_at(event, decode, now)).total_seconds()
                seconds = max(seconds, round(waited, 3))
    projection = snapshot.builds[name].projection
    return Freshness(
        name,
        projection.version,
        projection.revision,
        positions,
        heads,
        sum(max(0, head - positions.get(partition, 0)) for partition, head in heads.items()),
        seconds,
        tuple(snapshot.stale([name], about)),
    )


def of_log(log: LogReader) -> Freshness:
    """The freshness of an answer that is read from the log itself: nothing is newer. To be made before it is read."""
    heads = {partition: log.head(partition) for partition in log.partitions}
    return Freshness("log", None, None, heads, heads, 0, 0.0, ())


def _recorded_at(notification: Notification, decode: Decode, now: datetime) -> datetime:
    """When an event was recorded; now, where it cannot be decoded."""
    try:
        return decode(notification).timestamp
    except Exception:  # noqa: BLE001  # an unreadable event stops or parks its projection, which says so
        return now
