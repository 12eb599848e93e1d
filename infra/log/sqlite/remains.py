"""Where a log is gone: what is left of it, so that no new one is begun over that in silence."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from domain.i18n import Text, pair
from infra.errors import LogLost
from infra.log.founding import left_keys
from infra.log.keys import LogKeys
from infra.log.sqlite.beside import check_not_orphaned
from infra.log.sqlite.source import own_keys
from infra.sqlite_file import open_read_only


def check_nothing_is_left(path: Path, views: Path | str, keys: LogKeys | None) -> None:
    """Where no log stands at a path, or an empty file. Raises WalOrphaned, LogLost, KeysUnsafe."""
    check_not_orphaned(path)
    left = _left(path, views, keys)
    if left is not None:
        raise LogLost(log=str(path), left=left)


def _left(path: Path, views: Path | str, keys: LogKeys | None) -> Text | None:
    """The first thing that was made for a log that stood here, in words."""
    found = keys or own_keys(path)
    identity = found.identity()
    if identity is not None:
        return left_keys(found, identity)
    log_id = _log_id_of(views) if isinstance(views, Path) and views.exists() else None
    return pair("the read models in {file} are those of the log {log}", file=views, log=log_id) if log_id else None


def _log_id_of(views: Path) -> str | None:
    try:
        with closing(open_read_only(views)) as connection:
            (found,) = connection.execute("SELECT log_id FROM views_log").fetchone() or (None,)
    except sqlite3.Error:
        # Whoever opens them says what is wrong with them.
        return None
    return str(found) if found is not None else None
