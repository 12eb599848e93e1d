"""`dossier log upgrade`: an embedded log of an earlier form is taken over once, into a new file that takes its place.

    1. Have the old file for this process alone.
    2. Write a new file beside it: every event at its position, every answer bound to its command.
    3. Compare the new file with the old one, event by event and answer by answer.
    4. Keep programs of then from writing to the old file.
    5. Give the old file a second name that says what it is.
    6. Put the new file in the place of the old one, under the log's own name.

At every moment one whole log stands at the path: the old one until step 6, the new one from there on. Whatever ends the
process in between, a second run begins anew and finishes it. The name of the log (`log_id`) stays, so read models and
public decisions go on.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count, zip_longest
from pathlib import Path
from typing import Any, Final, NamedTuple

from eventsourcing.persistence import IntegrityError

from infra.durable_files import sync
from infra.errors import LogMissing, LogUnusable
from infra.log.append_requests import EventsRequest
from infra.log.format import Append
from infra.log.keys import KeyFolder, LogKeys
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.earlier import SELECT_ANSWERS, SELECT_EVENTS, EarlierFile
from infra.log.sqlite.index import tables_of
from infra.log.sqlite.source import SQLiteSource, own_keys

_APPENDS_AT_ONCE: Final = 1000
_BYTES_AT_ONCE: Final = 4 << 20
_BESIDE: Final = ("", "-wal", "-shm")


class Upgraded(NamedTuple):
    """What was taken over: how many events and answers, and where the old file is kept."""

    events: int
    answers: int
    kept: Path


def upgrade(path: Path, keys: Path | None = None) -> Upgraded | None:
    """Take over the log at a path; None where it is of the present form already.

    `keys`: the folder of this host's keys, None: beside the log. What is missing there is made.
    Raises LogMissing, and LogUnusable where the old log is in use, or contradicts itself.
    """
    if not path.exists():
        raise LogMissing(log=str(path))
    # What is put in place is the file, not a link that leads to it.
    path = path.resolve()
    new = path.with_name(f"{path.name}.upgrading")
    with _mapped(path), ExitStack() as stack:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            tables = tables_of(connection)
        if tables & {"records", "head"}:
            return None
        old = stack.enter_context(closing(EarlierFile(path)))  # 1
        _remove(new)
        events = _write(old, new, LogKeys(KeyFolder(keys), makes_own=True) if keys is not None else own_keys(path))  # 2
        answers = _compare(old, new)  # 3
        old.forbid_writing()  # 4
        kept = _keep(path)  # 5
        _put_in_place(new, path)  # 6
    return Upgraded(events, answers, kept)


def _write(old: EarlierFile, new: Path, keys: LogKeys) -> int:
    """Returns the number of events."""
    handle = PartitionHandle(SQLiteSource(new, continues=old.log_id, keys=keys))
    try:
        for appends in _groups(old.appends()):
            try:
                handle.committer.submit(EventsRequest(appends))
            except IntegrityError as error:
                events = handle.partition.state.position - 1
                reason = f"after position {events}, the versions of a dossier do not follow each other"
                raise LogUnusable(log=str(old.path), reason=reason) from error
        events = handle.partition.state.position - 1
    finally:
        handle.close()
    shutil.copymode(old.path, new)
    return events


def _groups(appends: Iterator[Append]) -> Iterator[list[Append]]:
    """As many appends as one record is to hold."""
    group: list[Append] = []
    size = 0
    for append in appends:
        group.append(append)
        size += sum(len(state) for _, _, _, state in append.events)
        if len(group) == _APPENDS_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _compare(old: EarlierFile, new: Path) -> int:
    """Compare all rows. Raises LogUnusable at the first that differs. Returns the number of answers."""
    source = SQLiteSource(new)
    # Opened anew, it has compared its last record with its index.
    PartitionHandle(source).close()
    if source.genesis().continues != old.log_id:
        raise LogUnusable(log=str(new), reason=f"its name is {source.log_id}, not {old.log_id}")
    with closing(sqlite3.connect(new)) as connection:
        _compare_rows(new, old.events(), connection.execute(SELECT_EVENTS))
        return _compare_rows(new, old.answers(), connection.execute(SELECT_ANSWERS))


def _compare_rows(new: Path, theirs: Iterator[tuple[Any, ...]], ours: Iterator[tuple[Any, ...]]) -> int:
    rows = 0
    for expected, found in zip_longest(theirs, ours):
        if expected != found:
            raise LogUnusable(log=str(new), reason=f"{found!r} is not {expected!r}")
        rows += 1
    return rows


def _keep(path: Path) -> Path:
    """Give the old file a second name; the name. One that an earlier run gave it stays."""
    for number in count(1):
        suffix = f"-{number}" if number > 1 else ""
        kept = path.with_name(f"{path.stem}-before-upgrade{suffix}{path.suffix}")
        if not kept.exists():
            _link(path, kept)
            sync(path.parent)
            return kept
        if kept.samefile(path) or filecmp.cmp(kept, path, shallow=False):
            return kept
    raise AssertionError("numbers do not end")


def _link(path: Path, kept: Path) -> None:
    try:
        os.link(path, kept)
    except OSError:
        # A file system without second names: a whole copy, which has its name only once it is whole.
        copy = kept.with_name(f"{kept.name}.copying")
        shutil.copy2(path, copy)
        sync(copy)
        copy.replace(kept)


def _put_in_place(new: Path, path: Path) -> None:
    sync(new)
    new.replace(path)
    sync(path.parent)


def _remove(new: Path) -> None:
    """What a run that was cut short has left."""
    for ending in _BESIDE:
        new.with_name(new.name + ending).unlink(missing_ok=True)


@contextmanager
def _mapped(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
