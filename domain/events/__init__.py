"""Every type of event, by name. The name is what the log keeps; the Avro schemas are in `schemas/events/`."""

from __future__ import annotations

from domain.events.application import (
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
from domain.events.appraisal import (
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
from domain.events.base import DossierBegan, DossierEvent, RecordedEvent
from domain.events.council import CouncilChanged, CouncilEstablished, CouncilEvent
from domain.events.decision import (
    DecisionCorrected,
    DecisionRevoked,
    EarlierRecognitionRecorded,
    FactCorrected,
    RecognitionApproved,
    RecognitionRejected,
)

__all__ = ["EVENT_TYPES", "CouncilEvent", "DossierBegan", "DossierEvent", "RecordedEvent"]

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
