"""Many partitions as one recorder, as far as that goes: events are written and read by dossier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    ProgrammingError,
    StoredEvent,
    Subscription,
)

from infra.log.kafka.recorder import KafkaApplicationRecorder
from infra.log.partition_handle import PartitionHandle

_SCOPE_BITS = 48


def partition_of(originator_id: UUID | str, partitions: int) -> int:
    """The partition of a dossier: the first 48 bits of its id modulo P. All dossiers of a unit share them."""
    as_uuid = originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
    return (as_uuid.int >> (128 - _SCOPE_BITS)) % partitions


class KafkaFacadeRecorder(ApplicationRecorder):
    """Routes by dossier. An append touches one partition; notification ids exist per partition only."""

    def __init__(self, opened: Sequence[PartitionHandle]) -> None:
        self.recorders = [KafkaApplicationRecorder(partition) for partition in opened]

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append to the events' partition. The ids are positions there. Raises ProgrammingError for more than one."""
        numbers = {partition_of(event.originator_id, len(self.recorders)) for event in stored_events}
        if len(numbers) > 1:
            raise ProgrammingError(f"one append touches one partition, not {sorted(numbers)}")
        return self.recorders[numbers.pop()].insert_events(stored_events, **kwargs) if numbers else []

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of one dossier."""
        recorder: AggregateRecorder = self.recorders[partition_of(originator_id, len(self.recorders))]
        return recorder.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)

    def select_notifications(self, *_: Any, **__: Any) -> Sequence[Notification]:
        """Per partition only."""
        _per_partition()

    def max_notification_id(self) -> int | None:
        """Per partition only."""
        _per_partition()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Per partition only."""
        del gt, topics
        _per_partition()


def _per_partition() -> NoReturn:
    raise ProgrammingError("notifications exist per partition: name the application <app>/<partition>")
