"""What a run of the whole system under faults found, and how its figures are told from what it left behind."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.fault.evidence import Evidence, accepted
from tests.fault.memory import Usage


@dataclass(slots=True)
class Report:
    """What a run found. `wrong` holds what must not be, in words; it is empty when all is well.

    unknown         commands to which a client that ended had heard no answer; `resolved` says what became of them
    appends         records whose acknowledgement did not come, and how many of their commands stood in the log
    second_workers  spells of two workers on one partition, those in which both appended, and what the second one did
    gone            acknowledged commands that the log had lost, and that are in it again
    silence         the longest time in seconds in which no partition took a record, but for those in which all stood
                    still: brokers that were killed or cut, and a record that was to be voided
    memory          name of a process → its own memory in MiB in each quarter, and the last to the second
    """

    seed: int
    nodes: int
    faults: Counter[str] = field(default_factory=Counter)
    pauses: dict[str, Any] = field(default_factory=dict)
    second_workers: dict[str, int] = field(default_factory=dict)
    commands: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    resolved: Counter[str] = field(default_factory=Counter)
    appends: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    late_records: int = 0
    gone: int = 0
    silence: float = 0.0
    memory: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Counter) else value


def together(spells: list[tuple[subprocess.Popen[bytes], int]], writers: list[list[str]]) -> dict[str, int]:
    """What second workers appended, and in how many spells the first one did so between two records of theirs."""
    figures = {"spells": len(spells), "both_appended": 0, "records": 0}
    for process, partition in spells:
        own = [place for place, writer in enumerate(writers[partition]) if f"/{process.pid}/" in writer]
        figures["records"] += len(own)
        figures["both_appended"] += bool(own) and len(own) < own[-1] - own[0] + 1
    return figures


def unacknowledged(folder: Path) -> Counter[str]:
    """From the workers' logs: appends without an acknowledgement, and what the log said about each."""
    found: Counter[str] = Counter()
    for file in folder.glob("*worker*.log"):
        for line in file.read_text(encoding="utf-8").splitlines():
            if '"append.resolved"' in line:
                told = json.loads(line)
                found["records without an acknowledgement"] += 1
                found["their appends found in the log"] += told["found"]
                found["their appends not there: sent again on the new head"] += told["appends"] - told["found"]
    return found


def silence(found: Sequence[Evidence], still: Sequence[tuple[float, float]]) -> float:
    """The longest time without a record that counts, outside of `still`: begins and ends in seconds since 1970."""
    times = sorted(each.times["log"][record.offset] for each in found for record in accepted(each)[0])
    gaps = (
        after - before
        for before, after in pairwise(times)
        if not any(before <= end and after >= begin for begin, end in still)
    )
    return round(max(gaps, default=0.0), 1)


def memory(usage: Mapping[str, Usage]) -> dict[str, dict[str, Any]]:
    """Plain values."""
    return {
        name: {"quarters": [round(each, 1) for each in use.quarters], "growth": round(use.growth, 3)}
        for name, use in usage.items()
    }
