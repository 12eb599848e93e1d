"""A shell in which a page is followed. `dossier` answers in this process, for it takes longer to start than to work."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from select import select
from typing import Final

from tests.infra.runbook.case import Place
from tests.support.waiting import GUARD

_PROGRAM: Final = Path(sys.executable).with_name("dossier")
_SET: Final = ("DOSSIER_LOG", "DOSSIER_DECISIONS", "DOSSIER_VIEWS")
_ON_KAFKA: Final = re.compile(r"^## (?:On|Trên) Kafka\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
_ASK: Final = f"""#!/bin/bash
case "$*" in
    worker* | projector* | publisher* | *"webhooks run"*) exec {_PROGRAM} "$@" ;;
esac
place=$(mktemp -d "$ASKED_IN/XXXXXX")
mkfifo "$place/code"
printf '%s\\0' "$DOSSIER_LOG" "${{DOSSIER_DECISIONS:-}}" "${{DOSSIER_VIEWS:-}}" "$@" > "$place/arguments"
echo "$place" > "$ASKED_IN/asked"
read -r code < "$place/code"
cat "$place/out"
cat "$place/err" >&2
exit "$code"
"""
"""Asks the process that reads the FIFO `asked`. What runs until it is stopped is a process of its own."""


def commands_of(text: str, *, on_kafka: bool = False) -> list[str]:
    """What is typed, by a page: by its part about Kafka, where it has one, or by all of the rest."""
    part = _ON_KAFKA.search(text)
    if part is not None:
        text = part[0] if on_kafka else text.replace(part[0], "")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def follow(place: Place, commands: Sequence[str]) -> None:
    """In one shell, as a person would; the first that fails ends it."""
    own = place.folder.with_name(f"{place.folder.name}-asked")
    own.mkdir()
    for name, text in {"dossier": _ASK, **place.tools}.items():
        (own / name).write_text(text)
        (own / name).chmod(0o755)
    os.mkfifo(own / "asked")
    asked = os.open(own / "asked", os.O_RDWR)
    environment = {**os.environ, **place.environment, "ASKED_IN": str(own)}
    environment["PATH"] = f"{own}:{environment['PATH']}"
    script, told = "set -eu\n" + "\n".join(commands), own / "told"
    try:
        with (
            told.open("w") as to,
            subprocess.Popen(
                ["bash", "-xc", script],
                cwd=place.folder,
                env=environment,
                stdout=to,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as shell,
        ):
            # What the page starts goes on until the case is over.
            place.stack.callback(_end, shell.pid)
            guard = time.monotonic() + GUARD
            while shell.poll() is None and time.monotonic() < guard:
                if select([asked], [], [], 0.02)[0]:
                    for line in os.read(asked, 1 << 16).decode().splitlines():
                        _answer(place, Path(line))
            if shell.poll() is None:
                _end(shell.pid)
    finally:
        os.close(asked)
    assert shell.returncode == 0, told.read_text()[-4000:]


def _end(session: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


def _answer(place: Place, asked: Path) -> None:
    *values, end = (asked / "arguments").read_text().split("\0")
    assert end == ""
    # What a page exports counts from then on.
    place.environment |= dict(zip(_SET, values, strict=False))
    said = place.ask(*values[len(_SET) :])
    (asked / "out").write_text(said.out)
    (asked / "err").write_text(said.err)
    with (asked / "code").open("w") as code:
        code.write(f"{said.code}\n")
