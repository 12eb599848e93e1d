"""Reception at the standing agency: receipt and its 15 days, return, letters to the council's members (II.2)."""

from __future__ import annotations

from datetime import date, timedelta

from domain.agencies import agency, is_or_belongs_to
from domain.commands import Command, ForwardToCouncil, ReceiveDossier, ReturnDossier
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.assessment import (
    without_evidence,
)
from domain.dossier.preconditions import FORM_01, FORM_02, FORM_03, dated, not_before, part, reason
from domain.dossier.states import State
from domain.i18n import Text, joined, pair, translatable
from domain.refusals import (
    AgencyNotOnCouncil,
    Incomplete,
    LeadsNothingHere,
    MissingPart,
    NoCouncil,
)
from domain.values import (
    Document,
    MemberLetter,
    ReadAt,
)

DAYS_TO_FORWARD = 15
_SATURDAY = 5
_DAYS_OF_A_WEEK = 7


class DossierReceived(DossierEvent):
    """The standing agency has the complete dossier: `on` is that day, and the 15 days start (II.2)."""

    due_on: date
    deadline_rolls_over_weekend: bool

    def assign(self, dossier: Dossier) -> None:
        dossier.due_on = self.due_on
        dossier.state = State.RECEIVED
        dossier.last_step_date = self.on


def receive_dossier(dossier: Dossier, command: ReceiveDossier, context: DecisionContext) -> None:
    """ReceiveDossier: the day on which the dossier is complete; the 15 days start (II.2)."""
    not_before(command, dossier.last_step_date)
    _complete(dossier)
    rolls = context.readings.deadline_rolls_over_weekend
    dossier.record(
        DossierReceived,
        command,
        context,
        due_on=deadline(command.on, rolls=rolls),
        deadline_rolls_over_weekend=rolls,
    )


def deadline(complete_on: date, *, rolls: bool) -> date:
    """The fifteenth calendar day, the day of receipt not counted; with `rolls`, a weekend rolls on (reading 11)."""
    due = complete_on + timedelta(days=DAYS_TO_FORWARD)
    if rolls and due.weekday() >= _SATURDAY:
        due += timedelta(days=_DAYS_OF_A_WEEK - due.weekday())
    return due


def _complete(dossier: Dossier) -> None:
    missing = [
        pair(name)
        for key, name in (("letter", FORM_01), ("minutes", FORM_02), ("report", FORM_03))
        if key not in dossier.submitted_documents
    ]
    missing += [pair("evidence of {code}", code=code) for code in without_evidence(dossier)]
    if missing:
        raise Incomplete(
            missing=[name.en for name in missing],
            **joined(missing).details("missing"),
        )


class DossierReturned(DossierEvent):
    """Something is missing; the clock does not run until the dossier is complete again (II.2, reading 4)."""

    missing: list[str]

    def assign(self, dossier: Dossier) -> None:
        dossier.returned_by = self.actor["role"]
        dossier.due_on = None
        dossier.state = State.RETURNED
        dossier.last_step_date = self.on


def return_dossier(dossier: Dossier, command: ReturnDossier, context: DecisionContext) -> None:
    """ReturnDossier: says what is missing; the clock stops (II.2, reading 4)."""
    not_before(command, dossier.last_step_date)
    missing = [item for item in command.missing or () if item.strip()]
    if not missing:
        reason(None, "missing", translatable("what is missing"), "II.2")
    dossier.record(DossierReturned, command, context, missing=missing)


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


def forward_to_council(dossier: Dossier, command: ForwardToCouncil, context: DecisionContext) -> None:
    """ForwardToCouncil: a letter to every member agency with its criteria; late is accepted and recorded (II.2)."""
    not_before(command, dossier.last_step_date)
    council = context.cross_dossier.council_on(command.on)
    if council is None:
        raise NoCouncil(on=command.on.isoformat())
    letters = part(command.letters, "letters", translatable("the letters to the member agencies"), "II.2")
    criteria: dict[str, list[str]] = {}
    for code, criterion in dossier.criteria.items():
        criteria.setdefault(criterion.lead_agency, []).append(code)
    _addressed(command, letters, criteria)
    absent = [lead for lead in criteria if not any(is_or_belongs_to(lead, member) for member in council.agencies)]
    if absent:
        raise AgencyNotOnCouncil(agencies=absent, agencies_text=", ".join(agency(lead).name for lead in absent))
    due_on = dossier.last_day_to_forward
    dossier.record(
        DossierForwardedToCouncil,
        command,
        context,
        letters={lead: MemberLetter(letter=letters[lead], criteria=codes) for lead, codes in criteria.items()},
        due_on=due_on,
        days_late=max(0, (command.on - due_on).days),
        council_decision=council.decision,
        council_version=council.version,
        read_at=context.cross_dossier.read_at(),
    )


def _addressed(command: Command, letters: dict[str, Document], criteria: dict[str, list[str]]) -> None:
    for lead in criteria:
        letter = letters.get(lead)
        if letter is None or not (letter.get("number") or "").strip():
            raise MissingPart(
                clause="II.2",
                part=f"letters.{lead}",
                **pair("the letter to {agency}, with its number", agency=_name(lead)).details("part"),
            )
        dated(command, letter, f"the letter to {lead}")
    for addressee in letters:
        if addressee not in criteria:
            raise LeadsNothingHere(agency=addressee)


def _name(agency_id: str) -> Text:
    found = agency(agency_id)
    return Text(found.name_en, found.name)
