"""A batch of events of one partition, and its fold into the rows of several projections at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from eventsourcing.persistence import Notification

from domain.errors import InfrastructureError
from projections.errors import CannotApply, UnknownEvent
from projections.generations import Build
from projections.ports import Decode, Writer
from projections.projection import Event
from projections.rows import Rows


@lru_cache(maxsize=1024)
def event_name(topic: str) -> str:
    """The name of an event's type in a topic: `package.module:Name`, or the name alone."""
    return topic.rpartition(":")[2].rpartition(".")[2]


class Batch:
    """Events of one partition up to `target`, still encoded. `reached` is the position behind the last of them."""

    def __init__(self, partition: int, read: Sequence[Notification], target: int, decode: Decode) -> None:
        self.partition = partition
        self.events = [notification for notification in read if notification.id <= target]
        # Nothing left up to the target: whatever numbers the log skips, the target is reached.
        whole = len(self.events) < len(read) or not read
        self.reached = target if whole else self.events[-1].id
        self.decode = decode


class _Fold:
    """The fold of a batch into one build: its rows, and what stopped it where, if anything did."""

    def __init__(self, build: Build, after: int, writer: Writer) -> None:
        self.build = build
        self.after = after
        self.rows = Rows(writer, build.physical)
        self.handlers = build.projection.handlers
        self.ignored = build.projection.ignored
        self.last = after
        self.error: InfrastructureError | None = None


def fold(
    behind: Mapping[Build, int], batch: Batch, writer: Writer
) -> dict[Build, tuple[int, InfrastructureError | None]]:
    """Fold the events above each build's position into its rows, and store the changed rows.

    Returns for each build the position reached, and what stopped its projection, if anything did: then all events
    before that one are in the rows, and nothing of it. An event is decoded once, and let go before the next one.
    """
    folds = [_Fold(build, position, writer) for build, position in behind.items()]
    _apply(folds, batch, batch.events)
    reached: dict[Build, tuple[int, InfrastructureError | None]] = {}
    for each in folds:
        if each.error is None:
            each.rows.flush()
            reached[each.build] = batch.reached, None
        else:
            # The handler may have changed some of its rows before it failed: fold again what stands before it.
            again = _Fold(each.build, each.after, writer)
            _apply([again], batch, [event for event in batch.events if event.id <= each.last])
            again.rows.flush()
            reached[each.build] = each.last, each.error
    return reached


def _apply(folds: list[_Fold], batch: Batch, events: Iterable[Notification]) -> None:
    """Hand each event to each fold that handles it; a fold that stops gets no more."""
    going = list(folds)
    for notification in events:
        name, position = event_name(notification.topic), notification.id
        event: Event | None = None
        for each in going:
            if position <= each.after:
                continue
            handler = each.handlers.get(name)
            try:
                if handler is not None:
                    if event is None:
                        event = _event(notification, name, batch)
                    handler(each.rows, event)
                elif name not in each.ignored:
                    each.error = UnknownEvent(projection=each.build.name, **_place(notification, batch))
            except Exception as cause:  # noqa: BLE001  # whatever a handler, decoder or store raises, the event is named
                told = {"projection": each.build.name, "cause": _said(cause), **_place(notification, batch)}
                each.error = CannotApply(**told)
                each.error.__cause__ = cause
            if each.error is None:
                each.last = position
            else:
                going = [other for other in going if other.error is None]


def _event(notification: Notification, name: str, batch: Batch) -> Event:
    return Event(
        name,
        str(notification.originator_id),
        notification.originator_version,
        batch.partition,
        notification.id,
        batch.decode(notification.topic, notification.state),
    )


def _place(notification: Notification, batch: Batch) -> dict[str, Any]:
    """Where an event stands, as the errors say it."""
    return {
        "event": event_name(notification.topic),
        "dossier": str(notification.originator_id),
        "version": notification.originator_version,
        "partition": batch.partition,
        "position": notification.id,
    }


def _said(cause: Exception) -> str:
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
