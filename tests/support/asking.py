"""A process that may write only what is its own, and asks questions about a log: `FOLDER LOG`, questions on its input.

Each line of the input is the list of a command's arguments in JSON, each line of the output `[exit code, out, err]`.
Whoever runs as root reads and writes whatever the rights are, so that right is given up before.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.terminal import Said, Terminal

_PR_CAPBSET_DROP = 24
_OVERRIDES = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: to read and write whatever the rights say."""


def ask_without_rights(folder: Path, log: Path, questions: Sequence[Sequence[str]]) -> list[Said]:
    """Ask in a process of its own, whose own files are in `folder`; the folder of `log` must refuse to be written."""
    command = [sys.executable, "-m", "tests.support.asking", str(folder), str(log)]
    given = "".join(f"{json.dumps(question)}\n" for question in questions)
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, preexec_fn=_give_up_rights
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Said(*json.loads(line)) for line in done.stdout.splitlines()]


def _give_up_rights() -> None:
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in _OVERRIDES:
            if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "root keeps its rights")


def main() -> None:
    """See the module."""
    folder, log = map(Path, sys.argv[1:])
    try:
        (log.parent / "written").touch()
    except PermissionError:
        pass
    else:
        raise SystemExit("the folder of the log can be written")
    terminal = Terminal(folder)
    terminal.environment["DOSSIER_LOG"] = f"sqlite:///{log}"
    for line in sys.stdin:
        said = terminal.ask(*json.loads(line))
        sys.stdout.write(json.dumps([said.code, said.out, said.err]) + "\n")


if __name__ == "__main__":
    main()
