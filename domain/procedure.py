"""The procedure: one row per step, in the order of the guidance. Everything that is said of steps is read from here.

A row names the step's command and event, who may take it, from which states, what follows and its clause
(`domain.step` has the fields). How its fact is checked and what it assigns stands in the module of its phase.

A new step is written in six places: its row here, its command in `domain.commands`, its event and handler in the module
of its phase, its subcommand in `infra/cli/procedure/`, an example in `schemas/commands/examples/`, and its Vietnamese
texts in `domain/locales/vi/`. All else follows: `make texts`, `python -m schemas.command_schemas`, `python -m
schemas.asyncapi`, `python -m schemas.release freeze` and `python -m infra.dev.state_diagram` write what is generated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain import commands
from domain.authorization import Role
from domain.catalogue import UnitKind
from domain.context import DecisionContext
from domain.council.composition import CouncilChanged, CouncilEstablished, change_council, establish_council
from domain.dossier import application, appraisal, corrections, decision, district, reception, recommendation
from domain.dossier.aggregate import Dossier
from domain.dossier.states import DECIDED, RECOGNISED, State
from domain.i18n import translatable
from domain.recorded_event import RecordedEvent
from domain.step import CouncilStep, CreatingStep, DossierStep, Order, Shared, Step

_DEPARTMENT, _DISTRICT, _COMMUNE = UnitKind.DEPARTMENT, UnitKind.DISTRICT, UnitKind.COMMUNE
_AT_DISTRICT: Final = frozenset({State.AT_DISTRICT_COUNCIL, State.DISTRICT_MET})
_AT_PROVINCE: Final = frozenset({State.SUBMITTED, State.FORWARDED_TO_PROVINCE, State.RECEIVED})
_SENT_TO_PROVINCE: Final = frozenset({State.SUBMITTED, State.FORWARDED_TO_PROVINCE})
_WITH_MEMBERS: Final = frozenset({State.FORWARDED_TO_MEMBERS, State.VERIFYING})
_FORWARDED: Final = _WITH_MEMBERS | {State.VERIFIED, State.SUMMED_UP, State.COUNCIL_MET, State.PROPOSED}
_RESULTS_STAND: Final = {
    State.VERIFYING: (State.VERIFYING,),
    **dict.fromkeys(_FORWARDED - _WITH_MEMBERS, (State.VERIFIED,)),
    **{state: (state,) for state in DECIDED},
}
"""Where a corrected result leaves a dossier: a new sum is asked for; after the decision it stands (reading 5)."""
_COUNCIL: Final = frozenset({Shared.COUNCIL})
_RECOGNITIONS: Final = frozenset({Shared.RECOGNITIONS})

_SELF_ASSESSED_FIRST: Final = translatable("every criterion is self-assessed first")
_MEETING_FIRST: Final = translatable("the unit's own meeting comes first")
_ON_LETTER: Final = translatable("members act on the letter of the standing agency")
_PROPOSED_FIRST: Final = translatable("the council's proposal comes first")


def _orders(
    *states: State | frozenset[State], why: str, clause: str, by: Mapping[Role, frozenset[State]] | None = None
) -> dict[UnitKind, Order]:
    """The same order for every kind of unit."""
    return dict.fromkeys(UnitKind, Order(_states(*states), why, clause, by=by or {}))


def _states(*states: State | frozenset[State]) -> frozenset[State]:
    found: set[State] = set()
    for each in states:
        found |= {each} if isinstance(each, State) else each
    return frozenset(found)


def _communes_only(*states: State, why: str, returned_by: Role | None = None) -> dict[UnitKind, Order]:
    """The order of a step of a commune's district; other units have none between them and the province (II.1.1)."""
    other = Order(frozenset(), translatable("a {kind} goes to the province, not to a district council"), "II.1.1")
    return {
        _DEPARTMENT: other,
        _DISTRICT: other,
        _COMMUNE: Order(frozenset(states), why, "II.1.1.b", returned_by=returned_by),
    }


def _correct_fact(dossier: Dossier, command: commands.CorrectFact, context: DecisionContext) -> None:
    corrections.correct_fact(dossier, command, context, _CORRECTIONS)


# fmt: off
PROCEDURE: Final[tuple[Step, ...]] = (
    CouncilStep(
        command=commands.EstablishCouncil, event=CouncilEstablished,
        handler=establish_council,
        roles=(Role.CHAIRMAN,), clause="II.3",
        changes=_COUNCIL,
    ),
    CouncilStep(
        command=commands.ChangeCouncil, event=CouncilChanged,
        handler=change_council,
        roles=(Role.CHAIRMAN,), clause="III.1",
        changes=_COUNCIL,
    ),
    CreatingStep(
        command=commands.OpenDossier, event=application.DossierOpened,
        handler=application.open_dossier,
        roles=(Role.APPLICANT,), clause="II.1.1",
        becomes=(State.OPENED,),
    ),
    DossierStep(
        command=commands.RecordSelfAssessment, event=application.SelfAssessmentRecorded,
        handler=application.record_self_assessment,
        roles=(Role.APPLICANT,), clause="II.1.1, form 03",
        orders=_orders(
            State.OPENED, State.SELF_ASSESSED, State.OWN_MEETING, State.RETURNED,
            why=translatable("a dossier is assessed before it is sent, or when it was returned"), clause="II.1.1",
        ),
        becomes=(State.SELF_ASSESSED,),
        becomes_from={State.OPENED: (State.OPENED, State.SELF_ASSESSED), State.RETURNED: (State.RETURNED,)},
        correctable=frozenset({"claims"}),
    ),
    DossierStep(
        command=commands.RecordOwnMeeting, event=application.OwnMeetingRecorded,
        handler=application.record_own_meeting,
        roles=(Role.STEERING_COMMITTEE, Role.DISTRICT_COUNCIL),
        roles_by_kind={_DEPARTMENT: (Role.STEERING_COMMITTEE,), _DISTRICT: (Role.DISTRICT_COUNCIL,)},
        clause="II.1.1.a, b; form 02",
        orders={
            _DEPARTMENT: Order(_states(State.SELF_ASSESSED, State.RETURNED), _SELF_ASSESSED_FIRST, "II.1.1.a"),
            _DISTRICT: Order(_states(State.SELF_ASSESSED, State.RETURNED), _SELF_ASSESSED_FIRST, "II.1.1.b"),
            _COMMUNE: Order(
                frozenset(), translatable("no meeting is asked of a commune: it submits to the district council"),
                "II.1.1.c",
            ),
        },
        becomes=(State.OWN_MEETING,), becomes_from={State.RETURNED: (State.RETURNED,)},
        correctable=frozenset({"meeting"}),
    ),
    DossierStep(
        command=commands.SubmitDossier, event=application.DossierSubmitted,
        handler=application.submit_dossier,
        roles=(Role.APPLICANT,), clause="II.1.1.a, b; II.1.2",
        orders={
            _DEPARTMENT: Order(_states(State.OWN_MEETING, State.RETURNED), _MEETING_FIRST, "II.1.1.a"),
            _DISTRICT: Order(_states(State.OWN_MEETING, State.RETURNED), _MEETING_FIRST, "II.1.1.b"),
            _COMMUNE: Order(
                frozenset(), translatable("a commune's dossier goes to the district council first"),
                "II.1.1.c",
            ),
        },
        becomes=(State.SUBMITTED,),
        correctable=frozenset({"letter", "minutes", "report"}),
        reads=_RECOGNITIONS,
    ),
    DossierStep(
        command=commands.SubmitToDistrictCouncil, event=application.DossierSubmittedToDistrictCouncil,
        handler=application.submit_to_district_council,
        roles=(Role.APPLICANT,), clause="II.1.1.c, II.1.2",
        orders={
            _DEPARTMENT: Order(frozenset(), translatable("a {kind} submits to the province"), "II.1.1.a"),
            _DISTRICT: Order(frozenset(), translatable("a {kind} submits to the province"), "II.1.1.b"),
            _COMMUNE: Order(_states(State.SELF_ASSESSED, State.RETURNED), _SELF_ASSESSED_FIRST, "II.1.1.c"),
        },
        becomes=(State.AT_DISTRICT_COUNCIL,),
        correctable=frozenset({"report"}),
    ),
    DossierStep(
        command=commands.AppraiseDossier, event=district.DossierAppraised,
        handler=district.appraise_dossier,
        roles=(Role.DISTRICT_COUNCIL,), clause="II.1.1.b",
        orders=_communes_only(
            State.AT_DISTRICT_COUNCIL, State.RETURNED,
            why=translatable("the commune submits to the district council first"), returned_by=Role.STANDING_AGENCY,
        ),
        becomes=(State.DISTRICT_MET,),
        correctable=frozenset({"findings", "meeting"}),
        recheck=district.recheck_findings,
    ),
    DossierStep(
        command=commands.SendToProvince, event=district.DossierSentToProvince,
        handler=district.send_to_province,
        roles=(Role.DISTRICT_COMMITTEE,), clause="II.1.1.b, II.1.2",
        orders=_communes_only(
            State.DISTRICT_MET, State.RETURNED, why=translatable("the district council appraises first"),
            returned_by=Role.STANDING_AGENCY,
        ),
        becomes=(State.FORWARDED_TO_PROVINCE,),
        correctable=frozenset({"letter", "minutes"}),
    ),
    DossierStep(
        command=commands.RefuseByDistrictCouncil, event=district.DossierRefusedByDistrictCouncil,
        handler=district.refuse_by_district_council,
        roles=(Role.DISTRICT_COUNCIL,), clause="reading 3",
        orders=_communes_only(
            State.AT_DISTRICT_COUNCIL, State.DISTRICT_MET,
            why=translatable("the council refuses what lies before it and has not been sent on"),
        ),
        becomes=(State.REFUSED_BY_DISTRICT_COUNCIL,),
        correctable=frozenset({"reasons"}),
    ),
    DossierStep(
        command=commands.ReceiveDossier, event=reception.DossierReceived,
        handler=reception.receive_dossier,
        roles=(Role.STANDING_AGENCY,), clause="II.2",
        orders=_orders(
            _SENT_TO_PROVINCE, why=translatable("a dossier is received once it was sent to the province"),
            clause="II.2",
        ),
        becomes=(State.RECEIVED,),
        correctable=frozenset(),
    ),
    DossierStep(
        command=commands.ReturnDossier, event=reception.DossierReturned,
        handler=reception.return_dossier,
        roles=(Role.STANDING_AGENCY, Role.DISTRICT_COUNCIL), clause="II.2, reading 4",
        orders=_orders(
            _AT_DISTRICT, _AT_PROVINCE, by={Role.DISTRICT_COUNCIL: _AT_DISTRICT, Role.STANDING_AGENCY: _AT_PROVINCE},
            why=translatable(
                "a dossier is returned by the one before whom it lies, before it is forwarded to the members",
            ),
            clause="II.2",
        ),
        becomes=(State.RETURNED,),
        correctable=frozenset({"missing"}),
    ),
    DossierStep(
        command=commands.ForwardToCouncil, event=reception.DossierForwardedToCouncil,
        handler=reception.forward_to_council,
        roles=(Role.STANDING_AGENCY,), clause="II.2, II.3",
        orders=_orders(State.RECEIVED, why=translatable("the complete dossier is received first"), clause="II.2"),
        becomes=(State.FORWARDED_TO_MEMBERS,),
        correctable=frozenset({"letters"}), reads=_COUNCIL,
    ),
    DossierStep(
        command=commands.RecordFieldInspection, event=appraisal.FieldInspectionRecorded,
        handler=appraisal.record_field_inspection,
        roles=(Role.COUNCIL_MEMBER,), authority=appraisal.leads_what_it_inspected, clause="II.3",
        orders=_orders(_FORWARDED, why=_ON_LETTER, clause="II.3"),
        ordered=False,
        correctable=frozenset({"minutes", "place", "present", "findings"}),
        recheck=appraisal.recheck_inspected,
    ),
    DossierStep(
        command=commands.VerifyCriterion, event=appraisal.CriterionVerified,
        handler=appraisal.verify_criterion,
        roles=(Role.COUNCIL_MEMBER,), authority=appraisal.leads_criterion, first=appraisal.no_result_yet,
        clause="II.3, III.2",
        orders=_orders(_WITH_MEMBERS, why=_ON_LETTER, clause="II.3"),
        becomes=(State.VERIFYING, State.VERIFIED), becomes_from={State.FORWARDED_TO_MEMBERS: (State.VERIFYING,)},
        ordered=False,
        reads=_RECOGNITIONS,
    ),
    DossierStep(
        command=commands.CorrectVerification, event=appraisal.VerificationCorrected,
        handler=appraisal.correct_verification,
        roles=(Role.COUNCIL_MEMBER,), authority=appraisal.leads_criterion, clause="II.3, III.2, reading 5",
        becomes=(State.VERIFYING, State.VERIFIED), becomes_from=_RESULTS_STAND, after_the_end=True, ordered=False,
        reads=_RECOGNITIONS,
    ),
    DossierStep(
        command=commands.SumUpResults, event=recommendation.ResultsSummedUp,
        handler=recommendation.sum_up_results,
        roles=(Role.STANDING_AGENCY,), first=recommendation.every_criterion_has_a_result, clause="II.3",
        orders=_orders(State.VERIFIED, why=translatable("the members verify every criterion first"), clause="II.3"),
        becomes=(State.SUMMED_UP,),
        correctable=frozenset({"report"}),
    ),
    DossierStep(
        command=commands.CloseAsUnfavourable, event=recommendation.DossierClosedAsUnfavourable,
        handler=recommendation.close_as_unfavourable,
        roles=(Role.STANDING_AGENCY,), clause="reading 3",
        orders=_orders(
            State.SUMMED_UP, State.COUNCIL_MET, why=translatable("the results are summed up first"), clause="II.3",
        ),
        becomes=(State.CLOSED_AS_UNFAVOURABLE,),
        correctable=frozenset({"reasons"}),
    ),
    DossierStep(
        command=commands.RecordCouncilMeeting, event=recommendation.CouncilMeetingRecorded,
        handler=recommendation.record_council_meeting,
        roles=(Role.PROVINCIAL_COUNCIL, Role.STANDING_AGENCY), clause="II.3",
        orders=_orders(
            State.SUMMED_UP, why=translatable("the council meets on the sum of the members' results"), clause="II.3",
        ),
        becomes=(State.COUNCIL_MET,),
        correctable=frozenset({"chair", "present", "minutes", "recommends", "votes"}),
    ),
    DossierStep(
        command=commands.ProposeRecognition, event=recommendation.RecognitionProposed,
        handler=recommendation.propose_recognition,
        roles=(Role.STANDING_AGENCY,), clause="II.3, III.1",
        orders=_orders(State.COUNCIL_MET, why=translatable("the council meets first"), clause="II.3"),
        becomes=(State.PROPOSED,),
        correctable=frozenset({"letter"}),
    ),
    DossierStep(
        command=commands.ApproveRecognition, event=decision.RecognitionApproved,
        handler=decision.approve_recognition,
        roles=(Role.CHAIRMAN,), clause="I.2, II.3",
        orders=_orders(State.PROPOSED, why=_PROPOSED_FIRST, clause="II.3"),
        becomes=(State.APPROVED,),
        changes=_RECOGNITIONS, public=True,
    ),
    DossierStep(
        command=commands.RejectRecognition, event=decision.RecognitionRejected,
        handler=decision.reject_recognition,
        roles=(Role.CHAIRMAN,), clause="I.2, II.3, reading 4",
        orders=_orders(State.PROPOSED, why=_PROPOSED_FIRST, clause="II.3"),
        becomes=(State.REJECTED,),
        public=True,
    ),
    DossierStep(
        command=commands.AnnounceRecognition, event=decision.RecognitionAnnounced,
        handler=decision.announce_recognition,
        roles=(Role.APPLICANT,), clause="II.4",
        orders=_orders(
            State.APPROVED, why=translatable("a recognition is announced once, after the decision"), clause="II.4",
        ),
        becomes=(State.ANNOUNCED,),
        correctable=frozenset({"place", "form"}), public=True,
    ),
    DossierStep(
        command=commands.WithdrawDossier, event=application.DossierWithdrawn,
        handler=application.withdraw_dossier,
        roles=(Role.APPLICANT, Role.DISTRICT_COMMITTEE),
        roles_by_kind=dict.fromkeys((_DEPARTMENT, _DISTRICT), (Role.APPLICANT,)), turn=application.who_withdraws,
        clause="reading 4",
        becomes=(State.WITHDRAWN,), until_decided=True,
        correctable=frozenset({"reason"}),
    ),
    DossierStep(
        command=commands.CorrectFact, event=corrections.FactCorrected,
        handler=_correct_fact,
        roles=tuple(Role), clause="reading 5",
        after_the_end=True, ordered=False,
        public=True,
    ),
    DossierStep(
        command=commands.CorrectDecision, event=decision.DecisionCorrected,
        handler=decision.correct_decision,
        roles=(Role.CHAIRMAN,), clause="I.2, reading 4",
        orders=_orders(
            DECIDED - {State.REVOKED}, why=translatable("there is no decision to correct"), clause="reading 4",
        ),
        after_the_end=True,
        changes=_RECOGNITIONS, public=True,
    ),
    DossierStep(
        command=commands.RevokeDecision, event=decision.DecisionRevoked,
        handler=decision.revoke_decision,
        roles=(Role.CHAIRMAN,), clause="I.2, reading 4",
        orders=_orders(RECOGNISED, why=translatable("there is no recognition to revoke"), clause="reading 4"),
        becomes=(State.REVOKED,), after_the_end=True,
        changes=_RECOGNITIONS, public=True,
    ),
    CreatingStep(
        command=commands.RecordEarlierRecognition, event=decision.EarlierRecognitionRecorded,
        handler=decision.record_earlier_recognition,
        roles=(Role.STANDING_AGENCY,), clause="I.2",
        becomes=(State.RECOGNISED_EARLIER,),
        reads=_RECOGNITIONS, changes=_RECOGNITIONS, public=True,
    ),
)
# fmt: on

STEPS: Final[Mapping[str, Step]] = {step.name: step for step in PROCEDURE}
"""Command → its step."""

CREATE: Final[Mapping[str, CreatingStep[commands.Command]]] = {
    s.name: s for s in PROCEDURE if isinstance(s, CreatingStep)
}
"""The steps that create a dossier, by command."""

ON_DOSSIER: Final[Mapping[str, DossierStep[commands.Command]]] = {
    s.name: s for s in PROCEDURE if isinstance(s, DossierStep)
}
"""The steps on a dossier that exists, by command."""

COUNCIL: Final[Mapping[str, CouncilStep[commands.Command]]] = {
    s.name: s for s in PROCEDURE if isinstance(s, CouncilStep)
}
"""The steps on the provincial council, by command."""

RECORDED_BY: Final[Mapping[str, Step]] = {step.event.__name__: step for step in PROCEDURE}
"""Event → the step that records it."""

EVENT_TYPES: Final[Mapping[str, type[RecordedEvent]]] = {name: step.event for name, step in RECORDED_BY.items()}
"""Every type of event, by the name that the log keeps; the Avro schemas are in `schemas/events/`."""

_CORRECTIONS: Final = corrections.Corrections(
    fields={s.event.__name__: s.correctable for s in ON_DOSSIER.values() if s.correctable is not None},
    rechecks={s.event.__name__: s.recheck for s in ON_DOSSIER.values() if s.recheck is not None},
    unordered=frozenset(s.event.__name__ for s in ON_DOSSIER.values() if not s.ordered),
)
