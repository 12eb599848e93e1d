"""A log that is put back to what it was, and goes on with others: its read models show neither as the other.

On both tapes: the file of an embedded log is replaced, and the segment of a stopped broker, under one and the same
topic id. What the read models were made from is then known to nobody but them.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from domain.catalogue import UnitKind
from domain.errors import InfrastructureError
from infra.bootstrap import Application
from infra.dev.kafka import kafka
from infra.kafka.client import KafkaPartitionClient
from infra.log.format import Place
from infra.log.keys import KeyFolder
from infra.settings import load
from projections.read_models import PROJECTIONS
from tests.fault.segments import Segments
from tests.fault.tape_edits import sealed_anew
from tests.fault.test_tampered_tape import read_tape
from tests.infra.cli.conftest import stages
from tests.support.terminal import COMMUNE, NUMBER, Terminal
from tests.support.units import UNITS

__all__ = ["stages"]

KEPT = "received"
"""The stage to which the log is put back."""
NAMES = [projection.name for projection in PROJECTIONS]
FEED = "feed"
QUESTIONS = (
    ["status"],
    ["status", NUMBER],
    ["audit", NUMBER],
    ["audit", "--flag=SELF_VERIFICATION"],
    ["eligibility"],
    ["decisions", "tail", "--from=beginning", "--no-follow"],
    ["decisions", "files", FEED],
    ["rebuild", "status", "--check"],
)


def opening(unit: str) -> str:
    """A command of a unit, as a line."""
    command = {
        "command": "OpenDossier",
        "command_id": str(uuid4()),
        "dossier": {"unit": unit, "level": "basic", "year": 2024},
        "on": "2024-06-12",
        "actor": {"person": "Lò Văn Thắng", "agency": unit, "role": "applicant"},
        "data": {},
    }
    return json.dumps(command) + "\n"


def openings() -> str:
    """Commands of others, more than the log had events."""
    units = [unit.id for unit in UNITS.of_kind(UnitKind.COMMUNE) if unit.id != COMMUNE]
    return "".join(map(opening, units[:70]))


def check_named(terminal: Terminal) -> None:
    """Every question, the proof and the doctor end with 4, and with the name of what is wrong."""
    for question in QUESTIONS:
        here = [str(terminal.folder / word) if word == FEED else word for word in question]
        said = terminal.run(*here, code=4)
        assert "VIEWS_OF_ANOTHER_HISTORY" in said.err, question
        assert "dossier rebuild" in said.err
    assert "không được lập từ nhật ký hiện tại" in terminal.run("status", "--lang=vi", code=4).err
    verified = terminal.run("views", "verify", "--json", code=4).json
    assert {each["projection"] for each in verified} == set(NAMES)
    for each in verified:
        assert "VIEWS_OF_ANOTHER_HISTORY" in {finding["code"] for finding in each["findings"]}
    for options in ([], ["--whole"]):
        found = terminal.run("doctor", "--json", *options, code=4).json["wrong"]
        assert {each["projection"] for each in found if each["code"] == "VIEWS_OF_ANOTHER_HISTORY"} == set(NAMES)


def check_mended(terminal: Terminal) -> None:
    """Rebuilt, they show what the log says, and nothing of what it said before."""
    terminal.run("rebuild", "--all")
    assert terminal.json("status", NUMBER)["state"] == "received"
    assert terminal.run("views", "verify").code == 0
    assert "VIEWS_OF_ANOTHER_HISTORY" in terminal.run("rebuild", "undo", "status", code=4).err
    fresh = Terminal(terminal.folder)
    views = terminal.folder / "fresh.sqlite"
    fresh.environment |= {**terminal.environment, "DOSSIER_VIEWS": f"sqlite:///{views}"}
    for question in (["status"], ["audit", NUMBER], ["eligibility"]):
        assert terminal.json(*question) == fresh.json(*question)


@pytest.fixture
def embedded(stages: dict[str, Path], tmp_path: Path) -> Terminal:
    """An announced dossier, shown by the read models; then the file of the log is an older one."""
    shutil.copytree(stages["announced"], tmp_path, dirs_exist_ok=True)
    terminal = Terminal(tmp_path)
    assert terminal.json("status", NUMBER)["state"] == "announced"
    terminal.run("decisions", "tail", "--from=beginning", "--no-follow")
    shutil.copyfile(stages[KEPT] / "log.sqlite", tmp_path / "log.sqlite")
    return terminal


def test_an_embedded_log_that_was_put_back_and_grew_past_its_read_models(embedded: Terminal) -> None:
    """Commands are decided on the log, whatever stands in the read models."""
    assert "VIEWS_AHEAD_OF_LOG" in embedded.run("status", code=4).err
    answered = embedded.run("apply", embedded.file("more.jsonl", openings())).out.splitlines()
    assert [json.loads(line)["ok"] for line in answered] == [True] * 70
    check_named(embedded)
    (refused,) = embedded.run("apply", embedded.file("again.jsonl", opening(COMMUNE)), code=3).out.splitlines()
    assert json.loads(refused)["error"]["code"] == "DOSSIER_ALREADY_OPEN", "which in the read models has ended"


def test_read_models_that_are_rebuilt_from_a_log_that_was_put_back(embedded: Terminal) -> None:
    embedded.run("apply", embedded.file("more.jsonl", openings()))
    check_named(embedded)
    check_mended(embedded)


def test_a_process_that_runs_on_while_the_log_is_exchanged_under_it(
    embedded: Terminal, stages: dict[str, Path]
) -> None:
    """It has looked already, and keeps its connections; what it is told is not what it had read."""
    shutil.copyfile(stages["announced"] / "log.sqlite", embedded.folder / "log.sqlite")
    with Application(load(embedded.environment)) as application:
        with application.read_models() as views:
            assert views.positions["status"] == {0: 55}
        with (
            closing(sqlite3.connect(stages[KEPT] / "log.sqlite")) as older,
            closing(sqlite3.connect(embedded.folder / "log.sqlite")) as log,
        ):
            older.backup(log)
            log.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # Another process: in this one they would share the file.
        command = [sys.executable, "-m", "infra.cli.main", "apply", embedded.file("more.jsonl", openings())]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **embedded.environment})
        before = views_of(embedded)
        for _ in range(2):
            with pytest.raises(InfrastructureError), application.read_models():
                pass
        assert views_of(embedded) == before
    check_named(embedded)


def views_of(terminal: Terminal) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(terminal.folder / "log-views.sqlite")) as views:
        return views.execute("SELECT * FROM views_positions").fetchall()


@pytest.fixture(scope="module")
def on_kafka(stages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The same on a topic, whose segment is exchanged while the broker is down; the index of the readers is gone."""
    folder = tmp_path_factory.mktemp("put_back")
    others = Terminal(shutil.copytree(stages[KEPT], folder / "others"))
    others.run("apply", others.file("more.jsonl", openings()))
    terminal = Terminal(shutil.copytree(stages["announced"], folder / "log"))
    index = folder / "index"
    with kafka(nodes=1, data_dir=folder / "kafka") as cluster:
        url = f"kafka://{cluster.bootstrap}?prefix=back&index={index}"
        terminal.environment |= {"DOSSIER_LOG": url, "DOSSIER_VIEWS": f"sqlite:///{folder / 'log' / 'views.sqlite'}"}
        place, keys = Place("back", 1, 0), KeyFolder(index / "keys")
        writer, root = keys.make_writer(), keys.add_root()
        first, then = (
            sealed_anew(read_tape(path / "log.sqlite"), place, writer, [root])
            for path in (terminal.folder, others.folder)
        )
        with Application(load({}, log=url), create=True) as made:
            topic = made.topics.events
            with closing(KafkaPartitionClient(made.kafka, topic, 0)) as client:
                client.send_durably([(None, record.value) for record in first])
        assert terminal.json("status", NUMBER)["state"] == "announced"
        terminal.run("decisions", "tail", "--from=beginning", "--no-follow")
        cluster.stop()
        Segments.of(cluster.nodes, topic.name, 0).write(then)
        shutil.rmtree(index / "reader")
        cluster.start()
        yield terminal


def test_a_log_on_kafka_that_was_put_back_and_grew_past_its_read_models(on_kafka: Terminal) -> None:
    check_named(on_kafka)
    check_mended(on_kafka)
