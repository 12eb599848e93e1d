"""An embedded log for whoever only reads it: nothing is written to its file, and no lock of a writer is waited for.

Three things stand in the way of that, and each has its answer:

- the index in the file is not as far as the tape, as after a statement about keys, or another release made it: an index
  of this process's own is made in a folder for temporary files;
- the folder cannot be written, and nothing stands in a `-wal`: the file is opened as one that does not change;
- the folder cannot be written, and a `-wal` holds records: both are copied to a folder for temporary files.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

from infra.errors import LogUnusable
from infra.log.control_records import Genesis, parse_genesis
from infra.log.errors import LogEmpty, RecordsVoided
from infra.log.format import HEADER_LENGTH
from infra.log.index import Index, file_error
from infra.log.indexed_log import IndexedLog
from infra.log.keys import LogKeys
from infra.log.last_rows import check_mark
from infra.log.partition_pool import READERS, PartitionPool
from infra.log.partition_reader import PartitionReader
from infra.log.sqlite.beside import check_beside, check_one_name
from infra.log.sqlite.index import IndexBehind, IndexForReading, are_whole
from infra.log.sqlite.source import LOCK_SECONDS, SQLiteSource, has_records
from infra.log.sqlite.tape import SQLiteTape
from infra.opened_files import OpenedFiles
from infra.sqlite_file import SHM, WAL, beside, has_content, is_refused, open_read_only, uri_for_reading


class ReadOnlySource(SQLiteSource):
    """See `PartitionSource`: an embedded log that is only read. Close it once nobody reads any more."""

    def __init__(self, path: Path, *, lock_seconds: float = LOCK_SECONDS, keys: LogKeys | None = None) -> None:
        self._resources = ExitStack()
        super().__init__(path, lock_seconds=lock_seconds, keys=keys)
        self._own_index: Path | None = None

    def make_own_index(self) -> None:
        """Have an index of its own from the next `open` on: the one in the file is not as far as the tape."""
        self._own_index = self._folder() / "index.sqlite"

    def open(self) -> tuple[SQLiteTape, Index]:
        """Tape and index. Raises EarlierLog, LogEmpty, WalOrphaned, LogHasTwoNames, LogLocked, LogUnusable."""
        path = self.index_path
        try:
            self.check_beside()
            check_mark(path)
            with ExitStack() as opening:
                tape, connection, uri = self._open_tape()
                opening.callback(tape.close)
                if not has_records(connection, path):
                    raise LogEmpty(log=str(path))
                if self._own_index is None and not are_whole(connection, path):
                    self.make_own_index()
                index = self._index(connection, uri)
                opening.pop_all()
                return tape, index
        except sqlite3.Error as error:
            raise file_error(path, error) from error

    def follower(self) -> SQLiteTape:
        """A connection of its own."""
        try:
            tape, _, _ = self._open_tape()
        except sqlite3.Error as error:
            raise file_error(self.index_path, error) from error
        return tape

    def genesis_in(self, connection: sqlite3.Connection) -> Genesis | None:
        """The genesis in the opened file; None where it is not there. Raises sqlite3.Error."""
        if self._own_index is None:
            return super().genesis_in(connection)
        with closing(open_read_only(self._own_index)) as index:
            offset = index.execute("SELECT record_offset FROM accepted_records WHERE number = 1").fetchone()
        value = connection.execute("SELECT value FROM records WHERE record_offset = ?", offset or (-1,)).fetchone()
        return parse_genesis(value[0][HEADER_LENGTH:]) if value is not None else None

    def check_beside(self) -> None:
        """Before the file is opened: what stands beside it must be its own.

        Raises WalOrphaned, LogHasTwoNames, sqlite3.Error.
        """
        check_one_name(self.index_path, only_reads=True)
        check_beside(self.index_path, self.lock_seconds, self.readable)

    def readable(self) -> Path:
        """The file, or a copy of it where it cannot be read in its place. Raises sqlite3.Error, LogUnusable."""
        self._uri()
        return self.file

    def close(self) -> None:
        """Remove what was made in folders for temporary files."""
        self._resources.close()

    def _open_tape(self) -> tuple[SQLiteTape, sqlite3.Connection, str]:
        uri = self._uri()
        connection = open_read_only(self.file, timeout=self.lock_seconds)
        try:
            # Only now are the files open.
            connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
            is_copy = self.file != self.index_path
            names = () if is_copy else tuple(name for name in (WAL, SHM) if beside(self.file, name).exists())
            opened = OpenedFiles(self.index_path, names)
            return SQLiteTape(self.index_path, connection, opened), connection, uri
        except BaseException:
            connection.close()
            raise

    def _uri(self) -> str:
        """How the file, or where need be a copy of it, is opened. Raises sqlite3.Error."""
        try:
            return uri_for_reading(self.file, timeout=self.lock_seconds)
        except sqlite3.Error as error:
            if not is_refused(error) or not has_content(beside(self.file, WAL)):
                raise
            self.file = self._copied()
        return uri_for_reading(self.file, timeout=self.lock_seconds)

    def _copied(self) -> Path:
        """File and `-wal`, from where nobody can write. Raises LogUnusable."""
        # Most logs can be opened where they are, and need not wait for its import.
        from shutil import copyfile  # noqa: PLC0415

        copy = self._folder() / self.index_path.name
        try:
            for ending in ("", WAL):
                copyfile(beside(self.index_path, ending), copy.with_name(copy.name + ending))
        except OSError as error:
            raise LogUnusable(log=str(self.index_path), reason=str(error)) from error
        return copy

    def _index(self, connection: sqlite3.Connection, uri: str) -> Index:
        if self._own_index is None:
            return IndexForReading(self.file, connection, uri)
        tape, index = SQLiteSource(self._own_index).open()
        del tape
        return index

    def _folder(self) -> Path:
        from tempfile import TemporaryDirectory  # noqa: PLC0415  # as above

        return Path(self._resources.enter_context(TemporaryDirectory(prefix="dossier-")))


class SQLiteReader(IndexedLog[PartitionReader]):
    """The one partition of an embedded log that is only read. See `projections.engine.ports.DossierLog`.

    Raises LogEmpty where it holds no record, and what `ReadOnlySource.open` raises.
    """

    def __init__(self, source: ReadOnlySource, pool: PartitionPool[PartitionReader] = READERS) -> None:
        super().__init__(1, pool)
        self._source = source

    def source(self, partition: int) -> ReadOnlySource:
        """The file."""
        del partition
        return self._source

    def opened(self, partition: int) -> PartitionReader:
        """See `IndexedLog`."""
        try:
            opened = super().opened(partition)
        except IndexBehind:
            self._source.make_own_index()
            opened = super().opened(partition)
        if opened.partition.state.keys is None:
            opened.partition.check_whole()
            raise LogEmpty(log=str(self._source.index_path))
        return opened

    def head(self, partition: int) -> int:
        """The last position, 0 when the log is empty. What anybody appended before the call is seen.

        Raises LogBroken while an orphan is open, and as `refresh`.
        """
        return self.head_at_end(partition)

    def refresh(self, partition: int) -> None:
        """See `IndexedLog`. Raises RecordsVoided, once, where records that were read have been voided since."""
        opened = self.opened(partition)
        known = len(opened.partition.voids)
        try:
            opened.refresh()
        except IndexBehind:
            self.release(partition)
            self._source.make_own_index()
            voids = len(self.opened(partition).partition.voids)
            if voids > known:
                raise RecordsVoided(log=opened.partition.address.name, voids=voids) from None

    def close(self) -> None:
        """Close it, and remove what was made for it."""
        super().close()
        self._source.close()
