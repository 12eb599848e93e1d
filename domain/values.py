"""The shapes that commands carry and events keep: plain JSON-like records, so that Avro and JSON hold them alike.

A key that is absent and a key that is None mean the same: not given. Days are `datetime.date` in Vietnam's calendar,
moments are timezone-aware `datetime` in UTC. The first paragraph of a docstring is what the command schemas say.
"""

from __future__ import annotations

from typing import Annotated, NotRequired, TypeAlias, TypedDict

from domain.catalogue.answer_types import CommuneFigures, Figure
from domain.shapes import (
    BodyId,
    Computed,
    Count,
    CriterionCode,
    Day,
    EitherOf,
    Percent,
    Reason,
    Sha256,
    Shape,
    Text,
    Time,
)

__all__ = [
    "Actor",
    "Appointee",
    "Claim",
    "Claims",
    "CommuneFigures",
    "Contribution",
    "Correction",
    "Document",
    "Figure",
    "Finding",
    "Findings",
    "InspectionFindings",
    "Letters",
    "Meeting",
    "MeetingParts",
    "MemberLetter",
    "Missing",
    "Participant",
    "Present",
    "ReadAt",
    "StatedMeeting",
    "Votes",
]


class Actor(TypedDict):
    """Who acts: a person, for an agency, in a role.

    `agency` is the id of an agency or a unit, `ubnd-tinh`, or `council`; `role` a value of `domain.authorization.Role`.
    """

    person: Text
    agency: BodyId
    role: str


class Document(TypedDict):
    """A document by its number, date, issuer and the SHA-256 of its bytes; the bytes are kept elsewhere. Minutes (form 02) carry no number."""  # noqa: E501

    number: NotRequired[Text | None]
    date: Day
    issuer: Text
    sha256: Sha256
    title: NotRequired[Text | None]


class Participant(TypedDict):
    """A person at a meeting or inspection, as form 02 lists them."""

    name: Text
    position: Text
    organisation: Text


class Appointee(TypedDict):
    """A member of the provincial council and the agency represented.

    Clause II.3.
    """

    name: Text
    position: Text
    agency: BodyId


class Votes(TypedDict):
    """Votes in favour, of those attending, and the percentage as stated; it must equal the votes.

    Form 02, and II.3.
    """

    in_favour: Count
    attending: Count
    percent: Percent


class Meeting(TypedDict, total=False):
    """The minutes of a meeting with all parts of form 02. `begins` and `ends` are HH:MM on the day of the meeting."""

    begins: str
    ends: str
    place: str
    body: str
    chair: Participant
    secretary: Participant
    present: list[Participant]
    report_presented: str
    opinions: list[str] | None
    votes: Votes
    minutes_approved_percent: str
    signatures: list[str]
    minutes: Document


class StatedMeeting(TypedDict, total=False):
    """The minutes of a meeting as a command has them: any part of form 02 may be missing."""

    begins: Time | None
    ends: Time | None
    place: Text | None
    body: Text | None
    chair: Participant | None
    secretary: Participant | None
    present: list[Participant] | None
    report_presented: Text | None
    opinions: list[Text] | None
    votes: Votes | None
    minutes_approved_percent: Percent | None
    signatures: list[Text] | None
    minutes: Document | None


class Claim(TypedDict, total=False):
    """What the unit says of one criterion: its figure and its evidence.

    The district's I.1 has no figure here, since it is computed.
    """

    figure: Figure | None
    evidence: list[Document] | None


class Finding(TypedDict, total=False):
    """What was found of one criterion: a figure, or a word on a declared not applicable. A stated met must agree with it.

    The keys of a Figure, and two more. In a command `met` is what the finder states; in an event it is what follows
    (None: not applicable, reading 6).
    """  # noqa: E501

    a: int | None
    b: int | None
    answer: bool | None
    count: int | None
    communes: Annotated[CommuneFigures | None, Computed()]
    not_applicable: Annotated[str | None, Computed()]
    not_applicable_confirmed: bool | None
    met: bool | None


class MemberLetter(TypedDict):
    """The standing agency's letter to one member agency, with the criteria (codes) that it leads."""

    letter: Document
    criteria: list[str]


class Contribution(TypedDict):
    """What a coordinating agency contributed; the lead agency alone decides.

    Biểu 04, last column.
    """

    agency: BodyId
    document: Document


class ReadAt(TypedDict):
    """A partition and the position in it up to which facts of other dossiers were read."""

    partition: int
    position: int


MeetingParts: TypeAlias = Annotated[
    StatedMeeting,
    Shape("Meeting", "The minutes of a meeting in the parts of form 02. What is missing is refused by its name."),
]
Claims: TypeAlias = Annotated[dict[CriterionCode, Claim], Shape("Claims", "Criterion code to claim.")]
Findings: TypeAlias = Annotated[dict[CriterionCode, Finding], Shape("Findings", "Criterion code to finding.")]
InspectionFindings: TypeAlias = Annotated[
    dict[CriterionCode, Text], Shape("InspectionFindings", "Criterion code to what was found in the field.")
]
Letters: TypeAlias = Annotated[dict[BodyId, Document], Shape("Letters", "Agency id to the letter to it.")]
Present: TypeAlias = Annotated[list[Participant], Shape("Present", "Those present.")]
Missing: TypeAlias = Annotated[list[Text], Shape("Missing", "What is missing.")]


class Correction(TypedDict, total=False):
    """The fields of a recorded fact as they should read; which of them a fact has, the procedure says."""

    claims: Claims
    meeting: MeetingParts
    letter: Document
    minutes: Document
    report: Document
    findings: Annotated[dict[str, Finding | str], EitherOf((Findings, InspectionFindings))]
    reasons: Reason
    reason: Reason
    missing: Missing
    letters: Letters
    place: Text
    form: Text
    present: Present
    chair: Participant
    recommends: bool
    votes: Votes
