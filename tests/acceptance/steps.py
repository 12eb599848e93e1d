"""A step of the cases as the commands that users give, with what a case says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.command_parser import command_schemas
from tests.acceptance.cases import actor_of, agency_id
from tests.support.command_builders import Actor, Draft, Drafts, document, participant, votes
from tests.support.figures import below_target, meets, stated
from tests.support.histories import STEP_COMMANDS

Said = dict[str, Any]

_FIGURE = ("a", "b", "answer", "count", "value")
_PARTS_OF_MEETING = (
    "begins",
    "ends",
    "place",
    "body",
    "chair",
    "secretary",
    "report_presented",
    "opinions",
    "minutes_approved_percent",
    "signatures",
    "minutes",
)
_DOCUMENTS = {"letter", "minutes", "report", "decision", "corrected"}
_SAYS_NOTHING = {"complete", "attempt", "minutes_number", "new_dossier", "documents"}
"""What the cases say for the reader: a receipt is of a complete dossier, minutes have no number."""


def command_of_step(drafts: Drafts, step: str, on: str, actor: str | None, said: Said) -> Draft:
    """The command of a step with what is said of it: what is not said is valid, null or empty is missing."""
    if step in ("criterion_verified", "field_inspected"):
        draft = _by_lead(drafts, step, on, said)
    else:
        draft = STEP_COMMANDS[step](drafts, on)
        draft["data"] |= _translated(draft, step, on, said)
    if actor is not None:
        role, agency = actor_of(actor, step, drafts.unit)
        draft["actor"] |= {"role": role, "agency": agency}
        if actor.startswith("Phó Chủ tịch"):
            draft["data"]["capacity"] = "deputy"
    return draft


def result(drafts: Drafts, code: str, on: str, said: Said) -> Said:
    """The data of a result on one criterion."""
    data: Said = dict(drafts.verify(code, on)["data"])
    if any(key in said for key in _FIGURE):
        given = {key: said[key] for key in _FIGURE if key in said}
        data["finding"] = stated(given["value"]) if "value" in given else given
    elif said.get("met") is False and code in drafts.criteria and meets(drafts.criteria[code], data["finding"]):
        data["finding"] = below_target(drafts.criteria[code])
    if "not_applicable_confirmed" in said:
        data["finding"] = {"not_applicable_confirmed": said["not_applicable_confirmed"]}
    if "met" in said:
        data["finding"] = {**data["finding"], "met": said["met"]}
    if said.get("system_data") is False or said.get("basis", "information_system") != "information_system":
        data["system"] = None
    elif said.get("system"):
        data["system"] = said["system"]
    if "letter" in said and not said["letter"]:
        data["letter"] = None
    if "contributions" in said:
        data["contributions"] = [
            {"agency": agency_id(name), "document": document(on)} for name in said["contributions"]
        ]
    return data


def _by_lead(drafts: Drafts, step: str, on: str, said: Said) -> Draft:
    codes = said.get("criteria") or [said["criterion"]]
    if step == "criterion_verified":
        draft = drafts.verify(codes[0], on)
        draft["data"] = result(drafts, codes[0], on, said)
        return draft
    draft = drafts.inspect(codes[0], on)
    draft["data"]["findings"] = dict.fromkeys(codes, "Đã kiểm tra thực tế")
    draft["data"] |= {key: None for key in ("minutes", "place", "present") if key in said and not said[key]}
    return draft


def _translated(draft: Draft, step: str, on: str, said: Said) -> Said:
    """What a case says, in the words of the command; an unknown word is an error of the case."""
    known = command_schemas()[draft["command"]]["properties"]["data"]["properties"]
    changes: Said = {}
    for key, value in said.items():
        if key == "on" or key in _SAYS_NOTHING:
            continue
        if key in _SPECIAL:
            _SPECIAL[key](draft, changes, value, on)
        elif step in ("own_meeting", "district_met") and key in _PARTS_OF_MEETING:
            _meeting(draft, changes)[key] = value or None
        elif step in _VOTED and key in ("present", "in_favour", "percent"):
            continue
        elif key in known:
            changes[key] = _value(draft, key, value)
        else:
            raise KeyError(f"{key} says nothing of {step}")
    if step in _VOTED and "in_favour" in said:
        counted = votes(said["in_favour"], said["attending" if "attending" in said else "present"], said["percent"])
        if step == "council_met":
            changes["votes"] = counted
        else:
            _meeting(draft, changes)["votes"] = counted
    return changes


_VOTED = ("own_meeting", "district_met", "council_met")


def _value(draft: Draft, key: str, value: Any) -> Any:
    if key in ("reasons", "reason", "missing"):
        return value
    if not value and not isinstance(value, bool):
        return None
    if key in _DOCUMENTS or value == "…":
        return {**draft["data"][key], **value} if isinstance(value, dict) else draft["data"][key]
    return participant(value) if key == "chair" and isinstance(value, str) else value


def _meeting(draft: Draft, changes: Said) -> Said:
    """The meeting as it is changed so far."""
    parts: Said = changes.setdefault("meeting", dict(draft["data"]["meeting"]))
    return parts


def _number(draft: Draft, changes: Said, value: str | None, on: str) -> None:
    """The number of the letter, report or decision."""
    del on
    key = "decision" if "decision" in draft["data"] else "letter"
    changes[key] = {**draft["data"][key], "number": value or None}


def _no_letter_for(draft: Draft, changes: Said, value: str, on: str) -> None:
    """One agency is not written to."""
    del on
    changes["letters"] = {lead: held for lead, held in draft["data"]["letters"].items() if lead != agency_id(value)}


def _no_finding_for(draft: Draft, changes: Said, value: list[str], on: str) -> None:
    """The district council found nothing on some criteria."""
    del on
    changes["findings"] = {code: held for code, held in draft["data"]["findings"].items() if code not in value}


def _document_date(draft: Draft, changes: Said, value: str, on: str) -> None:
    """The date on the letter or decision, where it is not the day of the fact."""
    del on
    key = "decision" if "decision" in draft["data"] else "letter"
    changes[key] = {**draft["data"][key], "date": value}


_SPECIAL: dict[str, Callable[[Draft, Said, Any, str], None]] = {
    "number": _number,
    "letter_missing_for": _no_letter_for,
    "findings_missing_for": _no_finding_for,
    "document_date": _document_date,
}


def corrector(actor: str | None, drafts: Drafts, default: Actor) -> Actor:
    """Who corrects: as the case says, in the role of the one who recorded the fact."""
    if actor is None:
        return default
    role, agency = actor_of(actor, "corrected", drafts.unit)
    return (default[0] if role == "standing_agency" else role, agency)
