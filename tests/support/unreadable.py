"""A program that cannot read some events, as an older or a faulty one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from eventsourcing.persistence import StoredEvent

from domain.recorded_event import RecordedEvent
from schemas.avro.codec import decode_event


@contextmanager
def unreadable(event: str) -> Iterator[None]:
    """It cannot read events of one type; the log is as it was."""

    def decode(stored: StoredEvent) -> RecordedEvent:
        state = stored.state[:12] if stored.topic == event else stored.state
        return decode_event(StoredEvent(stored.originator_id, stored.originator_version, stored.topic, state))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("infra.bootstrap.decode_event", decode)
        yield
