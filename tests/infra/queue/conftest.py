from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from infra.dev.kafka import KafkaCluster
from infra.dev.processes import Processes, processes
from tests.support.terminal import Terminal

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
    folder = tmp_path_factory.mktemp("queue")
    url = f"kafka://{broker.bootstrap}?prefix=q{uuid4().hex[:12]}&partitions={PARTITIONS}&index={folder / 'index'}"
    terminal = Terminal(folder)
    terminal.environment["DOSSIER_LOG"] = url
    with processes(url, folder / "log") as running:
        yield System(url, terminal, running, folder)
