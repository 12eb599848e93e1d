"""The persistence module's factory: `PERSISTENCE_MODULE=infra.log.sqlite`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from eventsourcing.utils import Environment, EnvType

from domain.i18n import pair
from infra.errors import BadSetting
from infra.log.factory import LogFactory
from infra.log.sqlite.source import LOCK_SECONDS, SQLiteSource


class SQLiteLogFactory(LogFactory):
    """Makes the recorders of an embedded log.

    Settings, each also with the application's name in front as the library has it: SQLITE_DBNAME, the path of the file,
    and SQLITE_LOCK_TIMEOUT, the seconds to wait for another process that writes (60).
    """

    SQLITE_DBNAME: Final = "SQLITE_DBNAME"
    SQLITE_LOCK_TIMEOUT: Final = "SQLITE_LOCK_TIMEOUT"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        name = self.env.get(self.SQLITE_DBNAME) or ""
        # A log is a file: readers and the writer have connections of their own.
        if not name or ":memory:" in name or name.startswith("file:"):
            raise BadSetting(setting=self.SQLITE_DBNAME, value=name, reason=pair("the path of a file is expected"))
        seconds = self.env.get(self.SQLITE_LOCK_TIMEOUT) or f"{LOCK_SECONDS:g}"
        if not seconds.isdecimal():
            raise BadSetting(
                setting=self.SQLITE_LOCK_TIMEOUT, value=seconds, reason=pair("a number of seconds, from 1 on")
            )
        self._path = Path(name)
        self._lock_seconds = float(seconds)

    def source(self) -> SQLiteSource:
        """The one partition of the file."""
        return SQLiteSource(self._path, lock_seconds=self._lock_seconds)

    def snapshots_path(self) -> Path:
        """Beside the log."""
        return self._path.with_suffix(".snapshots.sqlite")
