"""An embedded log as the target of a move: written to a file beside, which gets its name as the last thing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from domain.i18n import Text, pair
from infra.backup.errors import RestoreTargetTaken
from infra.backup.restoring_embedded import check_nothing_beside, fill_index, insert, put_in_place
from infra.errors import LogUnusable
from infra.log.keys import LogKeys
from infra.log.partition_client import PartitionClient, Record
from infra.log.sqlite.source import APP, SQLiteSource
from infra.moving.errors import MoveTargetTaken
from infra.private_files import make_private
from infra.sqlite_file import has_content


class EmbeddedTarget:
    """See `Target`. `source`: the file as it will be, with the keys that the settings name."""

    app: Final = APP
    partitions: Final = 1

    def __init__(self, source: SQLiteSource) -> None:
        self._path = source.index_path
        self._draft = self._path.with_name(f"{self._path.name}.moving")
        self._source = source
        self.name = str(self._path)
        self.keys: LogKeys = source.keys

    @property
    def identity(self) -> bytes | None:
        """See `Target`."""
        return self.keys.identity()

    @property
    def tape(self) -> str:
        """See `Target`."""
        with closing(self.client(0)) as client:
            return client.tape

    def in_place(self) -> bool:
        """See `Target`."""
        if not has_content(self._path):
            return False
        if self._draft.exists() and self._draft.samefile(self._path):
            # An earlier move was ended right before this.
            self._draft.unlink()
        return True

    def prepare(self, largest: int) -> None:
        """See `Target`."""
        del largest
        with self._mapped():
            if self._path.exists():
                raise MoveTargetTaken(target=self.name, reason=pair("a file is there"))
            check_nothing_beside(self._path)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            make_private(self._draft)
            _, index = self._drafted().open()
            index.close()
        self._drafted().name_tape()

    def client(self, partition: int) -> PartitionClient:
        """See `Target`."""
        del partition
        return SQLiteSource(self._path).follower() if self._path.exists() else self._drafted().follower()

    def write(self, partition: int, records: Iterator[Record], offset: int) -> int:
        """See `Target`."""
        del partition
        with self._mapped():
            return insert(self._drafted(), records, offset)

    def catch_up(self) -> None:
        """See `Target`: the index is filled."""
        with self._mapped():
            fill_index(self._drafted())

    def finish(self) -> None:
        """See `Target`."""
        if self._path.exists():
            return
        with self._mapped():
            fill_index(self._drafted())
            put_in_place(self._draft, self._path)

    def _drafted(self) -> SQLiteSource:
        return SQLiteSource(self._draft)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except RestoreTargetTaken as error:
            reason = Text(str(error.details["reason_en"]), str(error.details["reason_vi"]))
            raise MoveTargetTaken(target=str(error.details["target"]), reason=reason) from error
        except (sqlite3.Error, OSError) as error:
            raise LogUnusable(log=self.name, reason=str(error)) from error
