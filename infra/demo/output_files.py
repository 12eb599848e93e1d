"""Where the demonstration leaves its log: a log is replaced only if a demonstration made it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from domain.errors import DossierError
from infra.demo.documents import MARK
from infra.demo.errors import NotADemoLog
from infra.errors import LogUnusable
from infra.log.sqlite.source import log_id_in, own_keys
from infra.settings import Settings
from schemas.avro.codec import decode

DEFAULT_LOG = "sqlite:///build/demo/demo.sqlite"
_BESIDE = ("", "-wal", "-shm")


def remove_earlier_log(settings: Settings) -> bool:
    """Remove an earlier demonstration's log and read models. Returns whether there was one.

    Raises NotADemoLog where the log is anything else, and LogUnusable where it cannot be removed.
    """
    log, views = settings.log, settings.views
    if not isinstance(log, Path) or not log.exists():
        return False
    if not _is_demo(log):
        raise NotADemoLog(log=str(log))
    # Read models that were made from another log are left to whoever made them.
    removed = [log]
    if isinstance(views, Path) and _rows(views, "SELECT log_id FROM views_log") == [(log_id_in(log),)]:
        removed.append(views)
    keys = own_keys(log).folder.path
    try:
        for path in removed:
            for ending in _BESIDE:
                path.with_name(path.name + ending).unlink(missing_ok=True)
        if keys.is_dir():
            shutil.rmtree(keys)
    except OSError as error:
        raise LogUnusable(log=str(log), reason=str(error)) from error
    return True


def _is_demo(log: Path) -> bool:
    """Whether the first event is the council of a simulation, or nothing was ever answered."""
    first = _rows(log, "SELECT topic, state FROM stored_events ORDER BY rowid LIMIT 1")
    if not first:
        # Of what is no log there are no answers either, but None.
        return _rows(log, "SELECT 1 FROM answers LIMIT 1") == []
    try:
        decision = decode(*first[0]).get("decision") or {}
    except (DossierError, ValueError):
        return False
    return str(decision.get("title") or "").endswith(MARK)


def _rows(path: Path, query: str) -> list[Any] | None:
    """The rows of a query on a file that is only read: to open it as a log would make tables in whatever it is.

    None where the file is missing or holds no such table.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.Error:
        return None
