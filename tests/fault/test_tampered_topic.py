"""The log on Kafka edited on the broker's disk, its indexes and read models edited or deleted.

See `tampering` for the table. What differs from an embedded log: whoever may produce can put a record behind the last
one, so nobody stops serving for it. The doctor names it until a writer has appended the next one.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster, kafka
from infra.kafka.client import KafkaPartitionClient
from infra.log.control_records import parse_genesis
from infra.log.format import HEADER_LENGTH, Place
from infra.log.keys import KeyFolder, Signer
from infra.settings import load
from infra.timeouts import Timeout
from tests.fault.segments import Segments
from tests.fault.tampering import END, INDEX, NAMES, VIEWS, Index, Questions, Row, agree, check_named, doctor, table
from tests.fault.tape_edits import Tape, TapeRecord, sealed_anew
from tests.fault.test_tampered_tape import read_tape
from tests.infra.cli.conftest import stages
from tests.support.terminal import NUMBER, Terminal

__all__ = ["stages"]

_INDEX = "index edited"
_LOGS = (*NAMES, _INDEX)
_OTHER_LOGS = ("the tail cut", "another log's records", "history with stolen keys")
"""An index that is behind is read on, and one of another log is no edited one."""


@dataclass
class Log:
    """A log with an announced dossier, on a topic that was tampered with; what its folder held before."""

    terminal: Terminal
    topic: str
    writer: Signer
    row: Row | None
    before: Tape
    after: Tape

    @property
    def index(self) -> Path:
        """The index of this machine's readers."""
        (found,) = (self.terminal.folder / "index" / "reader").glob("*.sqlite")
        return found

    def elsewhere(self, folder: Path) -> Log:
        """It, asked with a copy of the folder."""
        shutil.copytree(self.terminal.folder, folder, dirs_exist_ok=True)
        return Log(_terminal(folder, self.terminal), self.topic, self.writer, self.row, self.before, self.after)


def _terminal(folder: Path, other: Terminal) -> Terminal:
    made = Terminal(folder)
    log = other.environment["DOSSIER_LOG"].replace(str(other.folder), str(folder))
    made.environment |= {"DOSSIER_LOG": log, "DOSSIER_VIEWS": f"sqlite:///{folder / 'views.sqlite'}"}
    return made


@pytest.fixture(autouse=True)
def _no_new_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gone is gone: the one broker knows how far its topics go, and nobody waits for it to learn that."""
    monkeypatch.setattr(KafkaPartitionClient, "lag", 0.0)
    monkeypatch.setattr(Timeout.LEADER, "seconds", 0.0)


@dataclass
class Tampered:
    """All logs of the table, by the name of the tampering."""

    logs: dict[str, Log]
    questions: Questions


@pytest.fixture(scope="module")
def tampered(stages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tampered]:
    """A log for each tampering, all of which happen while the one broker is down."""
    folder = tmp_path_factory.mktemp("tampered")
    shutil.copytree(stages["announced"], folder / "original")
    original = Terminal(folder / "original")
    original.run("open", "04648", "--level=basic", "--year=2024", "--on=2024-08-30")
    tape, questions = read_tape(original.folder / "log.sqlite"), Questions(NUMBER)
    with kafka(nodes=1, data_dir=folder / "kafka") as cluster:
        logs = {
            name: _made(cluster, folder / f"log-{number}", f"t{number}", tape, name)
            for number, name in enumerate(_LOGS)
        }
        questions.learn(logs[_INDEX].terminal)
        cluster.stop()
        for log in logs.values():
            segments = Segments.of(cluster.nodes, log.topic, 0)
            log.before = [TapeRecord(offset, value) for offset, value in segments.records() if value is not None]
            if log.row is not None:
                log.after = log.row.edit(log.before)
                segments.write(log.after)
        cluster.start()
        yield Tampered(logs, questions)


def _made(cluster: KafkaCluster, folder: Path, app: str, tape: Tape, name: str) -> Log:
    """The same facts on a topic, read by everybody."""
    url = f"kafka://{cluster.bootstrap}?prefix={app}&index={folder / 'index'}"
    terminal = Terminal(_folder(folder))
    terminal.environment |= {"DOSSIER_LOG": url, "DOSSIER_VIEWS": f"sqlite:///{folder / 'views.sqlite'}"}
    place, keys = Place(app, 1, 0), KeyFolder(folder / "index" / "keys")
    writer, root = keys.make_writer(), keys.add_root()
    records = sealed_anew(tape, place, writer, [root])
    with Application(load({}, log=url), create=True) as made:
        topic = made.topics.events
        with closing(KafkaPartitionClient(made.kafka, topic, 0)) as client:
            client.send_durably([(None, record.value) for record in records])
    # An operator has noted which log it is: without that, another one is what a history with stolen keys is.
    identity = parse_genesis(records[0].value[HEADER_LENGTH:]).identity.hex()
    terminal.environment["DOSSIER_LOG"] = f"{url}&identity={identity}"
    terminal.run("status")
    return Log(terminal, topic.name, writer, table(place, writer).get(name), [], [])


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("index", ["kept", "anew"])
@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_names_what_was_done_to_the_topic_and_nobody_serves_what_is_false(
    tampered: Tampered, tmp_path: Path, name: str, index: Index, views: str
) -> None:
    """With the index of this machine kept and deleted, and read models too."""
    log = tampered.logs[name].elsewhere(tmp_path / "machine")
    if index == "anew":
        log.index.unlink()
    if views == "views deleted":
        (log.terminal.folder / "views.sqlite").unlink()
    assert log.row is not None
    codes, wrong = log.row.codes(index, views), doctor(log.terminal)
    if codes:
        check_named(wrong, codes, log.before, log.after)
    else:
        assert wrong == []
    if len(log.after) > len(log.before):
        # Anybody may have sent it, and it changes nothing.
        tampered.questions.check_true(log.terminal)
    elif codes and not (codes <= END and (index, views) == ("anew", "views deleted")):
        tampered.questions.check_refused(log.terminal)


@pytest.mark.parametrize(
    ("name", "views"),
    [*((name, "views kept") for name in NAMES if name not in _OTHER_LOGS), ("a person", "views deleted")],
)
def test_the_doctor_names_an_index_that_was_edited_and_nobody_serves_it_after_that(
    tampered: Tampered, tmp_path: Path, name: str, views: str
) -> None:
    """As if the topic had been tampered with; all commands end where they open it."""
    log, row = tampered.logs[_INDEX].elsewhere(tmp_path / "machine"), tampered.logs[name].row
    assert row is not None
    after = row.edit(log.before)
    with closing(sqlite3.connect(log.index)) as connection, connection:
        agree(connection, after)
    if views == "views deleted":
        (log.terminal.folder / "views.sqlite").unlink()
    check_named(doctor(log.terminal), INDEX, log.before, after)
    tampered.questions.check_refused(log.terminal)
    if views == "views deleted":
        # Until it is put aside, and another one made.
        log.terminal.run("log", "reindex")
        assert doctor(log.terminal) == []
        tampered.questions.check_true(log.terminal)


def test_rows_of_a_read_model_that_the_doctor_named_are_not_served(tampered: Tampered, tmp_path: Path) -> None:
    """Until they are rebuilt."""
    terminal = tampered.logs[_INDEX].elsewhere(tmp_path / "machine").terminal
    with closing(sqlite3.connect(terminal.folder / "views.sqlite")) as views, views:
        views.execute("UPDATE status_dossiers_g1 SET state = 'closed'")
    assert [each["code"] for each in doctor(terminal)] == ["ROWS_DIFFER"]
    for question in (("status",), ("audit", NUMBER), ("decisions", "tail", "--no-follow")):
        assert "ROWS_DIFFER" in terminal.run(*question, code=4).err
    terminal.run("rebuild", "status")
    assert doctor(terminal) == []
    tampered.questions.check_true(terminal)
