"""The library's recorders of one partition, on whichever tape: written through the log, read from the index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import (
    ApplicationRecorder,
    ListenNotifySubscription,
    StoredEvent,
    Subscription,
    Tracking,
)
from eventsourcing.sqlite import SQLiteProcessRecorder, SQLiteTrackingRecorder

from infra.errors import LogUnusable
from infra.log.append_requests import EventsRequest
from infra.log.events import IndexedEvents
from infra.log.format import Append, RecordedOutcome, event_rows
from infra.log.partition_handle import PartitionHandle


class LogApplicationRecorder(IndexedEvents):
    """An application recorder of one partition. Notification ids are the positions, dense from 1.

    Reads are of the index at its head: everything that this process appended, and a correct prefix of the rest.
    """

    def __init__(self, opened: PartitionHandle) -> None:
        super().__init__(opened.datastore)
        self.opened = opened

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append all, or none and raise IntegrityError. With `tracking=`, that too in the same append."""
        return insert(self.opened, stored_events, kwargs.get("tracking"))

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Events as they come, those of other processes too."""
        return LogSubscription(self, gt, topics)


class LogTrackingRecorder(SQLiteTrackingRecorder):
    """A tracking recorder: tracking alone is an append without events."""

    def __init__(self, opened: PartitionHandle) -> None:
        super().__init__(opened.datastore)
        self.opened = opened

    def insert_tracking(self, tracking: Tracking) -> None:
        """Append it, or raise IntegrityError when as much or more has been tracked."""
        insert(self.opened, (), tracking)


class LogProcessRecorder(SQLiteProcessRecorder):
    """A process recorder: events and tracking in one append."""

    def __init__(self, opened: PartitionHandle) -> None:
        super().__init__(opened.datastore)
        self.opened = opened

    insert_tracking = LogTrackingRecorder.insert_tracking
    insert_events = LogApplicationRecorder.insert_events
    subscribe = LogApplicationRecorder.subscribe


class LogSubscription(ListenNotifySubscription[LogApplicationRecorder]):
    """Reads the index whenever something has reached it."""

    def __init__(self, recorder: LogApplicationRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        recorder.opened.listen(self)

    def stop(self) -> None:
        """Stop; the iteration ends."""
        super().stop()
        self._recorder.opened.forget(self)

    def notify(self) -> None:
        """See `Listener`."""
        self._has_been_notified.set()

    def fail(self, error: LogUnusable) -> None:
        """See `Listener`."""
        self._thread_error = error
        # Not `stop`: that waits for the thread which calls here.
        super().stop()


def insert(
    opened: PartitionHandle, stored_events: Sequence[StoredEvent], tracking: Tracking | None
) -> Sequence[int] | None:
    """One append of the library's. Raises IntegrityError."""
    if not stored_events and tracking is None:
        return []
    outcome = RecordedOutcome.EVENTS if stored_events else RecordedOutcome.TRACKED
    append = Append(os.urandom(16), outcome, event_rows(stored_events), tracking=tracking)
    position = opened.committer.submit(EventsRequest([append]))
    return [*range(position, position + len(stored_events))]
