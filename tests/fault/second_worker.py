"""`python -m tests.fault.second_worker URL PARTITION`: a worker on one partition, whoever has it from the group."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.bootstrap import Application
from infra.logging import log_as_json
from infra.processes import until_stopped
from infra.queue.worker_process import PartitionThread
from infra.settings import load


def start(url: str, partition: int, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start one that logs to a file; SIGTERM ends it in order."""
    with log.open("ab") as errors:
        command = [sys.executable, "-m", "tests.fault.second_worker", url, str(partition)]
        return subprocess.Popen(command, stdout=errors, stderr=errors, env={**os.environ, **environment})


def main(url: str, partition: int) -> None:
    """Work until stopped."""
    log_as_json()
    with until_stopped() as stop, Application(load(os.environ, log=url), create=True, long_running=True) as made:
        thread = PartitionThread(made, partition)
        thread.start()
        stop.wait()
        thread.stopped.set()
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
