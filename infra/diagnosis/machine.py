"""What the doctor asks of this machine: free disk, its clock, and the last errors of processes that halted here."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consumers.commands.recording_clock import TOLERANCE, clock_wrong, shown
from domain.i18n import pair
from infra.clock import is_synchronised
from infra.diagnosis.findings import DiskLow, ProcessHalted
from infra.diagnosis.halts import Halt, halts
from infra.diagnosis.report import Report

if TYPE_CHECKING:
    from infra.bootstrap import Application

_MEGABYTE: Final = 1_000_000


def look_at_disks(report: Report, folders: Iterable[Path], least: int) -> None:
    """How much is free where these folders are; `least` is in megabytes."""
    found: dict[str, int] = {}
    for folder in dict.fromkeys(folders):
        there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
        note_disk(report, found, str(folder), shutil.disk_usage(there).free, least)
    report.facts.setdefault("disks", {}).update(found)


def note_disk(report: Report, found: dict[str, int], name: str, free: int, least: int) -> None:
    """Note how many bytes are free on a disk, in megabytes."""
    found[name] = free // _MEGABYTE
    if found[name] < least:
        report.add(DiskLow(disk=name, free=found[name], least=least))


def look_at_clock(report: Report, now: datetime, known: datetime | None) -> None:
    """Compare this computer's clock with the last moment that is known of the log: it cannot be before that."""
    report.facts["clock"] = {"now": now, "known": known, "synchronised": is_synchronised()}
    if known is not None and known - now > TOLERANCE:
        report.add(clock_wrong(now, pair("the log was last appended to at"), known))


class WorkDone(NamedTuple):
    """How far the work has gone, whoever did it.

    `handled`: partition → the first command that is not handled; `appended`: partition → when a worker appended last;
    `projected`: whether the read models are at the log's end.
    """

    handled: Mapping[int, int] = MappingProxyType({})
    appended: Mapping[int, datetime] = MappingProxyType({})
    projected: bool = False

    def is_beyond(self, halt: Halt) -> bool:
        """Whether somebody has done what a process halted at."""
        if halt.process == "projector" and self.projected:
            return True
        if halt.partition is None or halt.process != "worker":
            return False
        if halt.next_command is not None:
            return self.handled.get(halt.partition, 0) > halt.next_command
        # It had not come as far as to know where the work was.
        return halt.partition in self.appended and self.appended[halt.partition] > halt.tried


def look_at_halts(report: Report, application: Application, progress: WorkDone) -> None:
    """Who halted on this machine. What somebody else has done meanwhile is no longer wrong."""
    found = halts(application.settings.state_dir)
    report.facts["halted"] = [_as_json(each) for each in found]
    for each in found:
        if progress.is_beyond(each):
            continue
        place = {} if each.partition is None else {"partition": each.partition}
        report.add(
            ProcessHalted(
                process=each.process,
                error=each.code,
                since=shown(each.since),
                tried=shown(each.tried),
                reason=each.reason,
                hint=each.hint,
            ),
            **place,
        )


def _as_json(halt: Halt) -> dict[str, Any]:
    return {**halt._asdict(), "reason": halt.reason.en, "hint": halt.hint.en}
