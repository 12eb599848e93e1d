"""A backup of a million events from an embedded log, verified, and put back: events a second, and the memory it takes.

Twice: fifty events in each record, as a busy worker groups them; and, on a shorter log, one in each, as a person's
commands are recorded one by one, which costs a signature for each event. Each step runs in a process of its own, so
that its memory can be told; "in the room of" compares its peak with that of a tenth of the log. Signatures are verified
in every step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from eventsourcing.persistence import Notification

from infra.backup.folder import FolderStorage
from infra.backup.restoring_embedded import restore_embedded
from infra.backup.verifying import verify
from infra.backup.writing import BackupTold, take_backup
from infra.log.format import Append, Format, RecordedOutcome, encode_append, encode_body, event_rows, seal
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.source import SQLiteSource
from infra.sqlite_file import writing
from tests.benchmarks.rebuild import _repeated
from tests.benchmarks.results import Results
from tests.support.workload import events

LENGTH: Final = 1_000_000
_PARTS: Final = 10
_DOSSIERS: Final = 173
_GROUPS: Final = {1: LENGTH // 5, 50: LENGTH}
"""Events in each record → events in the log: the rate of the first is the same at any length."""
_AT_ONCE: Final = 5000
_WITHIN_SECONDS: Final = 120
_MEMORY_GROWTH: Final = 1.2
_STEPS: Final = ("backup", "verify-backup", "restore")


def run(results: Results, folder: Path) -> None:
    """Every step, on logs of records of one event and of many."""
    stored = tuple(event for event in events(folder / "events", _DOSSIERS) if event.topic != "CouncilEstablished")
    for group, length in _GROUPS.items():
        peaks: dict[str, float] = {}
        for part in (length // _PARTS, length):
            place = folder / f"{group}-{part}"
            fill(place / "log.sqlite", _repeated(stored, part), group)
            for step in _STEPS:
                title = f"{step}, {part:,} events, {group} in a record"
                found = _measured(step, place)
                if part == length:
                    rate, peer = length / found["seconds"], LENGTH / _WITHIN_SECONDS
                    results.compare(title, rate, "events/s", peer="a million in two minutes", peer_value=peer, aim=1.0)
                    _report_memory(results, title, peaks[step], found["peak"])
                peaks[step] = found["peak"]


def _report_memory(results: Results, title: str, smaller: float, peak: float) -> None:
    results.compare(
        f"{title}: memory in the room of a tenth of the log",
        smaller,
        "MiB",
        peer="all of it",
        peer_value=peak,
        aim=round(1 / _MEMORY_GROWTH, 3),
    )


def fill(path: Path, made: Iterator[Notification], group: int) -> None:
    """A log of records that one writer signed, each of so many events."""
    path.parent.mkdir(parents=True)
    source = SQLiteSource(path)
    opened = PartitionHandle(source)
    opened.close()
    state, signer = opened.partition.state, source.keys.writer()
    head, number, position = state.head, state.number, state.position
    with closing(source.connect()) as connection:
        while some := [*islice(made, _AT_ONCE * group)]:
            rows = []
            for start in range(0, len(some), group):
                events_ = event_rows(some[start : start + group])
                body = encode_body(
                    "benchmark", [encode_append(Append(os.urandom(16), RecordedOutcome.EVENTS, events_))]
                )
                value = seal(state.place, signer, Format.APPENDS, (head, number + 1, position, len(events_)), body)
                rows.append((number, value, 1_700_000_000_000 + number))
                head, number, position = sha256(value).digest(), number + 1, position + len(events_)
            with writing(connection):
                connection.executemany("INSERT INTO records VALUES (?,?,?)", rows)
    # The index is filled.
    PartitionHandle(SQLiteSource(path)).close()


def _measured(step: str, place: Path) -> dict[str, float]:
    """One step in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.backup", step, str(place)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _backup(place: Path) -> None:
    told = BackupTold(datetime.now(UTC), "benchmark")
    take_backup(FolderStorage(place / "backup"), [SQLiteSource(place / "log.sqlite")], told)


def _verify(place: Path) -> Any:
    storage = FolderStorage(place / "backup")
    with storage.reading():
        return verify(storage)


def _restore(place: Path) -> None:
    storage = FolderStorage(place / "backup")
    with storage.reading():
        restore_embedded(storage, verify(storage).manifest, SQLiteSource(place / "restored.sqlite"))


def main(step: str, place: Path) -> None:
    """Run a step, and print its seconds and its peak memory in MiB."""
    begun = perf_counter()
    {"backup": _backup, "verify-backup": _verify, "restore": _restore}[step](place)
    seconds = perf_counter() - begun
    print(json.dumps({"seconds": seconds, "peak": _peak()}))


def _peak() -> float:
    """In MiB. What `getrusage` tells of a process begins with the size of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
