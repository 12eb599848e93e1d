"""The Chairman's decisions: recognition, its announcement, correction, revocation; earlier recognitions (I.2, II.4)."""

from __future__ import annotations

from typing import TypedDict

from domain.commands import (
    AnnounceRecognition,
    ApproveRecognition,
    CorrectDecision,
    RecordEarlierRecognition,
    RejectRecognition,
    RevokeDecision,
    SignedCommand,
)
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier, DossierCreated, DossierEvent
from domain.dossier.preconditions import document, not_before, part, reason
from domain.dossier.states import State
from domain.i18n import translatable
from domain.identity import DossierKey
from domain.policy.recognition import Counts
from domain.refusals import (
    AlreadyRecognised,
    DateBeforeDecision,
    DateContradictsDocument,
    LevelMismatch,
    MissingPart,
)
from domain.units import Unit
from domain.values import (
    Document,
)

DECISION = translatable("the decision")


class Signed(TypedDict):
    """A decision as it was signed: by the Chairman, or by a deputy for him ("KT. CHỦ TỊCH")."""

    decision: Document
    signer: str
    capacity: str


def signed(command: SignedCommand, clause: str) -> Signed:
    """The decision's number and date, its signer and capacity. Its date is the day of the fact."""
    decision = document(command, command.decision, "decision", DECISION, clause)
    if decision["date"] != command.on:
        raise DateContradictsDocument(on=command.on.isoformat(), date=decision["date"].isoformat())
    return Signed(
        decision=decision,
        signer=part(command.signer, "signer", translatable("who signed"), clause),
        capacity=part(command.capacity, "capacity", translatable("in which capacity it was signed"), clause),
    )


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


def approve_recognition(dossier: Dossier, command: ApproveRecognition, context: DecisionContext) -> None:
    """ApproveRecognition: one command per unit, also where one decision names several (I.2, II.3)."""
    not_before(command, dossier.last_step_date)
    stated = command.level
    if stated != dossier.level:
        raise LevelMismatch(clause="reading 13", stated=stated, level=dossier.level.value)
    dossier.record(
        RecognitionApproved,
        command,
        context,
        unit_id=dossier.unit_id,
        level=dossier.level.value,
        counts=dossier.tally,
        **signed(command, "I.2"),
    )


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


def reject_recognition(dossier: Dossier, command: RejectRecognition, context: DecisionContext) -> None:
    """RejectRecognition: with reasons (reading 4)."""
    not_before(command, dossier.last_step_date)
    dossier.record(
        RecognitionRejected,
        command,
        context,
        unit_id=dossier.unit_id,
        level=dossier.level.value,
        reasons=reason(command.reasons, "reasons", translatable("why recognition is refused"), "reading 4"),
        **signed(command, "I.2"),
    )


class RecognitionAnnounced(DossierEvent):
    """The unit announced its recognition (II.4)."""

    place: str
    form: str

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.ANNOUNCED
        dossier.last_step_date = self.on


def announce_recognition(dossier: Dossier, command: AnnounceRecognition, context: DecisionContext) -> None:
    """AnnounceRecognition: only after the decision; scale and manner are the unit's own (II.4)."""
    decided_on = dossier.decision[1]["date"] if dossier.decision else dossier.last_step_date
    not_before(command, decided_on, DateBeforeDecision)
    dossier.record(
        RecognitionAnnounced,
        command,
        context,
        place=part(command.place, "place", translatable("the place"), "II.4"),
        form=part(command.form, "form", translatable("the form"), "II.4"),
    )


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


def correct_decision(dossier: Dossier, command: CorrectDecision, context: DecisionContext) -> None:
    """CorrectDecision: a later decision says how the decision should read; what was decided stands (reading 4)."""
    version, present = _decision_of(dossier)
    not_before(command, present["date"])
    corrected = document(
        command,
        command.corrected,
        "corrected",
        translatable("the decision as it should read"),
        "reading 4",
    )
    dossier.record(
        DecisionCorrected,
        command,
        context,
        unit_id=dossier.unit_id,
        level=dossier.level.value,
        corrects=version,
        reason=reason(command.reason, "reason", translatable("why the decision is corrected"), "reading 4"),
        corrected=corrected,
        **signed(command, "reading 4"),
    )


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


def revoke_decision(dossier: Dossier, command: RevokeDecision, context: DecisionContext) -> None:
    """RevokeDecision: a later decision takes the recognition back (reading 4)."""
    version, present = _decision_of(dossier)
    not_before(command, max(present["date"], dossier.last_step_date))
    dossier.record(
        DecisionRevoked,
        command,
        context,
        unit_id=dossier.unit_id,
        level=dossier.level.value,
        revokes=version,
        reason=reason(command.reason, "reason", translatable("why the decision is revoked"), "reading 4"),
        **signed(command, "reading 4"),
    )


class EarlierRecognitionRecorded(DossierCreated):
    """A recognition from before the system was entered with its decision; `on` is the day of that decision."""

    decision: Document
    signer: str | None
    capacity: str | None

    def assign(self, dossier: Dossier) -> None:
        dossier.decision = (self.originator_version, self.decision)
        dossier.state = State.RECOGNISED_EARLIER


def record_earlier_recognition(
    name: DossierKey, unit: Unit, command: RecordEarlierRecognition, context: DecisionContext
) -> Dossier:
    """RecordEarlierRecognition: a recognition from before the system, with its decision (I.1, criterion I.1 huyện)."""
    decision = document(command, command.decision, "decision", DECISION, "I.2")
    if decision["date"] != command.on:
        raise DateContradictsDocument(on=command.on.isoformat(), date=decision["date"].isoformat())
    for held in context.cross_dossier.recognitions_of(unit.id):
        if held.level is name.level:
            raise AlreadyRecognised(unit=unit.name, level=held.level.value, decision=held.decision)
    return Dossier.start(
        EarlierRecognitionRecorded,
        name,
        command,
        timestamp=context.recorded_at,
        unit_kind=unit.kind.value,
        parent_id=unit.parent_id,
        decision=decision,
        signer=command.signer,
        capacity=command.capacity,
    )


def _decision_of(dossier: Dossier) -> tuple[int, Document]:
    if dossier.decision is None:
        raise MissingPart(clause="I.2", part="decision", part_en=DECISION[0], part_vi=DECISION[1])
    return dossier.decision
