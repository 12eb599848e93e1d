"""A log on Kafka whose topics lost their ends on the broker's disk, while the indexes of its machine hold more.

One broker is stopped, the ends of topics are cut on its disk, and it is started again, as after a power loss. The
worker of each system runs all the time.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster, kafka
from infra.dev.postgres import PostgresServer
from infra.diagnosis.halts import halts
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.topics import Topic
from infra.queue.worker_process import PartitionThread
from infra.settings import load
from infra.sqlite_file import open_read_only
from infra.timeouts import Timeout
from tests.fault.segments import Segments
from tests.infra.recovery.killing import STEPS, Killed, kill_behind
from tests.infra.runbook.case import line
from tests.support.stores import PostgresStores
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until
from tests.support.workload import lines

LINES = [each.encode() for each in islice(lines(2), 40)]
IDS = [json.loads(each)["command_id"] for each in LINES]
KEPT, HANDLED = 10, 30
"""Commands whose records are left, and all that were answered."""
OPENED = [line(unit).encode() for unit in ("04630", "04633", "04636", "04639", "04642", "04648")]
"""Three in each of two partitions, by turns at first."""
WIDE = "wide"
STRANGERS = "strangers"


@dataclass
class System:
    """A log with its queue, the workers of its partitions, read models, and a person's terminal."""

    made: Application
    terminal: Terminal
    workers: list[PartitionThread] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    kept: dict[str, dict[int, int]] = field(default_factory=dict)
    """Topic → partition → where what is left ends."""

    def start(self) -> None:
        """The workers."""
        self.workers = [PartitionThread(self.made, number) for number in range(self.made.kafka.partitions)]
        for worker in self.workers:
            worker.start()

    def stop(self) -> None:
        """The workers."""
        for worker in self.workers:
            worker.stopped.set()
        while self.workers:
            self.workers.pop().join()

    def give(self, commands: list[bytes]) -> dict[str, str]:
        """Command id → answer, of a client that begins now."""
        found: dict[str, str] = {}
        with Application(self.made.settings) as client:
            for answer in client.gateway.submit(commands)():
                found[json.loads(answer.line)["command_id"]] = answer.line
        return found

    def wrong(self) -> set[str]:
        """What the doctor finds, but that no member of a group works here."""
        found = {each["code"] for each in self.terminal.ask("doctor", "--json").json["wrong"]}
        return found - {"NO_WORKER"}

    def recover(self, *options: str) -> Any:
        """Show, then do what was shown; no worker belongs to a group here, which the doctor says in the end."""
        shown = self.terminal.json("log", "recover", *options)
        assert shown["needed"]
        said = self.terminal.ask("log", "recover", *options, f"--losing={shown['losing']}", "--json")
        assert {each["code"] for each in said.json["wrong"]} == {"NO_WORKER"}, said.err
        return said.json


SYSTEMS = {
    "events": (True, False),
    "shown": (True, False),
    "both": (True, True),
    "grown": (True, True),
    "killed": (True, True),
    WIDE: (True, True),
    STRANGERS: (True, False),
}
"""Of which topics the ends are cut: of the events, of the commands."""
_GIVEN = {WIDE: (OPENED[:2], OPENED[2:]), STRANGERS: (LINES[:KEPT], [])}
"""What is kept and what is lost, where that is not as with the others."""


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory, server: PostgresServer) -> Iterator[dict[str, System]]:
    """All cut at once. One has two partitions, and its read models in PostgreSQL."""
    folder = tmp_path_factory.mktemp("cut")
    stores = PostgresStores(server, "cut")
    with (
        pytest.MonkeyPatch.context() as patch,
        kafka(nodes=1, data_dir=folder / "kafka") as cluster,
        ExitStack() as stack,
    ):
        stack.callback(stores.close)
        # A cut is found at once, and not after what a cluster of several brokers may need.
        for each in (Timeout.LEADER, Timeout.RESTART_LONGEST):
            patch.setattr(each, "seconds", 0.5)
        patch.setattr(KafkaPartitionClient, "lag", 0.5)
        found = {
            name: _made(
                cluster,
                folder / name,
                (stack, stores.url(name)) if name == WIDE else (stack, f"sqlite:///{folder / name / 'views.sqlite'}"),
                _GIVEN.get(name, (LINES[:KEPT], LINES[KEPT:HANDLED])),
            )
            for name in SYSTEMS
        }
        cluster.stop()
        for name, (events, commands) in SYSTEMS.items():
            topics = found[name].made.topics
            cut = [topic for topic, is_cut in ((topics.events, events), (topics.commands, commands)) if is_cut]
            for topic in cut:
                for partition, end in found[name].kept[topic.name].items():
                    Segments.of(cluster.nodes, topic.name, partition).cut(end)
        cluster.start()
        yield found


def _made(
    cluster: KafkaCluster, folder: Path, needs: tuple[ExitStack, str], given: tuple[list[bytes], list[bytes]]
) -> System:
    """What the first commands led to is left. `needs`: what ends the system, and where its read models are."""
    folder.mkdir()
    stack, views = needs
    partitions = 2 if folder.name == WIDE else 1
    url = f"kafka://{cluster.bootstrap}?prefix={folder.name}&partitions={partitions}&index={folder / 'index'}"
    terminal = Terminal(folder)
    terminal.environment |= {"DOSSIER_LOG": url, "DOSSIER_VIEWS": views}
    made = stack.enter_context(Application(load(terminal.environment), create=True))
    system = System(made, terminal)
    stack.callback(system.stop)
    system.start()
    with Application(made.settings) as client:
        for commands in given:
            for answer in client.gateway.submit(commands)():
                system.answers[json.loads(answer.line)["command_id"]] = answer.line
            if not system.kept:
                system.kept = {each.name: _ends(made, each) for each in (made.topics.events, made.topics.commands)}
    if folder.name == STRANGERS:
        _put_by_strangers(made)
    terminal.run("status")
    return system


def _put_by_strangers(made: Application) -> None:
    """Behind the last record of the log; read by its worker."""
    with closing(KafkaPartitionClient(made.kafka, made.topics.events, 0)) as stranger:
        end = stranger.send_durably([(None, bytes(200))] * 3) + 3
    (index,) = made.kafka.index_dir.glob("worker-1/*.sqlite")
    wait_until(lambda: _read_to(index) == end)


def _read_to(index: Path) -> int:
    with closing(open_read_only(index)) as connection:
        (found,) = connection.execute("SELECT next_offset FROM head").fetchone()
    return int(found)


def _ends(made: Application, topic: Topic) -> dict[int, int]:
    """Of each partition."""
    found = {}
    for partition in range(made.kafka.partitions):
        with closing(KafkaPartitionClient(made.kafka, topic, partition)) as client:
            found[partition] = client.end()
    return found


def test_what_the_queue_still_holds_is_handled_again(systems: dict[str, System]) -> None:
    """The worker says what is wrong; once its index is put aside, it handles what it had handled, with the same ids."""
    system = systems["events"]
    wait_until(lambda: bool(halts(system.made.settings.state_dir)))
    assert halts(system.made.settings.state_dir)[0].code == "LOG_CHANGED"
    assert {"LOG_CHANGED", "PROCESS_HALTED"} <= system.wrong()
    said = system.terminal.run("status", code=4).err
    assert "LOG_CHANGED" in said
    whole = {each["code"] for each in system.terminal.ask("doctor", "--whole", "--json").json["wrong"]}
    assert "LOG_CHANGED" in whole
    assert "INDEX_DIFFERS" not in whole, "what the log lacks is no fault of an index, and is not to be made anew"
    assert "LOG_CHANGED" in system.terminal.run("log", "reindex", code=4).err
    index = next((system.terminal.folder / "index").glob("worker-1/*.sqlite"))
    (found,) = system.terminal.json("log", "lost", f"--index={index}")["partitions"]
    assert (found["how"], found["proof"]) == ("cut", "hashes")
    assert [each["command_id"] for each in found["commands"]] == IDS[KEPT:HANDLED]
    assert {each["from"] for each in found["commands"]} == {"queue"}
    assert all(each["waits_in_queue"] for each in found["commands"])
    done = system.recover()
    assert len(done["kept"]) == 2
    again = system.give(LINES[: HANDLED + 1])
    assert {key: again[key] for key in system.answers} == system.answers
    assert system.wrong() == set()
    assert len(system.terminal.rows("status")) == 1


def test_what_the_read_models_alone_show_is_not_lost_where_it_waits_in_the_queue(systems: dict[str, System]) -> None:
    """Every index is gone: the queue holds the commands, and the worker handles them again."""
    system = systems["shown"]
    system.stop()
    system.terminal.folder.joinpath("index", "reader").rename(system.terminal.folder / "reader")
    system.terminal.folder.joinpath("index", "worker-1").rename(system.terminal.folder / "worker-1")
    shown = system.terminal.json("log", "recover")
    assert [each["command_id"] for each in shown["only_shown"]] == IDS[KEPT:HANDLED]
    assert all(each["waits_in_queue"] and each["reason"] is None for each in shown["only_shown"])
    assert shown["losing"] == 0
    system.start()
    system.recover()
    again = system.give(LINES[:HANDLED])
    assert {key: again[key] for key in system.answers} == system.answers
    assert system.wrong() == set()


def test_every_partition_comes_back_and_so_do_read_models_in_a_database(systems: dict[str, System]) -> None:
    """Two partitions whose log and queue lost their ends."""
    system = systems[WIDE]
    wait_until(lambda: {each.partition for each in halts(system.made.settings.state_dir)} == {0, 1})
    done = system.recover()
    assert [(each["partition"], len(each["commands"])) for each in done["partitions"]] == [(0, 2), (1, 2)]
    assert (done["waiting"], len(done["kept"]), done["losing"]) == (4, 4, 0)
    again = system.give(OPENED)
    assert again == system.answers
    assert system.wrong() == set()
    assert len(system.terminal.rows("status")) == len(OPENED)
    assert {each["code"] for each in system.terminal.ask("doctor", "--whole", "--json").json["wrong"]} == {"NO_WORKER"}


def test_what_neither_log_nor_queue_holds_is_rebuilt_from_the_index(systems: dict[str, System]) -> None:
    """Both topics lost their ends: every command acts again with its id and gets the same answer."""
    system = systems["both"]
    wait_until(lambda: bool(halts(system.made.settings.state_dir)))
    shown = system.terminal.json("log", "recover")
    (found,) = shown["partitions"]
    assert {each["from"] for each in found["commands"]} == {"facts"}
    assert shown["losing"] == 0
    done = system.recover()
    assert done["waiting"] == HANDLED - KEPT
    again = system.give(LINES[: HANDLED + 1])
    assert {key: again[key] for key in system.answers} == system.answers
    assert system.wrong() == set()
    assert not system.terminal.json("log", "recover")["needed"]


def test_a_log_that_went_on_with_others_keeps_them_and_gets_back_what_was_lost(systems: dict[str, System]) -> None:
    """A worker of another machine, with an index of its own, went on behind the cut."""
    system = systems["grown"]
    wait_until(lambda: bool(halts(system.made.settings.state_dir)))
    other = Terminal(system.terminal.folder)
    folder = system.terminal.folder / "elsewhere"
    shutil.copytree(system.terminal.folder / "index" / "keys", folder / "keys")
    log = system.terminal.environment["DOSSIER_LOG"].replace("/index", "/elsewhere")
    other.environment |= {"DOSSIER_LOG": log, "DOSSIER_VIEWS": f"sqlite:///{folder / 'views.sqlite'}"}
    with Application(load(other.environment)) as elsewhere:
        worker = PartitionThread(elsewhere, 0)
        worker.start()
        other.run("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12")
        worker.stopped.set()
        worker.join()
    assert "LOG_CHANGED" in system.wrong()
    done = system.recover()
    assert {each["how"] for each in done["partitions"]} == {"other history"}
    again = system.give(LINES[:HANDLED])
    assert again.keys() == system.answers.keys()
    assert all(json.loads(line)["ok"] for line in again.values())
    assert system.wrong() == set()
    assert len(system.terminal.rows("status")) == 2


def test_a_log_that_lost_what_strangers_had_put_there_goes_on_with_new_indexes(systems: dict[str, System]) -> None:
    """All that counts is there; but an index that was read past its end would pass over what comes there now."""
    system = systems[STRANGERS]
    wait_until(lambda: bool(halts(system.made.settings.state_dir)))
    assert "LOG_CHANGED" in system.wrong()
    assert "LOG_CHANGED" in system.terminal.run("status", code=4).err
    done = system.recover()
    assert [each["commands"] for each in done["partitions"]] == [[]]
    assert (done["losing"], len(done["kept"])) == (0, 2)
    again = system.give(LINES[: KEPT + 1])
    assert {key: again[key] for key in system.answers} == system.answers
    assert system.wrong() == set()


def test_a_topic_that_was_made_anew_from_a_backup_is_followed_by_every_index(
    systems: dict[str, System], tmp_path: Path
) -> None:
    """Also by one that holds nothing beyond the backup: it was made from a topic that is no more."""
    bootstrap = systems["both"].made.kafka.bootstrap
    terminal = Terminal(tmp_path)
    terminal.environment["DOSSIER_LOG"] = f"kafka://{bootstrap}?prefix=anew&index={tmp_path / 'index'}"
    with Application(load(terminal.environment), create=True) as made:
        before = System(made, terminal)
        before.start()
        answers = before.give(OPENED[:2])
        terminal.run("status")
        before.stop()
    terminal.run("backup", str(tmp_path / "backup"))
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        admin.delete_topics(["anew.events"])
        wait_until(lambda: "anew.events" not in admin.list_topics())
    terminal.run("restore", str(tmp_path / "backup"))
    # Those of the topic that is no more are put aside by hand, as their page says.
    terminal.environment["DOSSIER_VIEWS"] = f"sqlite:///{tmp_path / 'views.sqlite'}"
    with Application(load(terminal.environment)) as made:
        system = System(made, terminal)
        assert system.wrong() == {"LOG_CHANGED"}
        done = system.recover()
        assert (len(done["kept"]), done["losing"], done["accepted"]) == (2, 0, 0)
        system.start()
        assert system.give(OPENED[:2]) == answers
        assert len(system.give(OPENED[2:3])) == 1
        assert system.wrong() == set()
        system.stop()


@pytest.mark.parametrize("step", STEPS)
def test_a_recovery_that_is_killed_is_done_again(
    systems: dict[str, System], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind each of its steps, one after the other."""
    system = systems["killed"]

    kill_behind(monkeypatch, step)
    with pytest.raises(Killed):
        system.terminal.run("log", "recover", "--losing=0")
    monkeypatch.undo()
    if step == "given":
        done = system.recover()
        assert done["goes_on"]
        again = system.give(LINES[:HANDLED])
        assert {key: again[key] for key in system.answers} == system.answers
        assert system.wrong() == set()
