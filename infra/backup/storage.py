"""Where a backup is kept: named objects, each written whole or not at all. A folder is one (`infra.backup.folder`).

An object store can be another: nothing here changes a part of an object, lists in an order, or renames what is there.
What is written becomes visible under its name only by `Draft.publish`, and a name that is there is replaced at once.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol


class Draft(Protocol):
    """An object that has no name yet: a file of this machine, which nobody else can read."""

    @property
    def path(self) -> Path:
        """The file, for whoever cannot write to `file`."""
        ...

    @property
    def file(self) -> BinaryIO:
        """The file, open for writing."""
        ...

    def publish(self, name: str) -> None:
        """Make it durable, and give it its name. Raises BackupUnusable."""
        ...

    def discard(self) -> None:
        """Forget it. Raises BackupUnusable."""
        ...


class BackupStorage(Protocol):
    """Named objects. Every method raises BackupUnusable where the place cannot be used."""

    @property
    def name(self) -> str:
        """The place, for messages."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """Have the place for this process alone; it is made when it is missing. Raises BackupInUse."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Keep writers away, as far as the place allows. Raises BackupInUse, BackupMissing."""
        ...

    def names(self) -> set[str]:
        """The names of all objects."""
        ...

    def open(self, name: str) -> BinaryIO | None:
        """An object for reading; None where there is none of that name."""
        ...

    def draft(self) -> Draft:
        """A new object without a name. What is left of drafts when a process dies goes with the next `writing`."""
        ...

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        ...
