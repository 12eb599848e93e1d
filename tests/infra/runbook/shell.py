"""A shell in which a page is followed: `dossier` answers in this process, since to start it takes longer than it works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from select import select
from typing import Final

from tests.infra.runbook.case import Place

_PROGRAM: Final = Path(sys.executable).with_name("dossier")
_ASK: Final = f"""#!/bin/bash
case "$*" in
    worker* | projector* | publisher* | *"webhooks run"*) exec {_PROGRAM} "$@" ;;
esac
place=$(mktemp -d "$ASKED_IN/XXXXXX")
mkfifo "$place/code"
printf '%s\\0' "$@" > "$place/arguments"
echo "$place" > "$ASKED_IN/asked"
read -r code < "$place/code"
cat "$place/out"
cat "$place/err" >&2
exit "$code"
"""
"""Asks the process that reads the FIFO `asked`. What runs until it is stopped is a process of its own."""


def follow(place: Place, commands: Sequence[str]) -> None:
    """In one shell, as a person would; the first that fails ends it."""
    own = place.folder.with_name(f"{place.folder.name}-asked")
    own.mkdir()
    (own / "dossier").write_text(_ASK)
    (own / "dossier").chmod(0o755)
    os.mkfifo(own / "asked")
    asked = os.open(own / "asked", os.O_RDWR)
    environment = {**os.environ, **place.environment, "ASKED_IN": str(own)}
    environment["PATH"] = f"{own}:{environment['PATH']}"
    script, told = "set -eu\n" + "\n".join(commands), own / "told"
    try:
        with (
            told.open("w") as to,
            subprocess.Popen(
                ["bash", "-xc", script], cwd=place.folder, env=environment, stdout=to, stderr=subprocess.STDOUT
            ) as shell,
        ):
            while shell.poll() is None:
                if select([asked], [], [], 0.02)[0]:
                    for line in os.read(asked, 1 << 16).decode().splitlines():
                        _answer(place, Path(line))
    finally:
        os.close(asked)
    assert shell.returncode == 0, told.read_text()[-4000:]


def _answer(place: Place, asked: Path) -> None:
    arguments = (asked / "arguments").read_text().split("\0")[:-1]
    said = place.ask(*arguments)
    (asked / "out").write_text(said.out)
    (asked / "err").write_text(said.err)
    with (asked / "code").open("w") as code:
        code.write(f"{said.code}\n")
