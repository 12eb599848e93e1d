"""What the audit takes from each event: its documents, and what else is worth reading.

Documents and details follow from the event types themselves: every field of type Document, at any depth, is a document,
and every other field of an event is a detail, but for the few events in `_DETAILS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from eventsourcing.domain import AggregateCreated

from domain.dossier.application import OwnMeetingRecorded, SelfAssessmentRecorded
from domain.dossier.appraisal import CriterionVerified, VerificationCorrected
from domain.dossier.corrections import FactCorrected
from domain.dossier.district import DossierAppraised
from domain.dossier.reception import DossierForwardedToCouncil
from domain.recorded_event import RecordedEvent
from domain.values import Document, Meeting

Data = Mapping[str, Any]


@cache
def document_paths(event_type: type[RecordedEvent]) -> tuple[str, ...]:
    """The places of an event type's documents, such as `claims/*/evidence/*`.

    `*` is each key of a map or each place of a list.
    """
    hints = get_type_hints(event_type)
    return tuple(path for field in fields(event_type) for path in _paths(field.name, hints[field.name]))


def _paths(path: str, hint: Any) -> Iterator[str]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Document:
        yield path
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from _paths(path, argument)
    elif origin in (list, dict):
        yield from _paths(f"{path}/*", arguments[-1])
    elif is_typeddict(hint):
        for key, inner in get_type_hints(hint).items():
            yield from _paths(f"{path}/{key}", inner)


@cache
def _split_paths(event_type: type[RecordedEvent]) -> list[tuple[str, list[str]]]:
    """Each place of a document as the field and the steps below it."""
    return [(first, rest) for first, *rest in (path.split("/") for path in document_paths(event_type))]


def documents_of(fact: RecordedEvent) -> list[dict[str, Any]]:
    """Every document of an event, each with its `path`, such as `claims/I.1/evidence/0`; what is None is left out."""
    data = vars(fact)
    found: list[dict[str, Any]] = []
    for first, rest in _split_paths(type(fact)):
        value = data[first]
        if not value:
            continue
        if not rest:
            found.append(_document(first, value))
            continue
        values: list[tuple[str, Any]] = [(first, value)]
        for step in rest:
            values = [inner for path, outer in values if outer for inner in _below(path, outer, step)]
        found += [_document(path, document) for path, document in values if document is not None]
    return found


def _document(path: str, value: Data) -> dict[str, Any]:
    document = _without_none(value)
    document["path"] = path
    return document


def _below(path: str, value: Any, step: str) -> list[tuple[str, Any]]:
    if step != "*":
        return [(f"{path}/{step}", value.get(step))]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [(f"{path}/{key}", item) for key, item in inner]


def details_of(fact: RecordedEvent) -> dict[str, Any]:
    """What else is worth reading in an event; what is None is left out, at any depth of maps."""
    special = _DETAILS.get(type(fact))
    return _selected(vars(fact), _detail_fields(type(fact))) if special is None else special(fact)


_IMPLIED = frozenset({"unit_kind", "parent_id"})
"""What the unit's id says already."""


@cache
def _detail_fields(event_type: type[RecordedEvent]) -> tuple[str, ...]:
    """The fields that not every event has and that hold no document."""
    common = {field.name for base in (AggregateCreated, RecordedEvent) for field in fields(base)}
    holding_documents = {path.partition("/")[0] for path in document_paths(event_type)}
    left_out = common | holding_documents | _IMPLIED
    return tuple(field.name for field in fields(event_type) if field.name not in left_out)


def _without_none(value: Data) -> dict[str, Any]:
    return _selected(value, value)


def _selected(data: Data, names: Iterable[str]) -> dict[str, Any]:
    """These fields of a map, without what is None, at any depth of maps. A loop, since it runs for every event."""
    selected: dict[str, Any] = {}
    for name in names:
        item = data.get(name)
        if item is not None:
            selected[name] = _selected(item, item) if item.__class__ is dict else item
    return selected


def _self_assessment(fact: SelfAssessmentRecorded) -> dict[str, Any]:
    figures = {code: _without_none(claim.get("figure") or {}) for code, claim in fact.claims.items()}
    return {"complete": fact.complete, "figures": figures}


_MEETING = ("body", "place", "begins", "ends", "chair", "secretary", "votes", "minutes_approved_percent")


def _meeting(meeting: Meeting) -> dict[str, Any]:
    return _selected(meeting, _MEETING) | {"present": len(meeting.get("present") or ())}


def _own_meeting(fact: OwnMeetingRecorded) -> dict[str, Any]:
    return _meeting(fact.meeting)


def _appraised(fact: DossierAppraised) -> dict[str, Any]:
    return _selected(vars(fact), ("findings", "counts")) | {"meeting": _meeting(fact.meeting)}


def _forwarded(fact: DossierForwardedToCouncil) -> dict[str, Any]:
    criteria = {agency: entry["criteria"] for agency, entry in fact.letters.items()}
    return _selected(vars(fact), _detail_fields(type(fact))) | {"criteria": criteria}


_VERIFIED = ("criterion", "finding", "system", "inspection", "corrects", "reason", "after_decision")


def _verified(fact: CriterionVerified | VerificationCorrected) -> dict[str, Any]:
    details = _selected(vars(fact), _VERIFIED)
    if fact.contributions:
        details["contributors"] = [contribution["agency"] for contribution in fact.contributions]
    if fact.read_at:
        details["read_at"] = fact.read_at
    return details


_CORRECTED = ("corrects", "fact", "reason", "took_place_on", "after_decision")


def _corrected(fact: FactCorrected) -> dict[str, Any]:
    return _selected(vars(fact), _CORRECTED) | {"correction": _without_none(json.loads(fact.correction))}


_DETAILS: Mapping[type[RecordedEvent], Callable[[Any], dict[str, Any]]] = {
    SelfAssessmentRecorded: _self_assessment,
    OwnMeetingRecorded: _own_meeting,
    DossierAppraised: _appraised,
    DossierForwardedToCouncil: _forwarded,
    CriterionVerified: _verified,
    VerificationCorrected: _verified,
    FactCorrected: _corrected,
}
"""The events whose details are more than their fields: figures of claims, a meeting in short, who contributed."""
