"""Facts of the province's appraisal: receipt, return, letters, inspections, results, sum, council (II.2, II.3)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from domain.dossier.events_base import DossierEvent
from domain.dossier.states import DECIDED, State
from domain.policy.recognition import Counts
from domain.values import Contribution, Document, Finding, MemberLetter, Participant, ReadAt, Votes

if TYPE_CHECKING:
    from domain.dossier.aggregate import Dossier


class DossierReceived(DossierEvent):
    """The standing agency has the complete dossier: `on` is that day, and the 15 days start (II.2)."""

    due_on: date
    deadline_rolls_over_weekend: bool

    def assign(self, dossier: Dossier) -> None:
        dossier.due_on = self.due_on
        dossier.state = State.RECEIVED
        dossier.last_step_date = self.on


class DossierReturned(DossierEvent):
    """Something is missing; the clock does not run until the dossier is complete again (II.2, reading 4)."""

    missing: list[str]

    def assign(self, dossier: Dossier) -> None:
        dossier.returned_by = self.actor["role"]
        dossier.due_on = None
        dossier.state = State.RETURNED
        dossier.last_step_date = self.on


class DossierForwardedToCouncil(DossierEvent):
    """The standing agency wrote to every member agency, naming its criteria (II.2, II.3)."""

    letters: dict[str, MemberLetter]
    due_on: date
    days_late: int
    council_decision: str
    council_version: int
    read_at: list[ReadAt]

    def assign(self, dossier: Dossier) -> None:
        dossier.letters = self.letters
        dossier.forwarded_on = self.on
        dossier.state = State.FORWARDED_TO_MEMBERS
        dossier.last_step_date = self.on


class FieldInspectionRecorded(DossierEvent):
    """A lead agency inspected in the field and kept minutes; one inspection may serve several criteria (II.3)."""

    minutes: Document
    place: str
    present: list[Participant]
    findings: dict[str, str]

    def assign(self, dossier: Dossier) -> None:
        dossier.inspections = {
            **dossier.inspections,
            self.originator_version: (self.actor["agency"], self.on, frozenset(self.findings)),
        }


class CriterionVerified(DossierEvent):
    """The lead agency gave its result on one criterion, on system data or on its inspection (II.3, III.2)."""

    criterion: str
    finding: Finding
    system: str | None
    inspection: int | None
    letter: Document
    contributions: list[Contribution]
    read_at: list[ReadAt]
    complete: bool

    def assign(self, dossier: Dossier) -> None:
        dossier.results = {
            **dossier.results,
            self.criterion: (self.originator_version, self.finding, self.on),
        }
        dossier.state = State.VERIFIED if self.complete else State.VERIFYING


class VerificationCorrected(DossierEvent):
    """The lead agency corrected its result; before the decision a new sum is asked for (reading 5)."""

    corrects: int
    reason: str
    criterion: str
    finding: Finding
    system: str | None
    inspection: int | None
    letter: Document
    contributions: list[Contribution]
    read_at: list[ReadAt]
    complete: bool
    after_decision: bool

    def assign(self, dossier: Dossier) -> None:
        dossier.results = {
            **dossier.results,
            self.criterion: (self.originator_version, self.finding, self.on),
        }
        if dossier.state not in DECIDED:
            dossier.state = State.VERIFIED if self.complete else State.VERIFYING
            dossier.last_step_date = max(dossier.last_step_date, self.on)


class ResultsSummedUp(DossierEvent):
    """The standing agency summed up the members' results (II.3)."""

    report: Document | None
    results: dict[str, bool | None]
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.sum = self.counts
        dossier.state = State.SUMMED_UP
        dossier.last_step_date = self.on


class DossierClosedAsUnfavourable(DossierEvent):
    """The sum did not hold, or the council did not recommend: the attempt ends (reading 3)."""

    reasons: str

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.CLOSED_AS_UNFAVOURABLE
        dossier.last_step_date = self.on


class CouncilMeetingRecorded(DossierEvent):
    """The provincial council met after a favourable sum (II.3). Votes are recorded where it voted, never judged."""

    chair: Participant
    present: list[Participant]
    minutes: Document
    recommends: bool
    votes: Votes | None
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.council_recommends = self.recommends
        dossier.state = State.COUNCIL_MET
        dossier.last_step_date = self.on


class RecognitionProposed(DossierEvent):
    """The standing agency, in the council's name, proposed to the provincial People's Committee (II.3, III.1)."""

    letter: Document

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.PROPOSED
        dossier.last_step_date = self.on
