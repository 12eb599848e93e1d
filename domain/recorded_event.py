"""What every event holds: the day of its fact, the moment of its recording, who acted and by which command."""

from __future__ import annotations

from datetime import date

from eventsourcing.domain import AggregateEvent

from domain.values import Actor


class RecordedEvent(AggregateEvent):
    """A fact. `timestamp` is the moment of recording (UTC), `on` the day of the fact (Vietnam), from its document."""

    on: date
    actor: Actor
    command_id: str
