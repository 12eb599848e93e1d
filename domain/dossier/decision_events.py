"""Facts of decision by the Chairman, and corrections of facts (I.2, II.3, readings 4 and 5)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from domain.dossier.events_base import DossierCreated, DossierEvent
from domain.dossier.states import State
from domain.policy.recognition import Counts
from domain.values import Document, Finding

if TYPE_CHECKING:
    from domain.dossier.aggregate import Dossier


class RecognitionApproved(DossierEvent):
    """The Chairman recognised the unit; `on` is the day of the decision (I.2, II.3)."""

    unit_id: str
    level: str
    decision: Document
    signer: str
    capacity: str
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.decision = (self.originator_version, self.decision)
        dossier.state = State.APPROVED
        dossier.last_step_date = self.on


class RecognitionRejected(DossierEvent):
    """The Chairman did not recognise the unit, with reasons (reading 4)."""

    unit_id: str
    level: str
    decision: Document
    signer: str
    capacity: str
    reasons: str

    def assign(self, dossier: Dossier) -> None:
        dossier.decision = (self.originator_version, self.decision)
        dossier.state = State.REJECTED
        dossier.last_step_date = self.on


class DecisionCorrected(DossierEvent):
    """A later decision corrected the number, date or issuer of the decision; what was decided stands (reading 4)."""

    unit_id: str
    level: str
    corrects: int
    reason: str
    decision: Document
    signer: str
    capacity: str
    corrected: Document

    def assign(self, dossier: Dossier) -> None:
        version = dossier.decision[0] if dossier.decision else self.corrects
        dossier.decision = (version, self.corrected)


class DecisionRevoked(DossierEvent):
    """A later decision revoked the recognition (reading 4)."""

    unit_id: str
    level: str
    revokes: int
    reason: str
    decision: Document
    signer: str
    capacity: str

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.REVOKED
        dossier.last_step_date = self.on


class EarlierRecognitionRecorded(DossierCreated):
    """A recognition from before the system was entered with its decision; `on` is the day of that decision."""

    decision: Document
    signer: str | None
    capacity: str | None

    def assign(self, dossier: Dossier) -> None:
        dossier.decision = (self.originator_version, self.decision)
        dossier.state = State.RECOGNISED_EARLIER


class FactCorrected(DossierEvent):
    """The agency that recorded a fact corrected it, and said why; the fact itself stays in the log (reading 5).

    `correction` is a JSON object of the corrected fields of the fact; `took_place_on` its corrected day. What a later
    step rests on is held apart as well: a district council's findings, an inspection's criteria, the council's word,
    the last of the 15 days.
    """

    corrects: int
    fact: str
    reason: str
    took_place_on: date | None
    correction: str
    documents: list[Document]
    findings: dict[str, Finding] | None
    inspected: list[str] | None
    recommends: bool | None
    due_on: date | None
    after_decision: bool

    def assign(self, dossier: Dossier) -> None:
        if self.took_place_on is not None:
            event, _, agency = dossier.facts[self.corrects]
            dossier.facts[self.corrects] = (event, self.took_place_on, agency)
        if self.findings is not None:
            dossier.findings = {**dossier.findings, **self.findings}
        if self.recommends is not None:
            dossier.council_recommends = self.recommends
        if self.due_on is not None:
            dossier.due_on = self.due_on
        if self.corrects in dossier.inspections:
            agency, on, criteria = dossier.inspections[self.corrects]
            dossier.inspections = {
                **dossier.inspections,
                self.corrects: (
                    agency,
                    self.took_place_on or on,
                    criteria if self.inspected is None else frozenset(self.inspected),
                ),
            }
