"""Workers and projectors of a log on Kafka, as processes of their own beside the program that wants them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_STOP_TIMEOUT: Final = 20.0


class Processes:
    """The processes of one log. Each logs to a file in `folder`; `environment` is added to that of this process."""

    def __init__(self, url: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._folder = folder
        self._environment = {**os.environ, **(environment or {})}
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *arguments: str, url: str | None = None) -> subprocess.Popen[bytes]:
        """Start `dossier` with arguments under a name; one that was killed goes on with the same log file."""
        program = Path(sys.executable).with_name("dossier")
        with (self._folder / f"{name}.log").open("ab") as log:
            # A session of its own: Ctrl-C is for this program, which then stops the others in order.
            process = subprocess.Popen(  # noqa: S603  (our own program)
                [program, "--log", url or self._url, *arguments],
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self._started[name] = process
        return process

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The process that was started last under a name."""
        return self._started[name]

    def pid(self, name: str) -> int:
        """The process id."""
        return self._started[name].pid

    def kill(self, name: str) -> None:
        """Kill -9."""
        process = self._started[name]
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Stop all in order; after 20 s, kill what is left."""
        for process in self._started.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._started.values():
            try:
                process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def processes(url: str, folder: Path, *, workers: int = 1, projectors: int = 1) -> Iterator[Processes]:
    """Run `worker-1`, … and `projector-1`, … until the block ends."""
    started = Processes(url, folder)
    try:
        for number in range(1, workers + 1):
            started.start(f"worker-{number}", "worker")
        for number in range(1, projectors + 1):
            started.start(f"projector-{number}", "projector")
        yield started
    finally:
        started.stop()
