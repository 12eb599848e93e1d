"""The shapes that commands carry and events keep: plain JSON-like records, so that Avro and JSON hold them alike.

A key that is absent and a key that is None mean the same: not given. Days are `datetime.date` in Vietnam's calendar,
moments are timezone-aware `datetime` in UTC.
"""

from __future__ import annotations

from datetime import date
from typing import TypedDict

from domain.catalogue.answers import CommuneFigures, Figure

__all__ = [
    "Actor",
    "Appointee",
    "Claim",
    "CommuneFigures",
    "Contribution",
    "Document",
    "Figure",
    "Finding",
    "Meeting",
    "MemberLetter",
    "Participant",
    "ReadAt",
    "Votes",
]


class Actor(TypedDict):
    """Who acts: a person, for an agency (id of an agency or a unit, `ubnd-tinh`, `council`), in a role."""

    person: str
    agency: str
    role: str


class Document(TypedDict, total=False):
    """A document by its name; the bytes live outside the log. `number` is absent where the form prints none."""

    number: str | None
    date: date
    issuer: str
    sha256: str
    title: str | None


class Participant(TypedDict):
    """A person at a meeting or inspection, as form 02 lists them."""

    name: str
    position: str
    organisation: str


class Appointee(TypedDict):
    """A member of the provincial council and the agency that he or she represents (II.3)."""

    name: str
    position: str
    agency: str


class Votes(TypedDict):
    """Votes of a meeting; `percent` is the stated percentage as decimal text, for example "81.82" (form 02, II.3)."""

    in_favour: int
    attending: int
    percent: str


class Meeting(TypedDict, total=False):
    """The minutes of a meeting in the parts of form 02. `begins` and `ends` are HH:MM on the day of the meeting."""

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


class Claim(TypedDict, total=False):
    """What a unit says of one criterion: its figure (none for the district's I.1, which is computed), its evidence."""

    figure: Figure | None
    evidence: list[Document] | None


class Finding(Figure, total=False):
    """What a district council or a lead agency found of one criterion: a figure, or a word on "not applicable".

    In a command `met` is what the finder states; in an event it is what follows (None: not applicable, reading 6).
    """

    not_applicable_confirmed: bool | None
    met: bool | None


class MemberLetter(TypedDict):
    """The standing agency's letter to one member agency, with the criteria (codes) that it leads."""

    letter: Document
    criteria: list[str]


class Contribution(TypedDict, total=False):
    """What a coordinating agency contributed to a verification; it never decides (Biểu 04, last column)."""

    agency: str
    document: Document


class ReadAt(TypedDict):
    """A partition and the position in it up to which facts of other dossiers were read."""

    partition: int
    position: int
