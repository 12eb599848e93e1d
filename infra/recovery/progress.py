"""What a recovery has to remember until its end: who is lost, and what is given again, written before anything changes.

    <state>/recovery.json              the folder of the recovery that is under way; removed at its end
    <state>/recovered-<moment>/
        lost-1.json                    every lost command by its id, and what becomes of it
        again-1.jsonl                  the commands that are given again, as `dossier apply` takes them

A recovery that was broken off goes on in its folder. What it finds then beyond what stands there already, as in an
index that somebody names only now, is written beside it, with the next number. The folder stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from infra.recovery.lost import LostCommand
from infra.state_files import StateUnusable, read_state, remove_state, write_state

_NAME: Final = "recovery.json"


class RecoveryProgress:
    """The recovery that is under way in a folder of state, if there is one. Raises StateUnusable."""

    def __init__(self, state: Path) -> None:
        self._path = state / _NAME
        contents = read_state(self._path)
        self.folder: Path | None = None
        try:
            if contents is not None:
                self.folder = state / str(json.loads(contents)["folder"])
        except (ValueError, KeyError, TypeError) as error:
            raise StateUnusable(path=str(self._path), reason=str(error)) from error

    def known(self) -> dict[str, bool]:
        """The ids that were written down before → whether each is an acknowledged fact that stays lost."""
        found: dict[str, bool] = {}
        for path in self._files("lost-*.json"):
            for each in json.loads(read_state(path) or "[]"):
                found[each["command_id"]] = each["stays_lost"]
        return found

    def lines(self) -> list[str]:
        """All commands that are given again, in their order."""
        return [line for path in self._files("again-*.jsonl") for line in (read_state(path) or "").splitlines() if line]

    def begin(self, commands: Sequence[LostCommand], lost: Sequence[LostCommand], now: datetime) -> Path:
        """Write down what was not written down before, durably, and that a recovery is under way; its folder.

        `lost`: those of the commands that stay lost. What waits in the queue is handled from there.
        """
        if self.folder is not None and not commands:
            return self.folder
        folder = self.folder or self._path.with_name(f"recovered-{now:%Y%m%dT%H%M%S%f}")
        number = len([*folder.glob("lost-*.json")]) + 1
        ids = {each.command_id for each in lost}
        rows = [{**each.as_json(), "stays_lost": each.command_id in ids} for each in commands]
        again = "\n".join(each.line for each in commands if each.line is not None and not each.waits)
        write_state(folder / f"again-{number}.jsonl", again)
        write_state(folder / f"lost-{number}.json", json.dumps(rows, ensure_ascii=False, indent=1))
        write_state(self._path, json.dumps({"folder": folder.name}))
        self.folder = folder
        return folder

    def end(self) -> None:
        """It came to its end; what was written down stays."""
        remove_state(self._path)

    def _files(self, pattern: str) -> list[Path]:
        if self.folder is None:
            return []
        return sorted(self.folder.glob(pattern), key=lambda path: int(path.stem.rpartition("-")[2]))
