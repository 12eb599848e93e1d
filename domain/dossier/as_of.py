"""A dossier as of any moment. Both times can be asked: what was known at a moment, and what was true on a day.

What was known at a moment (or at a version) is a prefix of the dossier's events. What was true on a day is made from
all that is known today: the facts that took place by that day, each as its latest correction says, whenever recorded.
A correction also is a fact of its own day: what it asks for (a new sum) holds from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.appraisal import VerificationCorrected
from domain.dossier.corrections import FactCorrected
from domain.dossier.decision import DecisionCorrected
from domain.dossier.states import State

_Correction = VerificationCorrected | FactCorrected | DecisionCorrected


def as_recorded(events: Sequence[DossierEvent], moment: datetime) -> list[DossierEvent]:
    """The events that were recorded by a moment (UTC), that moment included."""
    return [event for event in events if event.timestamp <= moment]


def at_version(events: Sequence[DossierEvent], version: int) -> list[DossierEvent]:
    """The events up to a version."""
    return [event for event in events if event.originator_version <= version]


def as_effective(events: Sequence[DossierEvent], day: date) -> list[DossierEvent]:
    """The facts that had taken place by a day, in order; a fact is followed at once by its corrections.

    A correction stands twice when its own day has come: with its fact, for what it says, and at its own place, for what
    it asks for.
    """
    roots = _roots(events)
    days = _days(events, roots)
    return list(_placed(events, roots, days, day))


def state_of(events: Sequence[DossierEvent]) -> Dossier | None:
    """What a selection of a dossier's events amounts to; None for no events.

    Unlike the library's mutators it allows gaps and repetitions, which `as_effective` selects.
    """
    if not events:
        return None
    dossier: Dossier | None = events[0].mutate(None)
    if dossier is None:
        raise TypeError(f"{events[0]!r} begins no dossier")
    for event in events[1:]:
        event.apply(dossier)
        dossier.version = event.originator_version
        dossier.modified_on = event.timestamp
    if dossier.state is State.VERIFIED and len(dossier.results) < len(dossier.criteria):
        # A correction says "complete" of the day on which it was made; here later results may be left out.
        dossier.state = State.VERIFYING
    return dossier


def _roots(events: Sequence[DossierEvent]) -> dict[int, int]:
    """Version of a correction → version of the fact that it corrects in the end."""
    roots: dict[int, int] = {}
    for event in events:
        if isinstance(event, _Correction):
            roots[event.originator_version] = roots.get(event.corrects, event.corrects)
    return roots


def _days(events: Sequence[DossierEvent], roots: dict[int, int]) -> dict[int, date]:
    """Version of a fact → the day on which it took place, as the latest correction says."""
    days = {event.originator_version: event.on for event in events if event.originator_version not in roots}
    for event in events:
        if isinstance(event, FactCorrected) and event.took_place_on is not None:
            days[roots[event.originator_version]] = event.took_place_on
        elif isinstance(event, DecisionCorrected):
            days[roots[event.originator_version]] = event.corrected["date"]
    return days


def _placed(
    events: Sequence[DossierEvent], roots: dict[int, int], days: dict[int, date], day: date
) -> Iterator[DossierEvent]:
    corrections: dict[int, list[DossierEvent]] = {}
    for event in events:
        if event.originator_version in roots:
            corrections.setdefault(roots[event.originator_version], []).append(event)
    for event in events:
        version = event.originator_version
        if version in roots:
            if event.on <= day and days[roots[version]] <= day:
                yield event
        elif days[version] <= day:
            yield event
            yield from corrections.get(version, ())
