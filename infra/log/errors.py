"""What can go wrong with the keys of a log and with what its roots sign.

LogUnusable
├── KeyMissing            a file of a key that is not there
├── KeysUnsafe            a key that others can read, or that cannot be read
├── KeyUnusable           a file that holds no Ed25519 key
├── LogNotFounded         a log whose genesis nobody has written
├── WriterNotRegistered   this host's key is not an active writer's: its records would be a stranger's
├── ControlRecordLost     others appended before it, and what it says no longer holds
└── RootsMissing          not enough root keys are here to sign
"""

from __future__ import annotations

from eventsourcing.persistence import OperationalError

from infra.errors import LogUnusable


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


class ControlRecordLost(LogUnusable, OperationalError):
    """What the roots signed no longer holds: others appended before it."""

    code = "CONTROL_RECORD_LOST"


class RootsMissing(LogUnusable, OperationalError):
    """Fewer root keys are at hand than must sign."""

    code = "ROOTS_MISSING"
