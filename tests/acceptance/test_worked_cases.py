"""Every worked case gets its answer through the same commands that users give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.catalogue import UnitKind
from domain.context import InterpretationSettings
from tests.acceptance.case_runner import CaseRunner
from tests.acceptance.cases import PATHS, Case, cases
from tests.acceptance.computed import Findings
from tests.acceptance.system import EmbeddedSystem
from tests.support.histories import steps_of

ALSO = {
    "INCOMPLETE": {"MISSING_PART"},
    "REASON_MISSING": {"NOT_APPLICABLE_REASON_MISSING"},
}
"""Suggested code → codes for the same reason. An incomplete dossier is refused at its submission, which names the part
that is missing, so that none reaches the receipt (C20_C21 of the cases' conventions). Each thing that must be given a
reason has a code of its own."""


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_a_worked_case_gets_its_answer(case: Case, tmp_path: Path) -> None:
    """Accepted or refused, for the reason expected, in the state expected, with what was counted and flagged."""
    readings = InterpretationSettings(**case.given.get("readings", {}))
    with EmbeddedSystem(tmp_path, readings=readings) as world:
        journey = CaseRunner(world, case)
        early = journey.prepare()
        before, state = world.stored(), _state(journey)
        answers = [early] if early else journey.act()
        refusal = next((answer["error"] for answer in answers if not answer["ok"]), None)
        outcome = case.then["outcome"]
        if outcome == "open":
            outcome = case.then["recommended"]
        assert outcome == ("refused" if refusal else "accepted"), refusal
        if refusal:
            assert refusal["code"] in {case.then["code"], *ALSO.get(case.then["code"], ())}, refusal
            assert world.stored() == before
        if "state" in case.then:
            expected = state if case.then["state"] == "unchanged" else case.then["state"]
            assert _state(journey) == expected
        found = Findings(journey, answers)
        for key, value in case.then.get("computed", {}).items():
            _check(key, found.computed(key), value)
        if "flags" in case.then:
            _check_flags(found.flags, case.then["flags"])


@pytest.mark.parametrize("kind", UnitKind)
def test_the_histories_of_the_tests_take_the_steps_of_the_guidance(kind: UnitKind) -> None:
    """What other tests are given is the way that the cases state, after the opening."""
    assert list(steps_of(kind)) == ["opened", *PATHS[kind.value]]


def test_no_two_cases_have_one_id() -> None:
    """A case is named by its id in reports."""
    ids = [case.id for case in cases()]
    assert len(ids) == len(set(ids))


def _state(journey: CaseRunner) -> str | None:
    with journey.world.application.read_models():
        events = journey.events()
    if not events:
        return None
    return str(Findings(journey, []).row["state"])


def _check(key: str, actual: Any, expected: Any) -> None:
    if key == "says":
        assert expected in actual
    elif isinstance(expected, list) and expected and isinstance(expected[0], dict):
        assert [{name: one[name] for name in other} for one, other in zip(actual, expected, strict=True)] == expected
    else:
        assert actual == expected, key


def _check_flags(actual: dict[str, list[str | int]], expected: Any) -> None:
    if isinstance(expected, dict):
        assert actual == expected
    else:
        assert sorted(actual) == sorted(expected)
