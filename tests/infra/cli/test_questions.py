"""The questions, after a dossier went its whole way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from domain.catalogue import catalogue
from domain.i18n import Language, Text
from infra.cli.operations.rebuild import Model
from infra.cli.queries.audit import FlagOption
from infra.cli.support.errors import BadOption
from projections.audit import FLAGS
from projections.read_models import PROJECTIONS
from tests.support.terminal import COMMUNE, NUMBER, Terminal, forwarded

ROOT = Path(__file__).parents[3]


def test_status_lists_and_filters(finished: Terminal) -> None:
    rows = finished.rows("status")
    assert [row["number"] for row in rows] == [NUMBER]
    for fits in (["--state=announced"], ["--kind=commune"], ["--district=140"], [f"--unit={COMMUNE}"], ["--limit=1"]):
        assert finished.rows("status", *fits) == rows
    for other in (["--state=received"], ["--kind=district"], ["--district=135"], ["--unit=04633"], ["--overdue"]):
        assert finished.rows("status", *other) == []
    row = rows[0]
    assert (row["unit_name"], row["days_left"], row["holds"]) == ("Xã Tú Lệ", None, True)
    one = finished.json("status", NUMBER)
    assert {**row, "freshness": one["freshness"]} == one


@pytest.mark.parametrize("stage", ["received"], indirect=True)
def test_status_counts_the_days(stage: Terminal) -> None:
    row = stage.json("status", NUMBER)
    assert row["due_on"] == "2024-07-16"
    assert row["days_left"] < 0
    assert [late["number"] for late in stage.rows("status", "--overdue")] == [NUMBER]
    said = stage.run("status", NUMBER, "--lang=vi").out
    for part in ("đã tiếp nhận đủ hồ sơ", "2024-07-16", "Huyện Văn Chấn", "bắt buộc 24/24"):
        assert part in said


@pytest.mark.parametrize("stage", ["received"], indirect=True)
def test_late_forwarding_is_flagged(stage: Terminal) -> None:
    forwarded(stage, "2024-07-17")
    (flagged,) = stage.rows("audit", "--flag=LATE_FORWARDING")
    assert (flagged["number"], flagged["event"]) == (NUMBER, "DossierForwardedToCouncil")
    assert stage.rows("audit", "--flag=SELF_VERIFICATION") == []
    assert [fact["version"] for fact in stage.rows("audit", NUMBER, "--flag=LATE_FORWARDING")] == [7]
    said = stage.run("audit", "--lang=vi").out
    assert "LATE_FORWARDING: gửi Hội đồng sau ngày thứ mười lăm" in said
    assert stage.json("status", NUMBER)["days_late"] == 1


def test_the_audit_reads_for_people(finished: Terminal) -> None:
    said = finished.run("audit", NUMBER).out
    for part in ("DossierOpened  [II.1.1]", "140 (district council)", "915/KQ, 2024-07-18", "1245/QĐ-UBND"):
        assert part in said
    assert "căn cứ" not in said
    assert "[II.1.1, Biểu 03]" in finished.run("audit", NUMBER, "--lang=vi").out


def test_replay_as_of_a_version_a_day_and_a_moment(finished: Terminal) -> None:
    whole = finished.json("replay", NUMBER)
    assert whole["state"] == "announced"
    assert whole["counts"]["mandatory_met"] == 24
    assert whole["sum"] == whole["counts"]
    assert whole["criteria"]["I.7"]["result"]["met"] is True
    assert whole["decision"]["number"] == "1245/QĐ-UBND"
    assert [entry["fact"] for entry in whole["timeline"]] == list(range(1, 55))
    assert whole["timeline"][0]["recorded_at"].endswith("+00:00")
    assert {document["fact"] for document in whole["documents"]} >= {2, 3, 4, 5, 7, 50, 53}

    third = finished.json("replay", NUMBER, "--version=3")
    assert (third["state"], third["as_of"], len(third["timeline"])) == ("at_district_council", {"version": 3}, 3)
    on_the_day = finished.json("replay", NUMBER, "--true-on=2024-07-18")
    assert (on_the_day["state"], on_the_day["as_of"]) == ("verified", {"true_on": "2024-07-18"})
    before = finished.json("replay", NUMBER, "--true-on=2024-01-01")
    assert (before["state"], before["number"], before["timeline"]) == (None, NUMBER, [])

    moment = whole["timeline"][4]["recorded_at"]
    assert len(finished.json("replay", NUMBER, "--recorded-by", moment)["timeline"]) == 5
    assert finished.json("replay", NUMBER, "--recorded-by=2024-07-15T17:00")["as_of"] == {
        "recorded_by": "2024-07-15T10:00:00.000000+00:00"
    }
    assert finished.json("replay", NUMBER, "--recorded-by=2024-07-15")["as_of"] == {
        "recorded_by": "2024-07-15T16:59:59.999999+00:00"
    }


def test_replay_reads_for_people(finished: Terminal) -> None:
    said = finished.run("replay", NUMBER, "--lang=vi").out
    for part in ("đã công bố", "Kết quả thẩm định", "8-49", "Diễn biến", "Công bố"):
        assert part in said
    said = finished.run("replay", NUMBER, "--recorded-by=2024-07-15T17:00").out
    assert "recorded by 2024-07-15 17:00:00, Vietnam time" in said
    assert "Nothing had been recorded." in said


def test_eligibility(finished: Terminal) -> None:
    answer = finished.json("eligibility", COMMUNE)
    assert (answer["eligible"], answer["tier"], answer["amount"]) == (True, "basic", None)
    assert len(finished.rows("eligibility", "--kind=commune")) == 173
    assert len(finished.rows("eligibility", "--district=140")) == 25
    finished.environment["DOSSIER_AMOUNTS"] = '{"commune.basic": 100000000}'
    assert finished.json("eligibility", COMMUNE)["amount"] == 100_000_000
    assert "100000000" in finished.run("eligibility", COMMUNE).out
    del finished.environment["DOSSIER_AMOUNTS"]
    assert "Hướng dẫn không nêu mức hỗ trợ" in finished.run("eligibility", COMMUNE, "--lang=vi").out
    assert "1 of 173 units are eligible" in finished.run("eligibility", "--kind=commune").out


def test_criteria_have_the_shape_and_source_of_the_catalogue(terminal: Terminal) -> None:
    released = json.loads((ROOT / "domain/catalogue/yen-bai-02-hd-ubnd-2024.v1.json").read_text(encoding="utf-8"))
    answer = terminal.json("criteria")
    assert answer["catalogue"] == {"id": catalogue().id, "version": catalogue().version}
    assert answer["source"] == released["source"]
    assert answer["criteria"] == [criterion.as_json() for criterion in catalogue().criteria]
    assert len(answer["criteria"]) == 125
    sizes = {
        (kind, level): len(terminal.json("criteria", f"--kind={kind}", f"--level={level}")["criteria"])
        for kind in ("department", "district", "commune")
        for level in ("basic", "advanced")
    }
    assert list(sizes.values()) == [23, 27, 40, 46, 42, 52]
    terminal.environment["DOSSIER_ONE_COLUMN_LEVEL"] = "basic"
    assert len(terminal.json("criteria", "--kind=commune", "--level=basic")["criteria"]) == 52
    assert "số tiêu chí: 125" in terminal.run("criteria", "--lang=vi").out


def test_units_and_agencies(terminal: Terminal) -> None:
    assert len(terminal.json("units")) == 195
    assert {unit["parent_id"] for unit in terminal.json("units", "--kind=commune", "--district=140")} == {"140"}
    assert "Xã Tú Lệ" in terminal.run("units", "--district=140").out
    agencies = {agency["id"]: agency for agency in terminal.json("agencies")}
    assert (agencies["so-tttt"]["leads"], agencies["vp-ubnd-hcc"]["part_of"]) == (85, "vp-ubnd")
    assert "Sở Y tế" in terminal.run("agencies", "--lang=vi").out
    assert not (terminal.folder / "log.sqlite").exists()


def test_commands_have_schema_and_example(terminal: Terminal) -> None:
    described = terminal.json("commands")
    assert len(described) == 28
    assert all(set(each) == {"command", "roles", "schema", "example"} for each in described)
    one = terminal.json("commands", "VerifyCriterion")
    assert one in described
    said = terminal.run("commands", "VerifyCriterion").out
    for part in ("Verify a criterion", "council_member", "data.criterion (required)", "JSON Schema:", '"$defs"'):
        assert part in said
    assert "Thẩm định một tiêu chí" in terminal.run("commands", "--lang=vi").out


def test_every_example_is_a_command_that_apply_reads(terminal: Terminal) -> None:
    lines = "".join(json.dumps(each["example"]) + "\n" for each in terminal.json("commands"))
    said = terminal.run("apply", "-", code=3, given=lines)
    assert "0 malformed" in said.err


@pytest.mark.parametrize("stage", ["announced"], indirect=True)
def test_rebuild_gives_the_same_answers(stage: Terminal) -> None:
    asked = (["status"], ["audit", NUMBER], ["eligibility"], ["audit", "council"])
    before = [stage.json(*question) for question in asked]
    done = stage.json("rebuild", "--all")
    assert [each["projection"] for each in done] == [projection.name for projection in PROJECTIONS]
    assert {each["events"] for each in done} == {55}
    assert "status: 55 events in" in stage.run("rebuild", "status").out
    assert [stage.json(*question) for question in asked] == before


def test_the_flags_that_can_be_asked_are_those_that_there_are() -> None:
    assert all(flag in str(FlagOption) for flag in FLAGS)


def test_replay_up_to_a_fact_that_is_not_there_is_refused(finished: Terminal) -> None:
    """It would look as if the dossier had so many."""
    facts = len(finished.json("replay", NUMBER)["timeline"])
    assert len(finished.json("replay", NUMBER, f"--version={facts}")["timeline"]) == facts
    said = finished.run("replay", NUMBER, f"--version={facts + 1}", code=2).err
    assert f"the dossier has {facts} facts" in said


def test_every_read_model_goes_back_to_the_rows_before_its_rebuild(finished: Terminal) -> None:
    """Those of the public decisions as well."""
    assert {projection.name for projection in PROJECTIONS} == set(get_args(Model))
    finished.run("rebuild", "--all")
    for name in get_args(Model):
        assert f"{name}:" in finished.run("rebuild", "undo", name).out
        assert f"{name}:" in finished.run("rebuild", "drop", name).out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["status", "--nonsense", "--json"], "--nonsense is not known"),
        (["status", "--limit=many", "--json"], "--limit takes a whole number"),
        (["status", "--json", "--limit"], "--limit takes a value"),
        (["status", "--json", "--json=yes"], "--json takes no value"),
        (["replay", "--json"], "DOSSIER is missing"),
        (["replay", NUMBER, "--version=0", "--json"], "--version is 1 or more"),
        (["open", "04630", "--json"], "--level is missing, one of basic, advanced"),
        (["nonsense", "--json"], "nonsense is not known"),
    ],
)
@pytest.mark.parametrize("language", ["en", "vi"])
def test_what_is_wrong_with_a_command_line_is_told_to_programs(
    terminal: Terminal, typed: list[str], said: str, language: Language
) -> None:
    """As every error is, wherever --json stands: in the language that was asked for, with what to do."""
    answer = terminal.ask(f"--lang={language}", *typed)
    assert answer.code == 2
    error = json.loads(answer.out)["error"]
    assert (error["code"], error["language"], error["details"]["reason_en"]) == ("BAD_OPTION", language, said)
    assert error["message"] == error["details"][f"reason_{language}"]
    assert error["hint"] == BadOption(reason=Text("", "")).hint(language)
    assert error["message"] in answer.err
    assert error["details"]["reason_vi"] != said


@pytest.mark.parametrize("language", ["en", "vi"])
def test_a_number_is_never_broken_at_eighty_columns(finished: Terminal, language: Language) -> None:
    """Whoever copies it out of a table copies the whole of it; a day and a decision's number likewise."""
    finished.environment["COLUMNS"] = "80"
    listed = finished.run("status", f"--lang={language}").out.splitlines()
    assert any(NUMBER in line for line in listed)
    entitled = finished.run("eligibility", f"--lang={language}").out
    assert all(len(line) <= 80 for line in [*listed, *entitled.splitlines()])
    (held,) = [row for row in finished.rows("eligibility") if row["eligible"]]
    for word in (COMMUNE, str(held["since"]), str(held["decision"]["number"])):
        assert any(word in line for line in entitled.splitlines()), word
