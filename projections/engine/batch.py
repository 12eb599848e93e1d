"""A batch of events of one partition, and its fold into the rows of several projections at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache

from eventsourcing.persistence import Notification

from domain.errors import InfrastructureError, ProgramTooOld
from domain.recorded_event import RecordedEvent
from projections.engine.empty_positions import EmptyPositions, next_position
from projections.engine.errors import BrokenChain, UnknownEvent
from projections.engine.generations import MARKS, PARKED, Checkpoint, Generation, KeptHistory
from projections.engine.hashchain import extend_all
from projections.engine.ports import Decode, Reader, Writer
from projections.engine.projection import Event
from projections.engine.rows import RowCache
from projections.engine.table import Value

dossier_text = lru_cache(maxsize=4096)(str)
"""A dossier's id as text; making it costs more than looking it up."""


@lru_cache(maxsize=1024)
def event_name(topic: str) -> str:
    """The name of an event's type in a topic: `package.module:Name`, or the name alone."""
    return topic.rpartition(":")[2].rpartition(".")[2]


class Batch:
    """Events of one partition, one after another behind the position `after`. Raises BrokenChain.

    `empty` has the positions that may be missing.
    """

    def __init__(
        self,
        partition: int,
        after: int,
        events: Sequence[Notification],
        decode: Decode,
        empty: EmptyPositions = (),
    ) -> None:
        for event in events:
            expected = next_position(after, empty) if empty else after + 1
            if event.id != expected:
                raise BrokenChain(partition=partition, position=expected, found=event.id)
            after = expected
        self.partition = partition
        self.events = events
        self.positions = [event.id for event in events]
        self.decode = decode
        self.named = [(event, event_name(event.topic), dossier_text(event.originator_id)) for event in events]
        """Each event with the name of its type, and its dossier's id as text."""


class BatchApplier:
    """A batch folded into one build: what is to be stored, and what stopped it where, if anything did.

    `refused`: (position, words) of an event whose rows the store does not take; it is parked for that.
    """

    def __init__(
        self,
        build: Generation,
        before: Checkpoint,
        batch: Batch,
        reader: Reader,
        refused: tuple[int, str] | None = None,
    ) -> None:
        self.build = build
        self.before = before
        self.after = before
        self.error: InfrastructureError | None = None
        self.handlers = build.projection.handlers
        self.handled = build.projection.handled
        self.ignored = build.projection.ignored
        self.rows = RowCache(reader, build.physical)
        self._batch = batch
        self._refused = refused
        parked = parked_dossiers(reader, build, batch.partition)
        self._parked = set(map(build.projection.parking_scope, parked))
        self._newly_parked: list[tuple[Value, ...]] = []
        self.applied = 0
        self.ignored_count = 0
        self.last = before.position
        self.history: bytes | None = None
        """What the log says of itself up to `last`."""
        self._marks: list[tuple[int, bytes]] = []
        self._read_ahead()

    def _read_ahead(self) -> None:
        handled, last = self.handled, self.last
        dossiers = {dossier for event, name, dossier in self._batch.named if name in handled and event.id > last}
        if dossiers:
            self.rows.read_ahead(sorted(dossiers))

    def waits(self, dossier: str) -> bool:
        """Whether an event of this dossier must wait behind a parked one."""
        return bool(self._parked) and self.build.projection.parking_scope(dossier) in self._parked

    def apply(self, event: Event[RecordedEvent]) -> None:
        """Hand an event to its handler; where that fails, undo its changes and park the dossier."""
        self.rows.begin()
        try:
            self.handlers[type(event.fact)](self.rows, event)
        except InfrastructureError:
            # The store could not be read: that says nothing about the event.
            raise
        except Exception as cause:  # noqa: BLE001  # whatever a handler raises, only its dossier waits
            self.rows.undo()
            self.park(event.dossier_id, event.version, event.name, event.position, describe_error(cause))
        else:
            if self._refused is not None and self._refused[0] == event.position:
                self.rows.undo()
                self.park(event.dossier_id, event.version, event.name, event.position, self._refused[1])
            else:
                self.applied += 1

    def park(self, dossier: str, version: int, name: str, position: int, cause: str | None) -> None:
        """Leave an event out of the rows, and every later one of its dossier (or unit)."""
        self._parked.add(self.build.projection.parking_scope(dossier))
        self._newly_parked.append((*self.build.key, self._batch.partition, position, dossier, version, name, cause))

    def close(self, digest: bytes, marks: Sequence[tuple[int, bytes]]) -> None:
        """The batch is folded; `digest` is the running hash at the last event that was."""
        before = self.before
        self._marks = list(marks)
        self.after = Checkpoint(
            self.last,
            before.applied + self.applied,
            before.parked + len(self._newly_parked),
            before.ignored + self.ignored_count,
            digest,
        )

    def store(self, writer: Writer) -> None:
        """Store rows, parked events and position in the writer's transaction. Raises CheckpointConflict, InvalidRow."""
        if self.after.position == self.before.position:
            return
        # First: a build that another engine has advanced is left alone before anything is written.
        self.build.advance(writer, self._batch.partition, self.before, self.after)
        if self.history is not None:
            kept = KeptHistory(self.after.position, self.after.digest, self.history)
            self.build.keep_history(writer, self._batch.partition, kept)
        self.rows.flush(writer)
        if self._newly_parked:
            writer.upsert(PARKED, PARKED.name, self._newly_parked)
        if self._marks:
            place = (*self.build.key, self._batch.partition)
            writer.upsert(MARKS, MARKS.name, [(*place, position, digest.hex()) for position, digest in self._marks])


def fold(
    behind: Mapping[Generation, Checkpoint],
    batch: Batch,
    reader: Reader,
    refused: Mapping[str, tuple[int, str]] | None = None,
) -> list[BatchApplier]:
    """Fold the events above each build's position into its rows. An event is decoded once, and let go before the next.

    What a newer release wrote, a type of event or a version of one, stops a projection there: all events before it are
    folded, and none after it.
    """
    refused = refused or {}
    appliers = [
        BatchApplier(build, checkpoint, batch, reader, refused.get(build.name)) for build, checkpoint in behind.items()
    ]
    _apply(appliers, batch)
    _close(appliers, batch)
    return appliers


def _apply(appliers: list[BatchApplier], batch: Batch) -> None:
    running = list(appliers)
    for notification, name, dossier in batch.named:
        position = notification.id
        event: Event[RecordedEvent] | ProgramTooOld | str | None = None
        for each in running:
            if position <= each.last:
                continue
            if name in each.ignored:
                each.ignored_count += 1
            elif name not in each.handled:
                running = _stop(each, None, notification, batch.partition, running)
                continue
            else:
                if event is None:
                    event = _decoded(notification, dossier, batch)
                if isinstance(event, ProgramTooOld):
                    running = _stop(each, event, notification, batch.partition, running)
                    continue
                if each.waits(dossier):
                    each.park(dossier, notification.originator_version, name, position, None)
                elif isinstance(event, str):
                    each.park(dossier, notification.originator_version, name, position, event)
                else:
                    each.apply(event)
            each.last = position


def _stop(
    each: BatchApplier,
    cause: ProgramTooOld | None,
    event: Notification,
    partition: int,
    running: list[BatchApplier],
) -> list[BatchApplier]:
    """Stop one build before an event; those that go on."""
    each.error = _stopped(each.build, cause, event, partition)
    return [other for other in running if other is not each]


def _stopped(build: Generation, cause: ProgramTooOld | None, event: Notification, partition: int) -> ProgramTooOld:
    """The error for an event of a newer release at which a build stops."""
    place: dict[str, object] = {
        "projection": build.name,
        "event": event_name(event.topic),
        "dossier": dossier_text(event.originator_id),
        "version": event.originator_version,
        "partition": partition,
        "position": event.id,
    }
    return UnknownEvent(clause=None, **place) if cause is None else cause.at(**place, place=f"{partition}/{event.id}")


def stopped_at(build: Generation, event: Notification, partition: int, decode: Decode) -> ProgramTooOld | None:
    """Why a build does not go beyond the event that comes next; None where it does."""
    name = event_name(event.topic)
    if name in build.projection.ignored:
        return None
    if name not in build.projection.handled:
        return _stopped(build, None, event, partition)
    found = decoded(event, partition, decode)
    return _stopped(build, found, event, partition) if isinstance(found, ProgramTooOld) else None


def _close(appliers: list[BatchApplier], batch: Batch) -> None:
    """Compute the running hash once for all that began and ended at the same positions, as nearly all do."""
    known: dict[tuple[int, bytes, int], tuple[bytes, list[tuple[int, bytes]]]] = {}
    for each in appliers:
        before = each.before
        key = (before.position, before.digest, each.last)
        if key not in known:
            begin, end = (bisect_right(batch.positions, position) for position in (before.position, each.last))
            known[key] = extend_all(before.digest, batch.events[begin:end])
        each.close(*known[key])


def decoded(notification: Notification, partition: int, decode: Decode) -> Event[RecordedEvent] | ProgramTooOld | str:
    """An event as handlers get it, or why it cannot be decoded: what a newer release wrote, or an error in words."""
    batch = Batch(partition, notification.id - 1, [notification], decode)
    ((_, _, dossier),) = batch.named
    return _decoded(notification, dossier, batch)


def _decoded(notification: Notification, dossier: str, batch: Batch) -> Event[RecordedEvent] | ProgramTooOld | str:
    try:
        fact = batch.decode(notification)
    except ProgramTooOld as newer:
        return newer
    except Exception as cause:  # noqa: BLE001  # whatever a decoder raises, only that dossier waits
        return describe_error(cause)
    return Event(fact, dossier, notification.originator_version, batch.partition, notification.id)


def parked_dossiers(reader: Reader, build: Generation, partition: int) -> frozenset[str]:
    """The dossiers of a partition that are parked in a build."""
    found = reader.select(
        "SELECT DISTINCT dossier_id FROM views_parked WHERE projection = ? AND generation = ? AND partition = ?",
        (*build.key, partition),
    )
    return frozenset(row["dossier_id"] for row in found)


def describe_error(cause: BaseException) -> str:
    """An error as text that every store accepts."""
    text = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
