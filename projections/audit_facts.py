"""What the audit takes from each type of event: its clause, its documents, and what else is worth reading."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from domain.procedure import RECORDED_BY

Data = Mapping[str, Any]

CLAUSES: Mapping[str, str] = {name: step.clause for name, step in RECORDED_BY.items()}
"""Event → the clause of the guidance, or the reading where the guidance is silent."""

_PATHS = {
    name: [(first, rest) for first, *rest in (path.split("/") for path in step.documents)]
    for name, step in RECORDED_BY.items()
    if step.documents
}


def documents_of(name: str, data: Data) -> list[dict[str, Any]]:
    """Every document of an event, each with its `path`, such as `claims/I.1/evidence/0`; what is None is left out."""
    found: list[dict[str, Any]] = []
    for first, rest in _PATHS.get(name, ()):
        value = data.get(first)
        if not value:
            continue
        if not rest:
            found.append(_document(first, value))
            continue
        places: list[tuple[str, Any]] = [(first, value)]
        for part in rest:
            places = [place for path, value in places if value for place in _below(path, value, part)]
        found += [_document(path, value) for path, value in places if value is not None]
    return found


def _document(path: str, value: Data) -> dict[str, Any]:
    document = _bare(value)
    document["path"] = path
    return document


def _below(path: str, value: Any, part: str) -> list[tuple[str, Any]]:
    if part != "*":
        return [(f"{path}/{part}", value.get(part))]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [(f"{path}/{key}", item) for key, item in inner]


def details_of(name: str, data: Data) -> dict[str, Any]:
    """What else is worth reading in an event; what is None is left out, at any depth of maps."""
    return _DETAILS[name](data)


def _bare(value: Data) -> dict[str, Any]:
    """A map without what is None, at any depth of maps."""
    return _told(value, value)


def _told(data: Data, names: Iterable[str]) -> dict[str, Any]:
    """These fields of a map, as far as they are there. A loop, since it runs for every event."""
    told: dict[str, Any] = {}
    for name in names:
        item = data.get(name)
        if item is not None:
            told[name] = _told(item, item) if item.__class__ is dict else item
    return told


def _fields(*names: str) -> Callable[[Data], dict[str, Any]]:
    return lambda data: _told(data, names)


def _claims(data: Data) -> dict[str, Any]:
    figures = {code: _bare(claim.get("figure") or {}) for code, claim in data["claims"].items()}
    return {"complete": data["complete"], "figures": figures}


_MEETING = ("body", "place", "begins", "ends", "chair", "secretary", "votes", "minutes_approved_percent")


def _meeting(meeting: Data) -> dict[str, Any]:
    return _told(meeting, _MEETING) | {"present": len(meeting.get("present") or ())}


def _appraised(data: Data) -> dict[str, Any]:
    return {"findings": _bare(data["findings"]), "counts": _bare(data["counts"]), "meeting": _meeting(data["meeting"])}


_FORWARDED = ("due_on", "days_late", "council_decision", "council_version", "read_at")


def _forwarded(data: Data) -> dict[str, Any]:
    criteria = {agency: entry["criteria"] for agency, entry in data["letters"].items()}
    return _told(data, _FORWARDED) | {"criteria": criteria}


_VERIFIED = ("criterion", "finding", "system", "inspection", "corrects", "reason", "after_decision")


def _verified(data: Data) -> dict[str, Any]:
    told = _told(data, _VERIFIED)
    if data["contributions"]:
        told["contributors"] = [contribution["agency"] for contribution in data["contributions"]]
    if data["read_at"]:
        told["read_at"] = data["read_at"]
    return told


_CORRECTED = ("corrects", "fact", "reason", "took_place_on", "after_decision")


def _corrected(data: Data) -> dict[str, Any]:
    return _told(data, _CORRECTED) | {"correction": _bare(json.loads(data["correction"]))}


_COUNCIL = _fields("signer", "capacity", "chair", "standing_vice_chair", "members", "reason")
_NAMED = ("unit_id", "level", "signer", "capacity")

_DETAILS: Mapping[str, Callable[[Data], dict[str, Any]]] = {
    "CouncilEstablished": _COUNCIL,
    "CouncilChanged": _COUNCIL,
    "DossierOpened": _fields(
        "unit_id", "level", "year", "attempt", "number", "catalogue_id", "catalogue_version",
        "one_column_level", "mandatory_not_applicable",
    ),
    "SelfAssessmentRecorded": _claims,
    "OwnMeetingRecorded": lambda data: _meeting(data["meeting"]),
    "DossierSubmitted": _fields("conclusions", "counts", "communes", "read_at"),
    "DossierSubmittedToDistrictCouncil": _fields("conclusions", "counts"),
    "DossierAppraised": _appraised,
    "DossierSentToProvince": _fields("counts"),
    "DossierRefusedByDistrictCouncil": _fields("reasons"),
    "DossierReceived": _fields("due_on", "deadline_rolls_over_weekend"),
    "DossierReturned": _fields("missing"),
    "DossierForwardedToCouncil": _forwarded,
    "FieldInspectionRecorded": _fields("place", "present", "findings"),
    "CriterionVerified": _verified,
    "VerificationCorrected": _verified,
    "ResultsSummedUp": _fields("results", "counts"),
    "DossierClosedAsUnfavourable": _fields("reasons"),
    "CouncilMeetingRecorded": _fields("chair", "present", "recommends", "votes", "counts"),
    "RecognitionProposed": _fields(),
    "RecognitionApproved": _fields(*_NAMED, "counts"),
    "RecognitionRejected": _fields(*_NAMED, "reasons"),
    "RecognitionAnnounced": _fields("place", "form"),
    "DossierWithdrawn": _fields("reason"),
    "FactCorrected": _corrected,
    "DecisionCorrected": _fields(*_NAMED, "corrects", "reason"),
    "DecisionRevoked": _fields(*_NAMED, "revokes", "reason"),
    "EarlierRecognitionRecorded": _fields("year", "attempt", "number", *_NAMED),
}  # fmt: skip
