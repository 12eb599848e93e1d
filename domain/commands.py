"""The 28 commands, one type each: what it says, and whether it must say it. The JSON Schemas are made from these types.

The summary of a docstring is the command's title, the rest of it its description; both are texts of the catalogue, as
is what `Purpose` says of a field. A field of type `X | None` may be left out: where the record must hold it, the
procedure refuses the command by the name of the missing part.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from msgspec import Struct

from domain.shapes import (
    AtLeastOne,
    BodyId,
    Capacity,
    CommandId,
    CriterionCode,
    Day,
    FactVersion,
    LevelName,
    Purpose,
    Reason,
    Shape,
    Text,
    Year,
)
from domain.values import (
    Actor,
    Appointee,
    Claims,
    Contribution,
    Correction,
    Document,
    Finding,
    Findings,
    InspectionFindings,
    Letters,
    MeetingParts,
    Missing,
    Participant,
    Present,
    Votes,
)


class UnitReference(Struct, frozen=True):
    """The dossier of a unit, level and year: the latest attempt, or the one to be opened."""

    unit: BodyId
    level: LevelName
    year: Year


DossierReference: TypeAlias = Annotated[
    Annotated[str, Shape(min_length=1, max_length=100)] | UnitReference,
    Shape(
        "DossierReference",
        "A dossier by its id, by its number (04630-CB-2024-1), or by unit, level and year (the latest attempt).",
    ),
]


NO_DIGEST: Final = bytes(32)
"""In the place of a command's digest that nobody knows."""


class Command(Struct, frozen=True, kw_only=True):
    """What every command says. `schemas.command_parser` makes each from JSON.

    `on` is the day of the fact. `digest` (32 bytes) is the same for two commands exactly when everything but their
    `command_id` is. A field that a command may leave out is None where it was not given.
    """

    command_id: CommandId
    dossier: DossierReference
    on: Day
    actor: Actor
    digest: bytes

    name: ClassVar[str]
    """The command's name, for example "VerifyCriterion"."""

    def __init_subclass__(cls, **_config: object) -> None:
        cls.name = cls.__name__


Council: TypeAlias = Annotated[Literal["council"], Shape("Council", "The provincial council.")]
System: TypeAlias = Annotated[
    Text | None,
    Purpose("The software system on whose data the result rests; absent, it rests on the recorded field inspection."),
]


class SignedCommand(Command, frozen=True, kw_only=True):
    """A command that enters a decision of the Chairman, signed by him or by a deputy for him ("KT. CHỦ TỊCH")."""

    decision: Annotated[Document | None, Purpose("The Chairman's decision, with number and date.")] = None
    signer: Annotated[Text | None, Purpose("Who signed it.")] = None
    capacity: Annotated[Capacity | None, Purpose("In what capacity.")] = None


class CouncilCommand(SignedCommand, frozen=True, kw_only=True):
    """A command that appoints the provincial council as a whole (II.3, III.1)."""

    dossier: Council
    chair: Annotated[Appointee | None, Purpose("The chair: a leader of the People's Committee.")] = None
    standing_vice_chair: Annotated[
        Appointee | None, Purpose("The standing vice-chair: the director of the standing agency.")
    ] = None
    members: Annotated[list[Appointee] | None, Purpose("The members and the agencies they represent.")] = None


class OpenDossier(Command, frozen=True, kw_only=True):
    """Open a dossier.

    The applicant opens a dossier for one unit, level and year (II.1.1).
    """

    dossier: UnitReference
    catalogue_version: Annotated[
        Annotated[int, Shape(minimum=1)] | None,
        Purpose("The version of the catalogue of criteria; the newest when absent."),
    ] = None


class RecordSelfAssessment(Command, frozen=True, kw_only=True):
    """Record the self-assessment.

    The applicant says of some or all criteria where it stands, with evidence; a later claim of a criterion replaces
    the earlier one (II.1.1, form 03).
    """

    claims: Annotated[Claims, AtLeastOne(), Purpose("At least one claim, by criterion code.")]


class RecordOwnMeeting(Command, frozen=True, kw_only=True):
    """Record the unit's own meeting.

    The department's steering committee, or the district's council on the district itself, met on the dossier
    (II.1.1.a, b; form 02).
    """

    meeting: Annotated[MeetingParts | None, Purpose("The minutes in the parts of form 02.")] = None


class SubmitDossier(Command, frozen=True, kw_only=True):
    """Submit the dossier to the province.

    A department or district sends letter, minutes and report to the province; refused unless the rule holds by the
    claimed figures (II.1.1.a, b; II.1.2).
    """

    letter: Annotated[Document | None, Purpose("The letter (form 01), with number and date.")] = None
    minutes: Annotated[Document | None, Purpose("The minutes (form 02).")] = None
    report: Annotated[Document | None, Purpose("The report (form 03), with number and date.")] = None


class SubmitToDistrictCouncil(Command, frozen=True, kw_only=True):
    """Submit the dossier to the district council.

    A commune sends its report and evidence to the district council; refused unless the rule holds by the claimed
    figures (II.1.1.c, II.1.2).
    """

    report: Annotated[Document | None, Purpose("The report (form 03), with number and date.")] = None


class AppraiseDossier(Command, frozen=True, kw_only=True):
    """Appraise a commune's dossier.

    The district council found on every criterion and met (II.1.1.b, form 02).
    """

    findings: Annotated[Findings | None, Purpose("Its finding on every criterion, by code.")] = None
    meeting: Annotated[MeetingParts | None, Purpose("The minutes in the parts of form 02.")] = None


class SendToProvince(Command, frozen=True, kw_only=True):
    """Send a commune's dossier on to the province.

    The district sends its letter and minutes with the commune's report; refused unless the rule holds by the
    district council's findings (II.1.1.b, II.1.2).
    """

    letter: Annotated[Document | None, Purpose("The district's letter (form 01), with number and date.")] = None
    minutes: Annotated[Document | None, Purpose("The minutes of the district council (form 02).")] = None


class RefuseByDistrictCouncil(Command, frozen=True, kw_only=True):
    """Refuse a commune's dossier.

    The district council does not take the commune's dossier further; the attempt ends with its reasons (reading 3).
    """

    reasons: Annotated[Reason | None, Purpose("The reasons.")] = None


class ReceiveDossier(Command, frozen=True, kw_only=True):
    """Receive the complete dossier.

    The standing agency has the complete dossier; the day given is that day, and the 15 days start (II.2).
    """


class ReturnDossier(Command, frozen=True, kw_only=True):
    """Return the dossier for completion.

    Something is missing; the clock does not run until the dossier is complete again (II.2, reading 4).
    """

    missing: Annotated[Missing | None, Purpose("What is missing.")] = None


class ForwardToCouncil(Command, frozen=True, kw_only=True):
    """Forward the dossier to the council's members.

    The standing agency writes to every member agency that leads a criterion, within 15 calendar days (II.2, II.3).
    """

    letters: Annotated[Letters | None, Purpose("The letter to each agency, with number and date.")] = None


class RecordFieldInspection(Command, frozen=True, kw_only=True):
    """Record a field inspection.

    A lead agency inspected in the field; one inspection may serve several criteria (II.3).
    """

    minutes: Annotated[Document | None, Purpose("The minutes of the inspection.")] = None
    place: Annotated[Text | None, Purpose("Where.")] = None
    present: Annotated[Present | None, Purpose("Those present.")] = None
    findings: Annotated[InspectionFindings, AtLeastOne(), Purpose("What was found, by criterion code; at least one.")]


class VerifyCriterion(Command, frozen=True, kw_only=True):
    """Verify a criterion.

    The lead agency gives its result on one criterion, on data of a named system or on its field inspection (II.3,
    III.2).
    """

    criterion: Annotated[CriterionCode, Purpose("The criterion.")]
    finding: Annotated[Finding, Purpose("The verified figure.")]
    system: System = None
    letter: Annotated[Document | None, Purpose("The result letter, with number and date.")] = None
    contributions: Annotated[list[Contribution] | None, Purpose("What coordinating agencies contributed.")] = None


class CorrectVerification(Command, frozen=True, kw_only=True):
    """Correct a verification.

    The lead agency corrects its result on a criterion; before the decision a new sum is asked for (reading 5).
    """

    corrects: FactVersion
    reason: Annotated[Reason | None, Purpose("Why it is corrected.")] = None
    criterion: Annotated[CriterionCode, Purpose("The criterion.")]
    finding: Annotated[Finding, Purpose("The verified figure.")]
    system: System = None
    letter: Annotated[Document | None, Purpose("The result letter, with number and date.")] = None
    contributions: Annotated[list[Contribution] | None, Purpose("What coordinating agencies contributed.")] = None


class SumUpResults(Command, frozen=True, kw_only=True):
    """Sum up the results.

    The standing agency sums up once every criterion has a result (II.3).
    """

    report: Annotated[Document | None, Purpose("The report on the sum, if there is one.")] = None


class CloseAsUnfavourable(Command, frozen=True, kw_only=True):
    """Close as unfavourable.

    The sum does not hold, or the council did not recommend: the attempt ends with its reasons (reading 3).
    """

    reasons: Annotated[Reason | None, Purpose("The reasons.")] = None


class RecordCouncilMeeting(Command, frozen=True, kw_only=True):
    """Record the meeting of the provincial council.

    The provincial council met after a favourable sum; votes are recorded where it voted (II.3).
    """

    chair: Annotated[Participant | None, Purpose("Who chaired.")] = None
    present: Annotated[Present | None, Purpose("Those present.")] = None
    minutes: Annotated[Document | None, Purpose("The minutes.")] = None
    recommends: Annotated[bool, Purpose("Whether the council recommends recognition.")]
    votes: Annotated[Votes | None, Purpose("The votes, where it voted.")] = None


class ProposeRecognition(Command, frozen=True, kw_only=True):
    """Propose recognition.

    The standing agency, in the council's name, proposes to the provincial People's Committee (II.3, III.1).
    """

    letter: Annotated[Document | None, Purpose("The letter (Tờ trình), with number and date.")] = None


class ApproveRecognition(SignedCommand, frozen=True, kw_only=True):
    """Approve recognition.

    The Chairman recognises the unit; the day is that of the decision (I.2, II.3).
    """

    level: LevelName


class RejectRecognition(SignedCommand, frozen=True, kw_only=True):
    """Reject recognition.

    The Chairman does not recognise the unit, with reasons (reading 4).
    """

    reasons: Annotated[Reason | None, Purpose("The reasons.")] = None


class AnnounceRecognition(Command, frozen=True, kw_only=True):
    """Announce the recognition.

    The unit announces its recognition; scale and manner are its own (II.4).
    """

    place: Annotated[Text | None, Purpose("Where.")] = None
    form: Annotated[Text | None, Purpose("In what form.")] = None


class WithdrawDossier(Command, frozen=True, kw_only=True):
    """Withdraw the dossier.

    The applicant withdraws before the decision; once the district has sent a commune's dossier on, the district
    does (reading 4).
    """

    reason: Annotated[Reason | None, Purpose("Why, if it is said.")] = None


class CorrectFact(Command, frozen=True, kw_only=True):
    """Correct a recorded fact.

    The agency that recorded a fact corrects it and says why; the fact itself stays (reading 5).
    """

    corrects: FactVersion
    reason: Annotated[Reason | None, Purpose("Why it is corrected.")] = None
    took_place_on: Annotated[Day | None, Purpose("The corrected day of the fact.")] = None
    correction: Annotated[
        Annotated[Correction, AtLeastOne()] | None,
        Purpose("The corrected fields, named as in the command that recorded the fact."),
    ] = None
    documents: Annotated[list[Document] | None, Purpose("Documents of the correction.")] = None


class CorrectDecision(SignedCommand, frozen=True, kw_only=True):
    """Correct a decision.

    A later decision corrects number, date or issuer of the decision; what was decided stands (reading 4).
    """

    reason: Annotated[Reason | None, Purpose("Why it is corrected.")] = None
    corrected: Annotated[Document | None, Purpose("The decision as it should read.")] = None


class RevokeDecision(SignedCommand, frozen=True, kw_only=True):
    """Revoke a decision.

    A later decision revokes the recognition (reading 4).
    """

    reason: Annotated[Reason | None, Purpose("Why it is revoked.")] = None


class RecordEarlierRecognition(Command, frozen=True, kw_only=True):
    """Record an earlier recognition.

    A recognition from before the system is entered with its decision; the day is that of the decision.
    """

    dossier: UnitReference
    decision: Annotated[Document | None, Purpose("The Chairman's decision, with number and date.")] = None
    signer: Annotated[Text | None, Purpose("Who signed it.")] = None
    capacity: Annotated[Capacity | None, Purpose("In what capacity.")] = None


class EstablishCouncil(CouncilCommand, frozen=True, kw_only=True):
    """Establish the provincial council.

    The Chairman's decision establishes the provincial council (II.3).
    """


class ChangeCouncil(CouncilCommand, frozen=True, kw_only=True):
    """Change the provincial council.

    A later decision changes the provincial council (III.1).
    """

    reason: Annotated[Reason | None, Purpose("Why, if it is said.")] = None


COMMAND_TYPES: Final[Mapping[str, type[Command]]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in list(globals().values())
        if isinstance(kind, type) and issubclass(kind, Command) and not kind.__subclasses__()
    }
)
"""The type of every command, by the command's name."""
