"""What can go wrong with a backup, and with putting one back.

InfrastructureError
├── BackupUnusable               the folder, or a file in it, cannot be read or written
│   ├── BackupMissing            there is no whole backup in the folder
│   ├── BackupInUse              another process writes the backup, or reads it
│   ├── NewerBackup              made by a newer release
│   ├── BackupAltered            a file is not what was written: which one, and which record in it
│   ├── BackupOfAnotherLog       the folder holds the backup of another log
│   ├── BackupOfAnotherHistory   the log does not continue what the backup holds
│   ├── BackupLacks              what the caller noted outside is not in it: it was cut, or is another one
│   └── ViewsNotCopied           the read models are in no file that could be copied
└── RestoreRefused               the backup cannot be put there
    ├── RestoreOtherShape        the target has another name or another number of partitions
    ├── RestoreOtherLog          the target's settings or keys name another log
    ├── RestoreTargetTaken       something else stands at the target
    └── RestoreDiffers           what was read back is not what the backup holds
"""

from __future__ import annotations

from domain.errors import InfrastructureError


class BackupUnusable(InfrastructureError):
    """The folder of a backup, or a file in it, cannot be read or written."""

    code = "BACKUP_UNUSABLE"


class BackupMissing(BackupUnusable):
    """No whole backup is in the folder."""

    code = "BACKUP_MISSING"


class BackupInUse(BackupUnusable):
    """Another process writes the backup, or reads it."""

    code = "BACKUP_IN_USE"


class NewerBackup(BackupUnusable):
    """A backup of a newer release."""

    code = "NEWER_BACKUP"


class BackupAltered(BackupUnusable):
    """A file of the backup is not what was written."""

    code = "BACKUP_ALTERED"


class BackupOfAnotherLog(BackupUnusable):
    """The folder holds the backup of another log."""

    code = "BACKUP_OF_ANOTHER_LOG"


class BackupOfAnotherHistory(BackupUnusable):
    """The log does not continue what the backup holds: it was cut, or put back and grown by others."""

    code = "BACKUP_OF_ANOTHER_HISTORY"


class BackupLacks(BackupUnusable):
    """What was noted outside is not in the backup."""

    code = "BACKUP_LACKS"


class ViewsNotCopied(BackupUnusable):
    """The read models cannot be copied; they can be made anew from the log."""

    code = "VIEWS_NOT_COPIED"


class RestoreRefused(InfrastructureError):
    """A backup cannot be put back there."""

    code = "RESTORE_REFUSED"


class RestoreOtherShape(RestoreRefused):
    """The target has another name or another number of partitions, which every signature names."""

    code = "RESTORE_OTHER_SHAPE"


class RestoreOtherLog(RestoreRefused):
    """The settings or the keys at the target name another log."""

    code = "RESTORE_OTHER_LOG"


class RestoreTargetTaken(RestoreRefused):
    """Something else stands where the log is to be put."""

    code = "RESTORE_TARGET_TAKEN"


class RestoreDiffers(RestoreRefused):
    """What was read back from the target is not what the backup holds."""

    code = "RESTORE_DIFFERS"
