"""Facts of other dossiers that a decision rests on: the council in force and the recognitions of communes.

A pure fold over the events of a few types. Of other partitions it may run behind the log; `read_at` says up to where
each was read, and the events that rest on it record that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol

from domain.catalogue import Level
from domain.catalogue.answer_types import CommuneFigures
from domain.context import CouncilInForce, RecognitionInForce
from domain.council.aggregate import CouncilEvent, represented
from domain.council.composition import CouncilChanged, CouncilEstablished
from domain.dossier.decision import (
    DecisionCorrected,
    DecisionRevoked,
    EarlierRecognitionRecorded,
    RecognitionApproved,
)
from domain.units import Units
from domain.values import Document, ReadAt

EVENTS: Final = frozenset(
    kind.__name__
    for kind in (
        CouncilEstablished,
        CouncilChanged,
        RecognitionApproved,
        EarlierRecognitionRecorded,
        DecisionCorrected,
        DecisionRevoked,
    )
)
"""The types of the events that the fold reads; all others change nothing."""


@dataclass(slots=True)
class CrossDossierFacts:
    """The state of the fold; answers as `domain.context.OtherDossiers`."""

    councils: list[CouncilInForce] = field(default_factory=list)
    recognitions: dict[UUID, RecognitionInForce] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)
    _by_unit: dict[str, set[UUID]] = field(default_factory=dict)

    def council_on(self, day: date) -> CouncilInForce | None:
        """The composition in force on a day: the latest decided on or before it."""
        decided = [council for council in self.councils if council.decided_on <= day]
        return max(decided, key=lambda council: (council.decided_on, council.version), default=None)

    def recognitions_of(self, unit_id: str) -> list[RecognitionInForce]:
        """The recognitions of a unit that are in force, in no order."""
        return [self.recognitions[dossier] for dossier in self._by_unit.get(unit_id, ())]

    def commune_figures(self, district_id: str, units: Units, day: date) -> CommuneFigures:
        """The figures of the district criterion I.1: decisions up to a day, communes of this district only."""
        communes = units.communes_of(district_id)
        levels = [
            {found.level for found in self.recognitions_of(commune.id) if found.decided_on <= day}
            for commune in communes
        ]
        return CommuneFigures(
            communes=len(communes),
            recognised=sum(1 for held in levels if held),
            advanced=sum(1 for held in levels if Level.ADVANCED in held),
        )

    def read_at(self) -> list[ReadAt]:
        """The position of each partition up to which it was read."""
        return [
            ReadAt(partition=partition, position=position) for partition, position in sorted(self.positions.items())
        ]

    def evolve(self, event: DomainEventProtocol[UUID]) -> None:
        """Fold one event in."""
        dossier_id = event.originator_id
        if isinstance(event, CouncilEvent):
            agencies = represented(event.members, event.standing_vice_chair)
            self.add_council(CouncilInForce(event.originator_version, event.on, _number(event.decision), agencies))
        elif isinstance(event, RecognitionApproved | EarlierRecognitionRecorded):
            self.add_recognition(
                dossier_id, RecognitionInForce(event.unit_id, Level(event.level), _number(event.decision), event.on)
            )
        elif isinstance(event, DecisionCorrected) and dossier_id in self.recognitions:
            held = self.recognitions[dossier_id]
            self.recognitions[dossier_id] = RecognitionInForce(
                held.unit_id, held.level, _number(event.corrected), event.corrected["date"]
            )
        elif isinstance(event, DecisionRevoked) and dossier_id in self.recognitions:
            held = self.recognitions.pop(dossier_id)
            self._by_unit[held.unit_id].discard(dossier_id)

    def add_council(self, council: CouncilInForce) -> None:
        """Add a composition."""
        self.councils.append(council)

    def add_recognition(self, dossier_id: UUID, recognition: RecognitionInForce) -> None:
        """Add a recognition in force."""
        self.recognitions[dossier_id] = recognition
        self._by_unit.setdefault(recognition.unit_id, set()).add(dossier_id)


def _number(decision: Document) -> str:
    return decision.get("number") or ""
