"""What decisions know of other dossiers, folded from the log itself when a handler first asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper

from domain.catalogue.answer_types import CommuneFigures
from domain.cross_dossier import EVENTS, CouncilInForce, CrossDossierFacts, RecognitionInForce
from domain.units import Units
from domain.values import ReadAt
from projections.engine.ports import DossierLog

_READ_BATCH: Final = 1000


class LoggedFacts:
    """See `domain.cross_dossier.OtherDossiers`. For one handler, and so for one thread.

    Within a batch of commands the own partition is read up to the head on which the batch is decided, then the batch's
    own events are folded in as they are decided; other partitions are read up to their heads at the batch's first
    question. Any question may raise InfrastructureError when the log cannot be read. Nothing is read without one.
    """

    def __init__(self, log: DossierLog, mapper: Mapper[UUID]) -> None:
        self._log = log
        self._mapper = mapper
        self._facts = CrossDossierFacts()
        # Partition → the position up to which the log itself is in the fold.
        self._read: dict[int, int] = {}
        self._partition = self._head = self._position = 0
        # What the batch led to, which no append has made durable yet.
        self._decided: list[DomainEventProtocol[UUID]] = []
        self._is_current = False

    def begin(self, partition: int, head: int) -> None:
        """A batch begins, to be decided on this head of its partition."""
        self._partition, self._head, self._position = partition, head, head
        self._decided = []
        self._is_current = False

    def decide_at(self, position: int) -> None:
        """The next command of the batch is decided at this position of its partition."""
        self._position = position

    def record(self, events: Sequence[DomainEventProtocol[UUID]]) -> None:
        """Take in what a command of the batch led to, for those that come after it."""
        for event in events:
            if type(event).__name__ in EVENTS:
                self._decided.append(event)
                if self._is_current:
                    self._fold(event)

    def appended(self, head: int) -> None:
        """The batch is in the log, where its partition ends at `head` now."""
        if self._is_current:
            self._read[self._partition] = head
        self._decided = []

    def forget(self) -> None:
        """The batch is not in the log: nothing is built upon what it decided."""
        if self._decided:
            self._facts = CrossDossierFacts()
            self._read = {}
        self._decided = []
        self._is_current = False

    def council_on(self, day: date) -> CouncilInForce | None:
        """The composition in force on a day."""
        return self._current().council_on(day)

    def recognitions_of(self, unit_id: str) -> list[RecognitionInForce]:
        """The recognitions of a unit that are in force, in no order."""
        return self._current().recognitions_of(unit_id)

    def commune_figures(self, district_id: str, units: Units, day: date) -> CommuneFigures:
        """The figures of the district criterion I.1."""
        return self._current().commune_figures(district_id, units, day)

    def read_at(self) -> list[ReadAt]:
        """The position of each partition up to which it was read; in its own one a command is decided there."""
        return self._current().read_at()

    def _current(self) -> CrossDossierFacts:
        if not self._is_current:
            for partition in self._log.partitions:
                self._read_on(partition, self._head if partition == self._partition else self._log.head(partition))
            for event in self._decided:
                self._fold(event)
            self._is_current = True
        self._facts.positions[self._partition] = self._position
        return self._facts

    def _read_on(self, partition: int, head: int) -> None:
        after = self._read.get(partition, 0)
        while after < head:
            found = self._log.read_types(partition, EVENTS, after, head, _READ_BATCH)
            for stored in found:
                self._fold(self._mapper.to_domain_event(stored))
                self._read[partition] = stored.id
            after = self._read[partition] = found[-1].id if len(found) == _READ_BATCH else head
        self._facts.positions[partition] = after

    def _fold(self, event: DomainEventProtocol[UUID]) -> None:
        self._facts.evolve(event)
