"""Cases about the file of an embedded log: locked, moved, copied, damaged, forged, or of another release."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Final

from infra.log.format import Format, seal
from infra.log.keys import KeyFolder, Signer
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.source import SQLiteSource
from tests.golden.version_0_1 import unpacked
from tests.infra.runbook.case import FREE, LOG, OPEN, RECORD, UNITS, VIEWS, Case, Place, line
from tests.support.signing import STRANGER

KEYS: Final = f"{LOG}.keys"
_NEXT_FORMAT: Final = 0xFE


def _applied(place: Place, unit: str) -> str:
    """The answer to one more command, whose record is in the `-wal` alone; the process that gave it was killed."""
    process = place.program("apply", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line(unit) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    process.kill()
    process.wait()
    return answer


def _moved_in_use(place: Place) -> str:
    """What a process says that has the log open meanwhile."""
    process = place.program("apply", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line("04642") + "\n")
    process.stdin.flush()
    assert '"ok":true' in process.stdout.readline()
    place.move("elsewhere", LOG)
    out, said = process.communicate(line("04645") + "\n")
    assert out == ""
    assert process.returncode == 4
    return said


def _replaced(place: Place) -> None:
    """By another log, as by a restore of the wrong file, when the last records were in the `-wal` alone."""
    assert '"ok":true' in _applied(place, "04642")
    place.move("elsewhere", LOG)
    other = Place(place.path("other"))
    other.run(*OPEN, FREE)
    other.path(LOG).rename(place.path(LOG))


def _linked(place: Place) -> None:
    place.path("second").mkdir()
    os.link(place.path(LOG), place.path("second") / LOG)


def _plainly_copied(place: Place) -> None:
    """With `cp`, while the log was in use and its records in the `-wal`: the copy is an empty file."""
    place.move("elsewhere", LOG, KEYS, VIEWS)
    place.path(LOG).touch()


def _overwritten(place: Place) -> None:
    place.copy("copy", LOG)
    with place.path(LOG).open("r+b") as file:
        file.write(b"no database any more")


def _earlier(place: Place) -> None:
    """The log of version 0.1, which holds other dossiers than the cases begin with."""
    place.move("elsewhere", LOG, KEYS, VIEWS)
    place.path(LOG).write_bytes(unpacked("embedded/log.sqlite"))


def _on_the_head(place: Place, by: Signer | None, format_: int, body: bytes) -> None:
    """A record as the next one, by this host's writer or by another."""
    source = SQLiteSource(place.path(LOG))
    opened = PartitionHandle(source)
    state = opened.partition.state
    opened.close()
    chain = (state.head, state.number + 1, state.position, 0)
    value = seal(state.place, by or source.keys.writer(), format_, chain, body)
    with closing(sqlite3.connect(place.path(LOG))) as log, log:
        (last,) = log.execute("SELECT MAX(record_offset) FROM records").fetchone()
        log.execute("INSERT INTO records VALUES (?, ?, 0)", (last + 1, value))


def _forged(place: Place) -> None:
    _on_the_head(place, STRANGER, Format.APPENDS, b"forged")


def _of_the_next_format(place: Place) -> None:
    _on_the_head(place, None, _NEXT_FORMAT, b"newer")


def _records_gone(place: Place) -> None:
    place.copy("copy", LOG)
    with closing(sqlite3.connect(place.path(LOG))) as log, log:
        log.execute("DROP TABLE records")


def _key_damaged(place: Place) -> None:
    place.run("keys", "backup", str(place.path("keys-backup")))
    place.path(KEYS).joinpath("writer.pem").write_bytes(b"no key")


def _root_away(place: Place) -> None:
    """The root key is kept elsewhere, as it should be."""
    roots = place.path("root-keys")
    KeyFolder(place.path(KEYS)).copy_to(KeyFolder(roots))
    (roots / "writer.pem").unlink()
    for root in place.path(KEYS).glob("root*.pem"):
        root.unlink()
    place.environment["KEY"] = STRANGER.public.hex()


FILE_CASES: Final[dict[str, Case]] = {
    "KEY_UNUSABLE": Case(_key_damaged),
    "LOG_CHANGED": Case(_records_gone),
    "LOG_EMPTY": Case(_plainly_copied, ("doctor",)),
    "LOG_LOCKED": Case(lambda place: place.hold(LOG), RECORD),
    "LOG_MOVED": Case(lambda _: None, _moved_in_use, still_held=(*UNITS, "04642")),
    "LOG_OF_EARLIER_FORMAT": Case(_earlier, RECORD, still_held=()),
    "LOG_TWO_NAMES": Case(_linked, RECORD),
    "LOG_UNUSABLE": Case(_overwritten, ("doctor",)),
    "LOG_WAL_ORPHANED": Case(_replaced, RECORD, still_held=(*UNITS, "04642")),
    "NEWER_LOG": Case(_of_the_next_format),
    "RECORDS_UNSIGNED": Case(_forged),
    "ROOTS_MISSING": Case(_root_away, ("keys", "add-writer", STRANGER.public.hex())),
}
