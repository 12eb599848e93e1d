"""`dossier log copy`: a whole copy of an embedded log, from a running system, in one file.

    1. Read all pages as they stood at one moment, those in the `-wal` too, into a new file in a folder of its own.
    2. Compare it with the log, record by record.
    3. Judge it from its first record: chain, signatures, bodies; and open it as every reader does.
    4. Bring it to the disk, and give it its name, which nobody else may have taken.

At every moment nothing stands at the name, or the whole copy. Keys are not copied: who has a copy can read it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from domain.errors import InvalidInput
from infra.durable_files import take_name
from infra.errors import LogUnusable
from infra.log.errors import CopyDiffers
from infra.log.full_scan import check_whole
from infra.log.index import file_error
from infra.log.index_head import Head
from infra.log.sqlite.reading import ReadOnlySource, SQLiteReader
from infra.sqlite_file import JOURNAL, SHM, WAL, open_read_only, read_only_uri

_FIRST_DIFFERENT: Final = (
    "SELECT MIN(record_offset) FROM ("
    "SELECT c.record_offset FROM copy.records c LEFT JOIN main.records m USING (record_offset) "
    "WHERE m.value IS NOT c.value OR m.appended_at IS NOT c.appended_at "
    "UNION ALL SELECT m.record_offset FROM main.records m LEFT JOIN copy.records c USING (record_offset) "
    "WHERE m.record_offset <= :last AND c.record_offset IS NULL)"
)
_LAST: Final = "SELECT COALESCE(MAX(record_offset), -1) FROM copy.records"


class CopyExists(InvalidInput):
    """Something stands already where a copy of the log should be."""

    code = "COPY_EXISTS"


class Copied(NamedTuple):
    """What a copy holds: the last record's number, the last position, the hash of that record, the log's identity."""

    number: int
    position: int
    head: bytes
    identity: bytes


def copy_log(source: ReadOnlySource, to: Path) -> Copied:
    """Copy a log to a file that does not exist yet, mode 0600.

    Raises CopyExists, CopyDiffers, what is wrong with the log itself, and LogUnusable where nothing can be written.
    """
    for taken in (to, *(to.with_name(to.name + ending) for ending in (WAL, SHM, JOURNAL))):
        if os.path.lexists(taken):
            raise CopyExists(path=str(taken))
    try:
        with TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as folder:
            draft = Path(folder) / to.name
            os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            _copy(source, draft)  # 1, 2
            head = _judged(source, draft)  # 3
            take_name(draft, to)  # 4
    except sqlite3.Error as error:
        raise file_error(to, error) from error
    except FileExistsError as error:
        raise CopyExists(path=str(to)) from error
    except OSError as error:
        raise LogUnusable(log=str(to), reason=error.strerror or str(error)) from error
    state = head.state
    identity = state.keys.identity if state.keys is not None else b""
    return Copied(state.number, state.last_position, state.head, identity)


def _copy(source: ReadOnlySource, draft: Path) -> None:
    path = source.index_path
    source.check_beside()
    with closing(open_read_only(source.readable(), timeout=source.lock_seconds)) as log:
        with closing(sqlite3.connect(draft)) as copy:
            log.backup(copy)
        log.execute("ATTACH ? AS copy", (read_only_uri(draft, immutable=True),))
        (last,) = log.execute(_LAST).fetchone()
        (different,) = log.execute(_FIRST_DIFFERENT, {"last": last}).fetchone()
    if different is not None:
        raise CopyDiffers(log=str(path), copy=str(draft), offset=different)


def _judged(source: ReadOnlySource, draft: Path) -> Head:
    """How far the copy goes, judged by the rule alone and then read as everybody reads it."""
    copied = ReadOnlySource(draft, keys=source.keys)
    with closing(SQLiteReader(copied)) as log:
        head = log.state(0)
        unsigned = check_whole(copied, head)
        if unsigned is not None:
            raise unsigned.error
        return head
