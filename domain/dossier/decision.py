"""The Chairman's decisions, their correction and revocation, and recognitions from before the system (I.2, II.3)."""

from __future__ import annotations

from typing import TypedDict

from domain.command import Command
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier
from domain.dossier.decision_events import (
    DecisionCorrected,
    DecisionRevoked,
    EarlierRecognitionRecorded,
    RecognitionApproved,
    RecognitionRejected,
)
from domain.dossier.preconditions import document, in_state, not_before, part, reason, record
from domain.dossier.states import DECIDED, RECOGNISED, State
from domain.identity import DossierKey
from domain.refusals import AlreadyRecognised, DateContradictsDocument, LevelMismatch, MissingPart
from domain.units import Unit
from domain.values import Document

DECISION = ("the decision", "Quyết định")
_PROPOSED = ("the council's proposal comes first", "phải có Tờ trình của Hội đồng thẩm định tỉnh trước")


class Signed(TypedDict):
    """A decision as it was signed: by the Chairman, or by a deputy for him ("KT. CHỦ TỊCH")."""

    decision: Document
    signer: str
    capacity: str


def signed(command: Command, clause: str) -> Signed:
    """The decision's number and date, its signer and capacity. Its date is the day of the fact."""
    decision = document(command, "decision", DECISION, clause)
    if decision["date"] != command.on:
        raise DateContradictsDocument(on=command.on.isoformat(), date=decision["date"].isoformat())
    return Signed(
        decision=decision,
        signer=part(command, "signer", ("who signed", "người ký"), clause),
        capacity=part(command, "capacity", ("in which capacity it was signed", "tư cách ký"), clause),
    )


def approve_recognition(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """ApproveRecognition: one command per unit, also where one decision names several (I.2, II.3)."""
    in_state(dossier, command, {State.PROPOSED}, _PROPOSED, "II.3")
    not_before(command, dossier.last_step_date)
    stated = command.data["level"]
    if stated != dossier.level:
        raise LevelMismatch(clause="reading 13", stated=stated, level=dossier.level.value)
    record(
        dossier,
        RecognitionApproved,
        command,
        context,
        unit_id=dossier.unit_id,
        level=dossier.level.value,
        counts=dossier.sum,
        **signed(command, "I.2"),
    )


def reject_recognition(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """RejectRecognition: with reasons (reading 4)."""
    in_state(dossier, command, {State.PROPOSED}, _PROPOSED, "II.3")
    not_before(command, dossier.last_step_date)
    record(
        dossier,
        RecognitionRejected,
        command,
        context,
        unit_id=dossier.unit_id,
        level=dossier.level.value,
        reasons=reason(command, "reasons", ("why recognition is refused", "lý do không công nhận"), "reading 4"),
        **signed(command, "I.2"),
    )


def correct_decision(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """CorrectDecision: a later decision says how the decision should read; what was decided stands (reading 4)."""
    in_state(
        dossier,
        command,
        DECIDED - {State.REVOKED},
        ("there is no decision to correct", "chưa có quyết định để đính chính"),
        "reading 4",
    )
    version, present = _decision_of(dossier)
    not_before(command, present["date"])
    corrected = document(
        command,
        "corrected",
        ("the decision as it should read", "nội dung quyết định sau đính chính"),
        "reading 4",
    )
    record(
        dossier,
        DecisionCorrected,
        command,
        context,
        unit_id=dossier.unit_id,
        level=dossier.level.value,
        corrects=version,
        reason=reason(command, "reason", ("why the decision is corrected", "lý do đính chính"), "reading 4"),
        corrected=corrected,
        **signed(command, "reading 4"),
    )


def revoke_decision(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """RevokeDecision: a later decision takes the recognition back (reading 4)."""
    in_state(
        dossier,
        command,
        RECOGNISED,
        ("there is no recognition to revoke", "không có quyết định công nhận để hủy bỏ"),
        "reading 4",
    )
    version, present = _decision_of(dossier)
    not_before(command, max(present["date"], dossier.last_step_date))
    record(
        dossier,
        DecisionRevoked,
        command,
        context,
        unit_id=dossier.unit_id,
        level=dossier.level.value,
        revokes=version,
        reason=reason(command, "reason", ("why the decision is revoked", "lý do hủy bỏ"), "reading 4"),
        **signed(command, "reading 4"),
    )


def record_earlier_recognition(name: DossierKey, unit: Unit, command: Command, context: DecisionContext) -> Dossier:
    """RecordEarlierRecognition: a recognition from before the system, with its decision (I.1, criterion I.1 huyện)."""
    decision = document(command, "decision", DECISION, "I.2")
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
        signer=command.data.get("signer"),
        capacity=command.data.get("capacity"),
    )


def _decision_of(dossier: Dossier) -> tuple[int, Document]:
    if dossier.decision is None:
        raise MissingPart(clause="I.2", part="decision", part_en=DECISION[0], part_vi=DECISION[1])
    return dossier.decision
