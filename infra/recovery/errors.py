"""What can go wrong when somebody asks what was lost, or leads a log out of it.

InvalidInput
├── HolderUnusable      neither an index nor a log, or one of another shape
└── HolderOfAnotherLog  what holds more was made from another log
InfrastructureError
└── RecoveryByHand      something that only a person can mend comes first
"""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class HolderUnusable(InvalidInput):
    """What was named holds nothing that could be compared with the log."""

    code = "HOLDER_UNUSABLE"


class HolderOfAnotherLog(InvalidInput):
    """What was named was made from another log than this one."""

    code = "HOLDER_OF_ANOTHER_LOG"


class RecoveryByHand(InfrastructureError):
    """What the doctor found has to be mended by a person first, as its page says."""

    code = "RECOVERY_BY_HAND"
