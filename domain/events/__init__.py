"""Every type of event, by name. The name is what the log keeps; the Avro schemas are in `schemas/events/`."""

from __future__ import annotations

from domain.council.events import CouncilChanged, CouncilEstablished, CouncilEvent
from domain.dossier.application_events import (
    DossierAppraised,
    DossierOpened,
    DossierRefusedByDistrictCouncil,
    DossierSentToProvince,
    DossierSubmitted,
    DossierSubmittedToDistrictCouncil,
    DossierWithdrawn,
    OwnMeetingRecorded,
    RecognitionAnnounced,
    SelfAssessmentRecorded,
)
from domain.dossier.appraisal_events import (
    CouncilMeetingRecorded,
    CriterionVerified,
    DossierClosedAsUnfavourable,
    DossierForwardedToCouncil,
    DossierReceived,
    DossierReturned,
    FieldInspectionRecorded,
    RecognitionProposed,
    ResultsSummedUp,
    VerificationCorrected,
)
from domain.dossier.decision_events import (
    DecisionCorrected,
    DecisionRevoked,
    EarlierRecognitionRecorded,
    FactCorrected,
    RecognitionApproved,
    RecognitionRejected,
)
from domain.dossier.events_base import DossierCreated, DossierEvent, RecordedEvent

__all__ = ["EVENT_TYPES", "CouncilEvent", "DossierCreated", "DossierEvent", "RecordedEvent"]

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
