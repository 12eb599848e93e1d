"""Where the demonstration leaves its log: a log is replaced only if a demonstration made it, with all that is its own.

Beside the log stands a small file that names the logs that demonstrations made there, by their ids. So what is left of
one is known when another file of it is gone; and whoever has its lock is the only demonstration at that place.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from domain.errors import DossierError
from infra.demo.documents import MARK
from infra.demo.errors import DemoRunning, NotADemoLog
from infra.errors import LogUnusable
from infra.log.last_rows import mark_of
from infra.log.sqlite.source import log_id_in, own_keys
from infra.settings import Settings
from infra.sqlite_file import JOURNAL, SHM, WAL, has_content, open_read_only
from schemas.avro.codec import decode

DEFAULT_LOG = "sqlite:///build/demo/demo.sqlite"
_BESIDE: Final = ("", WAL, SHM, JOURNAL)
_NOTE: Final = ".demo"
_LONGEST_NOTE: Final = 1 << 20


class DemoPlace:
    """A place where this demonstration alone is at work."""

    def __init__(self, note: IO[str]) -> None:
        self._note = note

    def made(self, log_id: str) -> None:
        """Note that a demonstration made a log here: what is left of it may be removed."""
        self._note.seek(0, os.SEEK_END)
        self._note.write(f"{log_id}\n")
        self._note.flush()


@contextmanager
def place_of(path: Path) -> Iterator[DemoPlace]:
    """Be the only demonstration that makes a log at a path. Raises DemoRunning, LogUnusable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        note = _note_of(path).open("a+", encoding="utf-8")
    except OSError as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
    with note:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoRunning(log=str(path)) from error
        yield DemoPlace(note)


def remove_earlier_log(settings: Settings) -> bool:
    """Remove an earlier demonstration's log and read models, or what is left of them. Returns whether there was a log.

    Raises NotADemoLog where the log, or what would have to go with it, is anything else, and LogUnusable where it
    cannot be removed.
    """
    log, views = settings.log, settings.views
    if not isinstance(log, Path):
        return False
    is_there = has_content(log)
    if is_there and not _is_demo(log):
        raise NotADemoLog(log=str(log))
    made = _made_at(log) | ({log_id_in(log)} if is_there else set())
    keys = own_keys(log)
    identity = keys.identity()
    if not is_there and (identity is None or identity.hex() not in made):
        # What is left beside it may be anybody's: whoever makes a log here says what to do about it.
        keys_folder, removed = None, []
    else:
        keys_folder, removed = keys.folder.path, [log]
    if isinstance(views, Path) and has_content(views):
        if any(log_id not in made for (log_id,) in _rows(views, "SELECT log_id FROM views_log") or [(None,)]):
            raise NotADemoLog(log=str(views))
        removed.append(views)
    # What was noted of the earlier log is not true of the next one.
    folders = [settings.state_dir, *([keys_folder] if keys_folder is not None else [])]
    try:
        _remove([path.with_name(path.name + ending) for path in removed for ending in _BESIDE], folders)
        mark_of(log).unlink(missing_ok=True)
    except OSError as error:
        raise LogUnusable(log=str(log), reason=str(error)) from error
    return is_there


def _remove(files: Iterable[Path], folders: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)


def _note_of(log: Path) -> Path:
    return log.with_name(log.name + _NOTE)


def _made_at(log: Path) -> set[str | None]:
    """The ids of the logs that demonstrations made at a path."""
    try:
        with _note_of(log).open(encoding="utf-8") as note:
            return set(note.read(_LONGEST_NOTE).split())
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError) as error:
        raise LogUnusable(log=str(log), reason=str(error)) from error


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
        with closing(open_read_only(path)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.Error:
        return None
