"""The embedded log beside the library's bare SQLite recorder, with the same events; `dossier apply` from end to end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from consumers.commands.ports import CommandKey, CommandOutcome
from tests.benchmarks.results import Measured, Results, call_concurrently
from tests.support.workload import application, events, lines

_DOSSIERS = 173
_CALLERS = (1, 16)
_GROUP = 256
_TURNS = 7


def run(results: Results, folder: Path) -> None:
    """Appends one by one and in groups; then commands a second from a file to their durable answers."""
    stored = events(folder / "events", _DOSSIERS)
    bare = {callers: _bare(folder / f"bare-{callers}", stored, callers) for callers in _CALLERS}
    for callers in _CALLERS:
        _report(results, f"library SQLite recorder, {callers} callers", bare[callers])
    _report(results, "embedded log, one event an append, 1 caller", _ours(folder / "ours-1", stored, 1))
    grouped = _ours(folder / "ours-group", stored, _GROUP)
    results.add(f"embedded log, {_GROUP} decisions an append", grouped.rate * _GROUP, "events/s")
    _beside_apply(results, folder, stored)


def _beside_apply(results: Results, folder: Path, stored: tuple[Notification, ...]) -> None:
    """By turns, since how long a disk takes to make a commit durable changes from minute to minute."""
    bare, ours = [], []
    for turn in range(_TURNS):
        bare.append(_bare(folder / f"turn-{turn}", stored, 1).rate)
        ours.append(_apply(folder / f"apply-{turn}"))
    results.compare(
        f"dossier apply, the process and its start included, median of {_TURNS}",
        median(ours),
        "commands/s",
        peer="library SQLite recorder, 1 caller, appends/s, by turns",
        peer_value=median(bare),
        aim=1.0,
    )


def _bare(folder: Path, stored: tuple[Notification, ...], callers: int) -> Measured:
    folder.mkdir(parents=True)
    datastore = SQLiteDatastore(str(folder / "log.sqlite"), lock_timeout=60)
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    calls: list[Callable[[], object]] = [
        partial(
            recorder.insert_events,
            [StoredEvent(event.originator_id, event.originator_version, event.topic, event.state)],
        )
        for event in stored
    ]
    measured = call_concurrently(calls, callers)
    datastore.close()
    return measured


def _ours(folder: Path, stored: tuple[Notification, ...], group: int) -> Measured:
    folder.mkdir(parents=True)
    with application(folder) as made:
        log = made.sqlite_log
        decisions = [
            CommandOutcome(CommandKey(event.originator_id.bytes[:6], UUID(int=event.id)), b"\0" * 32, "{}", (event,))  # type: ignore[union-attr]
            for event in stored
        ]
        calls: list[Callable[[], object]] = [
            partial(log.append, 0, start, decisions[start : start + group]) for start in range(0, len(decisions), group)
        ]
        return call_concurrently(calls, 1)


def _apply(folder: Path) -> float:
    """Commands a second."""
    folder.mkdir(parents=True)
    file = folder / "commands.jsonl"
    commands = list(lines(_DOSSIERS * 2))
    file.write_text("\n".join(commands) + "\n", encoding="utf-8")
    command = Path(sys.executable).with_name("dossier")
    begun = perf_counter()
    with (folder / "answers.jsonl").open("wb") as answers:
        subprocess.run(
            [command, "--log", f"sqlite:///{folder}/log.sqlite", "apply", file],
            check=True,
            stdout=answers,
            stderr=subprocess.DEVNULL,
        )
    return len(commands) / (perf_counter() - begun)


def _report(results: Results, name: str, measured: Measured) -> None:
    results.add(name, measured.rate, "appends/s")
    results.add(f"{name}, p50", measured.p50, "ms")
    results.add(f"{name}, p99", measured.p99, "ms")
