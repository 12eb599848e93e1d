"""A batch of events of one partition, decoded once for all projections, and its fold into the rows of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from eventsourcing.persistence import Notification

from domain.errors import InfrastructureError
from projections.errors import CannotApply, UnknownEvent
from projections.generations import Build
from projections.ports import Decode, Writer
from projections.projection import Event, Projection
from projections.rows import Rows


@lru_cache(maxsize=1024)
def event_name(topic: str) -> str:
    """The name of an event's type in a topic: `package.module:Name`, or the name alone."""
    return topic.rpartition(":")[2].rpartition(".")[2]


class Batch:
    """Events of one partition up to `target`. An event is decoded when the first projection asks for it."""

    def __init__(self, partition: int, read: Sequence[Notification], target: int, decode: Decode) -> None:
        self.partition = partition
        within = [notification for notification in read if notification.id <= target]
        self.names = [event_name(notification.topic) for notification in within]
        self.positions = [notification.id for notification in within]
        # Nothing left up to the target: whatever numbers the log skips, the target is reached.
        whole = len(within) < len(read) or not read
        self.reached = target if whole else self.positions[-1]
        self._notifications = within
        self._events: list[Event | None] = [None] * len(within)
        self._decode = decode

    def __len__(self) -> int:
        return len(self.names)

    def describe(self, index: int) -> dict[str, Any]:
        """Where an event stands, as the errors say it."""
        notification = self._notifications[index]
        return {
            "event": self.names[index],
            "dossier": str(notification.originator_id),
            "version": notification.originator_version,
            "partition": self.partition,
            "position": notification.id,
        }

    def event(self, index: int) -> Event:
        """The decoded event."""
        event = self._events[index]
        if event is None:
            notification = self._notifications[index]
            event = self._events[index] = Event(
                self.names[index],
                str(notification.originator_id),
                notification.originator_version,
                self.partition,
                notification.id,
                self._decode(notification.topic, notification.state),
            )
        return event


def fold(build: Build, batch: Batch, after: int, writer: Writer) -> tuple[int, InfrastructureError | None]:
    """Fold the events above position `after` into the rows of a build, and store the changed rows.

    Returns the position reached, and what stopped the projection, if anything did: then all events before it are in
    the rows, and nothing of it.
    """
    begin = next((index for index, position in enumerate(batch.positions) if position > after), len(batch))
    rows = Rows(writer, build.physical)
    end, error = _apply(build.projection, rows, batch, begin, len(batch))
    if error is None:
        rows.flush()
        return batch.reached, None
    # The handler may have changed some of its rows before it failed: fold again what stands before it.
    rows = Rows(writer, build.physical)
    _apply(build.projection, rows, batch, begin, end)
    rows.flush()
    return (batch.positions[end - 1] if end > begin else after), error


def _apply(
    projection: Projection, rows: Rows, batch: Batch, begin: int, end: int
) -> tuple[int, InfrastructureError | None]:
    """Apply events; returns the index behind the last one applied and what stopped there, if anything did."""
    handlers, ignored, names = projection.handlers, projection.ignored, batch.names
    index = begin
    try:
        for index in range(begin, end):
            handler = handlers.get(names[index])
            if handler is not None:
                handler(rows, batch.event(index))
            elif names[index] not in ignored:
                return index, UnknownEvent(projection=projection.name, **batch.describe(index))
    except Exception as cause:  # noqa: BLE001  # whatever a handler, decoder or store raises, the event is named
        error = CannotApply(projection=projection.name, cause=_said(cause), **batch.describe(index))
        error.__cause__ = cause
        return index, error
    return end, None


def _said(cause: Exception) -> str:
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
