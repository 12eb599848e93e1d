"""What a case of the runbook is: how it is made on a log with three dossiers, and what shows it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from infra.bootstrap import Application
from infra.settings import load
from schemas.command_parser import read_command
from tests.support.terminal import Terminal

LOG: Final = "dossier.sqlite"
VIEWS: Final = "dossier-views.sqlite"
UNITS: Final = ("04630", "04633", "04636")
FREE: Final = "04639"
OPEN: Final = ("open", "--level=basic", "--year=2024", "--on=2024-06-12")
RECORD: Final = (*OPEN, FREE)
"""A command that records a fact."""
DOCTOR: Final = ("doctor", "--whole")

_COMMAND: Final = (
    '{{"command_id": "01907f3a-0000-7101-8000-0000000{unit}", "command": "OpenDossier", "on": "2024-06-12", '
    '"actor": {{"person": "Lò Văn Thắng", "agency": "{unit}", "role": "applicant"}}, '
    '"dossier": {{"unit": "{unit}", "level": "basic", "year": 2024}}, "data": {{}}}}'
)
HOLD_SQLITE: Final = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], isolation_level=None) as connection:
    connection.execute("BEGIN IMMEDIATE")
    print("held", flush=True)
    sys.stdin.read()
"""
HOLD_FILE: Final = """
import fcntl, sys
with open(sys.argv[1], "a") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


class Place(Terminal):
    """A terminal in the folder of a case; what the case starts ends with `stack`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder)
        self.log = f"sqlite:///{folder / LOG}"
        # What pages say is in these variables.
        self.environment |= {
            "DOSSIER_LOG": self.log,
            "KEYS": f"{LOG}.keys",
            "VIEWS": VIEWS,
            "STATE": "dossier-state",
            "PARTITION": "0",
        }
        self.stack = ExitStack()
        self.tools: dict[str, str] = {}
        """Name → script of a tool of others that a page uses."""

    def path(self, name: str) -> Path:
        """Of a file of the folder."""
        return self.folder / name

    def start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        """A process that talks by pipes; it is killed when the case is over."""
        pipe = subprocess.PIPE
        environment = {**os.environ, **self.environment}
        process = self.stack.enter_context(
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment, cwd=self.folder)
        )
        self.stack.callback(process.kill)
        return process

    def program(self, *arguments: str) -> subprocess.Popen[str]:
        """`dossier` in a process of its own."""
        return self.start([str(Path(sys.executable).with_name("dossier")), *arguments])

    def hold(self, name: str, script: str = HOLD_SQLITE) -> None:
        """Another process keeps the lock of a file; its number is in `PROCESS`."""
        process = self.start([sys.executable, "-c", script, str(self.path(name))])
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        self.environment |= {"PROCESS": str(process.pid), "DOSSIER_LOCK_TIMEOUT": "1"}

    def move(self, folder: str, *names: str) -> None:
        """Files of the case into a folder of it."""
        to = self.path(folder)
        to.mkdir(exist_ok=True)
        for name in names:
            if self.path(name).exists():
                self.path(name).rename(to / Path(name).name)

    def copy(self, folder: str, *names: str) -> None:
        """Copies of files of the case into a folder of it."""
        to = self.path(folder)
        to.mkdir(exist_ok=True)
        for name in names:
            shutil.copy(self.path(name), to)


class Case(NamedTuple):
    """How it is made, and the command that names the code, or what a process said of it.

    `still_held`: whose dossiers are there after the page was followed. `within`: what this program is by then.
    """

    make: Callable[[Place], None]
    shown_by: tuple[str, ...] | Callable[[Place], str] = DOCTOR
    still_held: tuple[str, ...] = UNITS
    within: Callable[[], AbstractContextManager[None]] = nullcontext


def line(unit: str) -> str:
    """The command that opens a unit's dossier, as a line of JSON."""
    return _COMMAND.format(unit=unit)


def record(terminal: Terminal, unit: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """By another program on the same log, which has no read models."""
    with Application(load({"DOSSIER_LOG": terminal.log}), clock=clock) as application:
        (answer,) = application.handler.handle([read_command(line(unit))])
    assert answer.outcome == "accepted", answer


def three_dossiers(terminal: Terminal) -> None:
    """The log that every case begins with, and read models of it."""
    for unit in UNITS:
        terminal.run(*OPEN, unit)
    terminal.run("status")
