"""Which dossier is meant: an id, a number, or UNIT:LEVEL:YEAR for the latest attempt."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.as_of import state_of
from domain.identity import COUNCIL_UNIT, MalformedDossierReference, dossier_id, parse_number
from domain.refusals import UnknownDossier
from infra.bootstrap import Application
from projections import status
from projections.engine.snapshot import Snapshot

_PIECES = 3


def reference(text: str) -> str | dict[str, Any]:
    """What a command says of its dossier. Raises MalformedDossierReference."""
    if ":" not in text:
        return text
    pieces = text.split(":")
    if len(pieces) != _PIECES or not pieces[2].isdecimal():
        raise MalformedDossierReference(reference=text)
    return {"unit": pieces[0], "level": pieces[1], "year": int(pieces[2])}


def row_of(views: Snapshot, text: str) -> dict[str, Any]:
    """The status of a dossier. Raises MalformedDossierReference, UnknownDossier, DossierParked."""
    named = reference(text)
    if isinstance(named, dict):
        found = [
            row
            for row in status.find(views, unit=named["unit"])
            if row["level"] == named["level"] and row["year"] == named["year"]
        ]
        # They come by attempt: the latest one is meant.
        row = found[-1] if found else None
    else:
        row = status.get(views, _id(named))
    if row is None:
        if isinstance(named, str):
            views.refuse_parked("status", str(_id(named)))
        raise UnknownDossier(reference=text)
    return row


def id_of(views: Snapshot, text: str) -> str:
    """The id of a dossier, as text. Only UNIT:LEVEL:YEAR is looked up. Raises as `row_of`."""
    return str(row_of(views, text)["dossier_id"]) if ":" in text else str(_id(text))


def events_of(application: Application, text: str) -> list[DossierEvent]:
    """The facts of a dossier, from the log itself. Raises MalformedDossierReference, UnknownDossier, FactMissing."""
    if ":" in text:
        with application.read_models() as views:
            found = UUID(row_of(views, text)["dossier_id"])
    else:
        found = _id(text)
    events = application.events_of(found)
    if not events:
        raise UnknownDossier(reference=text)
    return events


def dossier_of(application: Application, text: str) -> Dossier:
    """A dossier as it stands. Raises MalformedDossierReference, UnknownDossier."""
    dossier = state_of(events_of(application, text))
    if dossier is None:
        raise UnknownDossier(reference=text)
    return dossier


def unit_of(application: Application, text: str) -> str:
    """The id of a dossier's unit. Only an id, which names no unit, is looked up."""
    named = reference(text)
    if isinstance(named, dict):
        return str(named["unit"])
    try:
        return parse_number(named).unit_id
    except MalformedDossierReference:
        return dossier_of(application, text).unit_id


def _id(text: str) -> UUID:
    if text == COUNCIL_UNIT:
        raise MalformedDossierReference(reference=text)
    return dossier_id(text)
