"""A public decision as subscribers get it: what units and levels are called, and its attributes as a CloudEvent."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone

from consumers.cloudevents import REPLAY, SOURCE, TYPE_PREFIX, DecisionSerializer
from domain.units import Unit
from projections.public_decisions.tables import PublicDecision
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.fold_stores import folded
from tests.support.units import COMMUNE, DEPARTMENT, UNITS

SERIALIZER = DecisionSerializer("log-7", UNITS)


def approval(unit: Unit) -> PublicDecision:
    """The decision that recognises a unit."""
    log = FakeLog("log-7")
    DossierHistory(log, unit).until("approve")
    return next(folded(log, 0))


def test_a_record_says_what_unit_district_and_level_are_called() -> None:
    """In Vietnamese, as in the guidance; and which log it is from."""
    record = SERIALIZER.record(approval(COMMUNE))
    assert record["unit"] == {
        "id": "04630",
        "code": "04630",
        "kind": "commune",
        "kind_name": "xã, phường, thị trấn",
        "name": "Xã Tú Lệ",
        "district_code": "140",
        "district_name": "Huyện Văn Chấn",
    }
    assert (record["level"], record["level_name"]) == ("basic", "đạt chuyển đổi số")
    assert record["log"]["log_id"] == "log-7"


def test_a_department_has_no_official_code_and_an_unknown_one_keeps_its_id() -> None:
    """One that the settings no longer know is called by its agency's name, where it has one."""
    decision = approval(DEPARTMENT)
    unit = SERIALIZER.record(decision)["unit"]
    assert (unit["code"], unit["name"], unit["district_code"]) == (None, "Sở Tư pháp", None)
    for unit_id, name in (("so-cu", "so-cu"), ("dien-luc", "Công ty Điện lực Yên Bái")):
        other = decision | {"unit": {"id": unit_id, "kind": "department", "district": None}}
        assert SERIALIZER.record(other)["unit"]["name"] == name


def test_its_attributes_are_those_of_cloudevents_with_moments_in_utc() -> None:
    """The first decision on a unit has none before it, and does not name one."""
    record = SERIALIZER.record(approval(COMMUNE))
    there = datetime(2024, 8, 15, 9, 30, tzinfo=timezone(timedelta(hours=7)))
    attributes = SERIALIZER.attributes({**record, "recorded_at": there}, **{REPLAY: "r-1"})
    assert attributes == {
        "specversion": "1.0",
        "id": record["id"],
        "source": SOURCE,
        "type": TYPE_PREFIX + "approved",
        "subject": "04630",
        "time": "2024-08-15T02:30:00.000000Z",
        "partitionkey": "04630",
        "sequence": "1",
        "replay": "r-1",
    }
    later = SERIALIZER.attributes({**record, "sequence": 2, "previous_id": record["id"]})
    assert (later["sequence"], later["previousid"]) == ("2", record["id"])


def test_a_record_that_was_stored_as_json_is_the_same_again() -> None:
    """Days are days and moments are in UTC; as an event it is one line."""
    record = SERIALIZER.record(approval(COMMUNE))
    line = SERIALIZER.json(record)
    event = json.loads(line)
    assert "\n" not in line
    assert event["timestamp"] == event["time"]
    typed = SERIALIZER.typed(event["data"])
    assert typed == record
    assert typed["decision"]["date"] == date(2024, 8, 15)
    assert typed["recorded_at"].tzinfo is UTC
