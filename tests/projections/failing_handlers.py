"""Handlers and events that fail, on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from eventsourcing.persistence import Notification

from projections.engine.engine import Engine
from projections.engine.projection import Event, Handler, Projection
from projections.engine.rows import RowCache
from projections.read_models import PROJECTIONS
from tests.support.event_builders import FakeLog

TRUNCATED = 12
"""So many bytes of an event are its header and a little: no decoder gets further."""


def failing_at(projection: Projection, positions: Iterable[int]) -> Projection:
    """The projection with handlers that change a row and then fail, at some positions of partition 0."""
    wanted = set(positions)

    def poisoned(handler: Handler) -> Handler:
        def handle(rows: RowCache, event: Event[Any]) -> None:
            handler(rows, event)
            if event.position in wanted:
                raise ZeroDivisionError("a bug")

        return handle

    handlers = {event_type: poisoned(handler) for event_type, handler in projection.handlers.items()}
    return replace(projection, handlers=handlers)


def truncate(log: FakeLog, position: int) -> Notification:
    """Damage an event of partition 0; returns what it was."""
    whole = log.events[0][position - 1]
    log.events[0][position - 1] = replace(whole, state=whole.state[:TRUNCATED])
    return whole


def counts(engine: Engine) -> dict[str, tuple[int, int, int]]:
    """Read model → applied, parked and ignored events, over all partitions."""
    with engine.reading() as snapshot:
        return {
            projection.name: (
                sum(at.applied for at in snapshot.checkpoints(projection.name).values()),
                sum(at.parked for at in snapshot.checkpoints(projection.name).values()),
                sum(at.ignored for at in snapshot.checkpoints(projection.name).values()),
            )
            for projection in PROJECTIONS
        }
