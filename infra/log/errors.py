"""What can go wrong with a log, on whichever tape. Each is one of the library's persistence errors too.

LogUnusable
├── LogChanged         another log than the index was made from, or one that was cut: refuse, and keep the index
├── LogBroken          an accepted record was altered or lost: orphans are open
├── NewerLog           written by a newer release
├── EarlierLog         an embedded log of an earlier form, which is taken over once
├── RecordUnreadable   an accepted record that cannot be decoded or applied
├── IndexUnusable      the index file is damaged
│   └── IndexInUse     another process uses it
└── RecordTooLarge     more than one record can hold
"""

from __future__ import annotations

from eventsourcing.persistence import DataError, OperationalError

from infra.errors import LogUnusable


class LogChanged(LogUnusable, OperationalError):
    """Not the log that the index was made from, or not all of it."""

    code = "LOG_CHANGED"


class LogBroken(LogUnusable, OperationalError):
    """Records follow on one that is not there."""

    code = "LOG_BROKEN"


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


class RecordTooLarge(LogUnusable, DataError):
    """More than one record can hold."""

    code = "APPEND_TOO_LARGE"
