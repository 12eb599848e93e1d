"""What can go wrong with a log, on whichever tape, with its keys, and with what its roots sign.

Each is one of the library's persistence errors too.

LogUnusable
├── LogChanged         another log than the index was made from, or one that was cut: refuse, and keep the index
├── LogBroken          an accepted record was altered or lost: orphans are open
├── RecordsUnsigned    records at the end of the log that no writer signed: altered ones, or a stranger's
├── LogClosed             it was moved: nothing more is written to this tape
├── LogClosed          the log goes on at another tape: nothing more is written to this one
├── LogMoved           the file was moved, replaced or deleted under a process that has it open
├── WalOrphaned        a -wal stands beside a file that it does not belong to, or beside none
├── LogHasTwoNames     a file that processes can open under two names
├── LogEmpty           a file without a single record
├── CopyDiffers        a copy of a log is not the log
├── NewerLog           written by a newer release
├── EarlierLog         an embedded log of an earlier form, which is taken over once
├── RecordUnreadable   an accepted record that cannot be decoded or applied
├── IndexUnusable      the index file is damaged
│   ├── IndexInUse     another process uses it
│   └── IndexAltered   log and index do not agree: somebody has changed one of them
├── RecordTooLarge     more than one record can hold
├── KeyMissing            a file of a key that is not there
├── KeysUnsafe            a key that others can read, or that cannot be read
├── KeyUnusable           a file that holds no Ed25519 key
├── LogNotFounded         a log whose genesis nobody has written
├── WriterNotRegistered   this host's key is not an active writer's: its records would be a stranger's
├── RecordsVoided         what was derived of the log must be derived anew: said once
├── ControlRecordLost     others appended before it, and what it says no longer holds
└── RootsMissing          not enough root keys are here to sign
"""

from __future__ import annotations

from typing import Any

from eventsourcing.persistence import DataError, OperationalError

from domain.i18n import pair
from infra.errors import LogUnusable


class LogChanged(LogUnusable, OperationalError):
    """Not the log that the index was made from, or not all of it. `is_emptied`: no record of it is left."""

    code = "LOG_CHANGED"

    def __init__(self, *, is_emptied: bool = False, **details: Any) -> None:
        way = pair("`dossier log recover` shows what it holds beyond the log, and gives it again")
        if is_emptied:
            way = pair(
                "put a copy or a backup of the log back (`dossier restore`); then `dossier log recover --index FILE` "
                "shows what this file, kept elsewhere, holds beyond it, and gives it again"
            )
        super().__init__(way=way, **details)


class LogBroken(LogUnusable, OperationalError):
    """Records follow on one that is not there."""

    code = "LOG_BROKEN"


class RecordsUnsigned(LogUnusable, DataError):
    """Records stand at the end of the log that no writer signed: altered ones, or a stranger's."""

    code = "RECORDS_UNSIGNED"


class LogClosed(LogUnusable, OperationalError):
    """The log was moved, or taken over by a new one: this tape is only read."""

    code = "LOG_CLOSED"


class LogMoved(LogUnusable, OperationalError):
    """The file of an embedded log was moved, replaced or deleted while it was in use."""

    code = "LOG_MOVED"


class WalOrphaned(LogUnusable, OperationalError):
    """What SQLite keeps beside a file does not belong to the file that stands there: it is left as it is."""

    code = "LOG_WAL_ORPHANED"


class LogHasTwoNames(LogUnusable, OperationalError):
    """The file has a second name, or is mounted alone: under each name SQLite keeps another -wal."""

    code = "LOG_TWO_NAMES"


class LogEmpty(LogUnusable, OperationalError):
    """A question about a file that holds no record yet, not even the first one."""

    code = "LOG_EMPTY"


class CopyDiffers(LogUnusable, DataError):
    """A copy of a log does not hold what the log does."""

    code = "COPY_DIFFERS"


class NewerLog(LogUnusable, OperationalError):
    """Written by a newer release."""

    code = "NEWER_LOG"


class EarlierLog(LogUnusable, OperationalError):
    """An embedded log of an earlier form: nothing is written to it, and it is taken over once."""

    code = "LOG_OF_EARLIER_FORMAT"


class RecordUnreadable(LogUnusable, DataError):
    """An accepted record that cannot be decoded or applied."""

    code = "RECORD_UNREADABLE"


class IndexUnusable(LogUnusable, OperationalError):
    """The index file is in use, or damaged."""

    code = "INDEX_UNUSABLE"


class IndexInUse(IndexUnusable):
    """Another process uses the index file."""

    code = "INDEX_IN_USE"


class IndexAltered(IndexUnusable):
    """Log and index do not agree: somebody has changed one of them."""

    code = "INDEX_ALTERED"


class RecordTooLarge(LogUnusable, DataError):
    """More than one record can hold."""

    code = "APPEND_TOO_LARGE"


class KeyMissing(LogUnusable, OperationalError):
    """A key that should be in the folder of keys is not there."""

    code = "KEY_MISSING"


class KeysUnsafe(LogUnusable, OperationalError):
    """Others can read or change a key, or it cannot be read at all."""

    code = "KEYS_UNSAFE"


class KeyUnusable(LogUnusable, OperationalError):
    """A file that holds no Ed25519 key."""

    code = "KEY_UNUSABLE"


class LogNotFounded(LogUnusable, OperationalError):
    """A log without a genesis, which nobody can write to yet."""

    code = "LOG_NOT_FOUNDED"


class WriterNotRegistered(LogUnusable, OperationalError):
    """The key of this host is no active writer of the log."""

    code = "WRITER_NOT_REGISTERED"


class RecordsVoided(LogUnusable, OperationalError):
    """Records that this process had built on have been voided. The index is made anew; what was derived is not."""

    code = "RECORDS_VOIDED"


class ControlRecordLost(LogUnusable, OperationalError):
    """What the roots signed no longer holds: others appended before it."""

    code = "CONTROL_RECORD_LOST"


class RootsMissing(LogUnusable, OperationalError):
    """Fewer root keys are at hand than must sign."""

    code = "ROOTS_MISSING"
