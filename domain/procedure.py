"""The procedure: its commands, its events, and the checks that every command passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.authorization import check_actor, check_body, check_known, check_role
from domain.commands import Command
from domain.context import DecisionContext
from domain.council.aggregate import ProvincialCouncil
from domain.council.composition import CouncilChanged, CouncilEstablished, change_council, establish_council
from domain.dossier.aggregate import Dossier
from domain.dossier.application import (
    DossierOpened,
    DossierSubmitted,
    DossierSubmittedToDistrictCouncil,
    DossierWithdrawn,
    OwnMeetingRecorded,
    SelfAssessmentRecorded,
    open_dossier,
    record_own_meeting,
    record_self_assessment,
    submit_dossier,
    submit_to_district_council,
    withdraw_dossier,
)
from domain.dossier.appraisal import (
    CriterionVerified,
    FieldInspectionRecorded,
    VerificationCorrected,
    correct_verification,
    record_field_inspection,
    verify_criterion,
)
from domain.dossier.corrections import FactCorrected, correct_fact
from domain.dossier.decision import (
    DecisionCorrected,
    DecisionRevoked,
    EarlierRecognitionRecorded,
    RecognitionAnnounced,
    RecognitionApproved,
    RecognitionRejected,
    announce_recognition,
    approve_recognition,
    correct_decision,
    record_earlier_recognition,
    reject_recognition,
    revoke_decision,
)
from domain.dossier.district import (
    DossierAppraised,
    DossierRefusedByDistrictCouncil,
    DossierSentToProvince,
    appraise_dossier,
    refuse_by_district_council,
    send_to_province,
)
from domain.dossier.reception import (
    DossierForwardedToCouncil,
    DossierReceived,
    DossierReturned,
    forward_to_council,
    receive_dossier,
    return_dossier,
)
from domain.dossier.recommendation import (
    CouncilMeetingRecorded,
    DossierClosedAsUnfavourable,
    RecognitionProposed,
    ResultsSummedUp,
    close_as_unfavourable,
    propose_recognition,
    record_council_meeting,
    sum_up_results,
)
from domain.identity import DossierKey
from domain.recorded_event import RecordedEvent
from domain.refusals import (
    AlreadyDecided,
    CouncilExists,
    DateInFuture,
    DossierAlreadyOpen,
    DossierClosed,
    NoCouncil,
)
from domain.units import Unit

EVENT_TYPES: dict[str, type[RecordedEvent]] = {
    event_type.__name__: event_type
    for event_type in (
        CouncilEstablished,
        CouncilChanged,
        DossierOpened,
        SelfAssessmentRecorded,
        OwnMeetingRecorded,
        DossierSubmitted,
        DossierSubmittedToDistrictCouncil,
        DossierAppraised,
        DossierSentToProvince,
        DossierRefusedByDistrictCouncil,
        DossierReceived,
        DossierReturned,
        DossierForwardedToCouncil,
        FieldInspectionRecorded,
        CriterionVerified,
        VerificationCorrected,
        ResultsSummedUp,
        DossierClosedAsUnfavourable,
        CouncilMeetingRecorded,
        RecognitionProposed,
        RecognitionApproved,
        RecognitionRejected,
        RecognitionAnnounced,
        DossierWithdrawn,
        FactCorrected,
        DecisionCorrected,
        DecisionRevoked,
        EarlierRecognitionRecorded,
    )
}
"""Every type of event, by name. The name is what the log keeps; the Avro schemas are in `schemas/events/`."""

CREATE: dict[str, Callable[[DossierKey, Unit, Command, DecisionContext], Dossier]] = {
    "OpenDossier": open_dossier,
    "RecordEarlierRecognition": record_earlier_recognition,
}
"""Commands that create a dossier."""

DECIDE: dict[str, Callable[[Dossier, Command, DecisionContext], None]] = {
    "RecordSelfAssessment": record_self_assessment,
    "RecordOwnMeeting": record_own_meeting,
    "SubmitDossier": submit_dossier,
    "SubmitToDistrictCouncil": submit_to_district_council,
    "AppraiseDossier": appraise_dossier,
    "SendToProvince": send_to_province,
    "RefuseByDistrictCouncil": refuse_by_district_council,
    "ReceiveDossier": receive_dossier,
    "ReturnDossier": return_dossier,
    "ForwardToCouncil": forward_to_council,
    "RecordFieldInspection": record_field_inspection,
    "VerifyCriterion": verify_criterion,
    "CorrectVerification": correct_verification,
    "SumUpResults": sum_up_results,
    "CloseAsUnfavourable": close_as_unfavourable,
    "RecordCouncilMeeting": record_council_meeting,
    "ProposeRecognition": propose_recognition,
    "ApproveRecognition": approve_recognition,
    "RejectRecognition": reject_recognition,
    "AnnounceRecognition": announce_recognition,
    "WithdrawDossier": withdraw_dossier,
    "CorrectFact": correct_fact,
    "CorrectDecision": correct_decision,
    "RevokeDecision": revoke_decision,
}
"""Commands on a dossier that exists."""

COUNCIL = ("EstablishCouncil", "ChangeCouncil")
"""Commands on the provincial council."""

_BY_LEADS = {"RecordFieldInspection", "VerifyCriterion", "CorrectVerification"}
_AFTER_THE_END = {"CorrectFact", "CorrectVerification", "CorrectDecision", "RevokeDecision"}


def create_dossier(
    latest: Dossier | None, name: DossierKey, unit: Unit, command: Command, context: DecisionContext
) -> Dossier:
    """Decide a command of CREATE. `latest` is the attempt before `name`, if any; it must have ended.

    Raises a Refused, or an InvalidInput for an unknown actor.
    """
    _check_day_and_actor(command, context)
    check_role(command)
    check_body(command, unit.id, unit.kind, unit.parent_id)
    if latest is not None and not latest.ended:
        raise DossierAlreadyOpen(
            number=latest.number,
            state=latest.state.value,
            **latest.state.text.details("state"),
        )
    return CREATE[command.name](name, unit, command, context)


def decide(dossier: Dossier, command: Command, context: DecisionContext) -> None:
    """Decide a command of DECIDE: the dossier has a new pending event, or a Refused is raised and nothing changes."""
    _check_day_and_actor(command, context)
    if command.name == "WithdrawDossier" and dossier.decided:
        raise AlreadyDecided(clause="reading 4", **_where(dossier))
    if dossier.closed and command.name not in _AFTER_THE_END:
        raise DossierClosed(clause="reading 3", **_where(dossier))
    if command.name not in _BY_LEADS:
        check_actor(dossier, command)
    DECIDE[command.name](dossier, command, context)


def decide_council(council: ProvincialCouncil | None, command: Command, context: DecisionContext) -> ProvincialCouncil:
    """Decide a command of COUNCIL; the council returned has a new pending event."""
    _check_day_and_actor(command, context)
    check_role(command)
    if command.name == "EstablishCouncil":
        if council is not None:
            raise CouncilExists
        return establish_council(command, context)
    if council is None:
        raise NoCouncil(on=command.on.isoformat())
    change_council(council, command, context)
    return council


def _check_day_and_actor(command: Command, context: DecisionContext) -> None:
    check_known(command, context.units)
    if command.on > context.today:
        raise DateInFuture(on=command.on.isoformat(), today=context.today.isoformat())


def _where(dossier: Dossier) -> dict[str, Any]:
    return {
        "number": dossier.number,
        "state": dossier.state.value,
        **dossier.state.text.details("state"),
    }
