"""`dossier rebuild`, killed with SIGKILL at random points and begun again, until it is through.

The process and those that it started are killed together. Then the rows must be those of a rebuild that nobody
disturbed, the live rows must have answered all the time, and the books must be complete.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.bootstrap import Application
from infra.settings import load
from projections.engine.comparison import content
from projections.engine.generations import GenerationState, generation_in
from projections.engine.verification import verify
from tests.support.workload import lines

_PATIENCE = 5
"""So many times the kills that were asked for, until one has left a build unfinished: else they prove nothing."""

_JOBS = (1, 2)
"""In this process, or in two of its own."""


@dataclass(slots=True)
class Report:
    """What a run found. `wrong` holds what must not be, in words; it is empty when all is well."""

    seed: int
    store: str
    kills: int = 0
    left_unfinished: int = 0
    continued: int = 0
    rebuilds: int = 0
    events: int = 0
    wrong: list[str] = field(default_factory=list)


def run(folder: Path, *, kills: int, seed: int, views: str | None = None, dossiers: int = 100) -> Report:
    """Kill `kills` rebuilds at random points; after each one look, and after each that got through compare.

    `views`: where the read models are, else a file in the folder.
    """
    rng = random.Random(seed)
    where = {"DOSSIER_LOG": f"sqlite:///{folder}/log.sqlite", "DOSSIER_VIEWS": views or f"sqlite:///{folder}/v.sqlite"}
    report = Report(seed, "postgres" if views else "sqlite")
    _fill(folder, where, dossiers)
    expected = _hashes(where)
    whole_life = {jobs: _life(where, jobs, None)[0] for jobs in _JOBS}
    while report.kills < kills or (not report.left_unfinished and report.kills < _PATIENCE * kills):
        jobs = rng.choice(_JOBS)
        # From the start of the program to just after its end, however fast the machine is.
        seconds, answer = _life(where, jobs, rng.uniform(0.2, 1.1) * whole_life[jobs])
        if answer is None:
            report.kills += 1
            if _unfinished(where):
                report.left_unfinished += 1
            else:
                # Perhaps it had not begun: on a machine that has become slower, later ones are killed later.
                whole_life[jobs] *= 1.1
        else:
            whole_life[jobs] = seconds
            _through(report, answer)
        _look(report, where, expected)
    _through(report, _life(where, 1, None)[1] or [])
    _look(report, where, expected)
    return report


def _fill(folder: Path, where: dict[str, str], dossiers: int) -> None:
    """A log, and read models with an old generation of each."""
    file = folder / "commands.jsonl"
    file.write_text("\n".join(lines(dossiers)) + "\n", encoding="utf-8")
    subprocess.run([_dossier(), "apply", str(file)], check=True, env={**os.environ, **where}, capture_output=True)
    with Application(load(where)) as application:
        application.engine.catch_up()


def _dossier() -> str:
    return str(Path(sys.executable).with_name("dossier"))


def _life(where: dict[str, str], jobs: int, seconds: float | None) -> tuple[float, list[Any] | None]:
    """One rebuild of all; how long it took, and what it answered, or None when it was killed before that."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [_dossier(), "rebuild", "--all", "--json", f"--jobs={jobs}"],
        env={**os.environ, **where},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return time.monotonic() - begun, None
    return time.monotonic() - begun, json.loads(out)


def _through(report: Report, answer: list[Any]) -> None:
    report.rebuilds += 1
    report.continued += sum(each["continued"] for each in answer)
    for each in answer:
        report.events = each["events"]
        if each["comparison"] is not None and not each["comparison"]["equal"]:
            report.wrong.append(f"{each['projection']} differs from what was served: {each['comparison']}")


def _look(report: Report, where: dict[str, str], expected: dict[str, str]) -> None:
    """What a reader sees now: whole rows, and complete books."""
    found = _hashes(where)
    if found != expected:
        differs = [name for name in expected if found.get(name) != expected[name]]
        report.wrong.append(f"after {report.kills} kills: {differs} read otherwise")
    with Application(load(where)) as application, application.engine.reading() as snapshot:
        report.wrong += [
            finding.message() for each in verify(application.engine, snapshot) for finding in each.findings
        ]


def _unfinished(where: dict[str, str]) -> bool:
    """Whether a killed rebuild left a build for the next one to continue."""
    with Application(load(where)) as application, application.views.reading() as reader:
        return any(generation_in(reader, name, GenerationState.BUILDING) for name in application.engine.projections)


def _hashes(where: dict[str, str]) -> dict[str, str]:
    """Table → the hash of its live rows."""
    with Application(load(where)) as application, application.engine.reading() as snapshot:
        return {
            table: side.hash
            for build in snapshot.builds.values()
            for table, side in content(snapshot.reader, build).items()
        }
