"""`dossier apply`, killed with SIGKILL at random points and given the same file again, until it has handled it all."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.avro.codec import decode
from tests.support.workload import lines


@dataclass(slots=True)
class Report:
    """What a run found. `wrong` holds what must not be, in words; it is empty when all is well."""

    seed: int
    kills: int = 0
    commands: int = 0
    accepted: int = 0
    refused: int = 0
    answered_before_a_kill: int = 0
    wrong: list[str] = field(default_factory=list)


def commands(rng: random.Random, dossiers: int) -> list[str]:
    """Whole ways with refused and repeated commands among them."""
    made: list[str] = []
    for line in lines(dossiers):
        made.append(line)
        chance = rng.random()
        if chance < 0.05:
            made.append(rng.choice(made[-50:]))
        elif chance < 0.1:
            made.append(_out_of_order(json.loads(line), rng))
    return made


def _out_of_order(envelope: dict[str, Any], rng: random.Random) -> str:
    if isinstance(envelope["dossier"], str):
        return json.dumps(envelope, ensure_ascii=False)
    envelope |= {"command": "SumUpResults", "data": {}, "command_id": _random_id(rng)}
    envelope["actor"] = {"person": "Lê Văn Sơn", "agency": "so-tttt", "role": "standing_agency"}
    return json.dumps(envelope, ensure_ascii=False)


def _random_id(rng: random.Random) -> str:
    bits = f"{rng.getrandbits(128):032x}"
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-8{bits[17:20]}-{bits[20:]}"


def run(folder: Path, *, kills: int, seed: int, dossiers: int = 60) -> Report:
    """Kill `kills` processes at random points, let the last one finish, then check the log and all answers."""
    rng = random.Random(seed)
    report = Report(seed)
    file, log = folder / "commands.jsonl", folder / "log.sqlite"
    given = commands(rng, dossiers)
    report.commands = len(given)
    file.write_text("\n".join(given) + "\n", encoding="utf-8")
    whole_life = _life(file, log, folder / "undisturbed.jsonl", None) or 0.0
    _begin_again(folder)
    seen: list[list[str]] = []
    while report.kills < kills or not report.answered_before_a_kill:
        answers = folder / f"answers-{report.kills}.jsonl"
        # From before the first batch to just after the last; every other one once it has answered, and others may load
        # the machine as they like.
        answering = report.kills % 2 == 1
        share = rng.uniform(0.0, 0.3) if answering else rng.uniform(0.2, 1.1)
        ended_after = _life(file, log, answers, share * whole_life, answering=answering)
        if ended_after is not None:
            whole_life = ended_after
            _begin_again(folder)
            seen.clear()
            continue
        report.kills += 1
        seen.append(_whole_lines(answers))
        report.answered_before_a_kill += len(seen[-1])
    final = folder / "answers.jsonl"
    _life(file, log, final, None)
    _check(report, given, seen, _whole_lines(final), log)
    return report


def _begin_again(folder: Path) -> None:
    """The keys go too: where they stay, a log was lost, and no new one is begun."""
    for file in folder.glob("log*"):
        if file.is_file():
            file.unlink()
        else:
            shutil.rmtree(file)


def _life(file: Path, log: Path, answers: Path, seconds: float | None, *, answering: bool = False) -> float | None:
    """One process, killed after `seconds` (None: never); how long it took if it ended by itself, else None.

    `answering`: these seconds begin with its first answer.
    """
    command = [str(Path(sys.executable).with_name("dossier")), "--log", f"sqlite:///{log}", "apply", str(file)]
    begun = time.monotonic()
    with answers.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        while answering and process.poll() is None and not _whole_lines(answers):
            time.sleep(0.01)
        try:
            process.wait(seconds)
            return time.monotonic() - begun
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return None


def _whole_lines(answers: Path) -> list[str]:
    return [line.decode() for line in answers.read_bytes().split(b"\n")[:-1]]


def _check(report: Report, given: list[str], seen: list[list[str]], final: list[str], log: Path) -> None:
    """Each command acted once; each answer that anybody saw is the answer that stands."""
    if len(final) != len(given):
        report.wrong.append(f"{len(given)} commands have {len(final)} answers")
    answers = [json.loads(line) for line in final]
    for command, answer in zip(map(json.loads, given), answers, strict=False):
        if command["command_id"] != answer["command_id"]:
            report.wrong.append(f"{command['command_id']} is answered as {answer['command_id']}")
    for life in seen:
        for place, line in enumerate(life):
            if line != final[place]:
                report.wrong.append(f"answer {place} was {line}, is {final[place]}")
    acted = _acted(log)
    accepted = {answer["command_id"]: answer for answer in answers if answer["ok"]}
    report.accepted, report.refused = len(accepted), sum(not answer["ok"] for answer in answers)
    for command_id, positions in acted.items():
        if len(positions) != 1:
            report.wrong.append(f"{command_id} acted at {positions}")
        elif command_id not in accepted or accepted[command_id]["position"] != positions[0]:
            report.wrong.append(f"{command_id} acted at {positions[0]}, its answer says otherwise")
    report.wrong += [f"{command_id} is answered but not in the log" for command_id in accepted.keys() - acted.keys()]


def _acted(log: Path) -> dict[str, list[int]]:
    """Command id → the positions of its events, read without the project's log code."""
    acted: dict[str, list[int]] = {}
    connection = sqlite3.connect(log)
    rows = connection.execute("SELECT rowid, topic, state FROM stored_events ORDER BY rowid").fetchall()
    connection.close()
    for position, topic, state in rows:
        acted.setdefault(decode(topic, state)["command_id"], []).append(position)
    gaps = Counter(number - position for number, (position, _, _) in enumerate(rows, start=1))
    if set(gaps) - {0}:
        acted["positions are not dense"] = []
    return acted
