"""Cases about the machine around a log, its disk and its releases, and about the demonstration."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

from tests.infra.runbook.case import HOLD_FILE, LOG, Case, Place, record
from tests.support.newer_release import newer_release

_MEGABYTE: Final = 1_000_000
_NEWER: Final = """#!{python}
import sys
sys.path.insert(0, {root!r})
from infra.cli.main import main
from tests.support.newer_release import newer_release
with newer_release("DossierOpened"):
    sys.exit(main())
"""
_ROOT: Final = Path(__file__).parents[3]


def _little_room(place: Place) -> None:
    """What takes the room is an old export, which nobody needs."""
    export = place.path("old-export.tar")
    with export.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 4000 * _MEGABYTE)
    free = shutil.disk_usage(place.folder).free // _MEGABYTE
    place.environment["DOSSIER_FREE_DISK"] = str(free + 2000)


def _state_unreadable(place: Place) -> None:
    state = place.path("dossier-state")
    state.mkdir(exist_ok=True)
    (state / "halted-webhooks.json").write_text("no state any more")


def _full(place: Place) -> str:
    """What is said when the answer goes to a disk that is full."""
    program = str(Path(sys.executable).with_name("dossier"))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [program, "status"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **place.environment},
            cwd=place.folder,
            check=False,
        )
    assert done.returncode == 4
    return done.stderr


def _commands_not_written(place: Place) -> str:
    return place.run("demo", "--commands", "/dev/full", code=4).err


def _newer_release(place: Place) -> None:
    """It recorded a fact in a form that this one does not know; it is installed in the folder `newer`."""
    with newer_release("DossierOpened"):
        record(place, "04642")
    program = place.path("newer") / "dossier"
    program.parent.mkdir()
    program.write_text(_NEWER.format(python=sys.executable, root=str(_ROOT)))
    program.chmod(0o755)


def _demonstrating(place: Place) -> None:
    place.hold("demo.sqlite.demo", HOLD_FILE)


def _demo(place: Place) -> str:
    return place.run("demo", "--log", f"sqlite:///{place.path('demo.sqlite')}", code=4).err


def _webhooks_ended(place: Place) -> None:
    """With an error that was mended since; nobody has started them again."""
    place.move("elsewhere", LOG)
    place.run("decisions", "webhooks", "run", code=4)
    place.path("elsewhere").joinpath(LOG).rename(place.path(LOG))


MACHINE_CASES: Final[dict[str, Case]] = {
    "COMMANDS_NOT_WRITTEN": Case(lambda _: None, _commands_not_written),
    "DEMO_RUNNING": Case(_demonstrating, _demo),
    "DISK_LOW": Case(_little_room, ("doctor",)),
    "OUTPUT_UNWRITABLE": Case(lambda _: None, _full),
    "STATE_UNUSABLE": Case(_state_unreadable, ("doctor",)),
    "PROCESS_HALTED": Case(_webhooks_ended, ("doctor",)),
    "UNKNOWN_SCHEMA": Case(_newer_release, ("status",), within=partial(newer_release, "DossierOpened")),
}
