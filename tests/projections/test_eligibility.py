from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest

from domain.units import Unit
from projections.council import compositions, in_force
from projections.eligibility import Reason, all_units, of_unit, recognitions
from projections.engine.engine import Engine
from tests.support.event_builders import DossierHistory, FakeLog, establish_council
from tests.support.units import COMMUNE, DEPARTMENT, UNITS


def answer(engine: Engine, unit: Unit = COMMUNE, amounts: Mapping[str, int] | None = None) -> dict[str, Any]:
    engine.catch_up()
    with engine.reading() as views:
        return of_unit(views, unit, amounts)


def test_k02_a_commune_recognised_as_advanced(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log, level="advanced").until("approve")
    given = answer(engine)
    assert given == given | {
        "unit": "04630", "eligible": True, "tier": "advanced", "since": "2024-08-15", "earlier": [],
        "period": [2023, 2025], "reason": None,
        "decision": {
            "number": "1500/QĐ-UBND", "decided_on": "2024-08-15", "dossier_id": str(story.id),
            "dossier": "04630-NC-2024-1", "source": "decided",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("decided", "eligible"),
    [("2022-12-31", False), ("2023-01-01", True), ("2025-12-31", True), ("2026-01-01", False)],
)
def test_k06_the_day_of_the_decision_decides_the_period(
    engine: Engine, log: FakeLog, decided: str, eligible: bool
) -> None:
    DossierHistory(log).until("propose").approve(date.fromisoformat(decided))
    given = answer(engine)
    assert given["eligible"] is eligible
    if not eligible:
        assert given["reason"]["code"] == Reason.OUTSIDE_PERIOD
        assert "2023-2025" in given["says"]["vi"][0]


def test_k10_basic_then_advanced_lists_both_tiers(engine: Engine, log: FakeLog) -> None:
    DossierHistory(log).until("approve")
    DossierHistory(log, level="advanced", year=2025).until("propose").approve(date(2025, 9, 1))
    given = answer(engine)
    assert (given["tier"], given["since"]) == ("advanced", "2025-09-01")
    assert [(held["tier"], held["since"]) for held in given["earlier"]] == [("basic", "2024-08-15")]
    assert any("60/2022/NQ-HĐND" in sentence for sentence in given["says"]["en"])


def test_k12_a_rejection_of_another_dossier_changes_nothing(engine: Engine, log: FakeLog) -> None:
    DossierHistory(log).until("announce")
    DossierHistory(log, level="advanced", year=2025).until("propose").reject()
    given = answer(engine)
    assert (given["eligible"], given["tier"], given["since"]) == (True, "basic", "2024-08-15")


def test_k13_without_amounts_the_report_says_so(engine: Engine, log: FakeLog) -> None:
    DossierHistory(log, DEPARTMENT).until("approve")
    given = answer(engine, DEPARTMENT)
    assert (given["eligible"], given["tier"], given["amount"]) == (True, "basic", None)
    assert "no amount is configured" in given["says"]["en"][0]
    assert "chưa cấu hình" in given["says"]["vi"][0]
    assert answer(engine, DEPARTMENT, {"department.basic": 50_000_000})["amount"] == 50_000_000


def approved_then_revoked(story: DossierHistory) -> None:
    story.until("approve").revoke(date(2024, 9, 1))


ENDS: list[tuple[Callable[[DossierHistory], object], Reason]] = [
    (lambda story: story.until("open"), Reason.UNDER_WAY),
    (lambda story: story.until("propose"), Reason.UNDER_WAY),
    (lambda story: story.until("propose").reject(), Reason.REJECTED),
    (lambda story: story.until("receive").withdraw(), Reason.WITHDRAWN),
    (lambda story: story.until("submit").refuse(), Reason.REFUSED_BY_DISTRICT_COUNCIL),
    (lambda story: story.until("sum_up").close(), Reason.CLOSED_AS_UNFAVOURABLE),
    (approved_then_revoked, Reason.REVOKED),
]


@pytest.mark.parametrize(("walk", "reason"), ENDS, ids=[f"{n}-{reason}" for n, (_, reason) in enumerate(ENDS)])
def test_a_unit_that_is_not_eligible_has_the_reason_of_its_latest_dossier(
    engine: Engine, log: FakeLog, walk: Callable[[DossierHistory], object], reason: Reason
) -> None:
    walk(DossierHistory(log))
    given = answer(engine)
    assert (given["eligible"], given["tier"], given["decision"]) == (False, None, None)
    assert given["reason"] == given["reason"] | {
        "code": reason.value, "en": reason.text.en, "vi": reason.text.vi, "dossier": "04630-CB-2024-1",
    }  # fmt: skip


def test_a_unit_without_a_dossier_says_so(engine: Engine) -> None:
    assert answer(engine)["reason"]["code"] == Reason.NO_DOSSIER


def test_the_latest_dossier_gives_the_reason(engine: Engine, log: FakeLog) -> None:
    DossierHistory(log).until("propose").reject()
    DossierHistory(log, attempt=2).until("submit")
    assert answer(engine)["reason"] == answer(engine)["reason"] | {"code": "UNDER_WAY", "dossier": "04630-CB-2024-2"}


def test_a_decision_corrected_into_the_period_counts(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("propose")
    story.approve(date(2026, 1, 5))
    assert answer(engine)["reason"]["code"] == Reason.OUTSIDE_PERIOD
    story.correct_decision("1502/QĐ-UBND", date(2025, 12, 30))
    given = answer(engine)
    assert (given["since"], given["decision"]["number"]) == ("2025-12-30", "1502/QĐ-UBND")


def test_a_rejection_may_be_corrected_and_recognises_nobody(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("propose")
    story.reject()
    story.correct_decision("1503/QĐ-UBND", date(2024, 8, 16))
    assert answer(engine)["reason"]["code"] == Reason.REJECTED


def test_a_recognition_from_before_the_system_counts(engine: Engine, log: FakeLog) -> None:
    DossierHistory(log, year=2023).earlier(date(2023, 12, 20))
    given = answer(engine)
    assert (given["eligible"], given["since"], given["decision"]["source"]) == (True, "2023-12-20", "earlier")


def test_all_units_answer_as_each_alone(engine: Engine, log: FakeLog) -> None:
    DossierHistory(log).until("approve")
    DossierHistory(log, UNITS.communes_of("135")[0]).until("submit").refuse()
    approved_then_revoked(DossierHistory(log, DEPARTMENT))
    engine.catch_up()
    with engine.reading() as views:
        answers = all_units(views, UNITS)
        assert answers == [of_unit(views, unit) for unit in UNITS]
    assert sum(given["eligible"] for given in answers) == 1


def test_recognitions_in_force_on_a_day(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("approve")
    story.revoke(date(2024, 9, 1))
    DossierHistory(log, UNITS.communes_of("135")[0]).earlier(date(2023, 12, 20))
    engine.catch_up()
    with engine.reading() as views:

        def on(day: str) -> list[str]:
            return [row["unit_id"] for row in recognitions(views, date.fromisoformat(day))]

        earlier = UNITS.communes_of("135")[0].id
        assert on("2023-12-19") == []
        assert on("2023-12-20") == [earlier]
        assert on("2024-08-15") == sorted([earlier, COMMUNE.id])
        assert on("2024-09-01") == [earlier]
        (row,) = recognitions(views)
        assert (row["unit_id"], row["district"], row["source"]) == (earlier, "135", "earlier")


def test_the_council_in_force_is_the_latest_decided_by_that_day(engine: Engine, log: FakeLog) -> None:
    establish_council(log)
    establish_council(log, date(2025, 1, 10), number="12/QĐ-UBND")
    engine.catch_up()
    with engine.reading() as views:
        assert [row["version"] for row in compositions(views)] == [1, 2]
        assert in_force(views, date(2024, 6, 11)) is None
        first, second = in_force(views, date(2025, 1, 9)), in_force(views, date(2025, 1, 10))
    assert first is not None
    assert second is not None
    assert (first["decision_number"], first["position"]) == ("1100/QĐ-UBND", 1)
    assert (second["decision_number"], second["members"][1]["agency"]) == ("12/QĐ-UBND", "so-nv")
