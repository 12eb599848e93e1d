"""Correction of a recorded fact by the agency that recorded it: a later fact that names it and says why (reading 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from domain.authorization import wrong_actor
from domain.commands import CorrectFact
from domain.context import DecisionContext
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.assessment import (
    Recheck,
    Rechecked,
)
from domain.dossier.preconditions import dated, not_before, part, reason
from domain.dossier.reception import DossierReceived, deadline
from domain.dossier.states import DECIDED, State
from domain.i18n import Text, pair, translatable
from domain.refusals import (
    DateBeforeStep,
    UnknownFact,
)
from domain.values import (
    Correction,
    Document,
    Finding,
)


class Corrections(NamedTuple):
    """What CorrectFact has to know of the facts that it corrects.

    fields     event → the fields of it that may be corrected; results and decisions have commands of their own
    rechecks   event → what follows from corrected fields
    unordered  events of several agencies, which do not wait for each other, and corrections, which come at any time
    """

    fields: Mapping[str, frozenset[str]]
    rechecks: Mapping[str, Recheck]
    unordered: frozenset[str]


class FactCorrected(DossierEvent):
    """The agency that recorded a fact corrected it, and said why; the fact itself stays in the log (reading 5).

    `correction` is a JSON object of the corrected fields of the fact; `took_place_on` its corrected day. What a later
    step rests on is held apart as well: a district council's findings, an inspection's criteria, the council's word,
    the last of the 15 days.
    """

    corrects: int
    fact: str
    reason: str
    took_place_on: date | None
    correction: str
    documents: list[Document]
    findings: dict[str, Finding] | None
    inspected: list[str] | None
    recommends: bool | None
    due_on: date | None
    after_decision: bool

    def assign(self, dossier: Dossier) -> None:
        if self.took_place_on is not None:
            event, _, agency = dossier.history[self.corrects]
            dossier.history[self.corrects] = (event, self.took_place_on, agency)
        if self.findings is not None:
            dossier.findings = {**dossier.findings, **self.findings}
        if self.recommends is not None:
            dossier.council_recommends = self.recommends
        if self.due_on is not None:
            dossier.due_on = self.due_on
        if self.corrects in dossier.inspections:
            agency, on, criteria = dossier.inspections[self.corrects]
            dossier.inspections = {
                **dossier.inspections,
                self.corrects: (
                    agency,
                    self.took_place_on or on,
                    criteria if self.inspected is None else frozenset(self.inspected),
                ),
            }


def correct_fact(dossier: Dossier, command: CorrectFact, context: DecisionContext, corrections: Corrections) -> None:
    """CorrectFact: the fact stays; what later steps rest on follows it."""
    corrects = command.corrects
    fact = dossier.history.get(corrects)
    if fact is None:
        raise _unknown(corrects, pair("the dossier has no such fact"))
    event, on, recorded_by = fact
    if event not in corrections.fields:
        raise _unknown(
            corrects,
            pair("{event} is corrected by CorrectVerification or CorrectDecision, or not at all", event=event),
        )
    if command.actor["agency"] != recorded_by:
        raise wrong_actor(command, of=recorded_by)
    why = reason(command.reason, "reason", translatable("why the fact is corrected"), "reading 5")
    not_before(command, on)
    took_place_on = command.took_place_on
    if took_place_on is not None and took_place_on > command.on:
        raise _unknown(corrects, pair("its corrected day is after the correction"))
    if took_place_on is not None:
        _in_order(dossier, corrects, took_place_on, corrections.unordered)
    correction = command.correction or Correction()
    unknown = sorted(correction.keys() - corrections.fields[event])
    if unknown:
        raise _unknown(
            corrects,
            pair("{event} has no {fields} to correct", event=event, fields=", ".join(unknown)),
        )
    if took_place_on is None:
        part(command.correction, "correction", translatable("what is corrected"), "reading 5")
    documents = command.documents or []
    for found in documents:
        dated(command, found, "a document")
    recheck = corrections.rechecks.get(event)
    rechecked = recheck(dossier, command, correction) if recheck is not None else Rechecked()
    dossier.record(
        FactCorrected,
        command,
        context,
        corrects=corrects,
        fact=event,
        reason=why,
        took_place_on=took_place_on,
        correction=json.dumps(correction, ensure_ascii=False, sort_keys=True, default=_day),
        documents=documents,
        findings=rechecked.findings,
        inspected=rechecked.inspected,
        recommends=correction.get("recommends"),
        due_on=_due_on(dossier, corrects, took_place_on, context),
        after_decision=dossier.state in DECIDED,
    )


def _in_order(dossier: Dossier, corrects: int, took_place_on: date, unordered: frozenset[str]) -> None:
    """The corrected day, too, lies between the steps before and after. Raises DateBeforeStep."""
    steps = {version: on for version, (event, on, _) in dossier.history.items() if event not in unordered}
    before = max((on for version, on in steps.items() if version < corrects), default=took_place_on)
    after = min((on for version, on in steps.items() if version > corrects), default=took_place_on)
    for day, not_earlier in ((took_place_on, before), (after, took_place_on)):
        if day < not_earlier:
            raise DateBeforeStep(on=day.isoformat(), not_before=not_earlier.isoformat())


def _due_on(dossier: Dossier, corrects: int, took_place_on: date | None, context: DecisionContext) -> date | None:
    """The 15 days run from the day on which the dossier really was complete, while they run (II.2)."""
    receipts = [version for version, (event, _, _) in dossier.history.items() if event == DossierReceived.__name__]
    if took_place_on is None or dossier.state is not State.RECEIVED or corrects != max(receipts):
        return None
    return deadline(took_place_on, rolls=context.readings.deadline_rolls_over_weekend)


def _day(value: date) -> str:
    return value.isoformat()


def _unknown(corrects: int, why: Text) -> UnknownFact:
    return UnknownFact(clause="reading 5", corrects=corrects, reason=why)
