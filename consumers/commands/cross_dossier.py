"""What decisions know of other dossiers, folded from the log itself when a handler first asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper

from domain.catalogue.answer_types import CommuneFigures
from domain.context import CouncilInForce, RecognitionInForce
from domain.cross_dossier import EVENTS, CrossDossierFacts
from domain.units import Units
from domain.values import ReadAt
from projections.engine.ports import DossierLog

_READ_BATCH: Final = 1000


class CommandBatch(Protocol):
    """A batch of commands that is being decided, on a head of its partition."""

    partition: int
    head: int
    decided: list[DomainEventProtocol[UUID]]
    """The events that its commands led to so far, which no append has made durable before `is_appended`."""
    is_appended: bool

    @property
    def position(self) -> int:
        """The position of its partition at which the next command is decided."""


class LoggedFacts:
    """The fold of the log for one handler, and so for one thread. `FactsInBatch` asks it.

    Within a batch of commands the own partition is read up to the head on which the batch is decided, then the batch's
    own events are folded in as they are decided; other partitions are read up to their heads at the batch's first
    question. Nothing is read without a question, and nothing is built upon a batch that is not in the log.
    """

    def __init__(self, log: DossierLog, mapper: Mapper[UUID]) -> None:
        self._log = log
        self._mapper = mapper
        self._facts = CrossDossierFacts()
        # Partition → the position up to which the log itself is in the fold.
        self._read: dict[int, int] = {}
        # The batch that asked last, and how many of its events were looked at.
        self._batch: CommandBatch | None = None
        self._seen = 0
        self._has_undecided = False

    def current(self, batch: CommandBatch) -> CrossDossierFacts:
        """The facts as the next command of a batch may know them. Raises InfrastructureError when the log does."""
        if batch is not self._batch:
            self._leave_batch()
            for partition in self._log.partitions:
                self._read_on(partition, batch.head if partition == batch.partition else self._log.head(partition))
            self._batch = batch
        for event in batch.decided[self._seen :]:
            if type(event).__name__ in EVENTS:
                self._has_undecided = True
                self._facts.evolve(event)
        self._seen = len(batch.decided)
        self._facts.positions[batch.partition] = batch.position
        return self._facts

    def _leave_batch(self) -> None:
        batch, seen, has_undecided = self._batch, self._seen, self._has_undecided
        self._batch, self._seen, self._has_undecided = None, 0, False
        if batch is None:
            return
        if batch.is_appended:
            for event in batch.decided[seen:]:
                self._facts.evolve(event)
            self._read[batch.partition] = batch.position
        elif has_undecided:
            self._facts = CrossDossierFacts()
            self._read = {}

    def _read_on(self, partition: int, head: int) -> None:
        after = self._read.get(partition, 0)
        while after < head:
            found = self._log.read_types(partition, EVENTS, after, head, _READ_BATCH)
            for stored in found:
                self._facts.evolve(self._mapper.to_domain_event(stored))
                self._read[partition] = stored.id
            after = self._read[partition] = found[-1].id if len(found) == _READ_BATCH else head
        self._facts.positions[partition] = after


@dataclass(frozen=True, slots=True)
class FactsInBatch:
    """See `domain.context.OtherDossiers`, for the commands of a batch.

    Any question may raise InfrastructureError when the log cannot be read.
    """

    facts: LoggedFacts
    batch: CommandBatch

    def council_on(self, day: date) -> CouncilInForce | None:
        """The composition in force on a day."""
        return self.facts.current(self.batch).council_on(day)

    def recognitions_of(self, unit_id: str) -> list[RecognitionInForce]:
        """The recognitions of a unit that are in force, in no order."""
        return self.facts.current(self.batch).recognitions_of(unit_id)

    def commune_figures(self, district_id: str, units: Units, day: date) -> CommuneFigures:
        """The figures of the district criterion I.1."""
        return self.facts.current(self.batch).commune_figures(district_id, units, day)

    def read_at(self) -> list[ReadAt]:
        """The position of each partition up to which it was read; in its own one a command is decided there."""
        return self.facts.current(self.batch).read_at()
