from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.dev.processes import Processes, processes
from infra.queue.diagnose import diagnose
from infra.settings import load
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

PARTITIONS = 2


@dataclass(frozen=True)
class System:
    """A log with its queue, one worker and one projector; and a person's terminal on it."""

    url: str
    terminal: Terminal
    running: Processes
    folder: Path


@pytest.fixture(scope="module")
def system(broker: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One for all tests of a module: each leaves it at work and without dead letters."""
    with running_system(broker, tmp_path_factory.mktemp("queue")) as made:
        yield made


@contextmanager
def running_system(broker: KafkaCluster, folder: Path) -> Iterator[System]:
    """A system in which everybody is at work, so that whichever test comes first finds what the others find."""
    url = f"kafka://{broker.bootstrap}?prefix=q{uuid4().hex[:12]}&partitions={PARTITIONS}&index={folder / 'index'}"
    terminal = Terminal(folder)
    terminal.environment["DOSSIER_LOG"] = url
    with processes(url, folder / "log") as running:
        wait_until(lambda: _is_at_work(url))
        yield System(url, terminal, running, folder)


def _is_at_work(url: str) -> bool:
    with Application(load({}, log=url), create=True) as made:
        found = diagnose(made)
    is_founded = all(partition["record"] for partition in found.facts["partitions"])
    return is_founded and not found.wrong and all(found.facts["groups"].values())
