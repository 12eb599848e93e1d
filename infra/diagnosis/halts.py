"""The last error of a worker, projector or publisher that halted, where `dossier doctor` finds it.

One small file for each process and partition, in a folder beside the log's indexes: it can be written when the brokers
are what is wrong, it needs no topic and no right of its own, and it outlives the process and the machine's restart. It
is removed as soon as the work goes on. Whoever asks on another machine sees the oldest command that waits, and whose
partition it is; the last error is on that machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog

from domain.errors import DossierError, InfrastructureError
from domain.i18n import Text
from infra.clock import utc_now
from infra.state_files import StateUnusable, read_state, remove_state, write_state

_log = structlog.get_logger(__name__)

_NAME: Final = "halted-{}.json"


class Halt(NamedTuple):
    """A process that halted. `partition` is None where it has none of its own.

    `since` is when it first met this error, `tried` when it last did (UTC). `reason` and `hint` are the error's.
    `next_command` is the offset of the first command that it had not handled, where it is a worker that knew.
    """

    process: str
    partition: int | None
    code: str
    reason: Text
    hint: Text
    since: datetime
    tried: datetime
    next_command: int | None = None


class HaltFile:
    """The last error of one process in one partition. Not for several threads at once."""

    def __init__(
        self, folder: Path, process: str, partition: int | None = None, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._process = process
        self._partition = partition
        self._now = now
        self._path = folder / _NAME.format(process if partition is None else f"{process}-{partition}")
        # One of a process before this one may be there.
        self._may_be_there = True

    def halted(self, error: Exception, next_command: int | None = None) -> None:
        """Keep an error. A folder that cannot be written is told to the log: the work has another error already."""
        now = self._now()
        reason, hint = _texts(error)
        code = error.code if isinstance(error, DossierError) else type(error).__name__
        try:
            before = _read(self._path)
            since = before.since if before is not None and before.code == code else now
            halt = Halt(self._process, self._partition, code, reason, hint, since, now, next_command)
            write_state(self._path, json.dumps(halt._asdict(), default=datetime.isoformat, ensure_ascii=False))
        except StateUnusable as unusable:
            _log.warning("halt.not_kept", process=self._process, partition=self._partition, reason=str(unusable))
        self._may_be_there = True

    def went_on(self) -> None:
        """The work goes on: there is no last error any more."""
        if not self._may_be_there:
            return
        try:
            remove_state(self._path)
            self._may_be_there = False
        except StateUnusable as unusable:
            _log.warning("halt.not_removed", process=self._process, partition=self._partition, reason=str(unusable))

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Around a process that ends with an error: it is kept, and raised."""
        try:
            yield
        except InfrastructureError as error:
            self.halted(error)
            raise


def halts(folder: Path) -> list[Halt]:
    """Those of this machine that halted and did not go on. Raises StateUnusable."""
    found = (_read(path) for path in sorted(folder.glob(_NAME.format("*"))))
    return [each for each in found if each is not None]


def _texts(error: Exception) -> tuple[Text, Text]:
    if isinstance(error, DossierError):
        return Text(error.message("en"), error.message("vi")), Text(error.hint("en"), error.hint("vi"))
    words = str(error) or type(error).__name__
    return Text(words, words), Text("", "")


def _read(path: Path) -> Halt | None:
    contents = read_state(path)
    if contents is None:
        return None
    try:
        found: dict[str, Any] = json.loads(contents)
        moments = {name: datetime.fromisoformat(found[name]) for name in ("since", "tried")}
        return Halt(**{**found, **moments, "reason": Text(*found["reason"]), "hint": Text(*found["hint"])})
    except (ValueError, KeyError, TypeError) as error:
        raise StateUnusable(path=str(path), reason=str(error)) from error
