"""Several processes on one partition of a real broker, checked from offset zero by another hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent

from infra.kafka.settings import KafkaSettings
from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import insert
from tests.infra.log.checker import appends_in
from tests.support.waiting import GUARD, wait_until


def start(settings: KafkaSettings, folder: Path, number: int, count: int, shared: str = "") -> subprocess.Popen[bytes]:
    words = [settings.bootstrap, settings.app, str(folder / f"index-{number}"), str(folder / f"acks-{number}")]
    return subprocess.Popen([sys.executable, "-m", "tests.infra.log.appending", *words, str(count), shared])


def check(settings: KafkaSettings, folder: Path, *, unacknowledged: int = 0) -> int:
    """Nothing acknowledged is lost or somewhere else, positions are dense, and nothing else is there."""
    acknowledged = set()
    for file in folder.glob("acks-*"):
        for line in file.read_text().splitlines():
            position, originator, version = line.split()
            acknowledged.add((int(position), originator, int(version)))
    found = [(position, *append.events[0][:2]) for position, append in appends_in(settings)]
    assert [position for position, _, _ in found] == list(range(1, len(found) + 1))
    assert acknowledged <= set(found)
    assert len(found) - len(acknowledged) <= unacknowledged
    return len(found)


@pytest.mark.parametrize("shared", ["", uuid4().hex], ids=["different dossiers", "one dossier"])
def test_several_processes_append_at_once(settings: KafkaSettings, tmp_path: Path, shared: str) -> None:
    """All of their appends are there once, in one order, and none of the equal ones starves."""
    processes = [start(settings, tmp_path, number, 40, shared) for number in range(3)]
    assert [process.wait(timeout=GUARD) for process in processes] == [0, 0, 0]
    assert check(settings, tmp_path) == 120


def test_two_race_for_the_next_version(opened: PartitionHandle, another: Callable[[], PartitionHandle]) -> None:
    """One wins, the other gets an IntegrityError, every time."""
    sides = [opened, another()]
    dossier_id = uuid4()
    for version in range(1, 21):
        barrier = Barrier(2)

        def race(side: PartitionHandle, version: int = version, barrier: Barrier = barrier) -> bool:
            barrier.wait()
            try:
                insert(side, [StoredEvent(dossier_id, version, "Happened", b"")], None)
            except IntegrityError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(race, sides)) == [False, True]


def test_a_stopped_writer_that_wakes_changes_nothing(
    settings: KafkaSettings, opened: PartitionHandle, tmp_path: Path
) -> None:
    """SIGSTOP at any moment: the others go on while it sleeps, and what the sleeper sends later is late."""
    process = start(settings, tmp_path, 0, 100_000)
    try:
        wait_until((tmp_path / "acks-0").exists)
        with (tmp_path / "acks-1").open("a") as file:
            for _ in range(8):
                time.sleep(0.1)
                process.send_signal(signal.SIGSTOP)
                dossier_id = uuid4()
                (position,) = insert(opened, [StoredEvent(dossier_id, 1, "Happened", b"")], None) or ()
                file.write(f"{position} {dossier_id.hex} 1\n")
                process.send_signal(signal.SIGCONT)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
    # The last append of the killed process may stand in the log without anybody having been told.
    assert check(settings, tmp_path, unacknowledged=1) > 8


def test_a_killed_writer_comes_back(settings: KafkaSettings, tmp_path: Path) -> None:
    """Kill -9, then again on the same index, and once more on none."""
    for number, index in enumerate((0, 0, 1)):
        process = start(settings, tmp_path, index, 100_000)
        acknowledged = tmp_path / f"acks-{index}"
        before = acknowledged.stat().st_size if acknowledged.exists() else 0
        wait_until(lambda: acknowledged.exists() and acknowledged.stat().st_size >= before + 200)  # noqa: B023
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert check(settings, tmp_path, unacknowledged=number + 1) > 0
