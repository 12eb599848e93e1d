"""The demonstration: repeatable, through every path of the procedure, and left as a log like any other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domain.catalogue import Level, UnitKind
from domain.dossier.states import ENDED, State
from domain.procedure import EVENT_TYPES
from infra.bootstrap import Application
from infra.cli.main import app
from infra.demo.days import LAST_DAY
from infra.demo.documents import MARK
from infra.demo.errors import DemoDiffers, NotADemoLog
from infra.demo.output_files import place_of, remove_earlier_log
from infra.demo.province import DEFAULT_SEED, Simulation, commands, simulation
from infra.demo.run import Outcomes, feed
from infra.demo.story import PlannedCommand
from infra.demo.summary import summarise
from infra.diagnosis.findings import RowsDiffer
from infra.diagnosis.marks import mark_rows
from infra.settings import Settings, load
from projections import audit, status
from projections.read_models import PROJECTIONS

Facts = dict[str, list[tuple[str, dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Demo:
    """The whole province, fed once for all tests of this module. `facts`: dossier → its events, in order."""

    application: Application
    simulated: Simulation
    outcomes: Outcomes
    facts: Facts

    def dossiers(self, *events: str, kind: UnitKind | None = None) -> list[list[tuple[str, dict[str, Any]]]]:
        """The dossiers in which all of these events took place."""
        return [
            facts
            for facts in self.facts.values()
            if {name for name, _ in facts}.issuperset(events) and kind in (None, facts[0][1].get("unit_kind"))
        ]

    def all(self, event: str) -> list[dict[str, Any]]:
        """The fields of every event of a type."""
        return [fields for facts in self.facts.values() for name, fields in facts if name == event]


def _settings(folder: Path, name: str = "demo") -> Settings:
    return load({}, log=f"sqlite:///{folder / name}.sqlite")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    simulated = simulation(DEFAULT_SEED)
    with Application(_settings(tmp_path_factory.mktemp("demo")), create=True) as application:
        outcomes = feed(application, simulated.steps)
        facts: Facts = defaultdict(list)
        for stored in application.log.read(0, 0, len(simulated.steps)):
            event = application.mapper.to_domain_event(stored)
            facts[str(event.originator_id)].append((type(event).__name__, vars(event)))
        yield Demo(application, simulated, outcomes, facts)


def _names(facts: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [name for name, _ in facts]


def _digest(seed: int) -> str:
    return sha256(json.dumps(list(commands(seed))).encode()).hexdigest()


def test_the_same_seed_gives_the_same_commands_in_any_process() -> None:
    program = "from tests.end_to_end.test_demo import _digest; print(_digest(7))"
    # Another hash seed: nothing may depend on the order of a set.
    environment = {**os.environ, "PYTHONHASHSEED": "11"}
    other = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == _digest(7)
    assert _digest(7) != _digest(8)


def test_commands_come_by_day_and_end_in_the_period(demo: Demo) -> None:
    days = [step.day for step in demo.simulated.steps]
    assert days == sorted(days)
    assert days[-1] <= LAST_DAY
    ids = [step.envelope["command_id"] for step in demo.simulated.steps]
    assert len(set(ids)) == len(ids)


def test_other_seeds_are_answered_as_meant_too(tmp_path: Path) -> None:
    with Application(_settings(tmp_path), create=True) as application:
        assert feed(application, simulation(5).steps).accepted > 12_000


def test_it_has_the_volume_of_a_province(demo: Demo) -> None:
    refused = sum(demo.outcomes.refused.values())
    assert demo.application.log.head(0) == demo.outcomes.accepted > 12_000
    assert 0.01 < refused / (demo.outcomes.accepted + refused) < 0.06
    assert len(demo.outcomes.refused) > 20
    units = {facts[0][1]["unit_id"] for facts in demo.facts.values() if "unit_id" in facts[0][1]}
    assert units == {unit.id for unit in demo.application.settings.units}


def test_every_type_of_event_occurs(demo: Demo) -> None:
    assert {name for facts in demo.facts.values() for name, _ in facts} == set(EVENT_TYPES)


def test_the_council_is_established_and_changed_once(demo: Demo) -> None:
    assert [_names(facts) for facts in demo.dossiers("CouncilEstablished")] == [
        ["CouncilEstablished", "CouncilChanged"]
    ]


def test_every_kind_and_level_is_recognised(demo: Demo) -> None:
    recognised = demo.dossiers("DossierOpened", "RecognitionAnnounced")
    found = {(facts[0][1]["unit_kind"], facts[0][1]["level"]) for facts in recognised}
    assert found == {(kind.value, level.value) for kind in UnitKind for level in Level}


def test_approved_with_and_without_an_announcement(demo: Demo) -> None:
    approved = demo.dossiers("RecognitionApproved")
    announced = demo.dossiers("RecognitionApproved", "RecognitionAnnounced")
    assert len(announced) > len(approved) - len(announced) > 0


@pytest.mark.parametrize(
    "end", ["RecognitionRejected", "DossierWithdrawn", "DossierRefusedByDistrictCouncil", "DossierClosedAsUnfavourable"]
)
def test_what_ended_without_recognition_is_tried_again(demo: Demo, end: str) -> None:
    ended = {(f[0][1]["unit_id"], f[0][1]["level"], f[0][1]["year"]) for f in demo.dossiers(end)}
    again = {
        (f[0][1]["unit_id"], f[0][1]["level"], f[0][1]["year"])
        for f in demo.dossiers("RecognitionApproved")
        if f[0][1]["attempt"] == 2
    }
    assert ended & again
    assert ended - again


def test_returned_by_both_and_completed(demo: Demo) -> None:
    assert {fields["actor"]["role"] for fields in demo.all("DossierReturned")} == {
        "standing_agency",
        "district_council",
    }
    assert demo.dossiers("DossierReturned", "RecognitionAnnounced")


def test_withdrawn_by_the_applicant_and_by_the_district(demo: Demo) -> None:
    assert {fields["actor"]["role"] for fields in demo.all("DossierWithdrawn")} == {"applicant", "district_committee"}
    assert all(
        withdrawn[-1][1]["actor"]["role"] == "district_committee"
        for withdrawn in demo.dossiers("DossierSentToProvince", "DossierWithdrawn")
    )


def test_closed_after_the_sum_and_after_a_council_that_does_not_recommend(demo: Demo) -> None:
    closed = demo.dossiers("DossierClosedAsUnfavourable")
    met = [facts for facts in closed if "CouncilMeetingRecorded" in _names(facts)]
    assert 0 < len(met) < len(closed)
    assert all(not fields["recommends"] for facts in met for name, fields in facts if name == "CouncilMeetingRecorded")


def test_not_applicable_is_confirmed_and_refused(demo: Demo) -> None:
    said = {fields["finding"].get("not_applicable_confirmed") for fields in demo.all("CriterionVerified")}
    assert said == {None, True, False}
    declared = [fields for fields in demo.all("SelfAssessmentRecorded") for claim in fields["claims"].values()
                if (claim.get("figure") or {}).get("not_applicable")]  # fmt: skip
    assert declared


def test_results_rest_on_systems_and_on_inspections(demo: Demo) -> None:
    results = demo.all("CriterionVerified")
    assert any(fields["system"] for fields in results)
    assert any(fields["inspection"] for fields in results)
    assert any(fields["contributions"] for fields in results)


def test_some_are_forwarded_late(demo: Demo) -> None:
    late = [fields["days_late"] for fields in demo.all("DossierForwardedToCouncil")]
    assert 0 < sum(days > 0 for days in late) < len(late) / 5


def test_corrections_before_and_after_the_decision(demo: Demo) -> None:
    assert {fields["after_decision"] for fields in demo.all("VerificationCorrected")} == {True, False}
    assert any(_names(facts).count("ResultsSummedUp") == 2 for facts in demo.dossiers("VerificationCorrected"))
    assert any(fields["took_place_on"] for fields in demo.all("FactCorrected"))
    assert any(fields["correction"] != "{}" for fields in demo.all("FactCorrected"))
    assert demo.dossiers("DecisionCorrected", "RecognitionAnnounced")
    assert demo.dossiers("DecisionRevoked", "VerificationCorrected")


def test_recognitions_from_before_and_advanced_after_basic(demo: Demo) -> None:
    levels: dict[str, set[str]] = defaultdict(set)
    for facts in demo.facts.values():
        if {"RecognitionApproved", "EarlierRecognitionRecorded"} & set(_names(facts)):
            levels[facts[0][1]["unit_id"]].add(facts[0][1]["level"])
    kinds = {demo.application.settings.units.get(unit).kind for unit, held in levels.items() if len(held) == 2}
    assert kinds == set(UnitKind)
    assert {"advanced"} in levels.values()
    assert {2022, 2023, 2024} == {fields["on"].year for fields in demo.all("EarlierRecognitionRecorded")}


def test_a_district_is_refused_for_its_communes_and_succeeds_later(demo: Demo) -> None:
    refused = {
        step.envelope["actor"]["agency"]
        for step in demo.simulated.steps
        if step.refusal == "RULE_NOT_MET" and step.envelope["command"] == "SubmitDossier"
    }
    recognised = {facts[0][1]["unit_id"] for facts in demo.dossiers("RecognitionApproved", kind=UnitKind.DISTRICT)}
    assert refused & recognised
    assert refused - recognised


def test_departments_that_verify_themselves_are_flagged(demo: Demo) -> None:
    with demo.application.read_models() as views:
        own = {row["unit_id"] for row in audit.flagged(views, audit.SELF_VERIFICATION)}
        flags = {row["flag"] for row in audit.flagged(views)}
    assert {"so-tttt", "so-nv"} <= own
    assert flags == set(audit.FLAGS)


def test_dossiers_are_left_at_every_step(demo: Demo) -> None:
    with demo.application.read_models() as views:
        left = set(status.summary(views))
        received = {row["number"] for row in status.find(views, state="received")}
        overdue = {row["number"] for row in status.find(views, overdue_on=LAST_DAY)}
    assert left == {state.value for state in State}
    assert {state.value for state in ENDED} < left
    assert set() < overdue < received


def test_every_document_says_that_it_is_simulated(demo: Demo) -> None:
    def documents(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "sha256" in value:
                yield value
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                yield from documents(item)

    found = [document for step in demo.simulated.steps for document in documents(step.envelope["data"])]
    assert found
    assert all(document["title"].endswith(MARK) for document in found)


def test_the_read_models_equal_a_rebuild(demo: Demo) -> None:
    def rows() -> list[str]:
        with demo.application.read_models() as views:
            return [
                json.dumps(row, sort_keys=True)
                for projection in PROJECTIONS
                for table in projection.tables
                for row in views.select(f"SELECT * FROM {{{table.name}}} ORDER BY {', '.join(table.key)}")  # noqa: S608
            ]

    live = rows()
    for projection in PROJECTIONS:
        demo.application.rebuild([projection.name]).run()
    assert rows() == live


def test_the_summary_shows_what_was_known_beside_what_was_true(demo: Demo) -> None:
    found = summarise(demo.application, demo.simulated.showcase)
    replay = found["replay"]
    assert {"DossierReturned", "FactCorrected", "VerificationCorrected"} <= {f["event"] for f in replay["timeline"]}
    assert (replay["known"]["met"], replay["true"]["met"]) == (True, False)
    assert replay["known"]["state"] == replay["true"]["state"] == State.APPROVED
    assert replay["true"]["extended_met"] == replay["known"]["extended_met"] - 1
    assert any(row["meets"] == ["basic", "advanced"] for row in found["districts"])


def test_an_unexpected_answer_is_named(tmp_path: Path) -> None:
    steps = list(simulation(DEFAULT_SEED).steps[:40])
    steps[30] = replace(steps[30], refusal="WRONG_ORDER")
    with Application(_settings(tmp_path), create=True) as application, pytest.raises(DemoDiffers) as raised:
        feed(application, steps)
    assert steps[30].envelope["command_id"] in str(raised.value)


def test_only_a_demo_log_is_replaced(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    assert not remove_earlier_log(settings)
    with Application(settings, create=True) as application:
        feed(application, simulation(DEFAULT_SEED).steps[:40])
    assert remove_earlier_log(settings)
    assert not list(tmp_path.iterdir())
    log = tmp_path / "demo.sqlite"
    log.write_text("a file of somebody", encoding="utf-8")
    with pytest.raises(NotADemoLog):
        remove_earlier_log(settings)
    assert log.read_text(encoding="utf-8") == "a file of somebody"


def test_another_log_is_left_as_it_is(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    steps = [step for step in simulation(DEFAULT_SEED).steps if step.envelope["command"] == "OpenDossier"]
    with Application(settings, create=True) as application:
        feed(application, [step for step in steps if step.refusal is None][:1])
    log = tmp_path / "demo.sqlite"
    before = log.read_bytes()
    with pytest.raises(NotADemoLog):
        remove_earlier_log(settings)
    assert log.read_bytes() == before


@cache
def _first_steps() -> tuple[PlannedCommand, ...]:
    return tuple(simulation(DEFAULT_SEED).steps[:40])


def _made(folder: Path) -> Settings:
    """A demonstration that was begun, with its read models, and whose place remembers it."""
    settings = _settings(folder)
    assert isinstance(settings.log, Path)
    with place_of(settings.log) as place:
        remove_earlier_log(settings)
        with Application(settings, create=True) as application:
            feed(application, _first_steps())
            place.made(application.log.log_id)
            with application.read_models():
                pass
    return settings


@pytest.mark.parametrize(
    "gone",
    [
        ["demo.sqlite"],
        ["demo.sqlite", "demo.sqlite.keys"],
        ["demo-views.sqlite"],
        ["demo.sqlite.keys"],
        ["demo.sqlite.demo"],
        ["demo.sqlite", "demo-views.sqlite"],
    ],
)
def test_a_demonstration_of_which_files_are_gone_is_made_anew(tmp_path: Path, gone: list[str]) -> None:
    """Whichever of its files somebody deleted; what was noted of the earlier one is forgotten."""
    settings = _made(tmp_path)
    mark_rows(settings.state_dir, "status", RowsDiffer(projection="status", different=1, table="", key=""))
    for name in gone:
        path = tmp_path / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    _made(tmp_path)


def test_an_emptied_log_of_a_demonstration_is_made_anew(tmp_path: Path) -> None:
    _made(tmp_path)
    (tmp_path / "demo.sqlite").write_bytes(b"")
    _made(tmp_path)


def test_what_may_be_left_of_another_log_ends_it_at_once(tmp_path: Path) -> None:
    """And stays: nothing says that a demonstration made it."""
    _made(tmp_path)
    for name in ("demo.sqlite", "demo.sqlite.demo"):
        (tmp_path / name).unlink()
    left = {each.name for each in tmp_path.iterdir()}
    said = CliRunner().invoke(app, ["demo", "--log", f"sqlite:///{tmp_path}/demo.sqlite"])
    assert said.exit_code == 2
    assert "NOT_A_DEMO_LOG" in said.stderr
    assert "demo-views.sqlite" in said.stderr
    (tmp_path / "demo-views.sqlite").unlink()
    said = CliRunner().invoke(app, ["demo", "--log", f"sqlite:///{tmp_path}/demo.sqlite"])
    assert said.exit_code == 4
    assert "LOG_LOST" in said.stderr
    assert {each.name for each in tmp_path.iterdir()} >= left - {"demo-views.sqlite"}


def test_of_two_at_one_place_the_second_is_refused(tmp_path: Path) -> None:
    """The first one's log stays as it is."""
    path = tmp_path / "demo.sqlite"
    with place_of(path):
        said = CliRunner().invoke(app, ["demo", "--log", f"sqlite:///{path}"])
        assert said.exit_code == 4
        assert "DEMO_RUNNING" in said.stderr
        assert not path.exists()


def test_the_command_shows_the_summary_and_leaves_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(app, ["demo", "--lang", "vi"])
    assert shown.exit_code == 0, shown.output
    assert "mô phỏng" in shown.output
    assert (tmp_path / "build/demo/demo.sqlite").exists()
    asked = [line.split(" ", 3)[-1] for line in shown.output.splitlines() if " --log sqlite:///" in line]
    assert len(asked) >= 6


def test_the_commands_are_written_as_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    assert CliRunner().invoke(app, ["demo", "--seed", "3", "--commands", str(path)]).exit_code == 0
    with path.open(encoding="utf-8") as lines:
        assert [json.loads(line) for line in lines] == list(commands(3))
