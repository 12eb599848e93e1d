"""Brings a case to the point where it begins, and then takes its step: all of it by the commands that users give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from domain.catalogue import Level
from domain.dossier.aggregate import DossierEvent
from domain.identity import DossierKey
from tests.acceptance.cases import DEFAULT_DAYS, Case, actor_of, agency_id
from tests.acceptance.communes import commune_drafts
from tests.acceptance.steps import command_of_step, corrector, result
from tests.acceptance.system import Answer, EmbeddedSystem
from tests.acceptance.timeline import Timeline
from tests.support.command_builders import Draft, Drafts, council, document
from tests.support.figures import Stated, meets, stated

_FORMS = {"letter": "Biểu 01", "minutes": "Biểu 02", "report": "Biểu 03"}
_SUBMISSIONS = {
    "submitted": ("letter", "minutes", "report"),
    "submitted_to_district": ("report",),
    "forwarded_to_province": ("letter", "minutes"),
}
_SIDE_STATES = {
    "rejected": ("proposed", "rejected"),
    "revoked": ("approved", "revoked"),
    "refused_by_district_council": ("submitted_to_district", "refused_by_district_council"),
    "closed_as_unfavourable": ("summed_up", "closed_as_unfavourable"),
    "verifying": ("forwarded_to_members", "first_verified"),
}
"""Side state → the last step of the path before it, and the step that leads to it."""
_ASKS = {"query_eligibility", "audit"}
_EVENTS = {
    "self_assessed": "SelfAssessmentRecorded",
    "own_meeting": "OwnMeetingRecorded",
    "submitted": "DossierSubmitted",
    "submitted_to_district": "DossierSubmittedToDistrictCouncil",
    "district_met": "DossierAppraised",
    "forwarded_to_province": "DossierSentToProvince",
    "received": "DossierReceived",
    "forwarded_to_members": "DossierForwardedToCouncil",
    "field_inspected": "FieldInspectionRecorded",
    "criterion_verified": "CriterionVerified",
    "corrected": "VerificationCorrected",
    "summed_up": "ResultsSummedUp",
    "council_met": "CouncilMeetingRecorded",
    "proposed": "RecognitionProposed",
    "approved": "RecognitionApproved",
    "announced": "RecognitionAnnounced",
}
_NO_SUCH_FACT = 9999
_NOW = "2026-06-30"


class CaseRunner:
    """One case on one log."""

    def __init__(self, world: EmbeddedSystem, case: Case) -> None:
        self.world = world
        self.case = case
        self.timeline = Timeline(case)
        self.last = "2024-01-01"
        given = case.given
        year = int(given.get("year", 2024))
        plain = Drafts(case.unit, case.level, year)
        figures = {code: stated(value) for code, value in given.get("figures", {}).items()}
        declared = _declared(given)
        self.verifying = Drafts(case.unit, case.level, year, {**figures, **declared, **_figures(given, "verified")})
        holds = _holds(plain, figures, declared)
        claimed = declared if not holds and self._passed(("submitted", "submitted_to_district")) else figures | declared
        found = declared if not holds and self._passed(("forwarded_to_province",)) else figures | declared
        self.claiming = Drafts(case.unit, case.level, year, claimed)
        self.finding = Drafts(case.unit, case.level, year, found | _figures(given, "district_findings"))
        self.attempt = 1

    @property
    def name(self) -> DossierKey:
        """The dossier that the case is about."""
        return DossierKey(self.case.unit.id, self.case.level, self.claiming.year, self.attempt)

    def events(self) -> list[DossierEvent]:
        """The facts of the dossier so far."""
        return self.world.application.events_of(self.name.id)

    def prepare(self) -> Answer | None:
        """What is given. A refusal is returned when the case wants an incomplete dossier, which is never let in."""
        given = self.case.given
        if given.get("council", True):
            self.world.must([council("2020-01-02")])
        self.world.must([*commune_drafts(self.case), *self._earlier_recognitions()])
        for step, day in self._steps():
            self.last = day
            for answer in self.world.submit(list(self._drafts(step, day))):
                if not answer["ok"]:
                    assert "documents" in given or "evidence_missing_for" in given, (step, day, answer)
                    return answer
        corrections = list(given.get("corrections", []))
        if "corrected_to" in given:
            corrected = {"number": "101/QĐ-UBND", "date": given["corrected_to"]}
            corrections.append({"corrects": "approved", "corrected": corrected, "on": given.get("corrected_on", _NOW)})
        for correction in corrections:
            self.world.must([self._correction(correction.get("by"), correction, correction.get("on", self.last))])
        return None

    def act(self) -> list[Answer]:
        """The step of the case; a question asks the read models and gives no command."""
        case, data = self.case, self.case.data
        if case.step in _ASKS:
            return []
        day = self.timeline.day_of_act(case, self.last)
        actor = case.when.get("actor")
        if case.step == "corrected":
            return self.world.submit([self._correction(actor, data, day)])
        if case.step == "opened" or data.pop("new_dossier", False):
            return self._open_another(day, data)
        if case.step == "verified":
            return self.world.submit(list(self._drafts("verified", day)))
        drafts = self._drafts_of(case.step)
        said = {**self._said(case.step), **data}
        return self.world.submit([command_of_step(drafts, case.step, day, actor, said)])

    def _open_another(self, day: str, data: dict[str, Any]) -> list[Answer]:
        level = Level(data.pop("level", self.case.level))
        another = Drafts(self.case.unit, level, int(data.pop("year", self.claiming.year)), self.claiming.figures)
        answers = self.world.submit([another.open(day)])
        if answers[0]["ok"] and self.case.step == "self_assessed":
            answers += self.world.submit([another.assess(day)])
        if another.reference == self.claiming.reference and answers[0]["ok"]:
            self.attempt += 1
        return answers

    def _passed(self, gates: tuple[str, ...]) -> bool:
        """Whether a gate lies behind the case's beginning."""
        done = self.case.given["done_up_to"]
        done = _SIDE_STATES.get(done, (_base(self.case, done),))[0]
        path = self.case.path
        return done in path and any(gate in path[: path.index(done) + 1] for gate in gates)

    def _steps(self) -> Iterator[tuple[str, str]]:
        """Steps and their days: the path, a history's returns, and the side state at the end."""
        case, given = self.case, self.case.given
        base, *side = _SIDE_STATES.get(given["done_up_to"], (_base(case, given["done_up_to"]),))
        done = case.path[: case.path.index(base) + 1] if base else []
        loop = _loop(given)
        repeated: set[str] = set()
        yield "opened", min(self.timeline.day(case.path[0]), *(day for _, day in given.get("history", [])), "9999")
        for step in done:
            if step in repeated:
                continue
            yield step, max(self.timeline.day(step), self.last if step not in _stated(given) else "")
            if loop and step == loop[0][0]:
                for again, day in loop[1:]:
                    repeated.add(again)
                    yield from self._again(again, day)
            if step == "forwarded_to_members":
                yield "field_inspected", self.last
        if given["done_up_to"] == "returned" or "returned_by" in given:
            yield "returned", str(given.get("returned_on", self.last))
        if "revoked_on" in given:
            side = [*side, "revoked"]
        for step in side or (["withdrawn"] if given["done_up_to"] == "withdrawn" else []):
            day = given.get(f"{step}_on", self.timeline.day("approved") if step == "rejected" else self.last)
            yield step, max(str(day), self.last)

    def _again(self, step: str, day: str) -> Iterator[tuple[str, str]]:
        """A step after a return; a receipt means that the applicant sent the dossier again."""
        if step in ("received", "completed"):
            yield ("forwarded_to_province" if "district_met" in self.case.path else "submitted"), day
            yield "received", day
        else:
            yield step, day

    def _drafts(self, step: str, day: str) -> Iterator[Draft]:
        if step == "verified":
            for code in self.verifying.criteria:
                yield self._result(code, day)
        elif step == "first_verified":
            yield self._result(next(iter(self.verifying.criteria)), day)
        elif step == "field_inspected":
            yield from self._inspections()
        else:
            actor = self.case.given.get("returned_by") if step == "returned" else self.case.given.get(f"{step}_by")
            yield command_of_step(self._drafts_of(step), step, day, actor, self._said(step))

    def _drafts_of(self, step: str) -> Drafts:
        if step in ("district_met", "forwarded_to_province"):
            return self.finding
        return self.verifying if step in ("criterion_verified", "field_inspected") else self.claiming

    def _said(self, step: str) -> dict[str, Any]:
        """What the case gives about a step: parts of the dossier, what is missing, claims without evidence."""
        given = self.case.given
        said: dict[str, Any] = {}
        if step == "returned" and "missing" in given:
            said["missing"] = given["missing"]
        if step == "self_assessed" and (
            "evidence_missing_for" in given or "evidence per criterion" not in given.get("documents", _ALL)
        ):
            bare = given.get("evidence_missing_for", list(self.claiming.criteria))
            said["claims"] = {
                code: claim if code not in bare else {**claim, "evidence": []}
                for code, claim in self.claiming.claims().items()
            }
        for part in _SUBMISSIONS.get(step, ()):
            if "documents" in given and _FORMS[part] not in given["documents"]:
                said[part] = None
        return said

    def _result(self, code: str, day: str) -> Draft:
        """A lead agency's result; of what was declared not applicable, its word on that."""
        draft = self.verifying.verify(code, day)
        if code in _declared(self.case.given):
            confirmed = self.case.given.get("not_applicable_confirmed", True)
            if isinstance(confirmed, dict):
                confirmed = confirmed.get(code, True)
            draft["data"]["finding"] = {"not_applicable_confirmed": confirmed}
        return draft

    def _inspections(self) -> Iterator[Draft]:
        """The inspections given; one that its agency may not make is no inspection, and is left out."""
        for code, held in self.case.given.get("inspections", {}).items():
            draft = self.verifying.inspect(code, held.get("on", DEFAULT_DAYS["verified"]))
            if agency_id(held["by"]) == draft["actor"]["agency"]:
                yield draft

    def _earlier_recognitions(self) -> Iterator[Draft]:
        """Recognitions of the unit beside the dossier of the case, with what became of their decisions."""
        for held in self.case.given.get("recognitions", []):
            if held["level"] == self.case.level and self.case.given["done_up_to"] == "approved":
                continue
            drafts = Drafts(self.case.unit, Level(held["level"]), int(held["decided"][:4]))
            yield drafts.recognised_earlier(held["decided"])
            if "corrected_to" in held:
                corrected = document(held["corrected_to"], "51/QĐ-UBND")
                day = held.get("corrected_on", max(held["decided"], held["corrected_to"]))
                yield drafts.correct_decision(day, corrected=corrected)
            if "revoked" in held:
                yield drafts.revoke(held["revoked"])

    def _correction(self, by: str | None, said: dict[str, Any], on: str) -> Draft:
        """A correction of a fact, of a result, or of the decision, by what it names."""
        step, _, code = str(said["corrects"]).partition(" ")
        version = int(step) if step.isdigit() else self._version(step, code)
        reason = said.get("reason", "Nhầm số liệu")
        if code and step in ("criterion_verified", "corrected"):
            draft = self.verifying.correct(code, version, on)
            draft["data"] = {**result(self.verifying, code, on, said), "corrects": version, "reason": reason}
        elif step == "approved":
            draft = self.verifying.correct_decision(on, reason=reason)
            draft["data"]["corrected"] |= said.get("corrected", {})
        else:
            draft = self.claiming.correct_fact(version, on, reason=reason)
            draft["data"] |= {key: said[key] for key in ("took_place_on", "correction") if key in said}
            recorded = next((fact.actor for fact in self.events() if fact.originator_version == version), None)
            draft["actor"] |= recorded or {}
        default = (draft["actor"]["role"], draft["actor"]["agency"])
        role, agency = corrector(by, self.claiming, default) if step != "approved" else _decider(by, self.claiming)
        draft["actor"] |= {"role": role, "agency": agency}
        return draft

    def _version(self, step: str, code: str) -> int:
        """The fact that a step recorded last."""
        found = _NO_SUCH_FACT
        for fact in self.events():
            about = getattr(fact, "criterion", None) or code
            if type(fact).__name__ == _EVENTS.get(step) and about == code:
                found = fact.originator_version
        return found


_ALL = ["evidence per criterion"]


def _decider(by: str | None, drafts: Drafts) -> tuple[str, str]:
    return actor_of(by or "Chủ tịch UBND tỉnh", "corrected", drafts.unit)


def _base(case: Case, done: str) -> str | None:
    """The last step of the path that is done."""
    sent = "submitted_to_district" if "district_met" in case.path else "submitted"
    if done == "returned":
        by_district = str(case.given.get("returned_by", "")).startswith("Hội đồng")
        return sent if by_district or sent == "submitted" else "forwarded_to_province"
    besides = {"nothing": None, "opened": None, "at_district_council": sent, "withdrawn": sent}
    return besides.get(done, done)


def _loop(given: dict[str, Any]) -> list[tuple[str, str]]:
    """The part of a history that goes round: from the step before the first return on."""
    history = [cast(tuple[str, str], tuple(entry)) for entry in given.get("history", [])]
    steps = [step for step, _ in history]
    return history[steps.index("returned") - 1 :] if "returned" in steps else []


def _stated(given: dict[str, Any]) -> set[str]:
    return {step for step, _ in given.get("history", [])}


def _declared(given: dict[str, Any]) -> dict[str, Stated]:
    """What is declared not applicable, with its reasons."""
    declared = given.get("not_applicable", {})
    if isinstance(declared, list):
        declared = dict.fromkeys(declared, "Không phát sinh đối tượng")
    return {code: {"not_applicable": reason} for code, reason in declared.items()}


def _figures(given: dict[str, Any], key: str) -> dict[str, Stated]:
    return {code: stated(value) for code, value in given.get(key, {}).items()}


def _holds(drafts: Drafts, figures: dict[str, Stated], declared: dict[str, Stated]) -> bool:
    """The rule of I.1 over stated figures, counted plainly."""
    counted = {code: criterion for code, criterion in drafts.criteria.items() if code not in declared}
    met = {code for code, criterion in counted.items() if code not in figures or meets(criterion, figures[code])}
    mandatory = {code for code, criterion in counted.items() if criterion.requirement.value == "mandatory"}
    extended = counted.keys() - mandatory
    return mandatory <= met and 10 * len(extended & met) >= 3 * len(extended)
