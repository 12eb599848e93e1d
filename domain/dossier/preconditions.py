"""What several steps ask for before their fact is recorded: order, days, parts, votes. Each check raises a refusal."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import TypeVar

from domain.commands import Command
from domain.i18n import pair, translatable
from domain.refusals import (
    DateBeforeStep,
    DocumentDatedLater,
    MeetingTimesImpossible,
    MissingPart,
    PercentContradictsVotes,
    PercentImpossible,
    ReasonRequired,
    VotesImpossible,
)
from domain.values import (
    Document,
    Meeting,
    StatedMeeting,
    Votes,
)

FORM_01 = translatable("the letter (form 01)")
FORM_02 = translatable("the minutes of the meeting (form 02)")
FORM_03 = translatable("the report on the results (form 03)")
_ALL = 100
"""Percent."""
_MEETING_PARTS = {
    "begins": translatable("its beginning"),
    "ends": translatable("its end"),
    "place": translatable("its place"),
    "body": translatable("the body that met"),
    "chair": translatable("its chair"),
    "secretary": translatable("its secretary"),
    "present": translatable("those present"),
    "report_presented": translatable("the report presented"),
    "opinions": translatable("the opinions"),
    "votes": translatable("the votes"),
    "minutes_approved_percent": translatable("the approval of the minutes"),
    "signatures": translatable("the signatures"),
    "minutes": translatable("the minutes as a document"),
}

T = TypeVar("T")


def not_before(command: Command, day: date, refusal: type[DateBeforeStep] = DateBeforeStep) -> None:
    """Raises DateBeforeStep when the day of the fact is before the step that it follows."""
    if command.on < day:
        raise refusal(on=command.on.isoformat(), not_before=day.isoformat())


def part(value: T | None, key: str, name: str, clause: str) -> T:
    """What a command says under `key` and the record must hold. Raises MissingPart when it is absent or empty."""
    if not value or (isinstance(value, str) and not value.strip()):
        raise MissingPart(clause=clause, part=key, **pair(name).details("part"))
    return value


def document(
    command: Command,
    value: Document | None,
    key: str,
    name: str,
    clause: str,
    *,
    numbered: bool = True,
) -> Document:
    """A document that a command names, with its number where the form prints one, dated no later than the fact."""
    found = part(value, key, name, clause)
    if numbered and not (found.get("number") or "").strip():
        raise MissingPart(
            clause=clause,
            part=f"{key}.number",
            **pair("the number of {name}", name=pair(name)).details("part"),
        )
    dated(command, found, name)
    return found


def dated(command: Command, found: Document, name: str) -> None:
    """Raises DocumentDatedLater when a document is younger than the fact that rests on it."""
    if found["date"] > command.on:
        raise DocumentDatedLater(
            document=found.get("number") or found.get("title") or name,
            date=found["date"].isoformat(),
            on=command.on.isoformat(),
        )


def reason(value: str | None, key: str, what: str, clause: str | None = None) -> str:
    """A reason in words. Raises ReasonRequired when it is absent or blank."""
    if value is None or not value.strip():
        raise ReasonRequired(clause=clause, part=key, what=pair(what))
    return value


def votes_add_up(votes: Votes) -> None:
    """Raises VotesImpossible or PercentContradictsVotes (reading 10); no threshold is judged."""
    in_favour, attending = votes["in_favour"], votes["attending"]
    if attending < 1 or not 0 <= in_favour <= attending:
        raise VotesImpossible(in_favour=in_favour, attending=attending)
    stated = Decimal(votes["percent"])
    exact = Fraction(in_favour * 100, attending)
    # The quotient is cut far beyond the stated decimals; six are the most that can be stated.
    rounded = _half_up(exact, len(votes["percent"].partition(".")[2]))
    if rounded != stated:
        raise PercentContradictsVotes(
            percent=votes["percent"],
            in_favour=in_favour,
            attending=attending,
            exact=str(_half_up(exact, 2).normalize()),
        )


def _half_up(value: Fraction, decimals: int) -> Decimal:
    scaled = value * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole).scaleb(-decimals).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def meeting_of(command: Command, stated: StatedMeeting | None, clause: str) -> Meeting:
    """The minutes in the parts of form 02. Raises MissingPart, or what contradicts itself in them."""
    held = part(stated, "meeting", FORM_02, clause)
    meeting = Meeting(
        begins=_of_form_02(held.get("begins"), "begins"),
        ends=_of_form_02(held.get("ends"), "ends"),
        place=_of_form_02(held.get("place"), "place"),
        body=_of_form_02(held.get("body"), "body"),
        chair=_of_form_02(held.get("chair"), "chair"),
        secretary=_of_form_02(held.get("secretary"), "secretary"),
        present=_of_form_02(held.get("present"), "present"),
        report_presented=_of_form_02(held.get("report_presented"), "report_presented"),
        opinions=_of_form_02(held.get("opinions"), "opinions"),
        votes=_of_form_02(held.get("votes"), "votes"),
        minutes_approved_percent=_of_form_02(held.get("minutes_approved_percent"), "minutes_approved_percent"),
        signatures=_of_form_02(held.get("signatures"), "signatures"),
        minutes=_of_form_02(held.get("minutes"), "minutes"),
    )
    if meeting["ends"] <= meeting["begins"]:
        raise MeetingTimesImpossible(begins=meeting["begins"], ends=meeting["ends"])
    votes_add_up(meeting["votes"])
    if Decimal(meeting["minutes_approved_percent"]) > _ALL:
        raise PercentImpossible(percent=meeting["minutes_approved_percent"])
    dated(command, meeting["minutes"], FORM_02)
    return meeting


def _of_form_02(value: T | None, key: str) -> T:
    if not value:
        name = pair("{part} (form 02)", part=pair(_MEETING_PARTS[key]))
        raise MissingPart(clause="Biểu 02", part=f"meeting.{key}", **name.details("part"))
    return value
