"""Facts of the applicant's side, up to the submission, and of the district council's leg (II.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.catalogue.answers import CommuneFigures
from domain.dossier.events_base import DossierCreated, DossierEvent
from domain.dossier.states import State
from domain.policy.recognition import Counts
from domain.values import Claim, Document, Finding, Meeting, ReadAt

if TYPE_CHECKING:
    from domain.dossier.aggregate import Dossier


class DossierOpened(DossierCreated):
    """A unit opened a dossier. It is bound to a version of the catalogue and to the readings in force (II.1.1)."""

    catalogue_id: str
    catalogue_version: int
    one_column_level: str
    mandatory_not_applicable: str

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.OPENED
        dossier.catalogue_version = self.catalogue_version
        dossier.one_column_level = self.one_column_level
        dossier.mandatory_not_applicable = self.mandatory_not_applicable


class SelfAssessmentRecorded(DossierEvent):
    """The unit said of some or all criteria where it stands; later claims of a criterion replace earlier ones."""

    claims: dict[str, Claim]
    complete: bool

    def assign(self, dossier: Dossier) -> None:
        dossier.claims = {**dossier.claims, **self.claims}
        if dossier.state is not State.RETURNED:
            dossier.state = State.SELF_ASSESSED if self.complete else State.OPENED
        dossier.last_step_date = self.on


class OwnMeetingRecorded(DossierEvent):
    """The department's steering committee or the district's council met on the unit's own dossier (II.1.1.a, b)."""

    meeting: Meeting

    def assign(self, dossier: Dossier) -> None:
        dossier.meeting = self.meeting
        if dossier.state is not State.RETURNED:
            dossier.state = State.OWN_MEETING
        dossier.last_step_date = self.on


class DossierSubmitted(DossierEvent):
    """A department or district sent its dossier to the province (II.1.1.a, b; II.1.2)."""

    letter: Document
    minutes: Document
    report: Document
    conclusions: dict[str, bool | None]
    counts: Counts
    communes: CommuneFigures | None
    read_at: list[ReadAt]

    def assign(self, dossier: Dossier) -> None:
        dossier.parts = {"letter": self.letter, "minutes": self.minutes, "report": self.report}
        dossier.state = State.SUBMITTED
        dossier.last_step_date = self.on


class DossierSubmittedToDistrictCouncil(DossierEvent):
    """A commune sent its report and evidence to the district council (II.1.1.c)."""

    report: Document
    conclusions: dict[str, bool | None]
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.parts = {"report": self.report}
        dossier.state = State.AT_DISTRICT_COUNCIL
        dossier.last_step_date = self.on


class DossierAppraised(DossierEvent):
    """The district council found on every criterion and met (II.1.1.b)."""

    findings: dict[str, Finding]
    meeting: Meeting
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.findings = self.findings
        dossier.state = State.DISTRICT_MET
        dossier.last_step_date = self.on


class DossierSentToProvince(DossierEvent):
    """The district sent a commune's dossier on to the province (II.1.1.b, II.1.2)."""

    letter: Document
    minutes: Document
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.parts = {**dossier.parts, "letter": self.letter, "minutes": self.minutes}
        dossier.sent_to_province = True
        dossier.state = State.FORWARDED_TO_PROVINCE
        dossier.last_step_date = self.on


class DossierRefusedByDistrictCouncil(DossierEvent):
    """The district council did not take the commune's dossier further: the attempt ends (reading 3)."""

    reasons: str

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.REFUSED_BY_DISTRICT_COUNCIL
        dossier.last_step_date = self.on


class DossierWithdrawn(DossierEvent):
    """The dossier was withdrawn before the decision (reading 4)."""

    reason: str | None

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.WITHDRAWN
        dossier.last_step_date = self.on


class RecognitionAnnounced(DossierEvent):
    """The unit announced its recognition (II.4)."""

    place: str
    form: str

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.ANNOUNCED
        dossier.last_step_date = self.on
