"""A system at work on a real broker, its backup, and the same system on a cluster of another id."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.dev.kafka import KafkaCluster, kafka
from infra.dev.processes import Processes
from tests.infra.queue.conftest import PARTITIONS, running_system
from tests.support.terminal import NUMBER, Terminal, established, self_assessed
from tests.support.waiting import wait_until


@pytest.fixture
def second_cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    with kafka(nodes=1, data_dir=tmp_path / "second") as cluster:
        yield cluster


def test_a_system_goes_on_from_its_backup_on_another_cluster(
    broker: KafkaCluster, second_cluster: KafkaCluster, tmp_path: Path
) -> None:
    """Taken while workers are at work; what restore says to type next is what makes it go on."""
    backup, keys = tmp_path / "backup", tmp_path / "saved-keys"
    with running_system(broker, tmp_path) as system:
        terminal = system.terminal
        first = terminal.json("backup", str(backup))
        established(terminal)
        self_assessed(terminal)
        second = terminal.json("backup", str(backup))
        assert sum(second["added"]) >= 3
        expected = terminal.json("replay", NUMBER), terminal.json("audit", NUMBER)["rows"]
        terminal.run("keys", "backup", str(keys))
        app = second["app"]
    heads = [option for each in first["partitions"] for option in ("--head", each["head"])]
    there = tmp_path / "there"
    url = f"kafka://{second_cluster.bootstrap}?prefix={app}&partitions={PARTITIONS}&index={there}"
    new = Terminal(tmp_path)
    new.environment["DOSSIER_LOG"] = url
    restored = new.json("restore", str(backup), "--identity", second["identity"], *heads)
    assert (restored["added"], restored["other_moments"]) == ([each["records"] for each in second["partitions"]], 0)
    assert (new.json("replay", NUMBER), new.json("audit", NUMBER)["rows"]) == expected
    found = new.run("doctor", "--whole", "--json", code=4).json
    assert {each["code"] for each in found["wrong"]} == {"OTHER_QUEUE", "NO_WORKER"}
    assert found["doubtful_moments"] == []
    shutil.copytree(keys, there / "keys")
    take_up = f"--take-up-queue {restored['commands_topic']}"
    assert any(take_up in step for step in restored["next"])
    processes = Processes(url, tmp_path / "logs")
    try:
        processes.start("worker", "worker", *take_up.split())
        processes.start("projector", "projector")
        new.run("submit-to-district", NUMBER, "--report", new.doc("25/BC-UBND", "2024-06-18"), "--on=2024-06-19")
        grown = new.json("backup", str(backup))
        assert sum(grown["added"]) == 1
        assert new.json("verify-backup", str(backup))["verified"] is True
        new.run("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12")
        wait_until(lambda: not [*codes(new)] or codes(new) == {"OTHER_QUEUE"})
    finally:
        processes.stop()
    new.run("rebuild", "--all", "--check")


def codes(terminal: Terminal) -> set[str]:
    """What the doctor finds."""
    return {each["code"] for each in terminal.ask("doctor", "--whole", "--json").json["wrong"]}
