"""The refusals of the procedure, by name. Each says what is missing and, where one asks for it, which clause."""

from __future__ import annotations

from domain.errors import InvalidInput, Refused


class DossierClosed(Refused):
    """A step after the end of the attempt."""

    code = "DOSSIER_CLOSED"


class AlreadyDecided(Refused):
    """Withdrawal after the decision."""

    code = "ALREADY_DECIDED"


class WrongActor(Refused):
    """The role, or the agency in that role, may not do this."""

    code = "WRONG_ACTOR"


class WrongAgency(Refused):
    """Only the agency that leads a criterion inspects and verifies it (III.2)."""

    code = "WRONG_AGENCY"
    clause = "III.2"


class LeadsNothingHere(Refused):
    """A letter to an agency that has no criterion to verify in the dossier (II.2)."""

    code = "LEADS_NOTHING_HERE"
    clause = "II.2"


class WrongOrder(Refused):
    """The step does not follow from the present state."""

    code = "WRONG_ORDER"


class MissingPart(Refused):
    """A part that the record must hold is missing."""

    code = "MISSING_PART"


class Incomplete(Refused):
    """A dossier that is not complete cannot be received; the clock does not start (II.2)."""

    code = "INCOMPLETE"
    clause = "II.2"


class ReasonRequired(Refused):
    """A reason, or what is missing, must be said."""

    code = "REASON_MISSING"


class RuleNotMet(Refused):
    """The recognition rule does not hold (I.1)."""

    code = "RULE_NOT_MET"


class DateInFuture(Refused):
    """A fact cannot have taken place after the day on which it is recorded."""

    code = "DATE_IN_FUTURE"


class DateBeforeStep(Refused):
    """A fact cannot have taken place before the step that it follows."""

    code = "DATE_BEFORE_STEP"


class DateBeforeDecision(DateBeforeStep):
    """An announcement follows the decision (II.4)."""

    code = "DATE_BEFORE_DECISION"
    clause = "II.4"


class DocumentDatedLater(Refused):
    """A document cannot be dated after the day of the fact that rests on it."""

    code = "DOCUMENT_DATED_LATER"


class DateContradictsDocument(Refused):
    """The day of a decision is the date of its document."""

    code = "DATE_CONTRADICTS_DOCUMENT"


class UnknownCriterion(Refused):
    """No criterion of this code applies to the unit's kind and the dossier's level."""

    code = "UNKNOWN_CRITERION"


class CriteriaMissing(Refused):
    """Something is asked for on every criterion, and some lack it."""

    code = "CRITERIA_MISSING"


class FieldInspectionMissing(Refused):
    """Without data on a software system the lead agency must inspect in the field and keep minutes (II.3)."""

    code = "FIELD_INSPECTION_MISSING"
    clause = "II.3"


class MetContradictsFigure(Refused):
    """Met or not met follows from the figure; a contradicting statement is refused."""

    code = "MET_CONTRADICTS_FIGURE"
    clause = "II.3"


class AlreadyVerified(Refused):
    """A second result must name the first and say why (reading 5)."""

    code = "ALREADY_VERIFIED"


class DeclaredNotApplicable(Refused):
    """A criterion that was declared not applicable is confirmed or refused, nothing else (reading 6)."""

    code = "DECLARED_NOT_APPLICABLE"


class NotDeclaredNotApplicable(Refused):
    """Only what the unit declared not applicable can be confirmed as such (reading 6)."""

    code = "NOT_DECLARED_NOT_APPLICABLE"


class ComputedBySystem(Refused):
    """The figures of the district's I.1 are computed from recognitions, never stated."""

    code = "COMPUTED_BY_SYSTEM"
    clause = "Biểu 04 huyện I.1"


class PercentContradictsVotes(Refused):
    """A stated percentage must equal the votes, rounded half up at its own decimals (reading 10)."""

    code = "PERCENT_CONTRADICTS_VOTES"
    clause = "Biểu 02 II.3"


class VotesImpossible(Refused):
    """More votes in favour than members attending, or nobody attending."""

    code = "VOTES_IMPOSSIBLE"
    clause = "Biểu 02 II.3"


class PercentImpossible(Refused):
    """Minutes approved by more than all."""

    code = "PERCENT_IMPOSSIBLE"
    clause = "Biểu 02"


class MeetingTimesImpossible(Refused):
    """A meeting ends after it begins."""

    code = "MEETING_TIMES_IMPOSSIBLE"
    clause = "Biểu 02"


class DossierAlreadyOpen(Refused):
    """A second open dossier for the same unit, level and year."""

    code = "DOSSIER_ALREADY_OPEN"


class UnknownDossier(Refused):
    """No such dossier exists."""

    code = "UNKNOWN_DOSSIER"


class NoCouncil(Refused):
    """Nothing is forwarded before the Chairman established the provincial council (II.3)."""

    code = "NO_COUNCIL"
    clause = "II.3"


class AgencyNotOnCouncil(Refused):
    """An agency that leads criteria of the dossier has no member on the council (II.3)."""

    code = "AGENCY_NOT_ON_COUNCIL"
    clause = "II.3"


class LevelMismatch(Refused):
    """A dossier for one level is never decided at another (reading 13)."""

    code = "LEVEL_MISMATCH"


class UnknownFact(Refused):
    """A correction names a fact of this dossier by its version, the latest on its subject."""

    code = "UNKNOWN_FACT"


class SumIsFavourable(Refused):
    """A dossier whose sum holds goes to the council; it is not closed as unfavourable (II.3)."""

    code = "SUM_IS_FAVOURABLE"
    clause = "II.3"


class CouncilDidNotRecommend(Refused):
    """The proposal rests on the council's result (II.3)."""

    code = "COUNCIL_DID_NOT_RECOMMEND"
    clause = "II.3"


class CouncilExists(Refused):
    """The council is established once, then changed."""

    code = "COUNCIL_EXISTS"
    clause = "II.3"


class CouncilComposition(Refused):
    """Who sits on the council (II.3)."""

    code = "COUNCIL_COMPOSITION"
    clause = "II.3"


class AlreadyRecognised(Refused):
    """The same recognition was recorded already."""

    code = "ALREADY_RECOGNISED"


class CommandIdReused(Refused):
    """A command id is bound to the content with which it was first used."""

    code = "COMMAND_ID_REUSED"


class UnknownActor(InvalidInput):
    """The acting agency or role is not known."""

    code = "UNKNOWN_ACTOR"
