"""A backup in a folder that only its owner can read: each file is written beside, brought to the disk and renamed.

lock                two backups at once refuse each other; whoever reads keeps writers away
.draft-…            a file that is being written; one that a killed process left goes with the next backup
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO, Final

from domain.i18n import Text, pair
from infra.backup.errors import BackupInUse, BackupMissing, BackupUnusable
from infra.backup.manifest import is_of_backup
from infra.durable_files import sync

_LOCK: Final = "lock"
_DRAFT: Final = ".draft-"
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077
_BUFFER: Final = 1 << 20


class FolderStorage:
    """See `BackupStorage`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make the folder, or take others' rights to it, and have it for this process alone.

        A folder that holds something else than a backup is left alone. Raises BackupInUse, BackupUnusable.
        """
        with self._mapped():
            self.path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            self._check_contents()
            if self.path.stat().st_mode & _OTHERS:
                self.path.chmod(_FOLDER_MODE)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self.path / _LOCK, flags, _FILE_MODE)
        try:
            self._lock(descriptor, fcntl.LOCK_EX)
            with self._mapped():
                for draft in self.path.glob(f"{_DRAFT}*"):
                    draft.unlink()
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep writers away. On a medium that cannot be written to, and that holds no lock, there are none."""
        descriptor = None
        with self._mapped():
            if not self.path.is_dir():
                raise BackupMissing(folder=self.name)
            if (self.path / _LOCK).exists():
                descriptor = os.open(self.path / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if descriptor is not None:
                self._lock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def names(self) -> set[str]:
        """Every file but the lock and drafts, `/` between folder and name."""
        with self._mapped():
            return {
                path.relative_to(self.path).as_posix()
                for path in self.path.rglob("*")
                if not path.is_dir() and path.name != _LOCK and not path.name.startswith(_DRAFT)
            }

    def open(self, name: str) -> BinaryIO | None:
        """See `BackupStorage`."""
        with self._mapped():
            try:
                descriptor = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            return os.fdopen(descriptor, "rb", _BUFFER)

    def draft(self) -> FileDraft:
        """A file beside the others."""
        with self._mapped():
            descriptor, path = mkstemp(prefix=_DRAFT, dir=self.path)
            return FileDraft(self, Path(path), os.fdopen(descriptor, "wb", _BUFFER))

    def remove(self, name: str) -> None:
        """See `BackupStorage`."""
        with self._mapped():
            (self.path / name).unlink(missing_ok=True)

    def put(self, draft: Path, name: str) -> None:
        """Give a draft that is on the disk its name, durably."""
        target = self.path / name
        with self._mapped():
            if not target.parent.exists():
                target.parent.mkdir(mode=_FOLDER_MODE)
                sync(self.path)
            draft.rename(target)
            sync(target.parent)

    def _check_contents(self) -> None:
        """Raises BackupUnusable for a folder with files that are no part of a backup, and with none that is."""
        names = self.names()
        if names and not any(map(is_of_backup, names)):
            raise BackupUnusable(folder=self.name, reason=pair("it holds something else: {name}", name=min(names)))

    def _lock(self, descriptor: int, how: int) -> None:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupInUse(folder=self.name) from error
        except OSError as error:
            raise self.unusable(error) from error

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self.unusable(error) from error

    def unusable(self, error: OSError) -> BackupUnusable:
        """The error for a folder that cannot be read or written."""
        return BackupUnusable(folder=self.name, reason=Text(str(error), str(error)))


class FileDraft:
    """See `Draft`: a file of the mode 0600."""

    def __init__(self, folder: FolderStorage, path: Path, file: BinaryIO) -> None:
        self._folder = folder
        self.path = path
        self.file = file

    def publish(self, name: str) -> None:
        """See `Draft`."""
        try:
            self.file.flush()
            self.file.close()
            # Whoever wrote by the path has a descriptor of its own, which is closed by now.
            sync(self.path)
        except OSError as error:
            raise self._folder.unusable(error) from error
        self._folder.put(self.path, name)

    def discard(self) -> None:
        """See `Draft`."""
        try:
            self.file.close()
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._folder.unusable(error) from error
