"""Which dossier is meant: an id, a number, or UNIT:LEVEL:YEAR for the latest attempt."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from consumers.handler import dossier_id
from domain.dossier import Dossier
from domain.events import DossierEvent
from domain.identity import COUNCIL_UNIT, MalformedDossierReference, parse_number
from domain.refusals import UnknownDossier
from domain.replay import state_of
from infra.composition import Installation
from projections import status
from projections.generations import Snapshot

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
    """The status of a dossier. Raises MalformedDossierReference, UnknownDossier."""
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
        raise UnknownDossier(reference=text)
    return row


def events_of(installation: Installation, text: str) -> list[DossierEvent]:
    """The facts of a dossier, from the log itself. Raises MalformedDossierReference, UnknownDossier."""
    if ":" in text:
        with installation.current() as views:
            found = UUID(row_of(views, text)["dossier_id"])
    else:
        found = _id(text)
    events = installation.events_of(found)
    if not events:
        raise UnknownDossier(reference=text)
    return events


def dossier_of(installation: Installation, text: str) -> Dossier:
    """A dossier as it stands. Raises MalformedDossierReference, UnknownDossier."""
    dossier = state_of(events_of(installation, text))
    if dossier is None:
        raise UnknownDossier(reference=text)
    return dossier


def unit_of(installation: Installation, text: str) -> str:
    """The id of a dossier's unit. Only an id, which names no unit, is looked up."""
    named = reference(text)
    if isinstance(named, dict):
        return str(named["unit"])
    try:
        return parse_number(named).unit_id
    except MalformedDossierReference:
        return dossier_of(installation, text).unit_id


def _id(text: str) -> UUID:
    if text == COUNCIL_UNIT:
        raise MalformedDossierReference(reference=text)
    return dossier_id(text)
