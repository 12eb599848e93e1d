"""The dossiers of a partition as they stand at its head, with what the batch in hand has changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from eventsourcing.application import project_aggregate
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent

from consumers.commands.errors import LogIncomplete
from domain.catalogue import Level
from domain.commands import UnitReference
from domain.council.aggregate import ProvincialCouncil
from domain.dossier.aggregate import Dossier
from domain.identity import DossierKey
from projections.engine.ports import DossierLog
from projections.engine.versions import check_versions

AGGREGATES_KEPT: Final = 128
"""By all partitions of a process together: each has some 75 KB."""
_FEWEST_KEPT: Final = 8
_ATTEMPTS_KEPT: Final = 10_000
_READ_BATCH: Final = 1000

Loaded: TypeAlias = Dossier | ProvincialCouncil


class Repository:
    """What is known of one partition: its head, the last recorded moment, and aggregates as of there."""

    def __init__(self, log: DossierLog, mapper: Mapper[UUID], partition: int) -> None:
        self._log = log
        self._mapper = mapper
        self._partition = partition
        self._kept = max(_FEWEST_KEPT, AGGREGATES_KEPT // len(log.partitions))
        self.head = log.head(partition)
        last = log.read(partition, self.head - 1, 1) if self.head else ()
        self.recorded_at = self._moment(last[-1]) if last else None
        self._aggregates: OrderedDict[UUID, Loaded] = OrderedDict()
        # A unit, level and year → how many attempts exist.
        self._attempts: dict[UnitReference, int] = {}
        # Events of the batch in hand, which are not in the log yet.
        self._decided: dict[UUID, list[DomainEventProtocol[UUID]]] = {}

    def read_on(self) -> None:
        """Take in what was appended by others; their dossiers are loaded anew when they are needed."""
        head = self._log.head(self._partition)
        while self.head < head:
            before = self.head
            for notification in self._log.read(self._partition, self.head, _READ_BATCH):
                self._aggregates.pop(_as_uuid(notification.originator_id), None)
                self.head, last = notification.id, notification
            if self.head == before:
                raise LogIncomplete(partition=self._partition, head=head, reached=before)
            self.recorded_at = self._moment(last)
            self._attempts.clear()

    def load(self, aggregate_id: UUID) -> Loaded | None:
        """An aggregate with all that was decided about it so far; None when it has no event. Raises FactMissing."""
        found = self._aggregates.get(aggregate_id)
        if found is not None:
            self._aggregates.move_to_end(aggregate_id)
            return found
        stored = self._log.events_of(aggregate_id)
        check_versions(str(aggregate_id), (each.originator_version for each in stored))
        events = [self._mapper.to_domain_event(each) for each in stored]
        events += self._decided.get(aggregate_id, ())
        initial: Any = None
        loaded: Loaded | None = project_aggregate(initial, events)
        if loaded is not None:
            self._aggregates[aggregate_id] = loaded
        return loaded

    def latest(self, reference: UnitReference) -> tuple[Dossier | None, DossierKey]:
        """The latest attempt of a unit, level and year, if any, and the key of the next one."""
        level = Level(reference.level)
        attempts = self._attempts.get(reference)
        if attempts is None:
            attempts = 0
            while self.load(DossierKey(reference.unit, level, reference.year, attempts + 1).id) is not None:
                attempts += 1
            self._attempts[reference] = attempts
        following = DossierKey(reference.unit, level, reference.year, attempts + 1)
        if not attempts:
            return None, following
        return cast(Dossier, self.load(DossierKey(reference.unit, level, reference.year, attempts).id)), following

    def record(self, aggregate: Loaded, events: Sequence[DomainEventProtocol[UUID]]) -> None:
        """Keep an aggregate as a command of the batch left it, with the events that the command led to."""
        self._aggregates[aggregate.id] = aggregate
        self._decided.setdefault(aggregate.id, []).extend(events)

    def created(self, reference: UnitReference, attempt: int) -> None:
        """A command of the batch began this attempt."""
        self._attempts[reference] = attempt

    def reload(self) -> None:
        """Let go of all aggregates: a command failed halfway, and may have left one changed."""
        self._aggregates.clear()
        self._attempts.clear()

    def appended(self, head: int) -> None:
        """The batch is in the log, where the partition ends at `head` now."""
        self.head = head
        self._decided.clear()
        while len(self._aggregates) > self._kept:
            self._aggregates.popitem(last=False)
        if len(self._attempts) > _ATTEMPTS_KEPT:
            self._attempts.clear()

    def _moment(self, stored: StoredEvent) -> datetime:
        recorded_at: datetime = self._mapper.to_domain_event(stored).timestamp  # type: ignore[attr-defined]
        return recorded_at


def _as_uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
