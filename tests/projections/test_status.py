from __future__ import annotations

from datetime import date

import pytest

from domain.dossier.states import State
from domain.units import Unit
from projections.engine.engine import Engine
from projections.status import days_left, find, get, summary
from tests.support.event_builders import DossierHistory, FakeLog, province
from tests.support.units import COMMUNE, DEPARTMENT, DISTRICT, UNITS


def row_of(engine: Engine, story: DossierHistory) -> dict[str, object]:
    engine.catch_up()
    with engine.reading() as views:
        row = get(views, story.id)
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("unit", "way"),
    [
        (
            DEPARTMENT,
            [
                ("open", State.OPENED, "applicant"),
                ("assess", State.SELF_ASSESSED, "steering_committee"),
                ("meet", State.OWN_MEETING, "applicant"),
                ("submit", State.SUBMITTED, "standing_agency"),
                ("receive", State.RECEIVED, "standing_agency"),
                ("forward", State.FORWARDED_TO_MEMBERS, "council_member"),
                ("verify", State.VERIFIED, "standing_agency"),
                ("sum_up", State.SUMMED_UP, "provincial_council"),
                ("council", State.COUNCIL_MET, "standing_agency"),
                ("propose", State.PROPOSED, "chairman"),
                ("approve", State.APPROVED, "applicant"),
                ("announce", State.ANNOUNCED, None),
            ],
        ),
        (
            DISTRICT,
            [("assess", State.SELF_ASSESSED, "district_council"), ("submit", State.SUBMITTED, "standing_agency")],
        ),
        (
            COMMUNE,
            [("assess", State.SELF_ASSESSED, "applicant"), ("submit", State.FORWARDED_TO_PROVINCE, "standing_agency")],
        ),
    ],
    ids=["department", "district", "commune"],
)
def test_each_step_names_the_state_and_who_must_act_next(
    engine: Engine, log: FakeLog, unit: Unit, way: list[tuple[str, State, str | None]]
) -> None:
    story = DossierHistory(log, unit)
    done: str | None = None
    for step, state, role in way:
        story.until(step, after=done)
        done = step
        row = row_of(engine, story)
        assert (row["state"], row["next_role"]) == (state.value, role)


def test_a_dossier_shows_identity_counts_and_decision(engine: Engine, log: FakeLog) -> None:
    row = row_of(engine, DossierHistory(log).until("announce"))
    assert row == row | {
        "number": "04630-CB-2024-1", "unit_id": "04630", "kind": "commune", "district": "140", "level": "basic",
        "year": 2024, "attempt": 1, "step_on": "2024-08-22", "due_on": None, "days_late": 0,
        "criteria_total": 42, "criteria_verified": 42, "counts_by": "members", "mandatory_met": 24,
        "mandatory_of": 24, "extended_met": 18, "extended_of": 18, "extended_needed": 6, "holds": True,
        "decision_number": "1500/QĐ-UBND", "decided_on": "2024-08-15", "version": log.head(0),
    }  # fmt: skip


def test_the_clock_runs_only_while_the_dossier_is_complete(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("receive")
    row = row_of(engine, story)
    assert (row["due_on"], days_left(row, date(2024, 7, 14)), days_left(row, date(2024, 7, 17))) == (
        "2024-07-16",
        2,
        -1,
    )
    story.give_back(date(2024, 7, 8))
    row = row_of(engine, story)
    assert (row["due_on"], days_left(row, date(2024, 7, 9)), row["next_role"]) == (None, None, "district_committee")
    story.receive(date(2024, 7, 22))
    assert row_of(engine, story)["due_on"] == "2024-08-06"
    story.forward(date(2024, 8, 8), days_late=2)
    row = row_of(engine, story)
    assert (row["due_on"], row["days_late"]) == (None, 2)


@pytest.mark.parametrize(("unit", "role"), [(DEPARTMENT, "standing_agency"), (COMMUNE, "district_council")])
def test_a_returned_dossier_waits_for_its_unit(engine: Engine, log: FakeLog, unit: Unit, role: str) -> None:
    story = DossierHistory(log, unit).until("assess")
    story.give_back(date(2024, 7, 3), role)
    story.assess()
    row = row_of(engine, story)
    assert (row["state"], row["next_role"]) == ("returned", "applicant")


def test_an_unfavourable_sum_waits_for_the_standing_agency(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("verify")
    story.sum_up(holds=False)
    row = row_of(engine, story)
    assert (row["state"], row["holds"], row["next_role"]) == ("summed_up", False, "standing_agency")


def test_a_corrected_result_asks_for_a_new_sum_before_the_decision_only(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("propose")
    story.correct_verification("I.2")
    row = row_of(engine, story)
    assert (row["state"], row["criteria_verified"], row["step_on"]) == ("verified", 42, "2024-08-07")
    story.until("announce", after="verify")
    story.correct_verification("I.2", after_decision=True)
    assert row_of(engine, story)["state"] == "announced"


def test_a_corrected_decision_shows_as_corrected(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("announce")
    story.correct_decision("1502/QĐ-UBND", date(2024, 8, 16))
    row = row_of(engine, story)
    assert (row["decision_number"], row["decided_on"], row["state"]) == ("1502/QĐ-UBND", "2024-08-16", "announced")


def test_dossiers_are_found_by_what_officials_ask(engine: Engine, log: FakeLog) -> None:
    district = DossierHistory(log, DISTRICT).until("receive")
    commune = DossierHistory(log, UNITS.communes_of("135")[0]).until("assess")
    other = DossierHistory(log, COMMUNE).until("assess")
    engine.catch_up()
    with engine.reading() as views:

        def found(**asked: object) -> list[str]:
            return [row["number"] for row in find(views, **asked)]  # type: ignore[arg-type]  # the test's own

        assert found(district="135") == sorted([district.name.number, commune.name.number])
        assert found(state="self_assessed") == [commune.name.number, other.name.number]
        assert found(state="self_assessed", district="135") == [commune.name.number]
        assert found(kind="district") == [district.name.number]
        assert found(unit=COMMUNE.id) == [other.name.number]
        assert found(overdue_on=date(2024, 7, 16)) == []
        assert found(overdue_on=date(2024, 7, 17)) == [district.name.number]
        assert found(limit=1, offset=1) == found()[1:2]
        assert get(views, "no such dossier") is None


def test_the_summary_counts_states_in_the_order_of_the_procedure(engine: Engine, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    with engine.reading() as views:
        counted = summary(views)
    assert counted == {
        "announced": {"commune": 1},
        "rejected": {"department": 1},
        "withdrawn": {"commune": 1},
        "refused_by_district_council": {"commune": 1},
        "closed_as_unfavourable": {"district": 1},
        "recognised_earlier": {"commune": 1},
        "revoked": {"department": 1},
    }
    assert list(counted) == [state.value for state in State if state.value in counted]
