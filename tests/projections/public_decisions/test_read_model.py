"""What of the log is public, in which order, under which ids."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from consumers.cloudevents import DecisionSerializer
from projections.engine.engine import Engine
from projections.engine.errors import CannotApply, UnknownEvent
from projections.public_decisions import read_model as decisions
from projections.public_decisions.read_model import BEGINNING, FeedPosition
from projections.public_decisions.tables import KINDS, PublicDecision
from schemas.public_decision import decoded, examples, newest, single_object
from tests.support.event_builders import DossierHistory, FakeLog, province
from tests.support.fold_stores import folded
from tests.support.units import COMMUNE, DEPARTMENT, DISTRICT, UNITS

LOG_ID = "log-1"
PUBLICATION = DecisionSerializer(LOG_ID, UNITS)


def fold(log: FakeLog, partition: int = 0) -> Iterator[PublicDecision]:
    yield from folded(log, partition)


def kinds(log: FakeLog) -> list[str]:
    return [decision["kind"] for decision in fold(log)]


def test_an_unknown_type_of_event_stops_the_fold(log: FakeLog) -> None:
    story = DossierHistory(log).until("open")
    log.add_raw(story.id, "SomethingNew", b"?")
    with pytest.raises(UnknownEvent, match="SomethingNew"):
        list(fold(log))


def test_a_dossier_whose_first_event_is_missing_stops_the_fold(log: FakeLog) -> None:
    DossierHistory(log).until("approve")
    del log.events[0][0]
    with pytest.raises(CannotApply, match="was not folded"):
        list(fold(log))


def test_the_province_makes_a_decision_of_every_kind(log: FakeLog) -> None:
    province(log)
    assert set(kinds(log)) == set(KINDS)
    assert set(KINDS) == set(examples())


def test_an_approval_says_all_that_a_subscriber_needs(log: FakeLog) -> None:
    DossierHistory(log).until("approve")

    approved = next(fold(log))

    assert approved["kind"] == "approved"
    assert approved["unit"] == {"id": "04630", "kind": "commune", "district": "140"}
    assert (approved["level"], approved["year"]) == ("basic", 2024)
    assert approved["decision"]["number"] == "1500/QĐ-UBND"
    assert approved["decision"]["date"] == date(2024, 8, 15)
    assert (approved["decision"]["signer"], approved["decision"]["capacity"]) == ("Trần Huy", "CHỦ TỊCH")
    assert {basis["clause"] for basis in approved["legal_basis"]} == {"I.1", "I.2", "II.3"}
    assert (approved["counts"]["mandatory_met"], approved["counts"]["extended_needed"]) == (24, 6)
    assert approved["log"] == {
        "log_id": LOG_ID,
        "partition": 0,
        "position": log.head(0),
        "dossier_version": log.head(0),
    }
    assert (approved["sequence"], approved["previous_id"]) == (1, None)


def test_every_decision_survives_the_public_schema(log: FakeLog) -> None:
    province(log)
    for decision in fold(log):
        record = PUBLICATION.record(decision)
        assert decoded(single_object(record)) == record


def test_sequences_have_no_gap_and_each_names_the_one_before(log: FakeLog) -> None:
    province(log)
    last: dict[str, tuple[int, str | None]] = {}
    for decision in fold(log):
        unit = decision["unit"]["id"]
        sequence, previous = last.get(unit, (0, None))
        assert (decision["sequence"], decision["previous_id"]) == (sequence + 1, previous)
        last[unit] = (decision["sequence"], decision["id"])
    assert len(last) == 4


def test_ids_are_the_same_in_every_fold_and_no_two_are_equal(log: FakeLog) -> None:
    province(log)
    once, again = list(fold(log)), list(fold(log))
    assert once == again
    assert len({decision["id"] for decision in once}) == len(once)


def test_ids_follow_from_the_dossier_not_from_the_place_in_the_log(log: FakeLog) -> None:
    DossierHistory(log).until("approve")
    other = FakeLog()
    DossierHistory(other, DISTRICT).until("assess")
    DossierHistory(other).until("approve")

    assert [made["id"] for made in fold(other)] == [made["id"] for made in fold(log)]


def test_an_announcement_names_the_decision_that_it_announces(log: FakeLog) -> None:
    DossierHistory(log).until("announce")
    approved, _, announced = fold(log)
    assert announced["refers_to"] == approved["id"]
    assert announced["decision"] == approved["decision"]
    assert announced["announcement"] == {"date": date(2024, 8, 22), "place": "Hội trường", "form": "Hội nghị công bố"}


def test_a_corrected_announcement_is_public_and_other_corrected_facts_are_not(log: FakeLog) -> None:
    story = DossierHistory(log).until("announce")
    story.correct_fact("DossierReceived")
    story.add(
        "FactCorrected", date(2024, 9, 2), (COMMUNE.id, "applicant"), corrects=story.versions["RecognitionAnnounced"],
        fact="RecognitionAnnounced", reason="nhầm ngày", took_place_on=date(2024, 8, 23),
        correction='{"place": "Nhà văn hóa"}', documents=[], findings=None, inspected=None, recommends=None,
        after_decision=True,
    )  # fmt: skip

    *_, announced, corrected = fold(log)

    assert (announced["kind"], corrected["kind"]) == ("announced", "corrected")
    assert corrected["refers_to"] == announced["id"]
    assert corrected["announcement"] == {"date": date(2024, 8, 23), "place": "Nhà văn hóa", "form": "Hội nghị công bố"}


def test_a_rejection_carries_its_reasons_and_the_counts(log: FakeLog) -> None:
    DossierHistory(log).until("propose").reject()
    (rejected,) = fold(log)
    assert rejected["reasons"] == "chưa đủ điều kiện"
    assert rejected["counts"]["mandatory_of"] == 24


def test_eligibility_changes_only_where_the_entitlement_does(log: FakeLog) -> None:
    story = DossierHistory(log).until("approve")
    story.correct_decision("1502/QĐ-UBND", date(2024, 8, 15))
    assert kinds(log) == ["approved", "eligibility_changed", "corrected"]

    story.correct_decision("1502/QĐ-UBND", date(2026, 1, 5))
    *_, changed = fold(log)
    assert kinds(log)[3:] == ["corrected", "eligibility_changed"]
    assert (changed["eligibility"]["eligible"], changed["eligibility"]["reason"]) == (False, "OUTSIDE_PERIOD")


def test_a_decision_outside_the_period_changes_no_eligibility(log: FakeLog) -> None:
    DossierHistory(log, year=2026).until("approve")
    assert kinds(log) == ["approved"]


def test_a_second_lower_tier_is_a_change_although_the_tier_that_counts_stays(log: FakeLog) -> None:
    DossierHistory(log, level="advanced").until("approve")
    DossierHistory(log, year=2025).until("approve")
    *_, changed = fold(log)
    assert changed["kind"] == "eligibility_changed"
    assert (changed["eligibility"]["tier"], changed["eligibility"]["tier_before"]) == ("advanced", "advanced")
    assert [held["tier"] for held in changed["eligibility"]["held"]] == ["advanced", "basic"]


def test_revocation_ends_the_support_and_says_why(log: FakeLog) -> None:
    DossierHistory(log, DEPARTMENT).until("approve").revoke(date(2024, 9, 1))
    approved, _, revoked, changed = fold(log)
    assert (revoked["refers_to"], changed["refers_to"]) == (approved["id"], revoked["id"])
    assert revoked["decision"]["number"] == changed["decision"]["number"] == "1700/QĐ-UBND"
    assert changed["eligibility"]["reason"] == "REVOKED"


def test_the_read_model_holds_what_the_fold_says(log: FakeLog, engine: Engine) -> None:
    province(log)
    engine.catch_up()

    with engine.reading() as views:
        kept = decisions.after(views, 0, BEGINNING, 1000)
        expected = [PUBLICATION.record(decision) for decision in fold(log)]
        assert [DecisionSerializer.typed(PUBLICATION.record(made.record)) for made in kept] == expected
        halfway = kept[5].feed_position
        assert decisions.after(views, 0, halfway, 2) == kept[6:8]
        assert decisions.after(views, 0, decisions.last_position(views, 0), 10) == []
        assert decisions.by_id(views, expected[3]["id"]) == kept[3]
        assert decisions.by_id(views, "nobody") is None
        of_unit = [made for made in kept if made.record["unit"]["id"] == "so-tp"]
        assert decisions.of_unit(views, "so-tp", 2, 4) == of_unit[1:4]
        before = decisions.position_before(views, 0, kept[5].record["recorded_at"])
        assert before == kept[4].feed_position
        assert decisions.position_before(views, 0, "1999") == BEGINNING
        assert decisions.after(views, 0, FeedPosition(kept[5].feed_position.position, -1), 1) == [kept[5]]
        ends = {row["unit_id"]: row["sequence"] for row in decisions.sequences(views)}
        assert ends["so-tp"] == len(of_unit)


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_are_of_the_newest_schema(kind: str) -> None:
    fields = {field["name"] for field in newest().schema["fields"]}
    assert examples()[kind].keys() == fields
    assert examples()[kind]["kind"] == kind


def test_a_later_correction_keeps_the_signer(log: FakeLog) -> None:
    DossierHistory(log).until("approve").correct_decision("1/QĐ-UBND", date(2024, 8, 15) + timedelta(days=1))
    corrected: dict[str, Any] = next(made for made in fold(log) if made["kind"] == "corrected")
    assert corrected["reads_now"]["signer"] == "Trần Huy"
    assert corrected["decision"]["number"] == "1600/QĐ-UBND"
