"""What the log of the demonstration holds, gathered from the read models and, for one replay, from the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID

from domain.catalogue import CommunesTarget, Level, UnitKind, catalogue
from domain.context import RecognitionInForce
from domain.cross_dossier import CrossDossierFacts
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.appraisal import VerificationCorrected
from domain.dossier.as_of import as_effective, as_recorded, state_of
from domain.dossier.assessment import member_results
from domain.dossier.decision import RecognitionApproved
from domain.identity import DossierKey
from domain.policy.recognition import communes_met, communes_needed
from infra.bootstrap import Application
from infra.demo.days import LAST_DAY
from projections import audit, eligibility, status
from projections.engine.snapshot import Snapshot


def summarise(application: Application, showcase: DossierKey) -> dict[str, Any]:
    """Everything that the summary shows, as plain values.

    dossiers, events   how many there are
    states             state → kind → number
    overdue            the dossiers that should have been forwarded when the simulation ended
    flags              flag → {facts, dossiers}
    eligibility        kind → tier, or the reason why not → number of units
    districts          per district the figures of I.1 on the last day and where its dossiers stand
    replay             one dossier: its timeline, and what was known beside what was true
    """
    units = application.settings.units
    with application.read_models() as views:
        states = status.summary(views)
        return {
            "until": LAST_DAY,
            "dossiers": sum(sum(kinds.values()) for kinds in states.values()),
            "events": sum(application.log.head(partition) for partition in application.log.partitions),
            "states": states,
            "overdue": [row["number"] for row in status.find(views, overdue_on=LAST_DAY)],
            "flags": _flags(views),
            "eligibility": _eligibility(eligibility.all_units(views, units)),
            "districts": _districts(application, views),
            "replay": _replay(application, views, showcase),
        }


def _flags(views: Snapshot) -> dict[str, dict[str, int]]:
    found = audit.flagged(views)
    return {
        flag: {
            "facts": sum(1 for row in found if row["flag"] == flag),
            "dossiers": len({row["dossier_id"] for row in found if row["flag"] == flag}),
        }
        for flag in audit.FLAGS
        if any(row["flag"] == flag for row in found)
    }


def _eligibility(answers: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    counted = Counter((answer["kind"], answer["tier"] or answer["reason"]["code"]) for answer in answers)
    order = [Level.ADVANCED.value, Level.BASIC.value, *(reason.value for reason in eligibility.Reason)]
    return {
        kind.value: {why: counted[kind.value, why] for why in order if counted[kind.value, why]} for kind in UnitKind
    }


def _districts(application: Application, views: Snapshot) -> list[dict[str, Any]]:
    units, known = application.settings.units, CrossDossierFacts()
    for held in eligibility.recognitions(views):
        day = date.fromisoformat(held["decided_on"])
        known.add_recognition(
            UUID(held["dossier_id"]),
            RecognitionInForce(held["unit_id"], Level(held["level"]), held["decision_number"], day),
        )
    rows = []
    for district in units.of_kind(UnitKind.DISTRICT):
        figures = known.commune_figures(district.id, units, LAST_DAY)
        targets = {
            level: cast(CommunesTarget, catalogue().criteria_for(UnitKind.DISTRICT, level)["I.1"].target)
            for level in Level
        }
        rows.append(
            {
                "unit": district.id,
                "name": district.name,
                **figures,
                "needed_for_basic": communes_needed(targets[Level.BASIC], figures["communes"])[0],
                "meets": [level.value for level in Level if communes_met(targets[level], figures)],
                "dossiers": {row["number"]: row["state"] for row in status.find(views, unit=district.id)},
            }
        )
    return rows


def _replay(application: Application, views: Snapshot, showcase: DossierKey) -> dict[str, Any]:
    """What was known when the decision was recorded, beside what is known today to have been true on its day."""
    events = application.events_of(showcase.id)
    correction = next(event for event in reversed(events) if isinstance(event, VerificationCorrected))
    decision = next(event for event in events if isinstance(event, RecognitionApproved))
    return {
        "dossier": showcase.number,
        "unit": showcase.unit_id,
        "criterion": correction.criterion,
        "timeline": _timeline(audit.trail(views, showcase.id)),
        "moment": decision.timestamp.astimezone(UTC),
        "day": decision.on,
        "known": _standing(as_recorded(events, decision.timestamp), correction.criterion),
        "true": _standing(as_effective(events, decision.on), correction.criterion),
    }


def _standing(events: Sequence[DossierEvent], code: str) -> dict[str, Any]:
    dossier = cast(Dossier, state_of(events))
    counts = dossier.count(member_results(dossier))
    finding = dossier.results[code][1]
    return {
        "state": dossier.state.value,
        "a": finding.get("a"),
        "b": finding.get("b"),
        "met": finding["met"],
        "extended_met": counts["extended_met"],
        "extended_of": counts["extended_of"],
        "extended_needed": counts["extended_needed"],
    }


def _timeline(trail: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The facts in order; results of one agency on one day are one entry."""
    entries: list[dict[str, Any]] = []
    for row in trail:
        same = entries and all(entries[-1][key] == row[key] for key in ("event", "agency", "took_place_on"))
        if same and row["corrected_by"] is None and entries[-1]["corrected_by"] is None:
            entries[-1]["facts"] += 1
            continue
        kept = ("version", "took_place_on", "recorded_at", "event", "agency", "role", "flags", "corrected_by")
        entries.append({key: row[key] for key in kept} | {"facts": 1})
    return entries


def moment_text(moment: datetime) -> str:
    """A moment as `--recorded-by` takes it."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def day_text(day: date, language: str) -> str:
    """A day as people write it."""
    return f"{day:%d/%m/%Y}" if language == "vi" else day.isoformat()
