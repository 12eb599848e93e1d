"""From the members' results to the proposal: the sum, closing, the council's meeting, the letter (II.3, III.1)."""

from __future__ import annotations

from domain.catalogue import UnitKind
from domain.commands import CloseAsUnfavourable, Command, ProposeRecognition, RecordCouncilMeeting, SumUpResults
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.assessment import (
    complete_over,
    member_results,
    rule_not_met,
)
from domain.dossier.preconditions import dated, document, not_before, part, reason, votes_add_up
from domain.dossier.states import State
from domain.i18n import translatable
from domain.policy.recognition import Counts
from domain.refusals import (
    CouncilDidNotRecommend,
    SumIsFavourable,
)
from domain.values import (
    CommuneFigures,
    Document,
    Participant,
    Votes,
)


class ResultsSummedUp(DossierEvent):
    """The standing agency summed up the members' results (II.3)."""

    report: Document | None
    results: dict[str, bool | None]
    counts: Counts

    def assign(self, dossier: Dossier) -> None:
        dossier.tally = self.counts
        dossier.state = State.SUMMED_UP
        dossier.last_step_date = self.on


def every_criterion_has_a_result(dossier: Dossier, command: Command) -> None:  # noqa: ARG001  # as every such check
    """Raises CriteriaMissing while some criterion of the level has no result (II.3)."""
    if dossier.state is State.VERIFYING:
        complete_over(dossier, dossier.results, translatable("the members' results"), "II.3")


def sum_up_results(dossier: Dossier, command: SumUpResults, context: DecisionContext) -> None:
    """SumUpResults: the counts of the rule over the members' results (II.3)."""
    not_before(command, max(dossier.last_step_date, *(on for _, _, on in dossier.results.values())))
    report = command.report
    if report is not None:
        dated(command, report, "the report")
    results = member_results(dossier)
    dossier.record(
        ResultsSummedUp,
        command,
        context,
        report=report,
        results=results,
        counts=dossier.count(results),
    )


class DossierClosedAsUnfavourable(DossierEvent):
    """The sum did not hold, or the council did not recommend: the attempt ends (reading 3)."""

    reasons: str

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.CLOSED_AS_UNFAVOURABLE
        dossier.last_step_date = self.on


def close_as_unfavourable(dossier: Dossier, command: CloseAsUnfavourable, context: DecisionContext) -> None:
    """CloseAsUnfavourable: the sum does not hold, or the council did not recommend (reading 3)."""
    not_before(command, dossier.last_step_date)
    favourable = dossier.tally is not None and dossier.tally["holds"]
    if favourable and not (dossier.state is State.COUNCIL_MET and dossier.council_recommends is False):
        raise SumIsFavourable
    dossier.record(
        DossierClosedAsUnfavourable,
        command,
        context,
        reasons=reason(command.reasons, "reasons", translatable("why the dossier is closed"), "reading 3"),
    )


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


def record_council_meeting(dossier: Dossier, command: RecordCouncilMeeting, context: DecisionContext) -> None:
    """RecordCouncilMeeting: only after a favourable sum. The last of the five gates (II.3)."""
    not_before(command, dossier.last_step_date)
    results = member_results(dossier)
    counts = dossier.count(results)
    if not counts["holds"]:
        raise rule_not_met(dossier, counts, results, _verified_communes(dossier))
    votes = command.votes
    if votes is not None:
        votes_add_up(votes)
    dossier.record(
        CouncilMeetingRecorded,
        command,
        context,
        chair=part(command.chair, "chair", translatable("the chair"), "II.3"),
        present=part(command.present, "present", translatable("those present"), "II.3"),
        minutes=document(command, command.minutes, "minutes", translatable("the minutes"), "II.3", numbered=False),
        recommends=command.recommends,
        votes=votes,
        counts=counts,
    )


def _verified_communes(dossier: Dossier) -> CommuneFigures | None:
    if dossier.unit_kind is not UnitKind.DISTRICT:
        return None
    return dossier.results["I.1"][1].get("communes")


class RecognitionProposed(DossierEvent):
    """The standing agency, in the council's name, proposed to the provincial People's Committee (II.3, III.1)."""

    letter: Document

    def assign(self, dossier: Dossier) -> None:
        dossier.state = State.PROPOSED
        dossier.last_step_date = self.on


def propose_recognition(dossier: Dossier, command: ProposeRecognition, context: DecisionContext) -> None:
    """ProposeRecognition: the letter to the provincial People's Committee, on the council's word (II.3, III.1)."""
    not_before(command, dossier.last_step_date)
    if not dossier.council_recommends:
        raise CouncilDidNotRecommend
    letter = document(command, command.letter, "letter", translatable("the proposal letter"), "II.3")
    dossier.record(RecognitionProposed, command, context, letter=letter)
