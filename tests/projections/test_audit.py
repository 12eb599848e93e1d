from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from domain.identity import COUNCIL_ID
from projections.audit import FLAGS, flagged, flags, trail
from projections.audit_details import documents_of
from projections.engine.engine import Engine
from schemas.avro.codec import decode_event
from tests.support.event_builders import DossierHistory, FakeLog, establish_council, province
from tests.support.units import COMMUNE, DEPARTMENT, UNITS


def trail_of(engine: Engine, story: DossierHistory) -> list[dict[str, Any]]:
    engine.catch_up()
    with engine.reading() as views:
        return trail(views, story.id)


def flags_of(engine: Engine, story: DossierHistory) -> dict[str, list[str | int]]:
    engine.catch_up()
    with engine.reading() as views:
        return flags(views, story.id)


def test_a_trail_says_who_did_what_when_on_which_paper(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("announce")
    rows = trail_of(engine, story)
    assert [row["version"] for row in rows] == list(range(1, log.head(0) + 1))
    sent = rows[4]
    assert sent == sent | {
        "event": "DossierSentToProvince", "took_place_on": "2024-06-26", "position": 5, "partition": 0,
        "recorded_at": "2024-06-14T01:00:05.000000+00:00", "person": "Trần Thị Bình", "agency": "140",
        "role": "district_committee", "clause": "II.1.1.b, II.1.2", "flags": [], "corrected_by": None,
    }  # fmt: skip
    assert [(paper["path"], paper.get("number")) for paper in sent["documents"]] == [
        ("letter", "12/VB"),
        ("minutes", None),
    ]


def _papers(value: object, path: str = "") -> list[str]:
    """The places of all documents in a record, found by their look."""
    if isinstance(value, dict):
        if "sha256" in value:
            return [path[1:]]
        return [found for key, item in value.items() for found in _papers(item, f"{path}/{key}")]
    if isinstance(value, list):
        return [found for place, item in enumerate(value) for found in _papers(item, f"{path}/{place}")]
    return []


def test_no_document_of_any_event_is_forgotten(log: FakeLog) -> None:
    province(log)
    for notification in log.events[0]:
        fact = decode_event(notification)
        assert sorted(paper["path"] for paper in documents_of(fact)) == sorted(_papers(vars(fact)))


def test_details_hold_the_figure_and_no_document(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("verify")
    rows = trail_of(engine, story)
    verified = next(row for row in rows if row["event"] == "CriterionVerified" and row["details"]["criterion"] == "I.2")
    assert verified["details"]["finding"] == {**verified["details"]["finding"], "met": True}
    assert verified["details"]["system"] == "Hệ thống báo cáo"
    forwarded = next(row for row in rows if row["event"] == "DossierForwardedToCouncil")
    assert sorted(code for codes in forwarded["details"]["criteria"].values() for code in codes) == sorted(
        story.criteria
    )
    assert "sha256" not in json.dumps([row["details"] for row in rows])


def test_a_fact_names_the_later_fact_that_corrects_it(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("sum_up")
    first = story.results["I.2"]
    second = story.correct_verification("I.2")
    third = story.correct_verification("I.2")
    by_version = {row["version"]: row for row in trail_of(engine, story)}
    assert by_version[first]["corrected_by"] == second
    assert by_version[second]["corrected_by"] == third
    assert by_version[third]["corrected_by"] is None
    assert by_version[second]["details"] == by_version[second]["details"] | {
        "corrects": first,
        "reason": "nhầm số liệu",
    }


def test_a_revoked_decision_names_the_revocation(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("approve")
    story.revoke(date(2024, 9, 1))
    decided, revoked = trail_of(engine, story)[-2:]
    assert decided["corrected_by"] == revoked["version"]


def test_the_council_has_a_trail_of_its_own(engine: Engine, log: FakeLog) -> None:
    establish_council(log)
    engine.catch_up()
    with engine.reading() as views:
        (row,) = trail(views, COUNCIL_ID)
        assert trail(views, "unknown") == []
    assert (row["event"], row["details"]["members"][1]["agency"]) == ("CouncilEstablished", "so-nv")


def test_l04_an_applicant_that_verifies_its_own_dossier_is_flagged(engine: Engine, log: FakeLog) -> None:
    """Sở Nội vụ leads II.6 of departments: that one alone is flagged, not what it coordinates."""
    story = DossierHistory(log, UNITS.get("so-nv")).until("verify")
    assert flags_of(engine, story) == {"SELF_VERIFICATION": ["II.6"]}
    assert flags_of(engine, DossierHistory(log, DEPARTMENT).until("verify")) == {}


def test_l03_a_verification_of_its_own_dossier_by_the_standing_agency(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log, UNITS.get("so-tttt")).until("forward")
    story.verify_one("I.1")
    assert flags_of(engine, story) == {"SELF_VERIFICATION": ["I.1"]}
    assert trail_of(engine, story)[-1]["flags"] == ["SELF_VERIFICATION"]


def test_a_verification_by_a_part_of_the_applicant_is_flagged(engine: Engine, log: FakeLog) -> None:
    office = DossierHistory(log, UNITS.get("vp-ubnd")).until("verify")
    centres = ("vp-ubnd", "vp-ubnd-hcc", "vp-ubnd-ioc")
    own = [code for code, criterion in office.criteria.items() if criterion.lead_agency in centres]
    assert own
    assert flags_of(engine, office) == {"SELF_VERIFICATION": own}


@pytest.mark.parametrize(("days_late", "raised"), [(0, {}), (3, {"LATE_FORWARDING": [7]})])
def test_late_forwarding_is_flagged(engine: Engine, log: FakeLog, days_late: int, raised: dict[str, list[int]]) -> None:
    story = DossierHistory(log).until("receive")
    story.forward(days_late=days_late)
    assert flags_of(engine, story) == raised


def test_corrections_after_verification_and_after_decision_are_flagged(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("receive")
    story.correct_fact("DossierReceived")
    assert flags_of(engine, story) == {}
    story.until("sum_up", after="receive")
    story.correct_verification("I.2")
    fact = story.correct_fact("ResultsSummedUp")
    assert flags_of(engine, story) == {"CORRECTED_AFTER_VERIFICATION": ["I.2", fact]}
    story.until("approve", after="verify")
    story.correct_verification("I.3", after_decision=True)
    late = story.correct_fact("CouncilMeetingRecorded", after_decision=True)
    assert flags_of(engine, story) == {
        "CORRECTED_AFTER_VERIFICATION": ["I.2", fact, "I.3", late],
        "CORRECTED_AFTER_DECISION": ["I.3", late],
    }


def test_a_mandatory_criterion_confirmed_not_applicable_is_flagged(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("forward")
    requirement = {code: criterion.requirement.value for code, criterion in story.criteria.items()}
    mandatory = next(code for code, kind in requirement.items() if kind == "mandatory")
    extended = next(code for code, kind in requirement.items() if kind == "extended")
    for code in (mandatory, extended):
        story.verify_one(code, {"not_applicable_confirmed": True, "met": None})
    refused = [code for code, kind in requirement.items() if kind == "mandatory"][1]
    story.verify_one(refused, {"not_applicable_confirmed": False, "met": False})
    assert flags_of(engine, story) == {"MANDATORY_NOT_APPLICABLE": [mandatory]}


def test_flagged_facts_are_listed_over_all_dossiers(engine: Engine, log: FakeLog) -> None:
    late = DossierHistory(log, COMMUNE).until("receive")
    late.forward(days_late=1)
    own = DossierHistory(log, UNITS.get("so-nv")).until("verify")
    engine.catch_up()
    with engine.reading() as views:
        assert [(row["number"], row["flag"]) for row in flagged(views)] == [
            (late.name.number, "LATE_FORWARDING"),
            (own.name.number, "SELF_VERIFICATION"),
        ]
        (row,) = flagged(views, "SELF_VERIFICATION")
    assert row == row | {"agency": "so-nv", "criterion": "II.6", "event": "CriterionVerified", "unit_id": "so-nv"}
    assert {row["flag"]} <= set(FLAGS)
