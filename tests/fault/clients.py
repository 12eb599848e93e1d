"""Clients: `dossier apply` processes that are killed and given the same file again, until it is answered."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

import psutil

from tests.fault.evidence import Evidence, accepted

_PATIENCE = {"DOSSIER_ANSWER_WITHIN": "120"}
_FILE = 300
_LIVES = 200


@dataclass(frozen=True, slots=True)
class Life:
    """One process: the file that it was given, the whole lines that it heard, and when it ended (since 1970)."""

    file: str
    heard: list[str]
    ended: float
    unknown: list[str]
    """The ids of the commands to which it heard no answer."""


class Client:
    """Gives files of commands, one after another, each until all of its answers are there."""

    def __init__(self, name: str, url: str, folder: Path, lines: list[str]) -> None:
        self.name = name
        self._url = url
        self._folder = folder
        self._files = [lines[start : start + _FILE] for start in range(0, len(lines), _FILE)]
        self.lives: list[Life] = []
        self.given = 0
        self.wrong: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._over = Event()
        self._given_up = Event()
        self._thread = Thread(target=self._run, name=name)
        self._thread.start()

    def kill(self) -> None:
        """Kill -9 of the process; the same file is given again."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()

    def finish(self) -> None:
        """Begin no further file; wait until the one under way is answered."""
        self._over.set()
        self._thread.join()

    def give_up(self) -> None:
        """Begin nothing any more, whatever is answered."""
        self._over.set()
        self._given_up.set()
        self.kill()
        self._thread.join()

    def _run(self) -> None:
        for number, lines in enumerate(self._files):
            if self._over.is_set():
                return
            file = self._folder / f"{self.name}-{number}.jsonl"
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
            self.given += len(lines)
            for life in range(_LIVES):
                self.lives.append(self._live(file, life, lines))
                if self._given_up.is_set():
                    return
                if not self.lives[-1].unknown:
                    break
            else:
                self.wrong.append(f"{file.name} was never answered")

    def _live(self, file: Path, life: int, lines: list[str]) -> Life:
        answers = file.with_suffix(f".{life}.answers")
        program = Path(sys.executable).with_name("dossier")
        environment = dict(psutil.Process().environ()) | _PATIENCE
        errors = (self._folder / f"{self.name}.log").open("ab")
        with answers.open("wb") as out, errors:
            self.process = subprocess.Popen(
                [program, "--log", self._url, "apply", str(file)], stdout=out, stderr=errors, env=environment
            )
            self.process.wait()
        ended = time.time()
        heard = [line.decode() for line in answers.read_bytes().split(b"\n")[:-1]]
        return Life(file.name, heard, ended, [json.loads(line)["command_id"] for line in lines[len(heard) :]])


def changed_answers(client: Client) -> Iterator[str]:
    """Every life of a client hears the same answers, as far as it lives."""
    longest: dict[str, list[str]] = {}
    for life in client.lives:
        known = longest.setdefault(life.file, life.heard)
        for first, again in zip(known, life.heard, strict=False):
            if first != again:
                yield f"{life.file}: {first} was answered again as {again}"
        if len(life.heard) > len(known):
            longest[life.file] = life.heard


def resolved(lives: list[Life], evidence: list[Evidence], answers: Mapping[str, bool]) -> Counter[str]:
    """How each command that was unknown to its client when that ended was settled, for each such end.

    `answers`: command id → whether it was accepted, of all that any client heard.
    """
    handled = {command_id: times for each in evidence for command_id, times in _handled(each)}
    found: Counter[str] = Counter()
    for life in lives:
        for command_id in life.unknown:
            if command_id not in answers or command_id not in handled:
                found["never answered"] += 1
                continue
            arrived, acted = handled[command_id]
            if acted < life.ended:
                how = "had been handled: answered again"
            elif arrived < life.ended:
                how = "had arrived: handled later"
            else:
                how = "had not arrived: handled when given again"
            found[how if answers[command_id] else f"{how}, refused"] += 1
    return found


def _handled(evidence: Evidence) -> Iterator[tuple[str, tuple[float, float]]]:
    """Command id → when the copy that bound it stood in the queue, and when it was handled, as the broker has it."""
    for record in accepted(evidence)[0]:
        for append in record.appends:
            if append["outcome"] in ("EVENTS", "REFUSED") and append["source"] is not None:
                arrived = evidence.times["commands"][append["source"]["offset"]]
                yield str(UUID(bytes=append["command"]["id"])), (arrived, evidence.times["log"][record.offset])
