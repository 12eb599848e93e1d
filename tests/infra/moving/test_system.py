"""A system at work that is moved to another cluster, and to another number of partitions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest

from infra.dev.kafka import KafkaCluster, kafka
from infra.dev.processes import Processes, processes
from tests.infra.queue.conftest import PARTITIONS, System, running_system
from tests.infra.queue.test_command_line import opening
from tests.support.terminal import NUMBER, Terminal, established, self_assessed

UNITS = ("04630", "04633", "04636", "04639", "04642", "04645")
YEARS = range(1960, 2020)


@pytest.fixture(scope="module")
def second_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with kafka(nodes=1, data_dir=tmp_path_factory.mktemp("second")) as cluster:
        yield cluster


def applied(url: str, file: Path) -> subprocess.Popen[str]:
    program = Path(sys.executable).with_name("dossier")
    pipe, arguments = subprocess.PIPE, [str(program), "--log", url, "apply", str(file)]
    return subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def feed(client: subprocess.Popen[str], lines: list[str], moved: Event) -> None:
    """One after another while the log is moved, and the rest then: the last one comes when it is closed."""
    assert client.stdin is not None
    *before, last = lines
    with suppress(BrokenPipeError), client.stdin as stdin:
        for line in before:
            stdin.write(line)
            stdin.flush()
            moved.wait(0.02)
        moved.wait()
        stdin.write(last)


def answers(lines: str) -> dict[str, dict[str, Any]]:
    """By the id of the command."""
    found = [json.loads(line) for line in lines.splitlines()]
    return {each["command_id"]: each for each in found}


def facts(terminal: Terminal) -> tuple[dict[str, Any], Any]:
    """What the dossier says, wherever its log stands."""
    replayed = terminal.json("replay", NUMBER)
    return {key: value for key, value in replayed.items() if key != "freshness"}, terminal.json("audit", NUMBER)["rows"]


def on(url: str, folder: Path) -> Terminal:
    terminal = Terminal(folder)
    terminal.environment["DOSSIER_LOG"] = url
    return terminal


def commands(folder: Path) -> Path:
    """A file of commands, each of which opens a dossier."""
    file = folder / "commands.jsonl"
    made = [
        opening(unit, dossier={"unit": unit, "level": "basic", "year": year}, on=f"{year}-06-12")
        for year in YEARS
        for unit in UNITS
    ]
    file.write_text("".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in made), encoding="utf-8")
    return file


def test_a_system_in_use_goes_on_at_another_cluster(
    broker: KafkaCluster, second_cluster: KafkaCluster, tmp_path: Path
) -> None:
    """Whoever was giving commands is told where the log is; given again there, each acts once."""
    with running_system(broker, tmp_path) as system:
        terminal = system.terminal
        established(terminal)
        self_assessed(terminal)
        expected = facts(terminal)
        file = commands(tmp_path)
        client = applied(system.url, Path("-"))
        moved, lines = Event(), file.read_text(encoding="utf-8").splitlines(keepends=True)
        feeder = Thread(target=feed, args=(client, lines, moved))
        feeder.start()
        assert client.stdout is not None
        assert client.stderr is not None
        first = client.stdout.readline()
        new = elsewhere(system, second_cluster, tmp_path / "there", PARTITIONS)
        done = terminal.json("log", "move", "--to", new)
        moved.set()
        feeder.join()
        with client:
            rest, said = client.stdout.read(), client.stderr.read()
        assert client.returncode == 4, said
        assert "LOG_CLOSED" in said
        assert second_cluster.bootstrap in said
        before = answers(first + rest)
        assert before
        found = {each["code"] for each in terminal.ask("doctor", "--json").json["wrong"]}
        assert "LOG_CLOSED" in found
        assert (
            "LOG_CLOSED" in terminal.run("open", "04648", "--level=basic", "--year=2024", "--on=2024-06-12", code=4).err
        )
        assert facts(terminal) == expected
    shutil.copytree(tmp_path / "index" / "keys", tmp_path / "there" / "keys")
    take_up = f"--take-up-queue {done['commands_topic']}"
    assert any(take_up in step for step in done["next"])
    there = on(new, tmp_path)
    running = Processes(new, tmp_path / "logs")
    try:
        running.start("worker", "worker", *take_up.split())
        running.start("projector", "projector")
        everything = applied(new, file)
        out, said = everything.communicate()
        assert everything.returncode == 0, said
        after = answers(out)
        assert len(after) == len(YEARS) * len(UNITS)
        assert {each: after[each] for each in before} == before
        assert facts(there) == expected
        numbers = [each["number"] for each in there.rows("status")]
        assert len(numbers) == len(set(numbers)) == len(after) + 1
    finally:
        running.stop()
    there.run("rebuild", "--all", "--check")


def elsewhere(system: System, cluster: KafkaCluster, index: Path, partitions: int) -> str:
    """The URL of the same log, or of one with another name where the number of partitions is another."""
    app = system.url.partition("prefix=")[2].partition("&")[0]
    name = app if partitions == PARTITIONS else f"{app}n"
    return f"kafka://{cluster.bootstrap}?prefix={name}&partitions={partitions}&index={index}"


def test_a_system_goes_on_with_more_partitions(broker: KafkaCluster, tmp_path: Path) -> None:
    """On the same cluster, under another name: facts, answers and read models are the same, and work goes on."""
    more = PARTITIONS + 3
    with running_system(broker, tmp_path) as system:
        terminal = system.terminal
        established(terminal)
        self_assessed(terminal)
        line = json.dumps(opening("04648", command_id=str(uuid4())), ensure_ascii=False)
        (tmp_path / "one.jsonl").write_text(line, encoding="utf-8")
        first, _ = applied(system.url, tmp_path / "one.jsonl").communicate()
        new = elsewhere(system, broker, tmp_path / "there", more)
        terminal.json("log", "move", "--to", new)
        old, statuses = facts(terminal), terminal.rows("status")
    there = on(new, tmp_path)
    with processes(new, tmp_path / "logs"):
        again, said = applied(new, tmp_path / "one.jsonl").communicate()
        (known,), (found,) = answers(first).values(), answers(again).values()
        assert found["ok"], said
        assert {**found, "partition": 0, "position": 0} == {**known, "partition": 0, "position": 0}
        assert facts(there) == old
        assert sorted(map(str, there.rows("status"))) == sorted(map(str, statuses))
        there.run("submit-to-district", NUMBER, "--report", there.doc("25/BC-UBND", "2024-06-18"), "--on=2024-06-19")
        assert there.ask("doctor", "--whole", "--json").json["wrong"] == []
    there.run("rebuild", "--all", "--check")
