"""Random walks over all commands: no order of them reaches what the procedure does not allow."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import date, datetime, timedelta
from typing import Any, cast

from eventsourcing.application import project_aggregate
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.catalogue import Level, Requirement
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.as_of import state_of
from domain.dossier.assessment import member_results
from domain.dossier.states import DECIDED, RECOGNISED, State
from domain.errors import InvalidInput, Refused
from domain.procedure import ON_DOSSIER
from tests.domain.scenario import COMMUNE, DEPARTMENT, DISTRICT, EACH_KIND
from tests.support.command_builders import Draft, Drafts, document
from tests.support.figures import below_target
from tests.support.histories import NOW, context, decided

_FIRST = date(2024, 6, 17)
_NEEDED = {
    DEPARTMENT.unit.kind: ["SelfAssessmentRecorded", "OwnMeetingRecorded", "DossierSubmitted"],
    DISTRICT.unit.kind: ["SelfAssessmentRecorded", "OwnMeetingRecorded", "DossierSubmitted"],
    COMMUNE.unit.kind: [
        "SelfAssessmentRecorded",
        "DossierSubmittedToDistrictCouncil",
        "DossierAppraised",
        "DossierSentToProvince",
    ],
}
_THEN = [
    "DossierReceived",
    "DossierForwardedToCouncil",
    "CriterionVerified",
    "ResultsSummedUp",
    "CouncilMeetingRecorded",
    "RecognitionProposed",
    "RecognitionApproved",
    "RecognitionAnnounced",
]
_STEPS: tuple[Callable[..., Draft], ...] = (
    Drafts.assess,
    Drafts.meet,
    Drafts.submit,
    Drafts.submit_to_district,
    Drafts.appraise,
    Drafts.send_on,
    Drafts.receive,
    Drafts.forward,
    Drafts.sum_up,
    Drafts.council_meets,
    Drafts.propose,
    Drafts.approve,
    Drafts.announce,
)
_ASIDE: tuple[Callable[..., Draft], ...] = (
    Drafts.refuse,
    Drafts.give_back,
    Drafts.close,
    Drafts.reject,
    Drafts.withdraw,
    Drafts.correct_decision,
    Drafts.revoke,
)


class Walk(RuleBasedStateMachine):
    """One dossier, and everybody giving any command at any time."""

    @initialize(drafts=st.sampled_from(EACH_KIND), level=st.sampled_from(Level), steps=st.integers(0, len(_STEPS)))
    def opens_and_goes_some_way(self, drafts: Drafts, level: Level, steps: int) -> None:
        self.drafts = Drafts(drafts.unit, level)
        self.day = _FIRST
        self.moment = NOW
        self.events: list[DossierEvent] = []
        self.dossier = decided(None, self.drafts.open(), context())
        self.events += cast(list[DossierEvent], list(self.dossier.collect_events()))
        self.day = date(2024, 8, 1)
        self.go_on(steps)

    def submit(self, draft: Draft) -> bool:
        """One command; refused, it changes nothing at all."""
        before = {name: copy(value) for name, value in vars(self.dossier).items()}
        try:
            decided(self.dossier, draft, context(recorded_at=self.moment))
        except (Refused, InvalidInput):
            assert vars(self.dossier) == before
            assert not self.dossier.collect_events()
            return False
        new = cast(list[DossierEvent], list(self.dossier.collect_events()))
        assert len(new) == 1
        assert self.dossier.version == before["_version"] + 1
        step = ON_DOSSIER[draft["command"]]
        assert before["state"] in step.states_for(self.dossier.unit_kind)
        assert self.dossier.state in step.leads_to(before["state"])
        self.events += new
        return True

    @property
    def on(self) -> str:
        """Today in this walk."""
        return self.day.isoformat()

    @rule(days=st.integers(0, 20), seconds=st.integers(0, 10**5))
    def time_passes(self, days: int, seconds: int) -> None:
        self.day = min(self.day + timedelta(days=days), date(2026, 6, 1))
        self.moment += timedelta(seconds=seconds)

    @rule(step=st.sampled_from(_STEPS), back=st.integers(0, 3))
    def any_step(self, step: Callable[..., Draft], back: int) -> None:
        self.submit(step(self.drafts, (self.day - timedelta(days=back)).isoformat()))

    @rule(steps=st.integers(1, len(_STEPS)))
    def steps_in_order(self, steps: int) -> None:
        """Walks on where it can, so that long ways are reached too."""
        self.go_on(steps)

    def go_on(self, steps: int) -> None:
        """The steps of the way in order, those that are possible."""
        for step in _STEPS[:steps]:
            self.submit(step(self.drafts, self.on))
            if step is Drafts.forward:
                self.results_of_all(set())

    @rule(step=st.sampled_from(_ASIDE))
    def something_else(self, step: Callable[..., Draft]) -> None:
        self.submit(step(self.drafts, self.on))

    @rule(place=st.integers(0, 60), met=st.booleans(), system=st.booleans())
    def verifies_one(self, place: int, met: bool, system: bool) -> None:
        self.submit(self.result(self.code(place), met, "" if system else None))

    @rule(below=st.sets(st.integers(0, 60), max_size=4))
    def verifies_all(self, below: set[int]) -> None:
        self.results_of_all(below)

    def results_of_all(self, below: set[int]) -> None:
        """A result on each criterion, some of them not met."""
        codes = list(self.drafts.criteria)
        for place, code in enumerate(codes):
            self.submit(self.result(code, place not in below, ""))

    @rule(place=st.integers(0, 60))
    def inspects(self, place: int) -> None:
        self.submit(self.drafts.inspect(self.code(place), self.on))

    @rule(place=st.integers(0, 60), met=st.booleans(), version=st.integers(1, 80))
    def corrects_a_result(self, place: int, met: bool, version: int) -> None:
        code = self.code(place)
        held = self.dossier.results.get(code)
        draft = self.result(code, met, "")
        data = {**draft["data"], "corrects": held[0] if held else version, "reason": "Nhầm"}
        self.submit({**draft, "command": "CorrectVerification", "data": data})

    @rule(version=st.integers(1, 30), back=st.integers(0, 5))
    def corrects_a_fact(self, version: int, back: int) -> None:
        by = self.events[version - 1].actor if version <= len(self.events) else self.events[0].actor
        day = (self.day - timedelta(days=back)).isoformat()
        self.submit(self.drafts.correct_fact(version, self.on, took_place_on=day, actor=(by["role"], by["agency"])))

    @precondition(lambda self: self.dossier.ended)
    @rule()
    def begins_anew(self) -> None:
        """The next attempt is another dossier with facts of its own."""
        fresh = decided(self.dossier, self.drafts.open(self.on), context(recorded_at=self.moment))
        assert fresh.attempt == self.dossier.attempt + 1
        assert fresh.id != self.dossier.id

    def code(self, place: int) -> str:
        """Some criterion of the dossier."""
        codes = list(self.drafts.criteria)
        return codes[place % len(codes)]

    def result(self, code: str, met: bool, system: str | None) -> Draft:
        """A result on a system's data, or on nothing but a paper."""
        criterion = self.drafts.criteria[code]
        figure = self.drafts.figure(code) if met or code == "I.1" else below_target(criterion)
        data: dict[str, Any] = {"finding": figure, "letter": document(self.on)}
        return self.drafts.verify(code, self.on, **data, **({"system": None} if system is None else {}))

    @invariant()
    def nothing_is_reached_without_each_step_before_it(self) -> None:
        happened = [type(event).__name__ for event in self.events]
        needed = ["DossierOpened", *_NEEDED[self.dossier.unit_kind], *_THEN]
        reached = {State.APPROVED: -1, State.ANNOUNCED: None}
        if self.dossier.state in reached:
            steps = iter(happened)
            for step in needed[: reached[self.dossier.state]]:
                assert step in steps, (step, happened)
            assert self.dossier.results.keys() == self.dossier.criteria.keys()

    @invariant()
    def a_recognised_dossier_was_counted_by_the_rule(self) -> None:
        if self.dossier.state in RECOGNISED:
            approved = next(event for event in self.events if type(event).__name__ == "RecognitionApproved")
            assert approved.counts["holds"]  # type: ignore[attr-defined]

    @invariant()
    def the_counts_agree_with_a_plain_count(self) -> None:
        """Recounted from the facts by hand, whenever a sum stands."""
        if self.dossier.state not in (State.SUMMED_UP, State.COUNCIL_MET, State.PROPOSED):
            return
        assert self.dossier.tally is not None
        latest: dict[str, bool] = {}
        for event in self.events:
            if type(event).__name__ in ("CriterionVerified", "VerificationCorrected"):
                latest[event.criterion] = event.finding["met"]  # type: ignore[attr-defined]
        assert latest == member_results(self.dossier)
        mandatory = [c for c, each in self.drafts.criteria.items() if each.requirement is Requirement.MANDATORY]
        extended = [code for code in self.drafts.criteria if code not in mandatory]
        met = sum(latest[code] for code in extended)
        assert self.dossier.tally["mandatory_met"] == sum(latest[code] for code in mandatory)
        assert (self.dossier.tally["extended_met"], self.dossier.tally["extended_of"]) == (met, len(extended))
        holds = all(latest[code] for code in mandatory) and met * 10 >= len(extended) * 3
        assert self.dossier.tally["holds"] is holds
        if self.dossier.state is not State.SUMMED_UP:
            assert holds

    @invariant()
    def facts_alone_give_the_same_dossier(self) -> None:
        """By the library's own replay and by ours."""
        replayed = project_aggregate(None, self.events)
        assert vars(replayed) == vars(self.dossier)
        assert vars(cast(Dossier, state_of(self.events))) == vars(self.dossier)

    @invariant()
    def the_decision_is_made_once(self) -> None:
        decisions = [
            event for event in self.events if type(event).__name__ in ("RecognitionApproved", "RecognitionRejected")
        ]
        assert len(decisions) == (self.dossier.state in DECIDED)

    @invariant()
    def recorded_moments_and_versions_only_grow(self) -> None:
        assert [event.originator_version for event in self.events] == list(range(1, len(self.events) + 1))
        moments: list[datetime] = [event.timestamp for event in self.events]
        assert moments == sorted(moments)


TestWalk = Walk.TestCase
TestWalk.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
