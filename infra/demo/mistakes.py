"""Mistakes: a good command changed so that one rule refuses it, and the code that it gets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import Any

from domain.catalogue import AnswerKind, Criterion

Envelope = dict[str, Any]
Change = Callable[[Envelope], Envelope | None]
"""The changed envelope, or None where the mistake is not possible."""


def mistake(
    rng: Random, envelope: Envelope, criteria: Mapping[str, Criterion], inspected: Collection[str]
) -> tuple[str, Envelope] | None:
    """A refused form of a command, with the code of its refusal; None where there is none."""
    mistakes = list(_MISTAKES.get(envelope["command"], ()))
    if envelope["command"] == "RecordSelfAssessment":
        mistakes += _mistakes_of_figures(rng, criteria)
    if envelope["command"] == "VerifyCriterion":
        mistakes += _mistakes_of_results(criteria[envelope["data"]["criterion"]], inspected)
    rng.shuffle(mistakes)
    for code, change in mistakes:
        changed = change(envelope)
        if changed is not None:
            return code, changed
    return None


def _by(agency: str, role: str) -> Change:
    """Somebody else acts."""
    return lambda good: {**good, "actor": {**good["actor"], "agency": agency, "role": role}}


def _with(**changes: Any) -> Change:
    """Other data; None leaves a part empty."""
    return lambda good: {**good, "data": {**good["data"], **changes}}


def _within(part: str, **changes: Any) -> Change:
    """A part of the data with other contents."""

    def change(good: Envelope) -> Envelope | None:
        inside = good["data"].get(part)
        return None if inside is None else {**good, "data": {**good["data"], part: {**inside, **changes}}}

    return change


def _a_year_late(part: str) -> Change:
    """A document with the next year typed in its date."""

    def change(good: Envelope) -> Envelope:
        inside = good["data"][part]
        year = int(inside["date"][:4]) + 1
        return {**good, "data": {**good["data"], part: {**inside, "date": f"{year}-12-30"}}}

    return change


def _without_one(part: str) -> Change:
    """A map of the data that lacks its last entry."""

    def change(good: Envelope) -> Envelope:
        kept = dict(list(good["data"][part].items())[:-1])
        return {**good, "data": {**good["data"], part: kept}}

    return change


def _on(day: str) -> Change:
    return lambda good: {**good, "on": day}


_LONG_AGO = "2023-02-06"
_WRONG_PERCENT = {"in_favour": 5, "attending": 9, "percent": "60.00"}
_NOT_THE_OFFICE = ("WRONG_ACTOR", _by("so-nv", "standing_agency"))

_MISTAKES: dict[str, tuple[tuple[str, Change], ...]] = {
    "OpenDossier": (("WRONG_ACTOR", _by("so-tttt", "standing_agency")),),
    "RecordSelfAssessment": (("WRONG_ACTOR", _by("so-tttt", "standing_agency")),),
    "RecordOwnMeeting": (
        ("PERCENT_CONTRADICTS_VOTES", _within("meeting", votes=_WRONG_PERCENT)),
        ("MEETING_TIMES_IMPOSSIBLE", _within("meeting", begins="16:30", ends="14:00")),
        ("MISSING_PART", _within("meeting", secretary=None)),
    ),
    "SubmitDossier": (
        ("MISSING_PART", _within("letter", number=None)),
        ("MISSING_PART", _with(minutes=None)),
        ("DOCUMENT_DATED_LATER", _a_year_late("report")),
    ),
    "SubmitToDistrictCouncil": (
        ("MISSING_PART", _with(report=None)),
        ("DOCUMENT_DATED_LATER", _a_year_late("report")),
    ),
    "AppraiseDossier": (
        ("CRITERIA_MISSING", _without_one("findings")),
        ("MISSING_PART", _within("meeting", signatures=[])),
        ("PERCENT_CONTRADICTS_VOTES", _within("meeting", votes=_WRONG_PERCENT)),
        ("WRONG_ACTOR", _by("so-tttt", "standing_agency")),
    ),
    "SendToProvince": (
        ("MISSING_PART", _within("letter", number=None)),
        ("DATE_BEFORE_STEP", _on(_LONG_AGO)),
    ),
    "RefuseByDistrictCouncil": (("REASON_MISSING", _with(reasons="")),),
    "ReceiveDossier": (("DATE_BEFORE_STEP", _on(_LONG_AGO)), _NOT_THE_OFFICE),
    "ReturnDossier": (("REASON_MISSING", _with(missing=[])),),
    "ForwardToCouncil": (("MISSING_PART", _without_one("letters")), _NOT_THE_OFFICE),
    "RecordFieldInspection": (
        ("MISSING_PART", _with(minutes=None)),
        ("WRONG_AGENCY", _by("so-tc", "council_member")),
        ("DATE_BEFORE_STEP", _on(_LONG_AGO)),
    ),
    "VerifyCriterion": (
        ("WRONG_AGENCY", _by("so-tc", "council_member")),
        ("WRONG_AGENCY", _by("so-khdt", "council_member")),
        ("UNKNOWN_CRITERION", _with(criterion="IV.99")),
        ("MISSING_PART", _within("letter", number=None)),
        ("DATE_BEFORE_STEP", _on(_LONG_AGO)),
    ),
    "SumUpResults": (_NOT_THE_OFFICE, ("DATE_BEFORE_STEP", _on(_LONG_AGO))),
    "CloseAsUnfavourable": (("REASON_MISSING", _with(reasons=" ")),),
    "RecordCouncilMeeting": (
        ("MISSING_PART", _with(chair=None)),
        ("PERCENT_CONTRADICTS_VOTES", _with(votes=_WRONG_PERCENT)),
    ),
    "ProposeRecognition": (("MISSING_PART", _with(letter=None)), _NOT_THE_OFFICE),
    "ApproveRecognition": (
        ("WRONG_ACTOR", _by("council", "provincial_council")),
        ("MISSING_PART", _with(signer=None)),
        ("DATE_CONTRADICTS_DOCUMENT", _within("decision", date="2024-06-03")),
    ),
    "RejectRecognition": (("REASON_MISSING", _with(reasons="")),),
    "AnnounceRecognition": (("DATE_BEFORE_DECISION", _on(_LONG_AGO)), ("MISSING_PART", _with(place=None))),
}


def _mistakes_of_figures(rng: Random, criteria: Mapping[str, Criterion]) -> list[tuple[str, Change]]:
    """Claims that cannot be: each replaces one good claim."""
    ratios = [code for code, found in criteria.items() if found.answer is AnswerKind.RATIO and not found.a_may_exceed_b]
    code = rng.choice(ratios)

    def claimed(figure: dict[str, Any], named: str = code) -> Change:
        return lambda good: {**good, "data": {"claims": {named: {"figure": figure}}}}

    return [
        ("A_EXCEEDS_B", claimed({"a": 214, "b": 211})),
        ("ZERO_DENOMINATOR", claimed({"a": 0, "b": 0})),
        ("NEGATIVE_FIGURE", claimed({"a": -3, "b": 120})),
        ("FIGURE_KIND_MISMATCH", claimed({"answer": True})),
        ("NOT_APPLICABLE_REASON_MISSING", claimed({"a": 0, "b": 0, "not_applicable": ""})),
        ("UNKNOWN_CRITERION", claimed({"answer": True}, "IX.1")),
    ]


def _mistakes_of_results(criterion: Criterion, inspected: Collection[str]) -> list[tuple[str, Change]]:
    """Results that contradict their figure, or rest on nothing."""

    def contradicting(good: Envelope) -> Envelope | None:
        finding = good["data"]["finding"]
        if criterion.answer is AnswerKind.COMMUNES or "not_applicable_confirmed" in finding:
            return None
        met = criterion.target.met(finding)
        return {**good, "data": {**good["data"], "finding": {**finding, "met": not met}}}

    def baseless(good: Envelope) -> Envelope | None:
        # The district's I.1 rests on this system itself.
        if criterion.answer is AnswerKind.COMMUNES or criterion.code in inspected:
            return None
        return {**good, "data": {**good["data"], "system": None}}

    return [("MET_CONTRADICTS_FIGURE", contradicting), ("FIELD_INSPECTION_MISSING", baseless)]
