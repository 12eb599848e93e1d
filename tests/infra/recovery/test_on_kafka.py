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
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster, kafka
from infra.diagnosis.halts import halts
from infra.kafka.client import KafkaPartitionClient
from infra.queue.worker_process import PartitionThread
from infra.settings import load
from infra.timeouts import Timeout
from tests.fault.segments import Segments
from tests.infra.recovery.killing import STEPS, Killed, kill_behind
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until
from tests.support.workload import lines

LINES = [line.encode() for line in islice(lines(2), 40)]
IDS = [json.loads(line)["command_id"] for line in LINES]
KEPT, HANDLED = 10, 30
"""Commands whose records are left, and all that were answered."""


@dataclass
class System:
    """A log with its queue, the worker of its one partition, read models, and a person's terminal."""

    made: Application
    terminal: Terminal
    worker: PartitionThread | None = None
    answers: dict[str, str] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)
    """Of the topic of the events, behind the commands whose records are left, and behind all."""

    def start(self) -> None:
        """The worker."""
        self.worker = PartitionThread(self.made, 0)
        self.worker.start()

    def stop(self) -> None:
        """The worker."""
        if self.worker is not None:
            self.worker.stopped.set()
            self.worker.join()
            self.worker = None

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


SYSTEMS = {"events": (True, False), "both": (True, True), "grown": (True, True), "killed": (True, True)}
"""Of which topics the ends are cut: of the events, of the commands."""


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, System]]:
    """All cut at once."""
    folder = tmp_path_factory.mktemp("cut")
    with (
        pytest.MonkeyPatch.context() as patch,
        kafka(nodes=1, data_dir=folder / "kafka") as cluster,
        ExitStack() as stack,
    ):
        # A cut is found at once, and not after what a cluster of several brokers may need.
        for each in (Timeout.LEADER, Timeout.RESTART_LONGEST):
            patch.setattr(each, "seconds", 0.5)
        patch.setattr(KafkaPartitionClient, "lag", 0.5)
        found = {name: _made(cluster, folder / name, name, stack) for name in SYSTEMS}
        cluster.stop()
        for name, (events, commands) in SYSTEMS.items():
            topics = found[name].made.topics
            if events:
                Segments.of(cluster.nodes, topics.events.name, 0).cut(found[name].ends[0])
            if commands:
                Segments.of(cluster.nodes, topics.commands.name, 0).cut(KEPT)
        cluster.start()
        yield found


def _made(cluster: KafkaCluster, folder: Path, name: str, stack: ExitStack) -> System:
    folder.mkdir()
    url = f"kafka://{cluster.bootstrap}?prefix={name}&index={folder / 'index'}"
    terminal = Terminal(folder)
    terminal.environment |= {"DOSSIER_LOG": url, "DOSSIER_VIEWS": f"sqlite:///{folder / 'views.sqlite'}"}
    made = stack.enter_context(Application(load(terminal.environment), create=True))
    system = System(made, terminal)
    stack.callback(system.stop)
    system.start()
    with Application(made.settings) as client:
        for start, end in pairwise((0, KEPT, HANDLED)):
            for answer in client.gateway.submit(LINES[start:end])():
                system.answers[json.loads(answer.line)["command_id"]] = answer.line
            system.ends.append(_end(made))
    terminal.run("status")
    return system


def _end(made: Application) -> int:
    """Of the topic of the events."""
    with closing(KafkaPartitionClient(made.kafka, made.topics.events, 0)) as client:
        return client.end()


def test_what_the_queue_still_holds_is_handled_again(systems: dict[str, System]) -> None:
    """The worker says what is wrong; once its index is put aside, it handles what it had handled, with the same ids."""
    system = systems["events"]
    wait_until(lambda: bool(halts(system.made.settings.state_dir)))
    assert halts(system.made.settings.state_dir)[0].code == "LOG_CHANGED"
    assert {"LOG_CHANGED", "PROCESS_HALTED"} <= system.wrong()
    said = system.terminal.run("status", code=4).err
    assert "LOG_CHANGED" in said
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
