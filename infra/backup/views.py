"""The read models in a backup: a copy of their file, on request. They can be made anew from the log as well."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from domain.i18n import Text, pair
from infra.backup.errors import RestoreTargetTaken, ViewsNotCopied
from infra.backup.manifest import ViewsCopy
from infra.backup.segments import altered, unusable
from infra.backup.storage import BackupStorage
from infra.private_files import make_private
from infra.sqlite_file import reading_schema

_CHUNK: Final = 1 << 20
_BESIDE: Final = ("", "-wal", "-shm", "-journal")


def copy_views(storage: BackupStorage, views: Path | str, taken_at: datetime) -> ViewsCopy:
    """Copy the file as it stands in one moment, while others write to it. Raises ViewsNotCopied, BackupUnusable."""
    if not isinstance(views, Path):
        raise ViewsNotCopied(folder=storage.name, reason=pair("they are in PostgreSQL, which has tools of its own"))
    if not views.exists():
        raise ViewsNotCopied(folder=storage.name, reason=pair("there is no file {path}", path=views))
    draft = storage.draft()
    try:
        with (
            closing(sqlite3.connect(f"{views.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(draft.path)) as copy,
            reading_schema(),
        ):
            source.backup(copy)
            # A file that stands alone, and that is read without writing anything beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        digest, size = _digest(draft.path)
        made = ViewsCopy(size, digest, taken_at)
        draft.publish(made.name)
    except sqlite3.Error as error:
        draft.discard()
        raise ViewsNotCopied(folder=storage.name, reason=Text(str(error), str(error))) from error
    except OSError as error:
        raise unusable(storage, error) from error
    return made


def verify_views(storage: BackupStorage, views: ViewsCopy) -> None:
    """Raises BackupAltered where the copy is not what was written."""
    file = storage.open(views.name)
    if file is None:
        raise altered(storage, views.name, None, pair("it is not there"))
    digest, size = sha256(), 0
    with closing(file):
        try:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
        except OSError as error:
            raise unusable(storage, error) from error
    if (size, digest.hexdigest()) != (views.size, views.sha256):
        raise altered(storage, views.name, None, pair("its SHA-256 is not the one in the manifest"))


def check_no_views(target: Path) -> None:
    """Raises RestoreTargetTaken where read models are to be put, and something is there."""
    for ending in _BESIDE:
        path = target.with_name(target.name + ending)
        if path.exists():
            raise RestoreTargetTaken(target=str(path), reason=pair("a file is there"))


def put_views(storage: BackupStorage, views: ViewsCopy, target: Path) -> None:
    """Put the copy where read models are kept, whole or not at all. Raises RestoreTargetTaken, BackupAltered."""
    verify_views(storage, views)
    check_no_views(target)
    file = storage.open(views.name)
    if file is None:
        raise altered(storage, views.name, None, pair("it is not there"))
    draft = target.with_name(f"{target.name}.restoring")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        make_private(draft)
        with closing(file), draft.open("wb") as copy:
            shutil.copyfileobj(file, copy, _CHUNK)
            copy.flush()
            os.fsync(copy.fileno())
        draft.rename(target)
    except OSError as error:
        raise unusable(storage, error) from error


def _digest(path: Path) -> tuple[str, int]:
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
